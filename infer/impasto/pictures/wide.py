"""Colours of 16 bits a channel in PNG and TIFF, of which Pillow knows the 8 high ones."""

import struct
import sys
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageFile

from .pixels import strips

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_UP = 2  # PNG's filter that takes the row above away
# The raw modes of Pillow's that keep the first or the second byte of two, each with the one that keeps the other.
_OTHER = {"16B": "16L", "16L": "16B", "16N": "16B" if sys.byteorder == "little" else "16L"}
_KEPT = {f"{mode};{order}": f"{mode};{other}" for mode in ("RGB", "RGBA") for order, other in _OTHER.items()}


def other_halves(image: Image.Image) -> list[Any] | None:
    """The tiles of an image that is not loaded yet, changed to give the low bytes of 16 bits; None if it has 8.

    Pillow keeps the high byte of each number. Told the other byte order, it keeps the low one.
    """
    if not isinstance(image, ImageFile.ImageFile) or image.format not in ("PNG", "TIFF"):
        return None
    changed = []
    for tile in image.tile:
        raw, *more = (tile[3],) if isinstance(tile[3], str) else tuple(tile[3] or [None])
        if raw not in _KEPT:
            return None
        changed.append(type(tile)(*tile[:3], (_KEPT[raw], *more) if more else _KEPT[raw]))
    return changed or None


def save_png(file: BinaryIO, pixels: np.ndarray, options: dict[str, Any]) -> None:
    """Write uint16 ``[H, W, 3 or 4]`` as a PNG; ``options`` are Pillow's.

    Pillow writes what they ask for around one pixel, which is then replaced.
    """
    height, width, channels = pixels.shape
    buffer = BytesIO()
    Image.new("RGB" if channels == 3 else "RGBA", (1, 1)).save(buffer, "PNG", **options)
    file.write(_SIGNATURE)
    for kind, data in _chunks(buffer.getvalue()):
        if kind == b"IHDR":
            _write(file, kind, struct.pack(">IIB", width, height, 16) + data[9:])
        elif kind == b"IDAT":
            for packed in _packed(pixels):
                _write(file, kind, packed)
        else:
            _write(file, kind, data)


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        yield kind, png[at + 8 : at + 8 + length]
        at += length + 12


def _write(file: BinaryIO, kind: bytes, data: bytes) -> None:
    file.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))


def _packed(pixels: np.ndarray) -> Iterator[bytes]:
    height = len(pixels)
    pack, above = zlib.compressobj(), np.zeros((1, pixels[0].size * 2), np.uint8)
    for part in strips(height):
        rows = pixels[part].astype(">u2").reshape(len(pixels[part]), -1).view(np.uint8)
        filtered = rows - np.concatenate([above, rows[:-1]])  # modulo 256, as PNG asks
        yield pack.compress(np.insert(filtered, 0, _UP, axis=1).tobytes())
        above = rows[-1:]
    yield pack.flush()


def twice_as_wide(pixels: np.ndarray) -> Image.Image:
    """uint16 ``[H, W, C]`` as an image of 8 bits with the same bytes, little-endian, in twice as many columns."""
    height, width, channels = pixels.shape
    halves = np.ascontiguousarray(pixels.astype("<u2")).view(np.uint8)
    return Image.fromarray(halves.reshape(height, 2 * width, channels))
