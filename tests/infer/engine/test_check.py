"""``apply-style --check``: what it finds of a model, and what it refuses."""

import sys

import numpy as np
import onnx
import pytest
from impasto import ImpastoError
from impasto.apply import command
from impasto.contract.info import seal
from impasto.engine.check import check
from negative import INFO, negative_model
from onnx import TensorProto, helper, numpy_helper


def changed(model, change) -> bytes:
    """The model with ``change`` made to it, sealed anew."""
    found = onnx.load(model)
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


def test_a_good_model_of_several_styles_passes(atlas, monkeypatch, capsys):
    assert run(monkeypatch, atlas, "--check") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{atlas} keeps version 2 of the contract"
    assert lines[3].endswith("strength: optional; style [3]: optional")
    assert lines[4:] == ["  paints a picture of 7x13 in each of its 3 styles", "  strength 0 gives the photo back"]


def initializer(found, name):
    return next(tensor for tensor in found.graph.initializer if tensor.name == name)


def test_styles_that_are_not_what_the_file_says(atlas, tmp_path):
    def two(found):
        initializer(found, "style").CopyFrom(helper.make_tensor("style", TensorProto.FLOAT, [2], [1, 0]))
        initializer(found, "colours").CopyFrom(helper.make_tensor("colours", TensorProto.FLOAT, [2, 3], range(6)))
        found.graph.input[2].type.tensor_type.shape.dim[0].dim_value = 2

    def fixed(found, *names):
        for name in names:
            initializer(found, name).name = f"fixed_{name}"
            for node in found.graph.node:
                node.input[:] = [f"fixed_{name}" if each == name else each for each in node.input]
            found.graph.input.remove(next(value for value in found.graph.input if value.name == name))

    def without_dials(found):
        fixed(found, "strength", "style")
        next(prop for prop in found.metadata_props if prop.key == "impasto.dial").value = "none"

    def second(found):
        initializer(found, "style").CopyFrom(helper.make_tensor("style", TensorProto.FLOAT, [3], [0, 1, 0]))

    def never_the_photo(found):  # in the last style
        node = next(node for node in found.graph.node if node.output[0] == "mixed")
        found.graph.initializer.append(numpy_helper.from_array(np.float32([0, 0, 9]), "off"))
        found.graph.node.insert(3, helper.make_node("Mul", ["shares", "off"], ["some"]))
        found.graph.node.insert(4, helper.make_node("ReduceSum", ["some"], ["more"], keepdims=0))
        found.graph.node.insert(5, helper.make_node("Add", ["photo", "more"], ["brighter"]))
        node.input[0] = "brighter"

    for change, said in (
        (two, "its input style takes 2 numbers, for 3 styles"),
        (lambda found: fixed(found, "style"), "it has no optional input ('style', 'tensor(float)', 1)"),
        (without_dials, "its input style takes no numbers, for 3 styles"),
        (second, "strength left out is not strength 1, or style left out is not the first"),
        (never_the_photo, "strength 0 is not the photo"),
    ):
        assert said in line(tmp_path, changed(atlas, change))


def test_the_shipped_styles_pass(monkeypatch, capsys):
    import impasto_models

    assert run(monkeypatch, ",".join(impasto_models.names()), "--check") == 0
    assert capsys.readouterr().out.count("keeps version 1") == len(impasto_models.names())


def test_a_damaged_model_fails_with_one_line(model, tmp_path, monkeypatch, capsys):
    (tmp_path / "cut.onnx").write_bytes(model.read_bytes()[:-9])
    assert run(monkeypatch, tmp_path / "cut.onnx", "--check") == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert run(monkeypatch, model, "photo.jpg", "--check") == 2
    assert "--check takes no photos" in capsys.readouterr().err


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
