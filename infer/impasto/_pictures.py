"""Pictures in and out of files: upright, sRGB, 8 bits, with their transparency."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from . import _color, _exif
from ._errors import ImpastoError
from ._files import whole_file

MAX_PIXELS = 500_000_000
"""A file that promises more pixels is taken for a decompression bomb."""


@dataclass(frozen=True)
class _Format:
    """What a file format can hold, and how it is written."""

    suffixes: tuple[str, ...]
    alpha: bool = False
    profile: bool = False
    """Whether it holds an ICC profile and EXIF."""
    longest: int = 2**31 - 1
    """Most pixels a side."""
    options: tuple[tuple[str, Any], ...] = ()
    """For Pillow's ``save``."""


# Pillow reads more, but not safely (EPS runs a program) or cannot write it back.
FORMATS = {
    "JPEG": _Format(
        (".jpg", ".jpeg", ".jpe", ".jfif"), False, True, 65_500, (("quality", 95), ("subsampling", "4:4:4"))
    ),
    "PNG": _Format((".png",), True, True),
    "WEBP": _Format((".webp",), True, True, 16_383, (("quality", 95),)),
    "TIFF": _Format((".tif", ".tiff"), True, True),  # uncompressed: else Pillow fails at EXIF
    "BMP": _Format((".bmp",)),
    "GIF": _Format((".gif",), True, False, 65_535),
    "AVIF": _Format((".avif",), True, True, 65_535, (("quality", 95), ("subsampling", "4:4:4"))),
    "JPEG2000": _Format((".jp2", ".j2k"), True),
    "PPM": _Format((".ppm", ".pnm")),
}


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


def format_of(path: str | os.PathLike[str]) -> str | None:
    """The format (a key of `FORMATS`) that the suffix of ``path`` stands for, if any."""
    suffix = Path(path).suffix.lower()
    return next((name for name, one in FORMATS.items() if suffix in one.suffixes), None)


def read_picture(source: str | os.PathLike[str] | BinaryIO) -> Picture:
    """Read a picture from a path or a binary file.

    Raises:
        ImpastoError: it is missing, a folder, not a picture, truncated or damaged, animated, larger than
            `MAX_PIXELS`, or holds numbers (32 bits a channel) of no known range.
    """
    if not isinstance(source, str | os.PathLike):
        return _decode(source, "the picture")
    try:
        with open(source, "rb") as file:  # not left to Pillow: given a path, it garbles some rotated TIFFs
            return _decode(file, os.fspath(source))
    except FileNotFoundError:
        raise ImpastoError(f"cannot read {source}: no such file") from None
    except OSError as error:
        reason = "it is a folder" if os.path.isdir(source) else error.strerror or error
        raise ImpastoError(f"cannot read {source}: {reason}") from error


def _decode(file: BinaryIO, name: str) -> Picture:
    try:
        Image.init()
        with _pillow_limit():
            image = Image.open(file, formats=[name for name in FORMATS if name in Image.OPEN])  # not all have AVIF
        with image:
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            frames = getattr(image, "n_frames", 1)
            if frames > 1 and image.format != "MPO":  # MPO: a JPEG with previews or depth behind it
                raise ImpastoError(f"it holds {frames} pictures, and only single ones are supported")
            return from_pil(image)
    except ImpastoError as error:
        reason = str(error)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        reason = f"more than {MAX_PIXELS // 1_000_000} megapixels, taken for a decompression bomb"
    except UnidentifiedImageError:
        reason = f"not a picture, or none of {', '.join(FORMATS)}"
    except MemoryError:
        reason = "not enough memory"
    except Exception as error:  # decoders raise all kinds of things at bytes that are damaged
        reason = f"truncated or damaged ({error})"
    raise ImpastoError(f"cannot read {name}: {reason}")


_limit_lock = threading.Lock()


@contextmanager
def _pillow_limit() -> Iterator[None]:
    """Pillow's own limit, raised to ours: it has no other place to be given than a global of its module.

    Only for the moment in which a header is read: the limit belongs to the program that we are part of.
    """
    with _limit_lock:
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = MAX_PIXELS
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def from_pil(image: Image.Image) -> Picture:
    """Take over an image of Pillow's: turned upright by its EXIF orientation, as sRGB, with its transparency.

    Raises:
        ImpastoError: 32 bits a channel: the range of the numbers is not known.
    """
    image.load()  # first of all: loading a TIFF turns it upright and drops its orientation
    colour, alpha = _split(image)
    rgb = np.asarray(_color.to_srgb(colour, image.info.get("icc_profile")))
    orientation = _orientation(image)
    if image.format == "TIFF":
        exif = _exif.of_tiff(image)
    else:
        exif = _exif.upright(image.info.get("exif") or b"", turned=orientation >= 5)
    return Picture(
        rgb=_turn(rgb, orientation),
        alpha=None if alpha is None else _turn(alpha, orientation),
        format="JPEG" if image.format == "MPO" else image.format or "PNG",
        exif=exif,
    )


def _split(image: Image.Image) -> tuple[Image.Image, np.ndarray | None]:
    """The colours of any image, in mode L, RGB, CMYK or LAB, and its transparency as uint8 ``[H, W]``."""
    alpha = None
    if image.mode.startswith("I"):
        return _split_wide(image)
    if image.mode == "F":
        raise ImpastoError("pictures of floating-point numbers are not supported")
    if image.has_transparency_data:
        image = image.convert("LA" if image.mode in ("1", "L", "LA", "La") else "RGBA")
        alpha = np.asarray(image.getchannel("A"))
    if image.mode == "LA":
        return image.getchannel("L"), alpha
    if image.mode == "1":
        return image.convert("L"), alpha
    return image if image.mode in ("L", "RGB", "CMYK", "LAB") else image.convert("RGB"), alpha


def _split_wide(image: Image.Image) -> tuple[Image.Image, np.ndarray | None]:
    """`_split` for grey of 16 bits, which Pillow would clip rather than scale."""
    if image.mode == "I" and image.format not in ("PNG", "PPM"):  # these two hold 16 bits in mode I
        raise ImpastoError("pictures of 32 bits a channel are not supported")
    wide = np.asarray(image).astype(np.int32)
    clear = image.info.get("transparency")
    alpha = None if clear is None else np.where(wide == clear, 0, 255).astype(np.uint8)
    return Image.fromarray(((wide + 128) // 257).clip(0, 255).astype(np.uint8)), alpha


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 (upright) to 8; 1 where it is missing or cannot be read."""
    try:
        orientation = image.getexif().get(0x0112, 1)
    except Exception:  # whatever Pillow makes of broken EXIF: the pixels are sound
        return 1
    return orientation if orientation in range(1, 9) else 1


def _turn(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Undo an EXIF orientation on an array ``[H, W, ...]``; 5 to 8 exchange height and width."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def to_pil(picture: Picture) -> Image.Image:
    """The picture as Pillow's image: RGB, or RGBA where it has transparency."""
    if picture.alpha is None:
        return Image.fromarray(picture.rgb)
    return Image.fromarray(np.dstack([picture.rgb, picture.alpha]))


def write_picture(path: str | os.PathLike[str], picture: Picture) -> None:
    """Write ``picture`` in its format, as sRGB with the profile that says so; whole or not at all.

    Formats without transparency get the picture on white; GIF gets 255 colours.

    Raises:
        ImpastoError: the place cannot be written, or the format cannot hold a picture of this size.
    """
    target = FORMATS[picture.format]
    if max(picture.rgb.shape[:2]) > target.longest:
        limit = f"{picture.format} holds at most {target.longest} pixels a side"
        raise ImpastoError(f"cannot write {path}: {limit}")
    options = dict(target.options)
    image = to_pil(picture)
    if target.profile:
        options["icc_profile"] = _color.srgb_profile()
        if picture.exif and len(picture.exif) < 65_000:  # what fits into one segment of JPEG
            options["exif"] = picture.exif
    if picture.alpha is not None and not target.alpha:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    if picture.format == "GIF":
        image, options = _indexed(picture)
    with whole_file(path) as temporary:
        try:
            image.save(temporary, format=picture.format, **options)
        except OSError:
            raise
        except Exception as error:
            raise ImpastoError(f"cannot write {path}: {error}") from error


def _indexed(picture: Picture) -> tuple[Image.Image, dict[str, Any]]:
    """The picture in 255 colours of its own, dithered; index 255 where it is more transparent than not."""
    colour = Image.fromarray(picture.rgb)
    indexed = colour.quantize(palette=colour.quantize(255), dither=Image.Dither.FLOYDSTEINBERG)
    if picture.alpha is None:
        return indexed, {}
    codes = np.where(picture.alpha < 128, 255, np.asarray(indexed)).astype(np.uint8)
    clear = Image.frombytes("P", colour.size, codes.tobytes())
    clear.putpalette(indexed.getpalette() or [])
    return clear, {"transparency": 255}
