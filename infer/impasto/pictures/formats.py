"""What file formats can hold."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..common.defaults import QUALITY
from ..common.errors import ImpastoError
from ..common.extras import pip_line


@dataclass(frozen=True)
class Format:
    """What a file format can hold, and how it is written."""

    suffixes: tuple[str, ...]
    alpha: bool = False
    profile: bool = False
    """Whether it holds an ICC profile, EXIF and XMP."""
    density: bool = False
    """Whether it holds dots per inch."""
    several: bool = False
    """Whether it holds several pictures: the frames of an animation, the pages of a TIFF."""
    longest: int = 2**31 - 1
    """Most pixels a side."""
    wide: bool = False
    """Whether it is written with 16 bits a channel where a picture has them."""
    options: tuple[tuple[str, Any], ...] = ()
    """For Pillow's ``save``."""


# Pillow reads more, but not safely (EPS runs a program) or cannot write it back.
FORMATS = {
    "JPEG": Format(
        (".jpg", ".jpeg", ".jpe", ".jfif"),
        profile=True,
        density=True,
        longest=65_500,
        options=(("quality", QUALITY), ("subsampling", "4:4:4")),
    ),
    "PNG": Format((".png", ".apng"), alpha=True, profile=True, density=True, several=True, wide=True),
    "WEBP": Format((".webp",), alpha=True, profile=True, several=True, longest=16_383, options=(("quality", QUALITY),)),
    "TIFF": Format((".tif", ".tiff"), alpha=True, profile=True, density=True, several=True, wide=True),
    "BMP": Format((".bmp",), density=True),
    "GIF": Format((".gif",), alpha=True, several=True, longest=65_535),
    "AVIF": Format(
        (".avif",),
        alpha=True,
        profile=True,
        several=True,
        longest=65_535,
        options=(("quality", QUALITY), ("subsampling", "4:4:4")),
    ),
    "HEIF": Format(
        (".heic", ".heif"), alpha=True, profile=True, longest=16_384, options=(("quality", QUALITY), ("chroma", 444))
    ),
    "JPEG2000": Format((".jp2", ".j2k"), alpha=True),
    "PPM": Format((".ppm", ".pnm")),
}


def format_of(path: str | os.PathLike[str]) -> str | None:
    """The format (a key of `FORMATS`) that the suffix of ``path`` stands for, if any."""
    suffix = Path(path).suffix.lower()
    return next((name for name, format in FORMATS.items() if suffix in format.suffixes), None)


def need_heif() -> None:
    """Have Pillow read and write HEIC.

    Raises:
        ImpastoError: the extra for it is not installed.
    """
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise ImpastoError(f"HEIC needs one more package: {pip_line('heif')}") from error
    register_heif_opener()
