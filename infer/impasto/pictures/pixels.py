"""Arithmetic on pixels of 8 or 16 bits a channel."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

_ROWS = 256  # worked on at a time, so that floating-point copies of a large picture stay small


def strips(length: int) -> Iterator[slice]:
    """A picture of ``length`` rows in parts."""
    return (slice(start, start + _ROWS) for start in range(0, length, _ROWS))


def narrowed(pixels: np.ndarray) -> np.ndarray:
    """uint8 of uint16, 255 for 65,535; uint8 as it is."""
    if pixels.dtype == np.uint8:
        return pixels
    result = np.empty(pixels.shape, np.uint8)
    for rows in strips(len(pixels)):
        result[rows] = (pixels[rows].astype(np.uint32) + 128) // 257
    return result


def as_deep(pixels: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """uint8 pixels as ``dtype``: uint16, 65,535 for 255, or uint8 as they are."""
    return pixels if dtype == np.uint8 else pixels.astype(np.uint16) * np.uint16(257)


def resized(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """uint8 or uint16 ``[H, W, 3]`` at another size (Lanczos)."""
    if pixels.shape[:2] == (height, width):
        return pixels
    if pixels.dtype == np.uint8:
        return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))
    result = np.empty((height, width, pixels.shape[2]), pixels.dtype)
    for channel in range(pixels.shape[2]):  # Pillow has no colours of 16 bits
        plane = Image.fromarray(pixels[..., channel].astype(np.float32))
        plane = plane.resize((width, height), Image.Resampling.LANCZOS)
        result[..., channel] = (np.asarray(plane) + 0.5).clip(0, np.iinfo(pixels.dtype).max)
    return result
