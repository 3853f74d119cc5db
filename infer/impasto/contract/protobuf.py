"""The part of protocol buffers' wire format needed to read an ONNX file's metadata and take its graph apart.

A message is a row of fields; each is a varint key (field number << 3 | wire type) and a payload. Nothing here
trusts the bytes: whatever they are, the walk ends with the fields or with `WireError`, in bounded time and
memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5  # wire types; 3 and 4 (groups) are not used by ONNX

_MAX_FIELDS = 10_000
"""Fields in one message. A model's outermost message has a dozen, and our metadata two dozen more."""


class WireError(ValueError):
    """The bytes are not a message of protocol buffers, or one that was cut short."""


@dataclass(frozen=True)
class Field:
    """One field: its number, its wire type and where its payload lies, as ``data[start:end]``."""

    number: int
    wire: int
    start: int
    end: int


def walk(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Field]:
    """Yield the fields of the message in ``data[start:end]``, in file order.

    Raises:
        WireError: the bytes are not a whole message, or one of an absurd number of fields.
    """
    end = len(data) if end is None else end
    for _ in range(_MAX_FIELDS):
        if start == end:
            return
        key, start = varint(data, start, end)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            stop = varint(data, start, end)[1]
        elif wire == LENGTH:
            size, start = varint(data, start, end)
            stop = start + size
        elif wire in (FIXED32, FIXED64):
            stop = start + (4 if wire == FIXED32 else 8)
        else:
            raise WireError(f"unknown wire type {wire}")
        if number == 0 or stop > end:
            raise WireError("a field runs past the end" if number else "field number 0")
        yield Field(number, wire, start, stop)
        start = stop
    raise WireError("too many fields")


def varint(data: bytes, start: int, end: int) -> tuple[int, int]:
    """The number at ``start`` and where it ends: 7 bits a byte, lowest first; the top bit: more follows."""
    value = 0
    for position in range(start, min(start + 10, end)):  # 10 bytes hold 64 bits
        value |= (data[position] & 0x7F) << 7 * (position - start)
        if data[position] < 0x80:
            return value, position + 1
    raise WireError("a number does not end")


def encode(number: int, value: bytes | int) -> bytes:
    """One field: a number as a varint, bytes with their length before them."""
    if isinstance(value, int):
        return _as_varint(number << 3 | VARINT) + _as_varint(value)
    return _as_varint(number << 3 | LENGTH) + _as_varint(len(value)) + value


def _as_varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
