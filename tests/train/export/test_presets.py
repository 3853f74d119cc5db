"""``export-style --for``: each engine's form holds what the engine takes, and gives the same picture."""

from typing import get_args, get_type_hints

import impasto_models
import numpy as np
import onnx
import onnxruntime
import pytest
from impasto import ImpastoError, describe
from impasto.contract.info import read_model
from impasto.engine.check import check
from impasto_train.commandline.presets import MULTIPLE, PRESETS, SMALLEST, Preset
from impasto_train.commandline.variant import VariantOptions
from impasto_train.export.variants import command, compare
from impasto_train.export.variants.lower import kind, lower
from impasto_train.network import stylenet
from impasto_train.photos.content import centre_crop, demo_photo
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.tools.mobile_helpers import usability_checker

SIZE = "64x48"
FORMS = [(name, each) for name, preset in PRESETS.items() for each in preset.precisions if each != "int8"]
FLOATS = {"fp32": {TensorProto.FLOAT}, "fp16": {TensorProto.FLOAT, TensorProto.FLOAT16}}
WORST = {"fp32": 1, "fp16": 2}  # levels of 255


def photo(seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (1, *map(int, SIZE.split("x")), 3), dtype=np.uint8)


def model(path) -> compare.Model:
    return compare.Model(*reversed(read_model(path)))


def shaped(path) -> onnx.ModelProto:
    return onnx.shape_inference.infer_shapes(onnx.load(path), strict_mode=True)


@pytest.mark.parametrize(("engine", "precision"), FORMS)
def test_every_operator_and_type_is_one_that_the_engine_takes(variant, engine, precision):
    found = shaped(variant(for_=engine, precision=precision, size=SIZE))
    graph = found.graph
    assert {kind(graph, node) for node in graph.node if not PRESETS[engine].takes(kind(graph, node))} == set()
    values = [*graph.input, *graph.value_info, *graph.output]
    assert {value.type.tensor_type.elem_type for value in values} == FLOATS[precision]
    assert {value.type.tensor_type.elem_type for value in (*graph.input, *graph.output)} == {TensorProto.FLOAT}
    computed = {value.name for value in values}
    assert all(side.dim_value for value in values for side in value.type.tensor_type.shape.dim)
    assert computed.issuperset(node.output[0] for node in graph.node)
    # whatever else an operator takes, such as a norm's scale or a width of padding, is constant
    several = ("Add", "Sub", "Mul", "Div", "Concat")
    assert not [node for node in graph.node if node.op_type not in several and computed & set(node.input[1:])]


@pytest.mark.parametrize(("engine", "precision"), FORMS)
def test_the_picture_is_the_same(variant, original, engine, precision):
    path = variant(for_=engine, precision=precision, size=SIZE)
    one, other = model(original), model(path)
    assert np.abs(one(photo()).astype(int) - other(photo())).max() <= WORST[precision]
    plain = np.full_like(photo(), 77)
    assert np.array_equal(other(plain), plain)


@pytest.mark.parametrize(("engine", "precision"), FORMS)
def test_what_a_file_says_of_itself_holds(variant, original, engine, precision):
    path = variant(for_=engine, precision=precision, size=SIZE)
    info = describe(path)
    assert (info.io, info.layout, info.dial) == tuple(PRESETS[engine].options.values())
    assert (info.precision, info.fixed_size, info.made_from) == (precision, SIZE, describe(original).digest)
    assert any(line.startswith("paints a picture of") for line in check(path))


@pytest.mark.parametrize(("engine", "tools"), [("coreml", ["mlprogram"]), ("mobile", ["nnapi", "mlprogram"])])
def test_onnxruntimes_own_tool_sees_one_part(variant, engine, tools):
    checks = {
        "nnapi": lambda found: usability_checker.check_nnapi_partitions(found, True),
        "mlprogram": lambda found: usability_checker.check_coreml_partitions(
            found, True, "coreml_supported_mlprogram_ops.md"
        ),
    }
    plain, found = (shaped(variant(**given, size=SIZE, overwrite=True)) for given in ({}, {"for_": engine}))
    for tool in tools:
        assert checks[tool](plain).num_partitions > 1
        said = checks[tool](found)
        assert (said.num_partitions, said.num_supported_nodes) == (1, len(found.graph.node))


@pytest.mark.parametrize("engine", ["coreml", "qnn", "mobile"])
def test_a_pixel_shuffle_is_one_operator(variant, engine):
    kinds = [node.op_type for node in onnx.load(variant(for_=engine, size=SIZE)).graph.node]
    assert kinds.count("DepthToSpace") == 3  # with the last one, of the picture


@pytest.mark.parametrize("engine", ["coreml", "qnn", "webnn", "lens-studio"])
def test_where_an_engine_has_norms_no_bit_changes(variant, engine):
    """Padding, folding and the range of colours come out of other operators as they come out of the plain ones."""
    given = {**PRESETS[engine].options, "size": SIZE}
    image = photo().transpose(0, 3, 1, 2).astype(np.float32) / compare.SCALES[given["io"]]
    pictures = []
    for options in (given, {"for_": engine, "size": SIZE}):
        path = variant(**options, overwrite=True)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        pictures.append(session.run(None, {"image": image})[0])
    assert np.array_equal(*pictures)


def test_qnn_in_int8_takes_bytes_without_a_sign(variant):
    style = impasto_models.path("poppy_field")  # random weights paint what int8 cannot follow
    path = variant(style, for_="qnn", precision="int8", size="128x128")
    found = shaped(path)
    graph = found.graph
    assert all(PRESETS["qnn"].takes(kind(graph, node)) for node in graph.node)
    types = {value.name: value.type.tensor_type.elem_type for value in graph.value_info}
    quantized = {types[node.output[0]] for node in graph.node if node.op_type == "QuantizeLinear"}
    assert quantized == {TensorProto.UINT8}
    image = centre_crop(demo_photo("coffee.png"), 128)[None]
    assert np.abs(model(style)(image).astype(int) - model(path)(image)).mean() < 2


def test_lens_studio_gets_the_operators_of_its_template(variant):
    found = onnx.load(variant(for_="lens-studio", size=SIZE))
    assert [each.version for each in found.opset_import] == [10]
    assert found.ir_version <= 5
    onnx.checker.check_model(found, full_check=True)
    widths = [helper.get_node_attr_value(node, "pads") for node in found.graph.node if node.op_type == "Pad"]
    assert {tuple(width) for width in widths} == {(0, 0, n, n, 0, 0, n, n) for n in (1, 2)}


@pytest.mark.parametrize("mode", ["edge", "reflect"])
@pytest.mark.parametrize("pads", [(1, 1, 1, 1), (0, 2, 3, 0), (0, 0, 0, 1)])
def test_padding_by_slices_is_padding(mode, pads):
    x = np.random.default_rng(1).normal(size=(1, 2, 5, 4)).astype(np.float32)
    top, left, bottom, right = pads
    widths = np.array([0, 0, top, left, 0, 0, bottom, right], np.int64)
    graph = helper.make_graph(
        [helper.make_node("Pad", ["x", "widths"], ["y"], mode=mode)],
        "padding",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2, 5 + top + bottom, 4 + left + right])],
        [numpy_helper.from_array(widths, "widths")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    lower(made, Preset(frozenset({"Slice", "Concat", "ReduceMax", "ReduceMin"})))
    assert {node.op_type for node in made.graph.node} == {"Slice", "Concat"}
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    wanted = np.pad(x, [(0, 0), (0, 0), (top, bottom), (left, right)], mode=mode)
    assert np.array_equal(session.run(None, {"x": x})[0], wanted)


def test_what_cannot_be_rewritten_is_refused():
    graph = helper.make_graph(
        [helper.make_node("Erf", ["x"], ["y"])],
        "other",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    with pytest.raises(ImpastoError, match="not laid out as those of"):
        lower(made, Preset(frozenset({"ReduceMax", "ReduceMin"})))


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["coreml", "--dial", "required"], "--for coreml has --dial none alone: leave --dial required out"),
        (["coreml", "--dial", "optional"], "--for coreml has --dial none alone: leave --dial optional out"),
        (["coreml", "--io", "uint8"], "--for coreml has --io float32 alone: leave --io uint8 out"),
        (["coreml", "--layout", "nhwc"], "--for coreml has --layout nchw alone: leave --layout nhwc out"),
        (["coreml", "--precision", "int8"], "--for coreml has --precision fp32 or fp16 alone, not int8"),
        (["coreml", "--size", "60x64"], "--size 60x64: --for coreml needs multiples of 8, at least 16"),
        (["coreml", "--size", "64x8"], "--size 64x8: --for coreml needs multiples of 8, at least 16"),
        (["qnn", "--precision", "fp16"], "--for qnn has --precision fp32 or int8 alone, not fp16"),
        (["mobile", "--dial", "required"], "--for mobile has --dial none alone: leave --dial required out"),
        (["mobile", "--precision", "fp16"], "--for mobile has --precision fp32 alone, not fp16"),
        (["webnn", "--precision", "int8"], "--for webnn has --precision fp32 or fp16 alone, not int8"),
        (["lens-studio", "--io", "float32"], "--for lens-studio has --io float255 alone: leave --io float32 out"),
        (["any"], "nothing to change: give --style, --for, --precision, --io, --layout, --dial or --size"),
    ],
)
def test_what_an_engine_cannot_have_gets_one_line_and_2(called, tmp_path, words, line):
    status, _, said = called(command.main, tmp_path, "great_wave", "--for", *words)
    assert (status, said) == (2, f"export-style: {line}\n")
    assert not list(tmp_path.iterdir())


def test_an_unknown_engine_is_refused():
    with pytest.raises(ImpastoError, match="--for toaster: choose any or coreml"):
        VariantOptions(model="great_wave", for_="toaster")


def test_every_preset_can_be_chosen_and_fixes_a_size():
    assert get_args(get_type_hints(VariantOptions)["for_"]) == ("any", *PRESETS)
    assert (MULTIPLE, SMALLEST) == (stylenet.MULTIPLE, stylenet.SMALLEST)
    for engine in PRESETS:
        options = VariantOptions(model="great_wave", for_=engine)
        assert options.sides == (512, 512)
        assert options.changes == [engine, "512x512"]
