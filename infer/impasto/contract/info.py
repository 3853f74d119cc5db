"""What an exported model promises, and how to read it with nothing but the standard library.

The file is an ONNX model with the tensors named below. Its ``metadata_props`` hold one `StyleInfo`, a key
``impasto.<field>`` for each field, all values plain text. ``impasto.digest`` is the SHA-256 of the whole file
with the digest's own 64 characters set to zeros; that rule holds for every version of the contract, so that
damage can be told from a newer version.
"""

import base64
import hashlib
import json
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import Any, Self

from ..common.errors import ImpastoError
from ..common.files import opened
from .fields import ModelProto
from .fields import StringStringEntryProto as Entry
from .protobuf import LENGTH, Field, WireError, walk

CONTRACT_VERSION = 1
"""Of files of one style."""
STYLES_VERSION = 2
"""Of files of several styles; the newest that is read here."""

IMAGE = "image"
"""Input: uint8 ``[N, H, W, 3]``, sRGB, any N, H and W from 1 up."""
STYLIZED = "stylized"
"""Output: uint8 ``[N, H, W, 3]``, sRGB, the shape of `IMAGE`."""
STRENGTH = "strength"
"""Optional input: float32 scalar in 0..1, 1 unless given; 0 gives the photo back."""
STYLE = "style"
"""Optional input of a file of S styles: float32 ``[S]``, how much of each, none below 0, not all 0; the first unless
given. What counts is their share of the sum."""

MAX_MODEL_BYTES = 64 * 2**20
"""Larger files are refused unread. Ours stay under 2 MB."""

LARGEST_STYLES = 16 * 2**20
"""Characters that what a file says of its styles may have, some twenty thousand each: as JSON, other things of that
length take gigabytes."""

_PREFIX = "impasto."
_PLACEHOLDER = "0" * 64
# How the reference to a tensor in another file begins: onnxruntime would read that file, whatever it is.
_EXTERNAL_DATA = b"\x0a\x08location"

Styles = tuple["StyleInfo", ...]

# How a field of each type is written as text and read back. A number may be numpy's, whose repr is another.
_WRITE: dict[Any, Callable[[Any], str]] = {
    str: str,
    int: lambda value: str(int(value)),
    float: lambda value: repr(float(value)),
    bool: lambda value: "true" if value else "false",
    bytes: lambda value: base64.b64encode(value).decode(),
    Styles: lambda value: json.dumps([_bare(one.to_metadata()) for one in value]),
}
_READ: dict[Any, Callable[[str], Any]] = {
    str: str,
    int: int,
    float: float,
    bool: {"true": True, "false": False}.__getitem__,
    bytes: lambda text: base64.b64decode(text, validate=True),
    Styles: lambda text: tuple(StyleInfo.from_metadata(one) for one in _prefixed(text)),
}


@dataclass(frozen=True)
class StyleInfo:
    """What a model says about itself: where its style comes from, how it was trained and how well it does.

    Raises:
        ImpastoError: ``name`` could not be part of a file name, or a number is not finite.
    """

    contract: int
    """Version of the contract that the file keeps."""
    name: str
    """Short name, of letters, digits, ``_`` and ``-``: names the outputs, e.g. ``great_wave``."""
    title: str
    credit: str
    """Who made the style picture, and where it is from."""
    style_license: str
    """Licence of the style picture."""
    license: str
    """Licence of the model."""
    content_weight: float
    style_weight: float
    l1_weight: float
    l1_on: str
    """What the L1 term was taken of: ``image``, ``residual`` or ``gradient``."""
    normalize: bool
    """Whether content and style losses were divided by the energy of their targets."""
    vgg: str
    """Fingerprint (SHA-256, hex) of the VGG16 weights trained with."""
    content: str
    """The photos trained on, e.g. ``coco/train``."""
    content_count: int
    steps: int
    """Of the training, with those of the runs that it went on from; the base's are not among them."""
    batch_size: int
    size: int
    """Side of the square training crops in pixels."""
    style_size: int
    """Short side of the style picture in pixels."""
    impasto_version: str
    content_loss: float
    """R on held-out photos; 0 where it was not measured, as of a blend of styles."""
    style_loss: float
    """S on held-out photos; 0 where it was not measured."""
    preview: bytes = field(repr=False)
    """A small JPEG, PNG or WebP file; empty if there is none."""
    digest: str = _PLACEHOLDER
    """SHA-256 (hex) of the file with these characters set to zeros."""
    # A file may lack the fields with a default: the shipped ones say nothing of ``grid`` and ``distance``.
    steady: float = 0.0
    """Weight of steadiness."""
    tones: float = 0.0
    """Weight of lights, darks and hues that stay where the photo has them."""
    grid: float = 0.0
    """Weight against the grid that upsampling leaves."""
    distance: str = "l2"
    """Distance that R and S were learned by: ``l2`` or ``cosine``."""
    style_statistic: str = "gram"
    """What S was learned by: ``gram``, or ``moments``, means and covariances."""
    content_on: str = "activations"
    """What R was learned by: ``activations``, or the ``drawing`` in them."""
    learning_rate: float = 0.0
    """At its peak; 0 where the file does not say."""
    start: str = ""
    """What training started from: ``scratch``, ``base`` or ``run``; empty where the file does not say."""
    # What ``export-style`` changed; these defaults are what ``train-style`` exports.
    precision: str = "fp32"
    """``fp32``; ``fp16``, the convolutions; ``fp16-weights``, the file alone; or ``int8``, the convolutions."""
    io: str = "uint8"
    """Type of image and output: ``uint8``, 0..255; ``float32``, 0..1; or ``float255``, float32 in 0..255."""
    layout: str = "nhwc"
    """``nhwc``, ``[N, H, W, 3]``, or ``nchw``, ``[N, 3, H, W]``."""
    dial: str = "optional"
    """The input `STRENGTH`: ``optional``, ``required``, or ``none``, as if it were 1."""
    fixed_size: str = ""
    """``HxW`` in pixels, one picture at a time; empty: any."""
    made_from: str = ""
    """Digest of the file that this one is a variant of; empty for what ``train-style`` exports."""
    styles: Styles = ()
    """Of a file of several styles, what each says of itself, in the order of the input `STYLE`; else empty."""

    def __post_init__(self) -> None:
        # The name becomes part of file names: a model from elsewhere must not choose the folder.
        if not re.fullmatch(r"[\w-]{1,64}", self.name):
            raise ImpastoError(f"{self.name!r} cannot name a style: letters, digits, '_' and '-', 64 at most")
        for each in fields(self):
            if each.type is float and not math.isfinite(getattr(self, each.name)):
                raise ImpastoError(f"{each.name} of a style must be finite, not {getattr(self, each.name)}")
        names = [one.name for one in self.styles]
        fits = len(names) > 1 if self.contract == STYLES_VERSION else not names
        if not fits or any(one.styles for one in self.styles):
            raise ImpastoError(f"version {self.contract} of the contract does not go with {len(names)} styles")
        if len(set(names)) < len(names):
            raise ImpastoError("two styles of a file have the same name")

    def to_metadata(self) -> dict[str, str]:
        """The metadata to write into the model, with the digest left for `seal` to fill in."""
        sealed_later = replace(self, digest=_PLACEHOLDER)
        values = {each.name: _WRITE[each.type](getattr(sealed_later, each.name)) for each in fields(self)}
        if not self.styles:
            del values["styles"]  # what is no part of version 1
        return {_PREFIX + name: value for name, value in values.items()}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> Self:
        """Read the metadata of a model; keys that this version does not know are ignored.

        Raises:
            ImpastoError: a newer contract than ours, or a field that is missing or not of its type.
        """
        version = metadata.get(_PREFIX + "contract", "")
        if version.isascii() and version.isdigit() and (len(version) > 9 or int(version) > STYLES_VERSION):
            raise ImpastoError(
                f"made for version {version[:20]} of the contract, and this impasto reads version "
                f"{STYLES_VERSION}: pip install --upgrade impasto"
            )
        values = {}
        for each in fields(cls):
            key = _PREFIX + each.name
            if key not in metadata:
                if each.default is not MISSING and each.name != "digest":
                    continue
                raise ImpastoError(f"the metadata has no {key}")
            try:
                values[each.name] = _READ[each.type](metadata[key])
            except (ValueError, KeyError):
                raise ImpastoError(f"{key} in the metadata cannot be read: {metadata[key][:40]!r}") from None
        return cls(**values)


def _bare(metadata: Mapping[str, str]) -> dict[str, str]:
    """The metadata of one style as a part of those of a file: without the prefix and the digest."""
    return {key.removeprefix(_PREFIX): value for key, value in metadata.items() if key != _PREFIX + "digest"}


def _prefixed(text: str) -> Iterator[dict[str, str]]:
    """Undo `_bare` for each style in a JSON list of them."""
    if len(text) > LARGEST_STYLES:
        raise ValueError("too long")
    try:
        styles = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if not isinstance(styles, list):
        raise ValueError("not a list")
    for one in styles:
        if not (isinstance(one, dict) and all(isinstance(value, str) for value in one.values())):
            raise ValueError("not texts by name")
        yield {_PREFIX + "digest": _PLACEHOLDER} | {_PREFIX + key: value for key, value in one.items()}


def read_model(path: str | os.PathLike[str]) -> tuple[StyleInfo, bytes]:
    """What the model at ``path`` says about itself, and the bytes of the file, whose digest was checked.

    Raises:
        ImpastoError: no such file, a folder, not an ONNX file, not one made by Impasto, made for a newer
            Impasto, or damaged.
    """
    data = _read(path)
    try:
        numbers = {part.number for part in walk(data)}
        metadata, digest_at = _metadata(data)
    except WireError:
        # A truncated or damaged file of ours still begins like a model: the IR version, a small number, comes first.
        if re.match(rb"\x08[\x03-\x7f][\x10-\x72]", data):
            raise ImpastoError(f"{path} is damaged or was cut short; get it again") from None
        raise ImpastoError(f"{path} is not an ONNX file") from None
    if not {ModelProto.IR_VERSION, ModelProto.GRAPH} <= numbers:
        raise ImpastoError(f"{path} is not an ONNX file")
    if _EXTERNAL_DATA in data:
        raise ImpastoError(f"{path} keeps data in other files, which no model of Impasto does")
    if not any(key.startswith(_PREFIX) for key in metadata):
        raise ImpastoError(f"{path} is an ONNX file, but not one that Impasto made")
    if digest_at is None or metadata[_PREFIX + "digest"] != _digest(data, digest_at):
        raise ImpastoError(f"{path} is damaged: its bytes are not those that were exported; get it again")
    try:
        return StyleInfo.from_metadata(metadata), data
    except ImpastoError as error:
        raise ImpastoError(f"{path}: {error}") from None


def seal(data: bytes) -> bytes:
    """Fill in the digest of a serialised model that holds the metadata of `StyleInfo.to_metadata`.

    Sealing again gives the same bytes.

    Raises:
        ValueError: ``data`` is not a model, or does not hold the digest's placeholder exactly once.
    """
    digest_at = _metadata(data)[1]
    if digest_at is None:
        raise ValueError("the model's metadata lack the placeholder of the digest")
    return data[:digest_at] + _digest(data, digest_at).encode() + data[digest_at + len(_PLACEHOLDER) :]


def _read(path: str | os.PathLike[str]) -> bytes:
    with opened(path) as file:
        data = file.read(MAX_MODEL_BYTES + 1)
    if len(data) > MAX_MODEL_BYTES:
        raise ImpastoError(f"{path} is larger than {MAX_MODEL_BYTES >> 20} MB: not a model that Impasto made")
    return data


def _metadata(data: bytes) -> tuple[dict[str, str], int | None]:
    """The metadata of a serialised model, and where the 64 characters of its digest begin, if it has one.

    Raises:
        WireError: not a serialised model, or text that is not UTF-8, or a key that comes twice.
    """
    metadata: dict[str, str] = {}
    digest_at = None
    for entry in walk(data):
        if entry.number != ModelProto.METADATA_PROPS or entry.wire != LENGTH:
            continue
        parts = {part.number: part for part in walk(data, entry.start, entry.end)}
        key, value = (_text(data, parts.get(number)) for number in (Entry.KEY, Entry.VALUE))
        if key in metadata:
            raise WireError(f"{key} comes twice")
        metadata[key] = value
        if key == _PREFIX + "digest" and len(value.encode()) == len(_PLACEHOLDER):
            digest_at = parts[Entry.VALUE].start
    return metadata, digest_at


def _text(data: bytes, part: Field | None) -> str:
    if part is None or part.wire != LENGTH:
        return ""
    try:
        return data[part.start : part.end].decode()
    except UnicodeDecodeError as error:
        raise WireError("text that is not UTF-8") from error


def _digest(data: bytes, digest_at: int) -> str:
    whole, digest = memoryview(data), hashlib.sha256()
    for part in (whole[:digest_at], _PLACEHOLDER.encode(), whole[digest_at + len(_PLACEHOLDER) :]):
        digest.update(part)
    return digest.hexdigest()
