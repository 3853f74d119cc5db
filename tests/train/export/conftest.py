"""An exported model, several joined in one file, and variants of these."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from impasto import StyleInfo
from impasto_train.export.join import finished, is_head, join
from impasto_train.export.to_onnx import export
from impasto_train.export.variants import command, compare, make
from impasto_train.network.stylenet import StyleNet
from joining import NAMES, plain
from onnx import numpy_helper


@pytest.fixture(scope="package")
def original(info, tmp_path_factory) -> Path:
    torch.manual_seed(1)
    network = StyleNet((8, 8, 16), (2, 2))
    for parameter in network.parameters():  # as after a training: no two layers alike
        parameter.data += 0.05 * torch.randn_like(parameter)
    path = tmp_path_factory.mktemp("original") / "model.onnx"
    export(network, info, path)
    return path


@pytest.fixture(scope="package")
def single(info) -> list[tuple[StyleInfo, bytes]]:
    """Models of three styles with the same kernels."""
    random, models = np.random.default_rng(1), []
    model = plain(0, info)
    for number, name in enumerate(NAMES):
        about = replace(info, name=name, title=name.title(), style_loss=float(number))
        for tensor in model.graph.initializer:
            if is_head(tensor):
                values = numpy_helper.to_array(tensor)
                other = values + 0.3 * random.standard_normal(values.shape, np.float32)
                tensor.CopyFrom(numpy_helper.from_array(other, tensor.name))
        models.append((about, finished(model, about)))
    return models


@pytest.fixture(scope="package")
def joined(single) -> bytes:
    return join(single, "atlas", "Atlas")


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
