"""A model whose every result is known: it turns photos into their negatives."""

import numpy as np
import onnx
from impasto import StyleInfo
from impasto.contract.info import CONTRACT_VERSION, IMAGE, STRENGTH, STYLIZED
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
    nodes = [
        helper.make_node("Cast", [IMAGE], ["photo"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["white", "photo"], ["negative"]),
        helper.make_node("Sub", ["negative", "photo"], ["difference"]),
        helper.make_node("Mul", ["difference", STRENGTH], ["change"]),
        helper.make_node("Add", ["photo", "change"], ["mixed"]),
        helper.make_node("Round", ["mixed"], ["rounded"]),
        helper.make_node("Cast", ["rounded"], [STYLIZED], to=TensorProto.UINT8),
    ]
    shape = ["N", "H", "W", 3]
    graph = helper.make_graph(
        nodes,
        "negative",
        [
            helper.make_tensor_value_info(IMAGE, TensorProto.UINT8, shape),
            helper.make_tensor_value_info(STRENGTH, TensorProto.FLOAT, []),
        ],
        [helper.make_tensor_value_info(STYLIZED, TensorProto.UINT8, shape)],
        [numpy_helper.from_array(np.float32(1), STRENGTH), numpy_helper.from_array(np.float32(255), "white")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    return model.SerializeToString()
