"""What edits of an ONNX graph have in common: finding, replacing and tidying up nodes."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import onnx
from impasto import ImpastoError
from onnx import NodeProto, helper, numpy_helper

UNKNOWN_LAYOUT = "the model is not laid out as those of this version of train-style are: it cannot be changed"


def cast_to(graph: onnx.GraphProto, kind: int) -> NodeProto:
    """The one node that casts to the tensor type ``kind``.

    Raises:
        ImpastoError: there is none, or several.
    """
    casts = [node for node in graph.node if node.op_type == "Cast" and node.attribute[0].i == kind]
    if len(casts) != 1:
        raise ImpastoError(UNKNOWN_LAYOUT)
    return casts[0]


def producer(graph: onnx.GraphProto, name: str) -> NodeProto:
    """The node that computes ``name``."""
    return next(node for node in graph.node if name in node.output)


def constant(graph: onnx.GraphProto, name: str, value: np.ndarray) -> str:
    """See to it that there is an initialiser of that name, and return the name."""
    if not any(tensor.name == name for tensor in graph.initializer):
        graph.initializer.append(numpy_helper.from_array(value, name))
    return name


class Builder:
    """Nodes that are to be put into a graph, and the constants that they take.

    Args:
        prefix: of the names of what the nodes give.
    """

    def __init__(self, graph: onnx.GraphProto, prefix: str) -> None:
        self.graph, self.prefix = graph, prefix
        self.nodes: list[NodeProto] = []

    def add(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """Add a node; return the name of what it gives, ``name`` if that is given."""
        name = name or f"{self.prefix}_{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=f"node_{name}", **attributes))
        return name

    def number(self, value: float) -> str:
        """The name of a float32 scalar."""
        return constant(self.graph, f"number_{value:g}", np.array(value, np.float32))

    def ints(self, *values: int) -> str:
        """The name of int64 ``[len(values)]``."""
        return constant(self.graph, f"ints_{'_'.join(map(str, values))}", np.array(values, np.int64))


def put(graph: onnx.GraphProto, nodes: Iterable[NodeProto]) -> None:
    """Replace all nodes, and leave out what the outputs do not depend on: nodes and initialisers."""
    needed, kept = {value.name for value in graph.output}, []
    for node in reversed(list(nodes)):
        if needed & set(node.output):
            needed.update(node.input)
            kept.append(node)
    used = [tensor for tensor in graph.initializer if tensor.name in needed]
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(reversed(kept))
    graph.initializer.extend(used)


def fold_constants(model: onnx.ModelProto) -> None:
    """Compute once and for all what depends on constants alone, or on shapes where those are fixed."""
    while True:
        before = len(model.graph.node)
        _fold_once(model)
        if len(model.graph.node) == before:  # shapes that became known may make others so
            return


def _fold_once(model: onnx.ModelProto) -> None:
    from onnx.reference import ReferenceEvaluator

    graph = model.graph
    inputs = {value.name for value in graph.input}
    known = {tensor.name for tensor in graph.initializer if tensor.name not in inputs} | {""}  # "": left out
    shapes = _fixed_shapes(model)
    early: list[NodeProto] = []
    late: list[NodeProto] = []
    for node in graph.node:
        if node.op_type == "Shape" and node.input[0] in shapes:
            bounds = {each.name: each.i for each in node.attribute}
            shape = shapes[node.input[0]][bounds.get("start", 0) : bounds.get("end")]
            known.add(constant(graph, node.output[0], np.array(shape, np.int64)))
        elif known.issuperset(node.input):
            early.append(node)
            known.update(node.output)
        else:
            late.append(node)
    computed = {name for node in early for name in node.output}
    wanted = sorted(computed & {name for node in late for name in node.input})
    if wanted:
        outputs = [helper.make_empty_tensor_value_info(name) for name in wanted]
        initializers = [tensor for tensor in graph.initializer if tensor.name not in inputs]
        part = helper.make_model(
            helper.make_graph(early, "constants", [], outputs, initializers), opset_imports=model.opset_import
        )
        for name, value in zip(wanted, ReferenceEvaluator(part).run(None, {}), strict=True):
            constant(graph, name, np.asarray(value))
    put(graph, late)


def _fixed_shapes(model: onnx.ModelProto) -> dict[str, list[int]]:
    """The shapes of the values of a model that have a fixed one."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    shapes = {
        value.name: [side.dim_value for side in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.value_info)
        if value.type.tensor_type.HasField("shape")
    }
    return {name: shape for name, shape in shapes.items() if all(shape)}
