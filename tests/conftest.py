"""Fixtures that several test files share."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from impasto import StyleInfo
from impasto._contract import CONTRACT_VERSION, IMAGE, STRENGTH, STYLIZED, seal
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


@pytest.fixture(scope="session")
def info() -> StyleInfo:
    """What the models of these fixtures say about themselves, but for the digest."""
    return INFO


@pytest.fixture
def make_model(tmp_path: Path) -> Callable[..., Path]:
    """Write a sealed model into the test's folder: ``make_model("name", title="of another title")``."""

    def make(name: str = INFO.name, **changes: Any) -> Path:
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(seal(negative_model(replace(INFO, name=name, **changes).to_metadata())))
        return path

    return make


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sealed model named ``negative`` that turns photos into their negatives."""
    path = tmp_path_factory.mktemp("model") / "negative.onnx"
    path.write_bytes(seal(negative_model(INFO.to_metadata())))
    return path


@pytest.fixture(scope="session")
def narrow_vgg_weights() -> Any:
    """Random weights for a network like VGG16 with a sixteenth of its channels: fast, and good enough to train on."""
    import torch
    from impasto_train.vgg_weights import LAYERS, VGGWeights

    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for index, (_, _, channels, width) in LAYERS.items():
        channels, width = max(3, channels // 16), width // 16
        # He's initialisation keeps the size of the activations from layer to layer
        kernel = torch.randn(width, channels, 3, 3, generator=generator) * (2 / (9 * channels)) ** 0.5
        tensors[f"features.{index}.weight"] = kernel
        tensors[f"features.{index}.bias"] = torch.zeros(width)
    return VGGWeights(tensors, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), "cd" * 32)
