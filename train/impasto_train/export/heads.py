"""Between a network and its exported file: the numbers of one put into the other."""

from pathlib import Path

import numpy as np
import onnx
import torch
from impasto import ImpastoError, StyleInfo
from impasto.contract import locate, read_checked
from impasto.internal import one_line
from onnx import numpy_helper
from torch import Tensor

from ..network.stylenet import StyleNet, UpConv
from .join import PREFIX, apart, is_head


def with_head(model: onnx.ModelProto, network: StyleNet) -> onnx.ModelProto:
    """An exported model with the head of ``network`` in place of its own.

    Args:
        network: `StyleNet.for_export`, with the model's kernels.
    """
    model = onnx.ModelProto.FromString(model.SerializeToString())
    own = dict(network.named_parameters())
    for tensor in model.graph.initializer:
        if is_head(tensor):
            value = own[tensor.name.removeprefix(PREFIX)].detach().numpy()
            tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))
    return model


def check_like_ours(model: str | Path) -> None:
    """Raise `ImpastoError` if no style of this version can be added to an exported file, or shipped one."""
    own = dict(StyleNet().for_export().named_parameters())
    for _, alone in styles_in(model):
        names = [tensor.name for tensor in onnx.load_from_string(alone).graph.initializer if is_head(tensor)]
        if not {name.removeprefix(PREFIX) for name in names} <= own.keys():
            said = f"{locate(model)} was made by another version: nothing can be added to it"
            raise ImpastoError(f"{said}; train its styles anew, each --from it")


def weights_in(model: str | Path) -> list[dict[str, Tensor]]:
    """The weights of a `StyleNet` for each style in an exported file, or shipped one, to go on from.

    Raises:
        ImpastoError: no such model, or none that this version's network could have been exported to.
    """
    return [_weights(onnx.load_from_string(alone), locate(model)) for _, alone in styles_in(model)]


def styles_in(model: str | Path) -> list[tuple[StyleInfo, bytes]]:
    """The styles of an exported file, or shipped one, each as a model of its own.

    Raises:
        ImpastoError: no such model, a variant of one, or not laid out as `join` does it.
    """
    path = locate(model)
    info, data = read_checked(path)
    if info.made_from:
        raise ImpastoError(f"{path} is a variant: give the model that it was made from")
    try:
        return apart(info, data)
    except Exception as error:  # of onnx's and numpy's: the file may be anyone's
        raise ImpastoError(f"{path}: its styles cannot be told apart: {one_line(error)[:200]}") from error


def _weights(model: onnx.ModelProto, path: Path) -> dict[str, Tensor]:
    network = StyleNet()
    held = {tensor.name.removeprefix(PREFIX): numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    folded = {name: layer for name, layer in network.named_modules() if isinstance(layer, UpConv)}
    try:
        for name, layer in folded.items():
            held[f"{name}.weight"] = layer.unfolded(torch.from_numpy(held[f"{name}.1.weight"].copy())).numpy()
            if layer.bias is not None:
                held[f"{name}.bias"] = held[f"{name}.1.bias"][: len(layer.bias)]
        weights = {name: torch.from_numpy(np.array(held[name])) for name in network.state_dict()}
        network.start_from(weights)
    except (KeyError, RuntimeError) as error:
        raise ImpastoError(f"cannot start from {path}: another version of Impasto made it") from error
    return weights
