"""A tiny network, as exported: what is joined in tests."""

import onnx
import torch
from impasto import StyleInfo
from impasto_train.export.shipped import Shipped
from impasto_train.export.to_onnx import trace, with_metadata
from impasto_train.network.stylenet import StyleNet

NAMES = "first", "second", "third"


def traced(seed: int, info: StyleInfo) -> onnx.ModelProto:
    torch.manual_seed(seed)
    return with_metadata(trace(Shipped(StyleNet((8, 8, 16), (1, 2)).for_export())), info)
