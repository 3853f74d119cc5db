"""How far a variant is from the model that it was made from, on photos: pixels and time."""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnxruntime
from impasto import StyleInfo
from impasto.contract import IMAGE, STRENGTH, STYLE, STYLIZED
from impasto.internal import shares_of

from ...photos.content import centre_crop
from ...photos.picture import Photo

SHAPES = ((64, 64), (61, 83), (333, 517))  # of the photos compared, where the size is not fixed
STRENGTHS = (1.0, 0.5)
TIMED_SHAPE = (512, 512)
ROUNDS = 5
LEAST_SECONDS = 1.0  # of all rounds: a small picture takes a few milliseconds, and one such round tells little
SCALES = {"float32": 255, "float255": 1}  # from a picture's numbers to levels of 255

Pictures = Callable[[tuple[int, int]], Iterator[np.ndarray]]
Shares = tuple[float, ...]
"""Of each style of a model of several, as `shares_of` gives them."""


@dataclass(frozen=True)
class Parity:
    """Differences in levels of 255, and how many times as fast the variant is."""

    worst: float
    mean: float
    speed: float


class Model:
    """A model or a variant of one as a function of bytes: uint8 ``[1, H, W, 3]`` and a strength to the same."""

    def __init__(self, data: bytes, info: StyleInfo) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        self.session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        self.info = info

    def __call__(self, photo: np.ndarray, strength: float = 1.0, shares: Shares | None = None) -> np.ndarray:
        return to_bytes(self.session.run([STYLIZED], feeds(photo, strength, self.info, shares))[0], self.info)


def feeds(photo: np.ndarray, strength: float, info: StyleInfo, shares: Shares | None = None) -> dict[str, np.ndarray]:
    """What a variant is given for a photo, uint8 ``[1, H, W, 3]``; a model of one style is given no ``shares``."""
    image = photo if info.io == "uint8" else photo.astype(np.float32) / SCALES[info.io]
    if info.layout == "nchw":
        image = np.ascontiguousarray(image.transpose(0, 3, 1, 2))
    given = {IMAGE: image}
    if info.dial != "none":
        given[STRENGTH] = np.array(strength, np.float32)
    if info.styles:
        given[STYLE] = np.array(shares or shares_of(info, None), np.float32)
    return given


def to_bytes(stylized: np.ndarray, info: StyleInfo) -> np.ndarray:
    """What a variant gives, as uint8 ``[1, H, W, 3]``."""
    if info.layout == "nchw":
        stylized = stylized.transpose(0, 2, 3, 1)
    return stylized if info.io == "uint8" else np.rint(stylized * SCALES[info.io]).astype(np.uint8)


def strengths(info: StyleInfo) -> tuple[float, ...]:
    """What a variant can be asked for."""
    return (1.0,) if info.dial == "none" else STRENGTHS


def crops(photos: Sequence[Photo], shape: tuple[int, int]) -> Iterator[np.ndarray]:
    """Photos as uint8 ``[1, H, W, 3]``."""
    for photo in photos:
        yield np.ascontiguousarray(centre_crop(photo, max(shape))[None, : shape[0], : shape[1]])


def compare_models(
    original: Model,
    variant: Model,
    photos: Sequence[Photo],
    sides: tuple[int, int] | None,
    styles: Sequence[Shares],
) -> Parity:
    """Run both on ``photos`` in all ``styles`` at several sizes, or at the one that is fixed.

    Speed is the median of rounds in which both run once, on `TIMED_SHAPE` or the fixed size: `ROUNDS`, or as many as
    `LEAST_SECONDS` hold.
    """
    apart = [
        np.abs(original(photo, strength, shares).astype(int) - variant(photo, strength, shares))
        for shape in ([sides] if sides else SHAPES)
        for photo in crops(photos, shape)
        for strength in strengths(variant.info)
        for shares in styles
    ]
    photo = next(crops(photos, sides or TIMED_SHAPE))
    _seconds(original, photo), _seconds(variant, photo)  # the first run of a size takes longer
    rounds: list[tuple[float, float]] = []
    while len(rounds) < ROUNDS or sum(map(sum, rounds)) < LEAST_SECONDS:
        rounds.append((_seconds(original, photo), _seconds(variant, photo)))
    ratios = [first / second for first, second in rounds]
    mean = float(np.mean([each.mean() for each in apart]))
    return Parity(max(each.max() for each in apart), mean, statistics.median(ratios))


def _seconds(model: Model, photo: np.ndarray) -> float:
    start = time.perf_counter()
    model(photo)
    return time.perf_counter() - start
