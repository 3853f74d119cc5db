"""TIFF files as Pillow writes them, put right where it falls short."""

import os
import struct
from typing import Any, BinaryIO

from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from .exif import DESCRIPTIVE, EXIF_IFD, GPS_IFD
from .iptc import TAG as IPTC
from .picture import Picture

KEPT = ("tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd", "lzma", "jpeg")
"""Compressions, as Pillow calls them, that a picture keeps; others that lose nothing become deflate."""
_PREDICTED = ("tiff_lzw", "tiff_adobe_deflate", "zstd", "lzma")
_WIDTH, _BITS, _PREDICTOR, _XMP = 256, 258, 317, 700
_SHORT = 3


def compression_of(image: Image.Image) -> str:
    """How to compress a painting of this TIFF: one of `KEPT`, or nothing for not at all."""
    found = image.info.get("compression", "raw")
    found = {"tiff_jpeg": "jpeg", "raw": ""}.get(found, found)
    return found if not found or found in KEPT else "tiff_adobe_deflate"


def save_tiff(
    file: BinaryIO,
    images: list[Image.Image],
    picture: Picture,
    options: dict[str, Any],
    *,
    wide: bool,
    quality: int,
) -> None:
    """Write ``images`` as the pages of a TIFF.

    Args:
        picture: what they are of: its compression and its metadata but for the ``options``.
        options: Pillow's.
        wide: whether the images are halves of 16 bits, as `impasto.pictures.wide.twice_as_wide` makes them.
        quality: of JPEG, which gives way to deflate where it cannot hold the images.
    """
    tags, given = Image.Exif(), Image.Exif()
    given.load(picture.exif)
    directories = {tag: found for tag in (EXIF_IFD, GPS_IFD) if (found := _writable(given.get_ifd(tag), tag))}
    # a JPEG's EXIF may also hold a width, a colour space and the like
    tags.update(_writable({tag: given[tag] for tag in DESCRIPTIVE if tag in given}))
    for tag, block in ((_XMP, picture.xmp), (IPTC, picture.iptc)):
        if block:
            tags[tag] = block
    compression = picture.packing if picture.packing in KEPT else ""
    if compression == "jpeg" and (wide or any(image.mode != "RGB" for image in images)):
        compression = "tiff_adobe_deflate"
    if compression:
        options = options | {"compression": compression}
    if compression == "jpeg":
        options = options | {"quality": quality}
    if compression in _PREDICTED and not wide:  # the predictor of 16 bits adds up other numbers
        tags[_PREDICTOR] = 2
    if len(images) > 1:
        options = options | {"save_all": True, "append_images": images[1:]}
    images[0].save(file, "TIFF", exif=tags, **options)
    _amend(file, directories, wide=wide)


def _writable(tags: dict[int, Any], group: int | None = None) -> dict[int, Any]:
    """Those of ``tags`` that Pillow can write: it reads any type, and fails at one that it does not expect."""
    kept = {}
    for tag, value in tags.items():
        alone = ImageFileDirectory_v2(group=group)
        try:
            alone[tag] = value
            alone.tobytes()
        except Exception:  # whatever odd tags lead to; a photo matters more than its tags
            continue
        kept[tag] = value
    return kept


def _amend(file: BinaryIO, directories: dict[int, dict[int, Any]], *, wide: bool) -> None:
    """Add EXIF's directories to the first page, which libtiff leaves out; make ``wide`` pages 16 bits deep."""
    file.seek(0)
    magic, at = struct.unpack("<4sI", file.read(8))
    order = "<" if magic[:2] == b"II" else ">"
    if order == ">":
        (at,) = struct.unpack(">I", struct.pack("<I", at))
    first = at
    while at and wide:
        entries, at = _directory(file, at, order)
        for place, entry in entries:
            tag, kind, count = struct.unpack_from(order + "HHI", entry)
            number = order + ("H" if kind == _SHORT else "I")
            if tag == _WIDTH:
                _put(file, place + 8, number, struct.unpack_from(number, entry, 8)[0] // 2)
            elif tag == _BITS:  # of three or four channels: more than an entry holds
                _put(file, struct.unpack_from(order + "I", entry, 8)[0], f"{order}{count}H", *[16] * count)
    if directories:
        _add(file, first, order, directories)


def _add(file: BinaryIO, first: int, order: str, directories: dict[int, dict[int, Any]]) -> None:
    entries, following = _directory(file, first, order)
    at = file.seek(0, os.SEEK_END)
    file.write(bytes(at % 2))  # directories begin at even bytes
    at += at % 2
    added = ImageFileDirectory_v2(prefix=b"II" if order == "<" else b"MM")
    for tag, directory in directories.items():
        added[tag] = directory
    block = added.tobytes(at)
    file.write(block + bytes(len(block) % 2))
    at += len(block) + len(block) % 2
    new = [block[2 + 12 * index : 14 + 12 * index] for index in range(len(directories))]
    every = sorted([*(entry for _, entry in entries), *new], key=lambda entry: struct.unpack_from(order + "H", entry))
    file.write(struct.pack(order + "H", len(every)) + b"".join(every) + struct.pack(order + "I", following))
    _put(file, 4, order + "I", at)


def _directory(file: BinaryIO, at: int, order: str) -> tuple[list[tuple[int, bytes]], int]:
    """The entries of a directory, each with its place, and where the next directory lies."""
    file.seek(at)
    (count,) = struct.unpack(order + "H", file.read(2))
    entries = [(at + 2 + 12 * index, file.read(12)) for index in range(count)]
    return entries, struct.unpack(order + "I", file.read(4))[0]


def _put(file: BinaryIO, at: int, form: str, *values: int) -> None:
    file.seek(at)
    file.write(struct.pack(form, *values))
