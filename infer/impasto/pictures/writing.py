"""Pictures into files: as sRGB, with what their format holds of transparency, metadata and animation."""

import os
from typing import Any, BinaryIO

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ..common.defaults import QUALITY
from ..common.errors import ImpastoError
from ..common.files import whole_file
from .color import srgb_profile
from .exif import XMP_KEYWORD, with_density
from .formats import FORMATS, Format, need_heif
from .iptc import SEGMENT, segment
from .picture import Picture, to_pil
from .pixels import as_deep
from .tiff import save_tiff
from .wide import save_png, twice_as_wide

EFFORT = 75  # of packing a lossless WebP, 0 to 100
CLEAR = 255  # the colour of a GIF that stands for transparent


def write_picture(path: str | os.PathLike[str], picture: Picture, *, quality: int | None = None) -> None:
    """Write ``picture`` in its format, as sRGB with the profile that says so; whole or not at all.

    Formats without transparency get the picture on white; GIF gets 255 colours; formats of one picture the first.

    Args:
        quality: 1 to 100, of lossy formats; None for `QUALITY`.

    Raises:
        ImpastoError: the place cannot be written, or the format cannot hold a picture of this size.
    """
    with whole_file(path) as temporary, temporary.open("w+b") as file:
        save_picture(file, picture, quality=quality, name=os.fspath(path))


def save_picture(file: BinaryIO, picture: Picture, *, quality: int | None = None, name: str = "the picture") -> None:
    """`write_picture` into a binary file that can be sought in; ``name`` is what errors call it."""
    target = FORMATS[picture.format]
    if max(picture.rgb.shape[:2]) > target.longest:
        limit = f"{picture.format} holds at most {target.longest} pixels a side"
        raise ImpastoError(f"cannot write {name}: {limit}")
    if picture.format == "HEIF":
        need_heif()
    options = dict(target.options) | _metadata(picture, target)
    if "quality" in options:
        options["quality"] = quality or options["quality"]
    if picture.format == "WEBP" and picture.packing == "lossless":
        options |= {"lossless": True, "quality": EFFORT}
    frames = [picture, *picture.later] if target.several else [picture]
    wide = target.wide and any(frame.wide is not None for frame in frames)
    try:
        if wide and picture.format == "PNG" and len(frames) == 1:
            save_png(file, _sixteen(picture), options)
            return
        if picture.format == "TIFF":
            images = [twice_as_wide(_sixteen(frame)) if wide else to_pil(frame) for frame in frames]
            save_tiff(file, images, picture, options, wide=wide, quality=quality or QUALITY)
            return
        images = [_held(frame, picture.format) for frame in frames]
        if picture.format == "GIF" and any(frame.alpha is not None for frame in frames):
            options["transparency"] = CLEAR
        if len(images) > 1:
            options |= {"save_all": True, "append_images": images[1:]} | _animation(picture, frames)
        images[0].save(file, format=picture.format, **options)
    except OSError:
        raise
    except Exception as error:
        raise ImpastoError(f"cannot write {name}: {error}") from error


def _metadata(picture: Picture, target: Format) -> dict[str, Any]:
    """The metadata of the picture that a file of this format can hold, for Pillow's ``save``."""
    options: dict[str, Any] = {}

    def fits(block: bytes) -> bool:
        return bool(block) and (picture.format != "JPEG" or len(block) < SEGMENT)

    if target.profile:
        options["icc_profile"] = srgb_profile()
        exif = with_density(picture.exif, picture.dpi) if picture.dpi and not target.density else picture.exif
        if fits(exif) and picture.format != "TIFF":
            options["exif"] = exif
    if target.density and picture.dpi:
        options["dpi"] = picture.dpi
    if fits(picture.comment) and picture.format in ("JPEG", "GIF"):
        options["comment"] = picture.comment
    if picture.iptc and picture.format == "JPEG":
        options["extra"] = segment(picture.iptc)
    if picture.format == "PNG" and (picture.texts or picture.xmp):
        texts = PngInfo()
        for key, text in picture.texts:
            texts.add_itxt(key, text)
        if picture.xmp:
            texts.add_itxt(XMP_KEYWORD, picture.xmp.decode(errors="replace"))
        options["pnginfo"] = texts
    elif fits(picture.xmp) and picture.format in ("JPEG", "WEBP", "AVIF", "HEIF"):
        options["xmp"] = picture.xmp
    return options


def _sixteen(frame: Picture) -> np.ndarray:
    """A frame as uint16 ``[H, W, 3 or 4]``."""
    deep = np.dtype(np.uint16)
    rgb = as_deep(frame.rgb, deep) if frame.wide is None else frame.wide
    return rgb if frame.alpha is None else np.dstack([rgb, as_deep(frame.alpha, deep)])


def _held(frame: Picture, name: str) -> Image.Image:
    """A frame as an image that the format ``name`` can hold."""
    if name == "GIF":
        return _indexed(frame)
    image = to_pil(frame)
    if frame.alpha is None or FORMATS[name].alpha:
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _animation(picture: Picture, frames: list[Picture]) -> dict[str, Any]:
    if picture.duration is None:  # pages
        return {}
    timing: dict[str, Any] = {"duration": [round(frame.duration or 0) for frame in frames]}
    if picture.format in ("GIF", "PNG"):
        timing["disposal"] = 2 if picture.format == "GIF" else 1  # each frame is whole, so nothing of the last stays
    if picture.loop is not None:
        timing["loop"] = picture.loop
    return timing


def _indexed(picture: Picture) -> Image.Image:
    """The picture in 255 colours of its own, dithered; index `CLEAR` where it is more transparent than not."""
    colour = Image.fromarray(picture.rgb)
    indexed = colour.quantize(palette=colour.quantize(CLEAR), dither=Image.Dither.FLOYDSTEINBERG)
    if picture.alpha is None:
        return indexed
    codes = np.where(picture.alpha < 128, CLEAR, np.asarray(indexed)).astype(np.uint8)
    clear = Image.frombytes("P", colour.size, codes.tobytes())
    clear.putpalette(indexed.getpalette() or [])
    clear.info["transparency"] = CLEAR
    return clear
