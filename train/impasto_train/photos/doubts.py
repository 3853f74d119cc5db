"""What is wrong with a style picture, as far as can be told before anything is learned from it."""

import os

import numpy as np
from impasto.pictures import read_picture
from PIL import Image, ImageFilter

SMALL = 128  # px, short side: below it the whole picture is too little to learn from, at any --style-size
ENLARGED = 2.0  # times: from there on, what is learned as strokes is the blur between pixels
ONE_COLOUR = 8.0  # levels of 255: deviation of the colours from their mean; of paintings, 40 and more
FINE, TEXTURE = 3, 1.5  # px and levels of 255: deviation from the picture blurred so much; of paintings, 8 and more


def doubts(path: str | os.PathLike[str], style: np.ndarray) -> list[str]:
    """A line for each reason why a training on ``style`` is likely to disappoint; most pictures have none.

    Args:
        path: the picture as it was given.
        style: the same at the size of the training, uint8 ``[H, W, 3]``.
    """
    height, width = read_picture(path).rgb.shape[:2]
    enlarged = min(style.shape[:2]) / min(width, height)
    found = []
    if enlarged > ENLARGED:
        finer = f", or --style-size {min(width, height)} for finer strokes" if min(width, height) >= SMALL else ""
        found.append(
            f"{path} is {width}x{height} px, too small for the strokes asked for: enlarged {enlarged:.1f} times it is "
            f"blurred; give a larger picture{finer}"
        )
    if style.std(axis=(0, 1)).max() < ONE_COLOUR:
        found.append(f"{path} is nearly one colour: there is little to learn from it but that")
    elif texture(style) < TEXTURE:
        found.append(f"{path} has hardly any texture: there are no strokes in it to learn")
    return found


def texture(style: np.ndarray) -> float:
    """Deviation of ``style``, uint8 ``[H, W, 3]``, from itself blurred, in levels of 255."""
    grey = Image.fromarray(style).convert("L")
    blurred = np.asarray(grey.filter(ImageFilter.GaussianBlur(FINE)), float)
    return float((np.asarray(grey) - blurred).std())
