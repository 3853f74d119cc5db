"""Arithmetic on pixels of 8 or 16 bits a channel."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

_ROWS = 256  # worked on at a time, so that floating-point copies of a large picture stay small


def strips(length: int) -> Iterator[slice]:
    """A picture of ``length`` rows in parts."""
    return (slice(start, start + _ROWS) for start in range(0, length, _ROWS))


def narrowed(pixels: np.ndarray) -> np.ndarray:
    """uint8 of uint16, 255 for 65,535; uint8 as it is; ``[..., H, W, C]``."""
    if pixels.dtype == np.uint8:
        return pixels
    row = pixels.shape[-2:]  # of a batch, too, few rows at a time
    wide, result = pixels.reshape(-1, *row), np.empty(pixels.shape, np.uint8)
    narrow = result.reshape(-1, *row)
    for rows in strips(len(wide)):
        narrow[rows] = (wide[rows].astype(np.uint32) + 128) // 257
    return result


def as_deep(pixels: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """uint8 pixels as ``dtype``: uint16, 65,535 for 255, or uint8 as they are."""
    return pixels if dtype == np.uint8 else pixels.astype(np.uint16) * np.uint16(257)


def resized(pixels: np.ndarray, height: int, width: int, rows: slice | None = None) -> np.ndarray:
    """Pixels at another size: Lanczos, or bilinear for numbers that are no colours.

    Args:
        pixels: uint8, uint16 or float32 ``[H, W, C]``.
        rows: those of the result that are wanted; None for all.
    """
    if pixels.shape[:2] == (height, width):
        return pixels if rows is None else pixels[rows]
    start, stop, _ = slice(0, height).indices(height) if rows is None else rows.indices(height)
    scale = len(pixels) / height

    def plane(numbers: np.ndarray, filter: Image.Resampling) -> np.ndarray:
        box = (0, start * scale, pixels.shape[1], min(stop * scale, len(pixels)))
        return np.asarray(Image.fromarray(numbers).resize((width, stop - start), filter, box))

    if pixels.dtype == np.uint8:
        return plane(pixels, Image.Resampling.LANCZOS)
    result = np.empty((stop - start, width, pixels.shape[2]), pixels.dtype)
    colours = pixels.dtype == np.uint16
    for channel in range(pixels.shape[2]):  # Pillow has no colours of 16 bits
        numbers = np.ascontiguousarray(pixels[..., channel], np.float32)
        made = plane(numbers, Image.Resampling.LANCZOS if colours else Image.Resampling.BILINEAR)
        result[..., channel] = (made + 0.5).clip(0, 65535) if colours else made
    return result
