"""Variants of an exported model: what each can be given, how close it comes, and what is refused."""

import logging
from dataclasses import replace
from pathlib import Path

import impasto_models
import numpy as np
import onnx
import onnxruntime
import pytest
from impasto import ImpastoError, Stylizer, describe
from impasto.contract.info import read_model
from impasto.engine.check import check
from impasto.engine.session import open_session
from impasto.painting.tiles import TiledModel
from impasto_train.commandline.variant import VariantOptions
from impasto_train.export.variants import command, compare
from impasto_train.photos.content import centre_crop, demo_photo
from onnx import TensorProto


def photo(height: int = 61, width: int = 83) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (1, height, width, 3), dtype=np.uint8)


def difference(original: Path, path: Path, image: np.ndarray, strength: float = 1.0) -> int:
    one, other = (compare.Model(*reversed(read_model(file))) for file in (original, path))
    return int(np.abs(one(image, strength).astype(int) - other(image, strength)).max())


@pytest.mark.parametrize("dial", ["optional", "required", "none"])
@pytest.mark.parametrize(("io", "layout"), [("uint8", "nchw"), ("float32", "nhwc"), ("float255", "nchw")])
def test_other_types_layouts_and_dials_give_the_same_picture(variant, original, io, layout, dial, capsys):
    path = variant(io=io, layout=layout, dial=dial)
    info = describe(path)
    assert (info.io, info.layout, info.dial) == (io, layout, dial)
    for size in ((1, 2), (61, 83), (16, 24)):
        assert difference(original, path, photo(*size)) <= 1
    if dial != "none":
        assert difference(original, path, photo(), 0.3) <= 1
        assert difference(original, path, photo(), 0) == 0
    assert "levels of 255" in capsys.readouterr().out


@pytest.mark.parametrize("size", ["61x83", "8x3", "64x32"])
@pytest.mark.parametrize("form", [{}, {"io": "float32", "layout": "nchw", "dial": "none"}])
def test_a_fixed_size_leaves_nothing_to_work_out(variant, original, size, form):
    path = variant(size=size, **form)
    assert difference(original, path, photo(*map(int, size.split("x")))) <= 1
    graph = onnx.load(path).graph
    assert not {"Shape", "Range", "Mod"} & {node.op_type for node in graph.node}
    sides = [side.dim_value for side in graph.input[0].type.tensor_type.shape.dim]
    assert "x".join(map(str, sides[2:] if form else sides[1:3])) == size
    assert all(side.HasField("dim_value") for side in graph.output[0].type.tensor_type.shape.dim)


def test_without_a_dial_nothing_of_it_is_left(variant):
    model = onnx.load(variant(dial="none"))
    assert [value.name for value in model.graph.input] == ["image"]
    assert "strength" not in {name for node in model.graph.node for name in (*node.input, *node.output)}


def test_a_required_dial_must_be_fed(variant):
    session = onnxruntime.InferenceSession(variant(dial="required"), providers=["CPUExecutionProvider"])
    assert [value.name for value in session.get_inputs()] == ["image", "strength"]
    with pytest.raises(ValueError, match="strength"):
        session.run(None, {"image": photo()})


def test_half_precision_halves_the_kernels_and_leaves_norms_alone(variant, original):
    for precision in ("fp16", "fp16-weights"):
        path = variant(precision=precision, overwrite=True)
        assert difference(original, path, photo()) <= 2
        assert difference(original, path, photo(), 0) == 0
        assert path.stat().st_size < 0.8 * original.stat().st_size
        model = onnx.shape_inference.infer_shapes(onnx.load(path), strict_mode=True)
        types = {value.name: value.type.tensor_type.elem_type for value in model.graph.value_info}
        of = {
            kind: {types[node.output[0]] for node in model.graph.node if node.op_type == kind}
            for kind in ("InstanceNormalization", "Tanh", "Conv")
        }
        assert of["InstanceNormalization"] == of["Tanh"] == {TensorProto.FLOAT}
        assert of["Conv"] == {TensorProto.FLOAT16 if precision == "fp16" else TensorProto.FLOAT}


def test_int8_is_calibrated_on_photos_and_close(variant):
    style = impasto_models.path("poppy_field")  # random weights paint what int8 cannot follow
    path = variant(style, precision="int8")
    assert describe(path).precision == "int8"
    assert difference(style, path, photo(), 0) == 0
    assert path.stat().st_size < 0.4 * style.stat().st_size
    assert "QuantizeLinear" in {node.op_type for node in onnx.load(path).graph.node}
    assert any(line.startswith("paints a picture of") for line in check(path))
    image = centre_crop(demo_photo("coffee.png"), 128)  # noise has what no photo of the calibration has
    whole = Stylizer(path, device="cpu")(image)
    assert np.abs(Stylizer(style, device="cpu")(image).astype(int) - whole).mean() < 2


def test_variants_keep_the_metadata_and_name_their_source(variant, original):
    found, source = describe(variant(precision="fp16", dial="required")), describe(original)
    assert found.made_from == source.digest
    plain = {"precision": "fp32", "dial": "optional", "made_from": "", "digest": source.digest}
    assert replace(found, **plain) == source
    assert (source.precision, source.io, source.layout, source.dial) == ("fp32", "uint8", "nhwc", "optional")


@pytest.mark.parametrize(
    "options",
    [{"dial": "required"}, {"precision": "fp16"}, {"io": "float32", "size": "9x30"}, {"dial": "none"}],
    ids=str,
)
def test_every_variant_passes_the_check(variant, options):
    assert any(line.startswith("paints a picture of") for line in check(variant(**options)))


def test_stylizer_runs_what_it_can_and_refuses_the_rest(variant, original):
    image = photo()[0]
    for options in ({"dial": "required"}, {"precision": "fp16"}):
        stylizer = Stylizer(variant(**options, overwrite=True), device="cpu")
        for strength in (1.0, 0.5, 0.0):
            wanted = Stylizer(original, device="cpu")(image, strength).astype(int)
            assert np.abs(wanted - stylizer(image, strength)).max() <= 2
    for options in ({"io": "float32"}, {"layout": "nchw"}, {"size": "8x8"}, {"dial": "none"}):
        with pytest.raises(ImpastoError, match="a variant for other programs: use the model that it was made from"):
            Stylizer(variant(**options, overwrite=True), device="cpu")


def test_a_half_precision_model_is_painted_in_tiles_too(variant):
    path = variant(precision="fp16")
    image = np.random.default_rng(4).integers(0, 256, (300, 280, 3), dtype=np.uint8)
    whole = Stylizer(path, device="cpu")(image)
    tiled = TiledModel(path.read_bytes(), lambda part: open_session(part, "cpu")[0])
    assert np.abs(tiled(image, 1.0, 160).astype(int) - whole).max() <= 2


def test_logging_is_as_it_was_after_int8(variant, original, monkeypatch, capfd):
    def warnings() -> int:
        onnxruntime.InferenceSession(original, providers=["CPUExecutionProvider"])  # warns of the default of `strength`
        return capfd.readouterr().err.count("[W:onnxruntime")

    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", logging.INFO)
    before = warnings()
    variant(impasto_models.path("poppy_field"), precision="int8")  # random weights paint what int8 cannot follow
    assert "WARNING" not in capfd.readouterr().err
    assert (root.level, root.handlers) == (logging.INFO, [])
    assert warnings() == before > 0


def test_a_picture_that_suffers_is_refused(variant, original, monkeypatch, tmp_path):
    monkeypatch.setattr(compare, "compare_models", lambda *given: compare.Parity(90.0, 2.5, 1.0))
    with pytest.raises(ImpastoError, match=r"refused: the picture suffers, by 2\.5 levels"):
        variant(precision="int8")
    assert not list(tmp_path.iterdir())


def test_a_variant_of_a_variant_is_refused(variant, tmp_path):
    path = variant(dial="required")
    with pytest.raises(ImpastoError, match="is a variant itself"):
        command.export_style(model=str(path), precision="fp16", out=tmp_path / "other.onnx")


def test_a_model_laid_out_otherwise_is_refused(model, tmp_path):
    with pytest.raises(ImpastoError, match="not laid out as those of"):
        command.export_style(model=str(model), io="float32", out=tmp_path / "other.onnx")


def test_a_run_folder_stands_for_its_model(original, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(compare, "TIMED_SHAPE", (32, 32))
    (tmp_path / "wave.onnx").write_bytes(original.read_bytes())
    (tmp_path / "wave.run").mkdir()
    monkeypatch.chdir(tmp_path)
    command.export_style(model="wave.run", dial="required", layout="nchw")
    assert capsys.readouterr().out.startswith("wave-nchw-dial.onnx: ")
    assert describe("wave-nchw-dial.onnx").dial == "required"
    with pytest.raises(ImpastoError, match=r"wave-nchw-dial\.onnx exists"):
        command.export_style(model="wave.run", dial="required", layout="nchw")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"model": "great_wave"}, "nothing to change"),
        ({"dial": "none"}, "no MODEL given"),
        ({"model": "great_wave", "size": "480"}, "as 480x640"),
        ({"model": "great_wave", "size": "0x4"}, "as 480x640"),
        ({"model": "great_wave", "precision": "fp8"}, "--precision fp8: choose fp32 or"),
        ({"model": "great_wave", "dial": "none", "out": Path("wave")}, "must end in .onnx"),
    ],
)
def test_options_that_cannot_work(options, line):
    with pytest.raises(ImpastoError, match=line):
        VariantOptions(**options)
