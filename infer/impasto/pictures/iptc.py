"""IPTC records: captions, keywords and credits as news agencies write them into a JPEG or TIFF."""

import struct

from PIL import Image

TAG = 33723  # of a TIFF
SEGMENT = 65_000  # bytes of metadata that one segment of a JPEG holds, beside its own head
_RESOURCE = 0x0404  # of Photoshop's blocks in a JPEG


def iptc_of(image: Image.Image) -> bytes:
    """The records of an open picture, empty if it has none."""
    if image.format == "TIFF":
        tags = image.tag_v2  # type: ignore[attr-defined]
        found = tags.get(TAG)
        if isinstance(found, tuple) and all(isinstance(number, int) for number in found):  # as some programs call it
            order = "<" if tags.prefix == b"II" else ">"
            return struct.pack(f"{order}{len(found)}I", *(number & 0xFFFFFFFF for number in found))
    else:
        resources = image.info.get("photoshop")
        found = resources.get(_RESOURCE) if isinstance(resources, dict) else None
    return found if isinstance(found, bytes) else b""


def segment(iptc: bytes) -> bytes:
    """The records as a segment of a JPEG; empty where they are too many for one."""
    block = b"Photoshop 3.0\0" + b"8BIM" + struct.pack(">HHI", _RESOURCE, 0, len(iptc)) + iptc + bytes(len(iptc) % 2)
    return b"\xff\xed" + struct.pack(">H", len(block) + 2) + block if len(block) < SEGMENT else b""
