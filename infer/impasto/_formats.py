"""What file formats can hold, and what a picture is on its way from one file to another."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ._defaults import QUALITY
from ._errors import ImpastoError
from ._extras import pip_line


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
    options: tuple[tuple[str, Any], ...] = ()
    """For Pillow's ``save``."""


# Pillow reads more, but not safely (EPS runs a program) or cannot write it back.
FORMATS = {
    "JPEG": Format(
        (".jpg", ".jpeg", ".jpe", ".jfif"), profile=True, density=True, longest=65_500,
        options=(("quality", QUALITY), ("subsampling", "4:4:4")),
    ),
    "PNG": Format((".png", ".apng"), alpha=True, profile=True, density=True, several=True),
    "WEBP": Format(
        (".webp",), alpha=True, profile=True, several=True, longest=16_383, options=(("quality", QUALITY),)
    ),
    # uncompressed: else Pillow fails at EXIF
    "TIFF": Format((".tif", ".tiff"), alpha=True, profile=True, density=True, several=True),
    "BMP": Format((".bmp",), density=True),
    "GIF": Format((".gif",), alpha=True, several=True, longest=65_535),
    "AVIF": Format(
        (".avif",), alpha=True, profile=True, several=True, longest=65_535,
        options=(("quality", QUALITY), ("subsampling", "4:4:4")),
    ),
    "HEIF": Format(
        (".heic", ".heif"), alpha=True, profile=True, longest=16_384, options=(("quality", QUALITY), ("chroma", 444))
    ),
    "JPEG2000": Format((".jp2", ".j2k"), alpha=True),
    "PPM": Format((".ppm", ".pnm")),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture as the network takes it, and what writing it back takes."""

    rgb: np.ndarray
    """uint8 ``[H, W, 3]``, sRGB, upright."""
    alpha: np.ndarray | None = None
    """uint8 ``[H, W]``, 255 where opaque; None for a picture without transparency."""
    format: str = "PNG"
    """Of the file it came from: a key of `FORMATS`."""
    exif: bytes = b""
    """EXIF that fits the upright picture, with JPEG's prefix."""
    xmp: bytes = b""
    """XMP that fits the upright picture."""
    texts: tuple[tuple[str, str], ...] = ()
    """The texts of a PNG: keyword and text."""
    comment: bytes = b""
    """The comment of a JPEG or GIF."""
    dpi: tuple[float, float] | None = None
    """Dots per inch across and down."""
    later: tuple["Picture", ...] = ()
    """The frames or pages after this one."""
    duration: float | None = None
    """Milliseconds that this frame of an animation is shown."""
    loop: int | None = None
    """How many times the animation plays, 0 for ever; None where the file says nothing."""

    def stripped(self) -> "Picture":
        """Without what tells of the photo's making: EXIF, XMP, texts, comment."""
        return replace(self, exif=b"", xmp=b"", texts=(), comment=b"")


def format_of(path: str | os.PathLike[str]) -> str | None:
    """The format (a key of `FORMATS`) that the suffix of ``path`` stands for, if any."""
    suffix = Path(path).suffix.lower()
    return next((name for name, one in FORMATS.items() if suffix in one.suffixes), None)


def shrunk(picture: Picture, longest: int) -> Picture:
    """The picture with no side over ``longest`` pixels, in its own proportions."""
    height, width = picture.rgb.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return picture
    size = max(1, round(width * scale)), max(1, round(height * scale))
    image = to_pil(picture)
    if image.mode == "RGBA":  # weighted by alpha, else what cannot be seen bleeds into what can
        image = image.convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA")
    else:
        image = image.resize(size, Image.Resampling.LANCZOS)
    pixels = np.asarray(image)
    return replace(
        picture, rgb=np.ascontiguousarray(pixels[..., :3]), alpha=None if picture.alpha is None else pixels[..., 3],
        later=tuple(shrunk(frame, longest) for frame in picture.later),
    )  # fmt: skip


def to_pil(picture: Picture) -> Image.Image:
    """The picture as Pillow's image: RGB, or RGBA where it has transparency."""
    if picture.alpha is None:
        return Image.fromarray(picture.rgb)
    return Image.fromarray(np.dstack([picture.rgb, picture.alpha]))


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
