"""A tiny network, as exported: what is joined in tests."""

import onnx
import torch
from impasto import StyleInfo
from impasto_train.export.nodes import model_of
from impasto_train.export.shipped import Shipped
from impasto_train.export.to_onnx import with_metadata
from impasto_train.network.stylenet import StyleNet

NAMES = "first", "second", "third"


def plain(seed: int, info: StyleInfo) -> onnx.ModelProto:
    torch.manual_seed(seed)
    return with_metadata(model_of(Shipped(StyleNet((8, 8, 16), (1, 2)).for_export())), info)
