"""An exported model, and variants of it."""

from pathlib import Path

import pytest
import torch
from impasto_train.export.to_onnx import export
from impasto_train.export.variants import command, compare, make
from impasto_train.network.stylenet import StyleNet


@pytest.fixture(scope="package")
def original(info, tmp_path_factory) -> Path:
    torch.manual_seed(1)
    network = StyleNet((8, 8, 16), (2, 2))
    for parameter in network.parameters():  # as after a training: no two layers alike
        parameter.data += 0.05 * torch.randn_like(parameter)
    path = tmp_path_factory.mktemp("original") / "model.onnx"
    export(network, info, path, [])
    return path


@pytest.fixture
def variant(original, tmp_path, monkeypatch):
    """Write a variant and read it: ``variant(io="float32")``."""
    monkeypatch.setattr(compare, "TIMED_SHAPE", (32, 32))
    monkeypatch.setattr(compare, "SHAPES", ((64, 64), (61, 83)))
    monkeypatch.setattr(make, "CALIBRATION_SHAPE", (64, 64))

    def written(model=original, **options) -> Path:
        command.export_style(model=str(model), out=tmp_path / "variant.onnx", **options)
        return tmp_path / "variant.onnx"

    return written
