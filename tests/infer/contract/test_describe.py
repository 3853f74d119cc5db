"""The contract: what a model says about itself, and every way in which a file can fail to be one."""

import hashlib
import os
import random
import threading
from dataclasses import fields, replace

import numpy as np
import onnx
import pytest
from impasto import ImpastoError, StyleInfo, describe
from impasto.contract.graph import read_checked
from impasto.contract.info import CONTRACT_VERSION, LARGEST_STYLES, MAX_MODEL_BYTES, STYLES_VERSION, seal
from impasto.contract.protobuf import WireError, walk
from negative import negative_model


def line(path) -> str:
    """The one line that `describe` refuses a file with."""
    with pytest.raises(ImpastoError) as caught:
        describe(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_model_gives_back_what_was_written_into_it(model, info):
    found = describe(model)
    assert replace(found, digest=info.digest) == info
    assert {one.name: type(getattr(found, one.name)) for one in fields(found)} == {
        one.name: tuple if one.name == "styles" else one.type for one in fields(StyleInfo)
    }


def test_metadata_are_plain_text(info):
    metadata = info.to_metadata()
    assert list(metadata) == [f"impasto.{one.name}" for one in fields(StyleInfo) if one.name != "styles"]
    assert metadata["impasto.contract"] == str(CONTRACT_VERSION)
    assert metadata["impasto.l1_weight"] == "0.1"
    assert metadata["impasto.style_loss"] == "1e-17"
    assert metadata["impasto.normalize"] == "true"
    assert metadata["impasto.preview"] == "iVBORwD/"
    assert metadata["impasto.digest"] == "0" * 64
    assert StyleInfo.from_metadata(metadata) == info


def test_numpy_numbers_are_written_as_numbers(info):
    odd = replace(info, content_loss=np.float32(0.5), steps=np.int64(7), normalize=np.bool_(False))
    assert StyleInfo.from_metadata(odd.to_metadata()) == replace(info, content_loss=0.5, steps=7, normalize=False)


def test_onnx_reads_the_same_metadata(model):
    props = {one.key: one.value for one in onnx.load(model).metadata_props}
    assert StyleInfo.from_metadata(props) == describe(model)


def test_the_digest_is_that_of_the_file_with_the_digest_set_to_zeros(model):
    digest = describe(model).digest
    data = model.read_bytes()
    assert data.count(digest.encode()) == 1
    assert hashlib.sha256(data.replace(digest.encode(), b"0" * 64)).hexdigest() == digest
    assert seal(data) == data


def test_what_has_no_digest_cannot_be_sealed(model):
    bare = onnx.load(model)
    del bare.metadata_props[:]
    with pytest.raises(ValueError, match="placeholder"):
        seal(bare.SerializeToString())
    with pytest.raises(ValueError, match="the end"):
        seal(model.read_bytes()[:-1])


def test_a_changed_byte_is_noticed(model, tmp_path):
    data = model.read_bytes()
    damaged = tmp_path / "damaged.onnx"
    for position in range(0, len(data), 7):
        changed = bytearray(data)
        changed[position] ^= 1 << position % 8
        damaged.write_bytes(changed)
        assert str(damaged) in line(damaged), position


def test_a_truncation_is_noticed(model, tmp_path):
    data = model.read_bytes()
    damaged = tmp_path / "damaged.onnx"
    for length in range(0, len(data), 7):
        damaged.write_bytes(data[:length])
        assert str(damaged) in line(damaged), length


def test_damage_is_called_damage(model, tmp_path):
    data = model.read_bytes()
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(data[: len(data) // 2])
    assert "cut short" in line(damaged)
    damaged.write_bytes(data.replace(b"CC0-1.0", b"CC0-1.1"))
    assert "damaged" in line(damaged)
    damaged.write_bytes(data + bytes([0x0A, 0]))  # one more field that onnx would pass over
    assert "damaged" in line(damaged)


def test_a_missing_file_and_a_folder(tmp_path):
    assert line(tmp_path / "nothing.onnx") == f"cannot read {tmp_path / 'nothing.onnx'}: no such file"
    assert line(tmp_path) == f"cannot read {tmp_path}: it is a folder"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"text that is named .onnx\n",
        b"\xff\xd8\xff\xe0\0\x10JFIF" * 9,
        bytes(1000),
        b"\xff" * 1000,
    ],
    ids=["empty", "newline", "text", "jpeg", "zeros", "ones"],
)
def test_not_an_onnx_file(data, tmp_path):
    path = tmp_path / "photo.onnx"
    path.write_bytes(data)
    assert line(path) == f"{path} is not an ONNX file"


def test_an_onnx_file_of_someone_else(model, tmp_path):
    other = onnx.load(model)
    for props in ({}, {"author": "someone"}):
        onnx.helper.set_model_props(other, props)
        path = tmp_path / "other.onnx"
        onnx.save(other, path)
        assert line(path) == f"{path} is an ONNX file, but not one that Impasto made"


def test_a_newer_contract_asks_for_an_upgrade(make_model):
    for version in (STYLES_VERSION + 1, 10**30):
        found = line(make_model(contract=version))
        assert "damaged" not in found
        assert found.endswith("pip install --upgrade impasto")


def test_a_huge_file_is_refused(tmp_path):
    path = tmp_path / "huge.onnx"
    with path.open("wb") as file:
        file.truncate(MAX_MODEL_BYTES + 1)  # sparse: takes no room on the disk
    assert "larger than 64 MB" in line(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("contract", "one"),
        ("contract", ""),
        ("steps", "1.5"),
        ("content_loss", "low"),
        ("content_loss", "nan"),
        ("style_weight", "1e999"),
        ("normalize", "True"),
        ("preview", "not base64!"),
        ("preview", "é"),
        ("name", ""),
        ("name", "../../etc/cron"),
        ("name", "a" * 65),
        ("title", None),
        ("digest", None),
    ],
)
def test_fields_that_are_missing_or_wrong(info, key, value):
    metadata = info.to_metadata()
    if value is None:
        del metadata[f"impasto.{key}"]
    else:
        metadata[f"impasto.{key}"] = value
    with pytest.raises(ImpastoError):
        StyleInfo.from_metadata(metadata)


def test_keys_of_later_versions_are_left_alone(info):
    assert StyleInfo.from_metadata(info.to_metadata() | {"impasto.weather": "fine", "else": ""}) == info


def test_the_walk_survives_any_bytes(model):
    """Random bytes, and a model with random damage, give fields within the bytes or `WireError`."""
    source = random.Random(0)
    data = model.read_bytes()
    for _ in range(2000):
        if source.random() < 0.5:
            noise = source.randbytes(source.randrange(64))
        else:
            start = source.randrange(len(data))
            noise = bytearray(data[start : start + 400])
            noise[source.randrange(len(noise))] = source.randrange(256)
        position = 0
        try:
            for one in walk(bytes(noise)):
                assert position < one.start <= one.end <= len(noise)
                position = one.end
        except WireError:
            continue
        assert position == len(noise)


def test_the_walk_is_bounded():
    with pytest.raises(WireError, match="too many"):
        list(walk(b"\x08\x01" * 1_000_000))
    with pytest.raises(WireError, match="past the end"):
        list(walk(b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_model_may_come_through_a_pipe(model, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(model.read_bytes()))
    writer.start()
    assert describe(pipe) == describe(model)
    writer.join()


def test_a_model_with_data_in_other_files_is_refused(tmp_path, info):
    model = onnx.load_from_string(negative_model(info.to_metadata()))
    tensor = model.graph.initializer.add(name="w", data_type=onnx.TensorProto.FLOAT, dims=[4])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="secret.bin")
    path = tmp_path / "model.onnx"
    path.write_bytes(seal(model.SerializeToString()))
    with pytest.raises(ImpastoError, match="keeps data in other files"):
        describe(path)


def test_data_said_to_be_in_the_file_is_not_in_others(tmp_path, info):
    model = onnx.load_from_string(negative_model(info.to_metadata()))
    path = tmp_path / "model.onnx"
    model.graph.initializer[1].data_location = onnx.TensorProto.DEFAULT
    path.write_bytes(seal(model.SerializeToString()))
    assert read_checked(path)[0].name == info.name
    model.graph.initializer[1].data_location = onnx.TensorProto.EXTERNAL
    path.write_bytes(seal(model.SerializeToString()))
    with pytest.raises(ImpastoError, match="keeps data in other files"):
        read_checked(path)


def test_a_shipped_style_is_described_by_its_name():
    assert describe("great_wave").title == "The Great Wave off Kanagawa"
    with pytest.raises(ImpastoError, match="no model given"):
        describe("")


def two_styles(info: StyleInfo, **changes: object) -> StyleInfo:
    return replace(info, contract=2, name="both", styles=(info, replace(info, name="other", **changes)))


def test_a_file_of_several_styles_tells_of_each(info):
    both = two_styles(info, title="Ein anderer, 別の", preview=b"\0\xff")
    metadata = both.to_metadata()
    assert metadata["impasto.contract"] == "2"
    assert replace(StyleInfo.from_metadata(metadata), digest=both.digest) == both


def test_a_file_of_one_style_says_nothing_of_several(info):
    assert "impasto.styles" not in info.to_metadata()


@pytest.mark.parametrize(
    ("styles", "why"),
    [
        ("", "cannot be read"),
        ("{}", "cannot be read"),
        ("[1, 2]", "cannot be read"),
        ('[{"name": 1}]', "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ("[" + "{}," * (LARGEST_STYLES // 3) + "{}]", "cannot be read"),
        ("[]", "version 2 of the contract does not go with 0 styles"),
        ('[{"name": "only"}]', "the metadata has no impasto.contract"),
    ],
)
def test_styles_that_make_no_sense_are_refused(info, styles, why):
    with pytest.raises(ImpastoError, match=why):
        StyleInfo.from_metadata(two_styles(info).to_metadata() | {"impasto.styles": styles})


def test_styles_of_a_file_differ_by_name_and_are_single(info):
    both = two_styles(info)
    with pytest.raises(ImpastoError, match="two styles of a file have the same name"):
        replace(both, styles=(info, info))
    with pytest.raises(ImpastoError, match="version 1 of the contract does not go with 2 styles"):
        replace(both, contract=1)
    with pytest.raises(ImpastoError, match="version 1 of the contract does not go with 1 styles"):
        replace(info, styles=(info,))
    with pytest.raises(ImpastoError, match="version 2 of the contract does not go with 2 styles"):
        replace(both, styles=(info, both))
