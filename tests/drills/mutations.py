"""Small files of all the kinds that are read, and what is done to them: a mutator that knows a little of formats."""

import hashlib
import io
import random
import struct
import zipfile
import zlib
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import impasto_models
import numpy as np
import onnx
import torch
from impasto import describe
from impasto.contract.graph import OPERATORS
from impasto.contract.info import IMAGE, STRENGTH, STYLIZED, seal
from impasto.contract.protobuf import WireError
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from safetensors.torch import save

from benchmarks.recipes import write_pan

from . import tiny

EDGES = (
    0,
    1,
    2,
    7,
    8,
    127,
    128,
    255,
    256,
    32_767,
    32_768,
    65_535,
    65_536,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**63,
    2**64 - 1,
)
ATTRIBUTES = ("axis", "axes", "keepdims", "group", "pads", "strides", "to", "perm", "blocksize", "kernel_shape", "mode")
CHECKPOINT_HEAD = b"impasto checkpoint of SHA-256 "


def samples() -> dict[str, bytes]:
    """One whole file of each kind, by a name whose suffix says which."""
    image = tiny.picture(0, 32, 40)
    clear = image.copy()
    clear.putalpha(tiny.picture(1, 32, 40).convert("L"))
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a photo"
    frames = [tiny.picture(seed, 32, 40) for seed in range(3)]
    found = {
        "plain.jpg": _encoded(image, "JPEG", exif=exif, comment=b"words"),
        "progressive.jpg": _encoded(image, "JPEG", progressive=True, icc_profile=_profile()),
        "plain.png": _encoded(clear, "PNG", dpi=(300, 300)),
        "wide.png": _encoded(Image.fromarray(np.arange(1280, dtype=np.uint16).reshape(32, 40) * 50), "PNG"),
        "film.png": _encoded(frames[0], "PNG", save_all=True, append_images=frames[1:], duration=40),
        "film.gif": _encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=40, loop=0),
        "film.webp": _encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=40),
        "clear.webp": _encoded(clear, "WEBP", lossless=True, exif=exif),
        "pages.tif": _encoded(image, "TIFF", save_all=True, append_images=frames[1:], compression="tiff_lzw"),
        "plain.bmp": _encoded(image, "BMP"),
        "model.onnx": impasto_models.path("great_wave").read_bytes(),
        "small.onnx": small_model(),
    }
    with TemporaryDirectory() as folder:
        write_pan(Path(folder) / "clip.mp4", 4, (64, 48))
        found["clip.mp4"] = (Path(folder) / "clip.mp4").read_bytes()
    found["photos.zip"] = found["remote.zip"] = _zip({f"val2017/{i:012d}.jpg": found["plain.jpg"] for i in range(3)})
    state = io.BytesIO()
    torch.save(tiny.trainer_of().state(), state)
    found["checkpoint.pt"] = _signed(state.getvalue())
    vgg = tiny.narrow_vgg()
    found["vgg.safetensors"] = save(vgg.tensors, {"mean": "[0,0,0]", "std": "[1,1,1]", "fingerprint": vgg.fingerprint})
    return found


def small_model() -> bytes:
    """A model under the contract of a few hundred bytes: nearly all of them say what to compute."""
    shape = ["N", "H", "W", 3]
    nodes = [
        helper.make_node("Cast", [IMAGE], ["photo"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["photo"], ["first"], perm=[0, 3, 1, 2]),
        helper.make_node("InstanceNormalization", ["first", "ones", "ones"], ["normed"]),
        helper.make_node("Transpose", ["normed"], ["painted"], perm=[0, 2, 3, 1]),
        helper.make_node("Sub", ["painted", "photo"], ["difference"]),
        helper.make_node("Mul", ["difference", STRENGTH], ["change"]),
        helper.make_node("Add", ["photo", "change"], ["mixed"]),
        helper.make_node("ReduceMax", ["mixed"], ["most"], keepdims=0),
        helper.make_node("Min", ["mixed", "most"], ["bounded"]),
        helper.make_node("Pad", ["bounded", "sides"], ["padded"], mode="edge"),
        helper.make_node("Slice", ["padded", "starts", "stops"], ["cut"]),
        helper.make_node("Cast", ["cut"], [STYLIZED], to=TensorProto.UINT8),
    ]
    values = {
        STRENGTH: np.float32(1),
        "sides": np.array([0, 1, 1, 0, 0, 1, 1, 0]),
        "starts": np.array([0, 1, 1, 0]),
        "stops": np.array([2**31, -1, -1, 3]),
        "ones": np.ones(3, np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "small",
        [
            helper.make_tensor_value_info(IMAGE, TensorProto.UINT8, shape),
            helper.make_tensor_value_info(STRENGTH, TensorProto.FLOAT, []),
        ],
        [helper.make_tensor_value_info(STYLIZED, TensorProto.UINT8, shape)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    about = replace(describe(impasto_models.path("great_wave")), preview=b"")
    helper.set_model_props(model, about.to_metadata())
    return seal(model.SerializeToString())


def mutated(name: str, data: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """A few edits of ``data``; every other time its checksums are then made to fit, so that readers get further."""
    if name == "small.onnx" and chance.random() < 0.7:
        return _rewired(data, chance)
    edited = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        edited = chance.choice(EDITS)(edited, others, chance)
    found = bytes(edited)
    if chance.random() < 0.5:
        return found
    if name.endswith(".png"):
        return _with_crcs(found)
    if name == "checkpoint.pt":
        return _signed(found.partition(b"\n")[2])
    if name.endswith(".onnx"):
        with suppress(ValueError, WireError):
            return seal(found)
    return found


def _rewired(data: bytes, chance: random.Random) -> bytes:
    """A model that can be read as one, of the operators that are allowed, and makes little sense."""
    model = onnx.load_from_string(data)
    graph = model.graph
    names = [name for node in graph.node for name in (*node.input, *node.output)]
    for _ in range(chance.choice((1, 1, 2, 4))):
        node = chance.choice(graph.node)
        tensor = chance.choice(graph.initializer)
        what = chance.randrange(6)
        if what == 0:
            node.op_type = chance.choice(sorted(OPERATORS))
        elif what == 1:
            node.input[chance.randrange(len(node.input))] = chance.choice(names)
        elif what == 2:
            node.attribute.append(helper.make_attribute(chance.choice(ATTRIBUTES), chance.choice((-1, 0, 2, 1000))))
        elif what == 3:
            held = bytearray(tensor.raw_data)
            tensor.raw_data = bytes(_number(held, [], chance))[: len(held)].ljust(len(held), b"\0")
        elif what == 4 and tensor.dims:
            tensor.dims[0] = chance.choice((0, 1, 2, 3, 2**20))
        else:
            tensor.data_type = chance.choice((1, 2, 3, 6, 7, 10, 11))
    return seal(model.SerializeToString())


def _place(data: bytearray, chance: random.Random) -> int:
    """Anywhere, and more often near the beginning or the end, where formats keep what they say of the rest."""
    length = max(1, len(data))
    return chance.choice(
        (chance.randrange(length), chance.randrange(min(512, length)), length - 1 - chance.randrange(min(512, length)))
    )


def _flip(data: bytearray, others: list[bytes], chance: random.Random) -> bytearray:
    if data:
        data[_place(data, chance)] ^= 1 << chance.randrange(8)
    return data


def _overwrite(data: bytearray, others: list[bytes], chance: random.Random) -> bytearray:
    place = _place(data, chance)
    data[place : place + 8] = chance.randbytes(chance.randrange(1, 9))
    return data


def _number(data: bytearray, others: list[bytes], chance: random.Random) -> bytearray:
    """A number of the kind that lengths and offsets are."""
    size = chance.choice("BHIQ")
    number = chance.choice(EDGES) % 2 ** (8 * struct.calcsize(size))
    place = _place(data, chance)
    data[place : place + struct.calcsize(size)] = struct.pack(chance.choice("<>") + size, number)
    return data


def _cut(data: bytearray, others: list[bytes], chance: random.Random) -> bytearray:
    return data[: _place(data, chance)]


def _drop(data: bytearray, others: list[bytes], chance: random.Random) -> bytearray:
    place = _place(data, chance)
    del data[place : place + chance.choice((1, 4, 64, 1024))]
    return data


def _repeat(data: bytearray, others: list[bytes], chance: random.Random) -> bytearray:
    start, place = _place(data, chance), _place(data, chance)
    data[place:place] = data[start : start + chance.choice((1, 4, 64, 1024))] * chance.choice((1, 1, 3, 100))
    return data


def _zeros(data: bytearray, others: list[bytes], chance: random.Random) -> bytearray:
    place, count = _place(data, chance), chance.choice((4, 64, 1024))
    data[place : place + count] = bytes(count)
    return data


def _splice(data: bytearray, others: list[bytes], chance: random.Random) -> bytearray:
    other = chance.choice(others)
    start, place = _place(bytearray(other), chance), _place(data, chance)
    piece = other[start : start + chance.choice((16, 256, 4096))]
    data[place : place + chance.choice((0, len(piece)))] = piece
    return data


EDITS = (_flip, _flip, _overwrite, _number, _number, _cut, _drop, _repeat, _zeros, _splice)


def _encoded(image: Image.Image, format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def _profile() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _zip(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data + name.encode())  # no two alike
    return file.getvalue()


def _signed(state: bytes) -> bytes:
    return CHECKPOINT_HEAD + hashlib.sha256(state).hexdigest().encode() + b"\n" + state


def _with_crcs(data: bytes) -> bytes:
    """A PNG whose chunks, as far as they can be followed, have the checksums of what they now hold."""
    found, place = bytearray(data), 8
    while place + 12 <= len(found):
        (length,) = struct.unpack_from(">I", found, place)
        if place + 12 + length > len(found):
            break
        struct.pack_into(">I", found, place + 8 + length, zlib.crc32(found[place + 4 : place + 8 + length]))
        place += 12 + length
    return bytes(found)
