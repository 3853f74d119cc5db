"""Models whose every result is known: one turns photos into their negatives, one paints each style as a flat colour."""

from dataclasses import replace

import numpy as np
import onnx
from impasto import StyleInfo
from impasto.contract.info import CONTRACT_VERSION, IMAGE, STRENGTH, STYLE, STYLES_VERSION, STYLIZED, seal
from onnx import TensorProto, helper, numpy_helper

INFO = StyleInfo(
    contract=CONTRACT_VERSION,
    name="negative",
    title="Negativ, 陰画",
    credit="the tests",
    style_license="CC0-1.0",
    license="Apache-2.0",
    content_weight=1.0,
    style_weight=2.0,
    l1_weight=0.1,
    l1_on="gradient",
    normalize=True,
    vgg="ab" * 32,
    content="none",
    content_count=0,
    steps=0,
    batch_size=1,
    size=256,
    style_size=384,
    impasto_version="0.1.0",
    content_loss=1.25,
    style_loss=1e-17,
    preview=b"\x89PNG\0\xff",
)


def negative_model(metadata: dict[str, str]) -> bytes:
    """A serialised model that keeps the contract: ``round(x + strength * ((255 - x) - x))``, unsealed."""
    nodes = [helper.make_node("Sub", ["white", "photo"], ["negative"])]
    return _serialised(nodes, {STRENGTH: np.float32(1)}, {"white": np.float32(255)}, metadata)


COLOURS = {"sea": (10, 20, 200), "sun": (250, 200, 10), "moss": (30, 120, 40)}
"""What each style of `flat_model` paints everything in."""
ATLAS = replace(
    INFO,
    contract=STYLES_VERSION,
    name="atlas",
    title="Atlas",
    styles=tuple(
        replace(INFO, name=name, title=name.title(), credit=f"who saw the {name}", style_loss=float(number))
        for number, name in enumerate(COLOURS, 1)
    ),
)


def flat_model(info: StyleInfo = ATLAS) -> bytes:
    """A sealed model of several styles, ``round(x + strength * (colour - x))``, the colours of `COLOURS` by shares."""
    nodes = [
        helper.make_node("ReduceSum", [STYLE], ["sum"]),
        helper.make_node("Div", [STYLE, "sum"], ["shares"]),
        helper.make_node("MatMul", ["shares", "colours"], ["colour"]),
    ]
    first = np.eye(len(COLOURS), dtype=np.float32)[0]
    dials = {STRENGTH: np.float32(1), STYLE: first}
    return seal(_serialised(nodes, dials, {"colours": np.float32(list(COLOURS.values()))}, info.to_metadata()))


def _serialised(
    nodes: list[onnx.NodeProto],
    dials: dict[str, np.ndarray],
    constants: dict[str, np.ndarray],
    metadata: dict[str, str],
) -> bytes:
    """A model with optional inputs ``dials`` that mixes the photo by `STRENGTH` with what ``nodes`` give last."""
    shape, (painted,) = ["N", "H", "W", 3], nodes[-1].output
    graph = helper.make_graph(
        [
            helper.make_node("Cast", [IMAGE], ["photo"], to=TensorProto.FLOAT),
            *nodes,
            helper.make_node("Sub", [painted, "photo"], ["difference"]),
            helper.make_node("Mul", ["difference", STRENGTH], ["change"]),
            helper.make_node("Add", ["photo", "change"], ["mixed"]),
            helper.make_node("Round", ["mixed"], ["rounded"]),
            helper.make_node("Cast", ["rounded"], [STYLIZED], to=TensorProto.UINT8),
        ],
        "known",
        [
            helper.make_tensor_value_info(IMAGE, TensorProto.UINT8, shape),
            *(helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape) for name, value in dials.items()),
        ],
        [helper.make_tensor_value_info(STYLIZED, TensorProto.UINT8, shape)],
        [numpy_helper.from_array(value, name) for name, value in (dials | constants).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    return model.SerializeToString()
