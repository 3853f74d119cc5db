"""One picture of many: a file or a member of a zip, opened late, cut to the size that is needed."""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from impasto import ImpastoError
from impasto.pictures import FORMATS, Picture, from_pil
from PIL import Image, ImageCms

SMALLEST_SIDE = 16  # px; below it a file is an icon, not a photo
LARGEST_MEMBER = 1 << 28  # bytes of one unpacked picture in a zip; it is read in memory

# What Pillow and zipfile raise for a file that is damaged, encrypted, too large or no picture at all.
UNREADABLE = (
    ImpastoError,
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    EOFError,
    LookupError,
    ArithmeticError,
    AttributeError,
    AssertionError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
    ImageCms.PyCMSError,
)


@dataclass(frozen=True)
class Photo:
    """One picture file, or one member of a zip; holds names only, so it pickles and costs nothing."""

    name: str
    path: Path
    member: str | None = None

    @contextmanager
    def open(self) -> Iterator[Image.Image]:
        """Open the picture for the length of a block, its header read and its pixels not yet.

        Raises:
            one of `UNREADABLE`: it is no picture, too small, or a decompression bomb.
        """
        Image.init()
        formats = [name for name in FORMATS if name in Image.OPEN]  # not every Pillow has AVIF
        # Never by its path: Pillow would map an uncompressed TIFF into memory and turn it upright wrongly.
        with self._bytes() as file, Image.open(file, formats=formats) as image:
            if min(image.size) < SMALLEST_SIDE:
                raise ValueError(f"smaller than {SMALLEST_SIDE} pixels")
            yield image

    def _bytes(self) -> BinaryIO:
        if self.member is None:
            return self.path.open("rb")
        archive = archive_at(self.path)
        if archive.getinfo(self.member).file_size > LARGEST_MEMBER:
            raise ValueError("unpacks to too many bytes")
        return io.BytesIO(archive.read(self.member))


@lru_cache(maxsize=2)
def archive_at(path: Path) -> zipfile.ZipFile:
    """Return the zip at ``path``, opened once for all its photos."""
    # Reading the list of members again for every photo would cost more than decoding it. Several threads may
    # read one ZipFile.
    return zipfile.ZipFile(path)


def cut(photo: Photo, size: int, short: int, left: float, top: float) -> np.ndarray:
    """Cut a square out of the photo resized to short side ``short``: uint8 ``[size, size, 3]``, upright sRGB.

    ``left`` and ``top``, 0 to 1, place it in the room there is. Only the square is resampled, which is what
    resizing the whole and then cropping would give.

    Raises:
        one of `UNREADABLE`: the photo cannot be decoded.
    """
    with photo.open() as image:
        image.draft("RGB", (short, short))  # lets JPEG decode at 1/2, 1/4 or 1/8, never below what is asked
        upright = to_rgb(image)
    side = min(upright.size) * size / short
    x, y = left * (upright.width - side), top * (upright.height - side)
    return np.asarray(
        upright.resize((size, size), Image.Resampling.LANCZOS, (x, y, x + side, y + side), reducing_gap=3.0)
    )


def to_rgb(image: Image.Image) -> Image.Image:
    """Return an image of any mode upright, as sRGB in mode RGB, with white where it is transparent."""
    return on_white(from_pil(image))


def on_white(picture: Picture) -> Image.Image:
    """Return the picture in mode RGB, with white where it is transparent, as viewers show it."""
    image = Image.fromarray(picture.rgb)
    if picture.alpha is not None:
        image = Image.composite(image, Image.new("RGB", image.size, "white"), Image.fromarray(picture.alpha))
    return image
