"""Pictures in and out of files: upright, sRGB, 8 bits, with their transparency."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from . import _color, _exif
from ._errors import ImpastoError
from ._extras import pip_line
from ._files import whole_file

MAX_PIXELS = 500_000_000
"""A file that promises more pixels is taken for a decompression bomb."""


HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
CLEAR = 255  # the colour of a GIF that stands for transparent


@dataclass(frozen=True)
class _Format:
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


QUALITY = 95
"""Of lossy formats, 1 to 100, unless another is asked for."""

# Pillow reads more, but not safely (EPS runs a program) or cannot write it back.
FORMATS = {
    "JPEG": _Format(
        (".jpg", ".jpeg", ".jpe", ".jfif"), profile=True, density=True, longest=65_500,
        options=(("quality", QUALITY), ("subsampling", "4:4:4")),
    ),
    "PNG": _Format((".png", ".apng"), alpha=True, profile=True, density=True, several=True),
    "WEBP": _Format(
        (".webp",), alpha=True, profile=True, several=True, longest=16_383, options=(("quality", QUALITY),)
    ),
    # uncompressed: else Pillow fails at EXIF
    "TIFF": _Format((".tif", ".tiff"), alpha=True, profile=True, density=True, several=True),
    "BMP": _Format((".bmp",), density=True),
    "GIF": _Format((".gif",), alpha=True, several=True, longest=65_535),
    "AVIF": _Format(
        (".avif",), alpha=True, profile=True, several=True, longest=65_535,
        options=(("quality", QUALITY), ("subsampling", "4:4:4")),
    ),
    "HEIF": _Format(
        (".heic", ".heif"), alpha=True, profile=True, longest=16_384, options=(("quality", QUALITY), ("chroma", 444))
    ),
    "JPEG2000": _Format((".jp2", ".j2k"), alpha=True),
    "PPM": _Format((".ppm", ".pnm")),
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


def read_picture(source: str | os.PathLike[str] | BinaryIO, max_pixels: int | None = None) -> Picture:
    """Read a picture from a path or a binary file.

    Args:
        max_pixels: a file that promises more, all frames together, is taken for a bomb; None for `MAX_PIXELS`.

    Raises:
        ImpastoError: it is missing, a folder, not a picture, truncated or damaged, too large, or holds numbers
            (32 bits a channel) of no known range.
    """
    most = MAX_PIXELS if max_pixels is None else max_pixels
    if not isinstance(source, str | os.PathLike):
        return _decode(source, "the picture", most)
    try:
        with open(source, "rb") as file:  # not left to Pillow: given a path, it garbles some rotated TIFFs
            return _decode(file, os.fspath(source), most)
    except FileNotFoundError:
        raise ImpastoError(f"cannot read {source}: no such file") from None
    except OSError as error:
        reason = "it is a folder" if os.path.isdir(source) else error.strerror or error
        raise ImpastoError(f"cannot read {source}: {reason}") from error


def _decode(file: BinaryIO, name: str, most: int) -> Picture:
    try:
        Image.init()
        head = file.read(32)
        file.seek(-len(head), os.SEEK_CUR)
        if head[4:8] == b"ftyp" and head[8:12] in HEIF_BRANDS and b"avif" not in head:
            _need_heif()
        with _pillow_limit(most):
            image = Image.open(file, formats=[name for name in FORMATS if name in Image.OPEN])  # not all have AVIF
        with image:
            # MPO: a JPEG with previews or depth behind it
            frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
            if image.width * image.height * frames > most:
                raise Image.DecompressionBombError
            first = from_pil(image)
            if frames == 1:
                return first
            return replace(first, **_timing(image), later=tuple(_frame(image, index) for index in range(1, frames)))
    except ImpastoError as error:
        reason = str(error)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        reason = f"more than {most / 1e6:g} megapixels, taken for a decompression bomb"
    except UnidentifiedImageError:
        reason = f"not a picture, or none of {', '.join(FORMATS)}"
    except MemoryError:
        reason = "not enough memory"
    except Exception as error:  # decoders raise all kinds of things at bytes that are damaged
        reason = f"truncated or damaged ({' '.join(str(error).split())})"
    raise ImpastoError(f"cannot read {name}: {reason}")


def _need_heif() -> None:
    """Have Pillow read and write HEIC.

    Raises:
        ImpastoError: the extra for it is not installed.
    """
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise ImpastoError(f"HEIC needs one more package: {pip_line('heif')}") from error
    register_heif_opener()


def _frame(image: Image.Image, index: int) -> Picture:
    image.seek(index)
    return replace(from_pil(image), duration=_duration(image))


def _timing(image: Image.Image) -> dict[str, Any]:
    return {"duration": _duration(image), "loop": image.info.get("loop")}


def _duration(image: Image.Image) -> float | None:
    return None if image.format == "TIFF" else float(image.info.get("duration", 0))


_limit_lock = threading.Lock()


@contextmanager
def _pillow_limit(most: int) -> Iterator[None]:
    """Pillow's own limit, raised to ours: it has no other place to be given than a global of its module.

    Only for the moment in which a header is read: the limit belongs to the program that we are part of.
    """
    with _limit_lock:
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = most
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
        xmp=_exif.upright_xmp(image.info.get("xmp")),
        texts=tuple((key, str(text)) for key, text in getattr(image, "text", {}).items() if key != _exif.XMP_KEYWORD),
        comment=_comment(image),
        dpi=_density(image, turned=orientation >= 5),
    )


def _comment(image: Image.Image) -> bytes:
    comment = image.info.get("comment", b"")
    return comment if isinstance(comment, bytes) else b""


def _density(image: Image.Image, *, turned: bool) -> tuple[float, float] | None:
    try:
        across, down = (float(one) for one in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    if not (0 < across < 1e5 and 0 < down < 1e5):  # NaN too
        return None
    return (down, across) if turned else (across, down)


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
        _need_heif()
    options = dict(target.options) | _metadata(picture, target)
    if quality is not None and "quality" in options:
        options["quality"] = quality
    frames = [picture, *picture.later] if target.several else [picture]
    images, clear = _images(frames, target)
    if len(images) > 1:
        options |= {"save_all": True, "append_images": images[1:]} | _animation(picture, frames)
    try:
        images[0].save(file, format=picture.format, **options, **clear)
    except OSError:
        raise
    except Exception as error:
        raise ImpastoError(f"cannot write {name}: {error}") from error


def _metadata(picture: Picture, target: _Format) -> dict[str, Any]:
    """What of the picture's own a file of this format holds, for Pillow's ``save``."""
    options: dict[str, Any] = {}
    if target.profile:
        options["icc_profile"] = _color.srgb_profile()
        if picture.exif and len(picture.exif) < 65_000:  # what fits into one segment of JPEG
            options["exif"] = picture.exif
    if target.density and picture.dpi:
        options["dpi"] = picture.dpi
    if picture.comment and picture.format in ("JPEG", "GIF"):
        options["comment"] = picture.comment
    if picture.format == "PNG" and (picture.texts or picture.xmp):
        texts = PngInfo()
        for key, text in picture.texts:
            texts.add_itxt(key, text)
        if picture.xmp:
            texts.add_itxt(_exif.XMP_KEYWORD, picture.xmp.decode(errors="replace"))
        options["pnginfo"] = texts
    elif picture.xmp and picture.format in ("JPEG", "WEBP", "AVIF", "HEIF") and len(picture.xmp) < 65_000:
        options["xmp"] = picture.xmp
    return options


def _images(frames: list[Picture], target: _Format) -> tuple[list[Image.Image], dict[str, Any]]:
    """The frames as images that the format can hold, and what it must be told of their transparency."""
    if frames[0].format == "GIF":
        return [_indexed(frame) for frame in frames], _clear(frames)
    images = [to_pil(frame) for frame in frames]
    if not target.alpha:
        white = Image.new("RGBA", images[0].size, "white")
        images = [Image.alpha_composite(white, i).convert("RGB") if i.mode == "RGBA" else i for i in images]
    return images, {}


def _clear(frames: list[Picture]) -> dict[str, Any]:
    return {} if all(frame.alpha is None for frame in frames) else {"transparency": CLEAR}


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
