"""EXIF and XMP of a picture whose pixels were turned upright."""

import re
import struct
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

_PREFIX = b"Exif\0\0"  # what JPEG puts before the block, and Pillow's writers take for all formats
XMP_KEYWORD = "XML:com.adobe.xmp"  # under which PNG keeps it
EXIF_IFD, GPS_IFD = 0x8769, 0x8825
_ORIENTATION, _SHORT = 0x0112, 3
X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 282, 283, 296
_RATIONAL, _INCH = 5, 2
_EMPTY = b"II*\0" + struct.pack("<IHI", 8, 0, 0)  # a block with a directory of nothing
_WIDTH, _HEIGHT = 0xA002, 0xA003  # of the picture, in the Exif IFD

# A directory mixes what it says about the picture with where its bytes lie and what they mean, which is not to be said
# of another file. The former: description, make, model, resolution (3), software, date, artist, host, copyright.
DESCRIPTIVE = (270, 271, 272, 282, 283, 296, 305, 306, 315, 316, 33432)


def upright(exif: bytes, *, turned: bool) -> bytes:
    """Patch an EXIF block to fit the upright picture; everything else keeps its bytes and its offsets.

    Patched in place because maker notes hold offsets into the block that a rewritten one would break. The
    orientation becomes 1 and the thumbnail, which shows the photo as it was, is unlinked.

    Args:
        exif: the block, with or without JPEG's prefix.
        turned: width and height have changed places.

    Returns:
        The block with JPEG's prefix; empty if ``exif`` could not be understood.
    """
    block = bytearray(exif.removeprefix(_PREFIX))
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(block[:4]))
    if order is None:
        return b""
    try:
        (ifd,) = struct.unpack_from(order + "I", block, 4)
        entries = _entries(block, ifd, order)
        if _ORIENTATION in entries:
            struct.pack_into(order + "HHIHH", block, entries[_ORIENTATION], _ORIENTATION, _SHORT, 1, 1, 0)
        if turned and EXIF_IFD in entries:
            (sub_ifd,) = struct.unpack_from(order + "I", block, entries[EXIF_IFD] + 8)
            sizes = _entries(block, sub_ifd, order)
            if _WIDTH in sizes and _HEIGHT in sizes:
                width, height = (slice(at + 2, at + 12) for at in (sizes[_WIDTH], sizes[_HEIGHT]))
                block[width], block[height] = block[height], block[width]
        struct.pack_into(order + "I", block, ifd + 2 + 12 * len(entries), 0)
    except (struct.error, ValueError):
        return b""
    return _PREFIX + bytes(block)


def with_density(exif: bytes, dpi: tuple[float, float]) -> bytes:
    """An EXIF block that says dots per inch too; ``exif`` itself where it says them or could not be understood.

    The first directory moves to the end of the block, with room for more; all else keeps its place, as in `upright`.

    Args:
        exif: the block, with or without JPEG's prefix; empty: a new one.
        dpi: across and down, 0 to 1e5.

    Returns:
        The block with JPEG's prefix.
    """
    block = bytearray(exif.removeprefix(_PREFIX) or _EMPTY)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(block[:4]))
    if order is None:
        return exif
    try:
        (ifd,) = struct.unpack_from(order + "I", block, 4)
        entries = {tag: bytes(block[at : at + 12]) for tag, at in _entries(block, ifd, order).items()}
    except (struct.error, ValueError):
        return exif
    if X_RESOLUTION in entries:
        return exif
    rest = block[ifd + 2 + 12 * len(entries) :][:4]
    block += bytes(len(block) % 2)
    place = len(block)  # of the two fractions, before the directory
    for number in dpi:
        ratio = Fraction(number).limit_denominator(10_000)
        block += struct.pack(order + "II", ratio.numerator, ratio.denominator)
    struct.pack_into(order + "I", block, 4, len(block))
    entries[X_RESOLUTION] = struct.pack(order + "HHII", X_RESOLUTION, _RATIONAL, 1, place)
    entries[_Y_RESOLUTION] = struct.pack(order + "HHII", _Y_RESOLUTION, _RATIONAL, 1, place + 8)
    entries[_RESOLUTION_UNIT] = struct.pack(order + "HHIHH", _RESOLUTION_UNIT, _SHORT, 1, _INCH, 0)
    block += struct.pack(order + "H", len(entries)) + b"".join(entries[tag] for tag in sorted(entries)) + rest
    return _PREFIX + bytes(block)


def upright_xmp(xmp: object) -> bytes:
    """XMP as Pillow found it, its ``tiff:Orientation`` set to 1; empty for anything but bytes or text."""
    if isinstance(xmp, str):
        xmp = xmp.encode()
    if not isinstance(xmp, bytes):
        return b""
    return re.sub(rb"""(tiff:Orientation\s*(?:=\s*["']|>)\s*)[2-8]""", rb"\g<1>1", xmp)


def _entries(block: bytearray, ifd: int, order: str) -> dict[int, int]:
    """Where the entry of each tag of the directory at ``ifd`` begins."""
    (count,) = struct.unpack_from(order + "H", block, ifd)
    starts = range(ifd + 2, ifd + 2 + 12 * count, 12)
    entries = {struct.unpack_from(order + "H", block, at)[0]: at for at in starts}
    if len(entries) != count or starts.stop + 4 > len(block):
        raise ValueError("not a directory")
    return entries


def of_tiff(image: "Image.Image") -> bytes:
    """The EXIF block of a TIFF file opened with Pillow, without what describes the file's own layout."""
    from PIL import Image

    try:
        exif, kept = image.getexif(), Image.Exif()
        for tag in DESCRIPTIVE:
            if tag in exif:
                kept[tag] = exif[tag]
        for tag in (EXIF_IFD, GPS_IFD):
            if directory := exif.get_ifd(tag):
                kept.get_ifd(tag).update(directory)
        return _PREFIX + kept.tobytes().removeprefix(_PREFIX) if len(kept) else b""
    except Exception:  # Pillow raises whatever odd tags lead to; a photo matters more than its tags
        return b""
