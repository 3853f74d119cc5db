"""Pictures out of files: upright, sRGB, 8 bits and where there are more 16, with their transparency."""

import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from ..common.defaults import MAX_PIXELS
from ..common.errors import ImpastoError, one_line
from ..common.files import opened
from .color import to_srgb, wide_to_srgb
from .exif import X_RESOLUTION, XMP_KEYWORD, of_tiff, upright, upright_xmp
from .formats import FORMATS, need_heif
from .iptc import iptc_of
from .picture import Picture
from .pixels import narrowed
from .tiff import compression_of
from .wide import other_halves

Source = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Image.Image
"""Where a picture may come from: a path, a file's bytes, a file open in binary mode, an image of Pillow's."""

HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def to_picture(source: Source, name: str = "photo") -> Picture:
    """`read_picture`, also of a file's bytes and of an image of Pillow's; ``name`` is what errors call it.

    Raises:
        ImpastoError: as `read_picture`.
        TypeError: it is none of these.
    """
    if isinstance(source, Image.Image):
        return from_pil(source)
    if isinstance(source, str | os.PathLike):
        return read_picture(source)
    data = source.read() if hasattr(source, "read") else source
    if not isinstance(data, bytes | bytearray | memoryview):
        kind = type(source).__name__
        raise TypeError(f"{name} must be a path, bytes, a binary file, an image of Pillow's or an array, not {kind}")
    if not data:
        raise ImpastoError(f"cannot read the {name}: it is empty, or a file that was read to its end before")
    return read_picture(io.BytesIO(data))


def read_picture(source: str | os.PathLike[str] | BinaryIO, max_pixels: int | None = None) -> Picture:
    """Read a picture from a path or a binary file.

    Args:
        max_pixels: a file that states more, all frames together, is refused as a bomb; None for `MAX_PIXELS`.

    Raises:
        ImpastoError: it is missing, a folder, not a picture, truncated or damaged, too large, or holds numbers
            (32 bits a channel) of no known range.
    """
    most = MAX_PIXELS if max_pixels is None else max_pixels
    if not isinstance(source, str | os.PathLike):
        return _decode(source, "the picture", most)
    with opened(source) as file:  # not left to Pillow: given a path, it garbles some rotated TIFFs
        return _decode(file, os.fspath(source), most)


def _decode(file: BinaryIO, name: str, most: int) -> Picture:
    try:
        Image.init()
        start = file.tell()
        head = file.read(32)
        file.seek(start)
        if head[4:8] == b"ftyp" and head[8:12] in HEIF_BRANDS and b"avif" not in head:
            need_heif()
        image = _opened(file, most)
        with image:
            # MPO: a JPEG with previews or depth behind it
            frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
            if image.width * image.height * frames > most:
                raise Image.DecompressionBombError
            first = replace(_picture(image, _low_bytes(file, start, image, 0)), packing=_packing(file, start, image))
            if frames == 1:
                return first
            timing = _timing(image)
            later = []
            for index in range(1, frames):
                image.seek(index)
                low = _low_bytes(file, start, image, index)
                later.append(replace(_picture(image, low), duration=_duration(image)))
            return replace(first, **timing, later=tuple(later))
    except ImpastoError as error:
        reason = str(error)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        reason = f"more than {most:,} pixels, taken for a decompression bomb; --max-pixels allows more"
    except UnidentifiedImageError:
        reason = f"not a picture, or none of {', '.join(FORMATS)}"
    except MemoryError:
        reason = "not enough memory"
    except Exception as error:  # decoders raise all kinds of things at bytes that are damaged
        reason = f"truncated or damaged ({one_line(error)})"
    raise ImpastoError(f"cannot read {name}: {reason}")


def _opened(file: BinaryIO, most: int) -> Image.Image:
    with _pillow_limit(most):
        return Image.open(file, formats=[name for name in FORMATS if name in Image.OPEN])  # not all have AVIF


def _low_bytes(file: BinaryIO, start: int, image: Image.Image, index: int) -> np.ndarray | None:
    """Of the frame ``index`` of 16 bits a channel, which is loaded, the 8 low ones, uint8 ``[H, W, C]``."""
    tiles = other_halves(image)
    if tiles is None:
        return None
    image.load()
    file.seek(start)
    again = _opened(file, image.width * image.height)
    again.seek(index)
    again.tile = tiles  # type: ignore[attr-defined]
    return np.asarray(again)


def _packing(file: BinaryIO, start: int, image: Image.Image) -> str:
    """`Picture.packing` of a file."""
    if image.format == "TIFF":
        return compression_of(image)
    if image.format != "WEBP":
        return ""
    at = start + 12
    while True:  # the first chunk of pixels says it
        file.seek(at)
        chunk = file.read(8)
        if len(chunk) < 8 or chunk[:4] in (b"VP8 ", b"VP8L"):
            return "lossless" if chunk[:4] == b"VP8L" else ""
        length = int.from_bytes(chunk[4:], "little")
        at += 24 if chunk[:4] == b"ANMF" else 8 + length + length % 2  # those of a frame lie within it


def _timing(image: Image.Image) -> dict[str, Any]:
    return {"duration": _duration(image), "loop": image.info.get("loop")}


def _duration(image: Image.Image) -> float | None:
    return None if image.format == "TIFF" else float(image.info.get("duration", 0))


_limit_lock = threading.Lock()


@contextmanager
def _pillow_limit(most: int) -> Iterator[None]:
    """Pillow's limit, raised to ours: it can only be set as a global of its module.

    Only while a header is read: the limit belongs to the program that we are part of.
    """
    with _limit_lock:
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = most
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def from_pil(image: Image.Image) -> Picture:
    """A picture from an image of Pillow's: turned upright by its EXIF orientation, as sRGB, with its transparency.

    Raises:
        ImpastoError: 32 bits a channel: the range of the numbers is not known.
    """
    return _picture(image, None)


def _picture(image: Image.Image, low: np.ndarray | None) -> Picture:
    """`from_pil`, with `_low_bytes`."""
    image.load()  # first of all: loading a TIFF turns it upright and drops its orientation
    colour, alpha = _split(image)
    profile = image.info.get("icc_profile")
    wide = wide_to_srgb(numbers, profile) if (numbers := _numbers(image, colour, low)) is not None else None
    rgb = to_srgb(colour, profile) if wide is None else narrowed(wide)
    orientation = _orientation(image)
    turned = orientation >= 5
    exif = of_tiff(image) if image.format == "TIFF" else upright(image.info.get("exif") or b"", turned=turned)
    return Picture(
        rgb=_turn(rgb, orientation),
        alpha=None if alpha is None else _turn(alpha, orientation),
        format="JPEG" if image.format == "MPO" else image.format or "PNG",
        exif=exif,
        xmp=upright_xmp(image.info.get("xmp")),
        iptc=iptc_of(image),
        texts=tuple((key, str(text)) for key, text in getattr(image, "text", {}).items() if key != XMP_KEYWORD),
        comment=_comment(image),
        dpi=_density(image, turned=turned),
        wide=None if wide is None else _turn(wide, orientation),
    )


def _numbers(image: Image.Image, colour: Image.Image, low: np.ndarray | None) -> np.ndarray | None:
    """What a picture of 16 bits holds, uint16 ``[H, W]`` or ``[H, W, 3]``; None for one of 8."""
    if image.mode.startswith("I"):
        return np.asarray(image).clip(0, 65535).astype(np.uint16)
    return None if low is None else np.asarray(colour).astype(np.uint16) << 8 | low[..., :3]


def _comment(image: Image.Image) -> bytes:
    comment = image.info.get("comment", b"")
    return comment if isinstance(comment, bytes) else b""


def _density(image: Image.Image, *, turned: bool) -> tuple[float, float] | None:
    if image.format == "TIFF" and X_RESOLUTION not in getattr(image, "tag_v2", {}):
        return None  # Pillow says 1 where the file says nothing
    try:
        across, down = (float(density) for density in image.info["dpi"])
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
