"""Several styles in one file: models of the same kernels, joined; and single styles or blends taken out of it again.

All that tells the styles apart, the numbers of their heads, is a row each of one table; the input ``style`` says how
much of each row goes into the head that paints (Dumoulin, Shlens and Kudlur 2017, "A learned representation for
artistic style"). To add a style is to add a row, and the others keep theirs to the bit.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import onnx
from impasto import ImpastoError, StyleInfo
from impasto.contract import STYLE, STYLES_VERSION, seal
from onnx import TensorProto, helper, numpy_helper

from ..network.stylenet import is_kernel
from .variants.graph import Builder, fold_constants

HEADS = "heads"
PREFIX = "network."  # of the names of what is learned, in the file


def join(models: Sequence[tuple[StyleInfo, bytes]], name: str, title: str) -> bytes:
    """One model of several styles, under version 2 of the contract.

    Args:
        models: what each says of itself, and its bytes, as exported; of one style or of several. The first style is
            what the file paints unless told otherwise, and what it says of itself but for ``name`` and ``title``.

    Raises:
        ImpastoError: two styles of one name, or models that do not share their kernels.
    """
    single = [one for model in models for one in apart(*model)]
    infos = [info for info, _ in single]
    names = [info.name for info in infos]
    if twice := sorted({each for each in names if names.count(each) > 1}):
        raise ImpastoError(f"two styles are named {twice[0]}: the names are what tells styles apart")
    joined, *others = (onnx.load_from_string(data) for _, data in single)
    heads = [_split(joined.graph)]
    for info, other in zip(infos[1:], others, strict=True):
        heads.append(_split(other.graph))
        if [*other.graph.initializer] != [*joined.graph.initializer] or [*other.graph.node] != [*joined.graph.node]:
            raise ImpastoError(f"{info.name} cannot be joined to {infos[0].name}: they do not share their kernels")
    _put(joined.graph, heads)
    return finished(joined, replace(infos[0], contract=STYLES_VERSION, name=name, title=title, styles=tuple(infos)))


def apart(info: StyleInfo, data: bytes) -> list[tuple[StyleInfo, bytes]]:
    """Each style of a model as a model of its own; the model itself, if it has but one."""
    if not info.styles:
        return [(info, data)]
    alone = np.eye(len(info.styles), dtype=np.float32)
    return [(one, taken_out(data, one, shares)) for one, shares in zip(info.styles, alone, strict=True)]


def taken_out(data: bytes, about: StyleInfo, shares: np.ndarray) -> bytes:
    """A model of one style, made of those in the joined model ``data``.

    Args:
        about: what it is to say of itself.
        shares: of the styles, float32 ``[S]``, in any unit.
    """
    model = onnx.load_from_string(data)
    graph = model.graph
    kept = [value for value in graph.input if value.name != STYLE]
    del graph.input[:]
    graph.input.extend(kept)
    for tensor in graph.initializer:
        if tensor.name == STYLE:
            tensor.CopyFrom(numpy_helper.from_array(shares, STYLE))
    fold_constants(model)
    return finished(model, about)


def _split(graph: onnx.GraphProto) -> dict[str, np.ndarray]:
    """Take a style's head out of its graph: its tensors by name. Head and kernels are in the order of their names."""
    for node in graph.node:
        node.ClearField("doc_string")  # where it is empty or absent, as models came about in one way or another
    tensors = sorted(graph.initializer, key=lambda tensor: tensor.name)
    del graph.initializer[:]
    graph.initializer.extend(tensor for tensor in tensors if not is_head(tensor))
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in tensors if is_head(tensor)}


def is_head(tensor: TensorProto) -> bool:
    """Whether a constant of an exported model belongs to its head."""
    name, ours = tensor.name.removeprefix(PREFIX), tensor.name.startswith(PREFIX)
    return ours and not is_kernel(name, numpy_helper.to_array(tensor))


def _put(graph: onnx.GraphProto, heads: Sequence[dict[str, np.ndarray]]) -> None:
    """Put the nodes in front that mix one head out of ``heads``."""
    table = np.stack([np.concatenate([part.ravel() for part in head.values()]) for head in heads])
    first = heads[0]
    start = np.zeros(len(heads), np.float32)
    start[0] = 1
    for name, value in ((HEADS, table), (STYLE, start)):
        graph.initializer.append(numpy_helper.from_array(value, name))
    graph.input.append(helper.make_tensor_value_info(STYLE, TensorProto.FLOAT, [len(heads)]))
    build = Builder(graph, "head")
    shares = build.add("Div", STYLE, build.add("ReduceSum", STYLE))
    # ONNX multiplies no vectors in some engines: a row it is
    row = build.add("MatMul", build.add("Reshape", shares, build.ints(1, -1)), HEADS)
    flat = build.add("Reshape", row, build.ints(-1))
    at = 0
    for name, part in first.items():  # one by one: WebGPU lets no node have as many outputs as one Split would
        ends = build.ints(at), build.ints(at := at + part.size)
        piece = build.add("Slice", flat, *ends, name=name if part.ndim == 1 else "")
        if part.ndim > 1:
            build.add("Reshape", piece, build.ints(*part.shape), name=name)
    nodes = [*build.nodes, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def finished(model: onnx.ModelProto, about: StyleInfo) -> bytes:
    """The bytes of a model that says ``about`` of itself, checked and sealed."""
    model.graph.name = about.name
    del model.metadata_props[:]
    helper.set_model_props(model, replace(about, digest="").to_metadata())
    onnx.checker.check_model(model, full_check=True)
    return seal(model.SerializeToString())
