"""``apply-style --check``: what it finds of a model, and what it refuses."""

import sys

import onnx
import pytest
from impasto import ImpastoError
from impasto.apply import command
from impasto.contract.info import seal
from impasto.engine.check import check
from negative import INFO, negative_model
from onnx import TensorProto, helper


def changed(model, change) -> bytes:
    """The model with ``change`` made to it, sealed anew."""
    found = onnx.load_from_string(negative_model(INFO.to_metadata()))
    change(found)
    return seal(found.SerializeToString())


def line(tmp_path, data: bytes) -> str:
    (tmp_path / "model.onnx").write_bytes(data)
    with pytest.raises(ImpastoError) as caught:
        check(tmp_path / "model.onnx")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def run(monkeypatch, *words) -> int:
    monkeypatch.setattr(sys, "argv", ["apply-style", *map(str, words)])
    with pytest.raises(SystemExit) as caught:
        command.main()
    return caught.value.code


def test_a_good_model_passes(model, monkeypatch, capsys):
    assert run(monkeypatch, model, "--check") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{model} keeps version 1 of the contract"
    assert "  strength 0 gives the photo back" in lines


def test_the_shipped_styles_pass(monkeypatch, capsys):
    import impasto_models

    assert run(monkeypatch, ",".join(impasto_models.names()), "--check") == 0
    assert capsys.readouterr().out.count("keeps version 1") == len(impasto_models.names())


def test_a_damaged_model_fails_with_one_line(model, tmp_path, monkeypatch, capsys):
    (tmp_path / "cut.onnx").write_bytes(model.read_bytes()[:-9])
    assert run(monkeypatch, tmp_path / "cut.onnx", "--check") == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert run(monkeypatch, model, "photo.jpg", "--check") == 2
    assert "--check takes a model and no photos" in capsys.readouterr().err


def test_tensors_of_other_names_types_or_ranks(model, tmp_path):
    def without_default(found):
        del found.graph.initializer[0]

    def flat(found):
        del found.graph.output[0].type.tensor_type.shape.dim[:]

    assert "its inputs are" in line(tmp_path, changed(model, without_default))
    assert "its outputs are" in line(tmp_path, changed(model, flat))
    said = INFO.to_metadata() | {"impasto.io": "float32"}
    assert "its inputs are" in line(tmp_path, seal(negative_model(said)))
    said = INFO.to_metadata() | {"impasto.fixed_size": "tall"}
    assert "not as 480x640" in line(tmp_path, seal(negative_model(said)))


def test_strength_0_that_is_not_the_photo(model, tmp_path):
    def shifted(found):
        found.graph.initializer.append(helper.make_tensor("one", TensorProto.FLOAT, [], [1.0]))
        node = next(node for node in found.graph.node if node.output[0] == "change")
        node.input[1] = "one"  # the dial is there and turns nothing

    assert "strength 0 is not the photo" in line(tmp_path, changed(model, shifted))


def test_a_default_that_is_not_full_strength(model, tmp_path):
    def half(found):
        found.graph.initializer[0].CopyFrom(helper.make_tensor("strength", TensorProto.FLOAT, [], [0.5]))

    assert "strength left out is not strength 1" in line(tmp_path, changed(model, half))


def test_operators_of_others(model, tmp_path):
    def vendor(found):
        found.opset_import.append(helper.make_opsetid("com.vendor", 1))

    assert "operators of com.vendor" in line(tmp_path, changed(model, vendor))
