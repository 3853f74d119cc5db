"""Making the paintings of a film's frames steady: each is mixed with the one before, moved as the film has moved.

A network answers to noise and to shifts of a part of a pixel, so that strokes of neighbouring frames differ even where
nothing has happened. Where the frame before, moved by what `motion` finds, shows the same as this one, its painting is
as good as this one's, and the mean of both flickers less. Where it does not, at what has come into view or at a cut,
nothing of it is taken, so that it leaves no trace.
"""

import numpy as np
from PIL import Image

from .dials import boxed
from .motion import following, moved, smaller

SHARE = 0.6  # of the painting before, where the frames show the same
SAME = 10.0  # of `ROOTS`, by which frames differ that show about the same: of mid grey, about as many levels of 255
AROUND = 2  # pixels to every side, of the smaller frames, in which they are compared
# levels of 255 in steps of one size beside a camera's noise, which grows as the root of what it sees: else dark on
# dark would pass for the same
ROOTS = 16 * np.sqrt(np.arange(256, dtype=np.float32))
LEAST = 0.3  # of a frame that shows the same: with less it is one of another scene


class Steadier:
    """Takes the frames of a film in their order, each with its painting. Of the past it keeps one frame.

    Args:
        strength: of the style, 0 to 1: a picture that is mostly its photo is left mostly as it is.
    """

    def __init__(self, strength: float = 1.0) -> None:
        self._share = SHARE * strength
        self._before: tuple[np.ndarray, np.ndarray] | None = None

    def __call__(self, frame: np.ndarray, painted: np.ndarray) -> np.ndarray:
        """A steadier ``painted``, which the network made of ``frame``; all uint8 ``[H, W, 3]``."""
        small, before = smaller(frame), self._before
        if before is not None and before[1].shape == painted.shape and min(small.shape[:2]) > 1:
            mesh = following(before[0], small)
            weight = self._weight(small, moved(before[0], mesh))
            if weight is not None:
                painted = _mixed(painted, moved(before[1], mesh.scaled(painted.shape)), weight)
        self._before = small, painted
        return painted

    def _weight(self, frame: np.ndarray, before: np.ndarray) -> np.ndarray | None:
        """How much of the painting before to take, 0 to 1, ``[h, w]`` float32; None for a frame of another scene."""
        apart = boxed(np.abs(ROOTS[frame] - ROOTS[before]).mean(2), AROUND)
        same = np.exp(-np.square(apart / SAME))
        return None if same.mean() < LEAST else self._share * same


def _mixed(painted: np.ndarray, before: np.ndarray, weight: np.ndarray) -> np.ndarray:
    images = Image.fromarray(before), Image.fromarray(painted)
    mask = Image.fromarray(np.round(255 * weight).astype(np.uint8))
    return np.asarray(Image.composite(*images, mask.resize(images[0].size, Image.Resampling.BILINEAR)))
