"""A graph in the operators that an engine takes: what others do it does, to the bit but for norms.

For graphs of one size and one picture, float32 with channels first and no dial, as presets have them.
"""

from collections.abc import Sequence

import numpy as np
import onnx
from impasto import ImpastoError
from onnx import NodeProto, helper, numpy_helper

from ...commandline.presets import Preset
from .graph import UNKNOWN_LAYOUT, Builder, constant, put

ARITHMETIC = ("Add", "Sub", "Mul", "Div")


def lower(model: onnx.ModelProto, preset: Preset) -> None:
    """Rewrite ``model`` in place.

    Raises:
        ImpastoError: the engine does not take an operator, and it is not among those that can be rewritten.
    """
    graph = model.graph
    if not (preset.takes("ReduceMax") and preset.takes("ReduceMin")):
        _pool_extremes(graph)
    _Lowering(model, preset).run()
    if not all(preset.takes(kind(graph, node)) for node in graph.node):
        raise ImpastoError(UNKNOWN_LAYOUT)


def kind(graph: onnx.GraphProto, node: NodeProto) -> str:
    """The operator of ``node`` as `Preset.takes` has it, such as ``Relu`` or ``Pad:edge``."""
    given = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    if node.op_type in ("Pad", "DepthToSpace"):
        return f"{node.op_type}:{given.get('mode', b'DCR' if node.op_type == 'DepthToSpace' else b'constant').decode()}"
    if node.op_type == "Clip":
        low, high = (float(_value(graph, name)) for name in node.input[1:])
        return f"Clip:{low:g}:{high:g}"
    return node.op_type


class _Lowering:
    """One pass over the nodes, each as it is or in place of it those that give the same."""

    def __init__(self, model: onnx.ModelProto, preset: Preset) -> None:
        self.graph, self.preset = model.graph, preset
        inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
        self.shapes = {
            value.name: [side.dim_value for side in value.type.tensor_type.shape.dim]
            for value in (*inferred.input, *inferred.value_info, *inferred.output)
        }
        self.build = Builder(self.graph, "as")
        self.same: dict[str, str] = {}  # what a node that changes nothing gave, by the name of what it took

    def run(self) -> None:
        for node in list(self.graph.node):
            for index, name in enumerate(node.input):
                node.input[index] = self.same.get(name, name)
            self._put(node)
        put(self.graph, self.build.nodes)

    def _put(self, node: NodeProto) -> None:
        x, out, what = node.input[0], node.output[0], kind(self.graph, node)
        if node.op_type in ("Pad", "Slice") and self.shapes[x] == self.shapes[out]:
            self.same[out] = x
        elif node.op_type in ARITHMETIC:
            self._without_scalars(node)
        elif self.preset.takes(what):
            self.build.nodes.append(node)
        elif what in ("Pad:edge", "Pad:reflect"):
            self._pad(node, edge=what == "Pad:edge")
        elif what == "SpaceToDepth":
            self._fold(x, out)
        else:
            self.build.nodes.append(node)

    def _without_scalars(self, node: NodeProto) -> None:
        """Let constants have an axis: NNAPI takes none without."""
        for index, name in enumerate(node.input):
            if name not in self.shapes and not (value := _value(self.graph, name)).shape:
                node.input[index] = constant(self.graph, f"{name}_1d", value[None])
        self.build.nodes.append(node)

    def _pad(self, node: NodeProto, *, edge: bool) -> None:
        """Padding by replication (``edge``) or reflection: slices of one row or column, put before and after."""
        name, shape = node.input[0], self.shapes[node.input[0]]
        pads = _value(self.graph, node.input[1]).reshape(2, -1).T
        axes = [axis for axis, around in enumerate(pads) if around.any()]
        for axis in axes:
            before, after = pads[axis]
            length = shape[axis]
            at = [0 if edge else step for step in range(before, 0, -1)]
            at_end = [length - 1 if edge else length - 1 - step for step in range(1, after + 1)]
            rows = {
                row: self.build.add("Slice", name, *(self.build.ints(value) for value in (row, row + 1, axis)))
                for row in sorted({*at, *at_end})
            }
            parts = [*(rows[row] for row in at), name, *(rows[row] for row in at_end)]
            name = self.build.add("Concat", *parts, axis=axis, name=node.output[0] if axis == axes[-1] else "")

    def _fold(self, x: str, out: str) -> None:
        """``[1, C, 2H, 2W]`` to ``[1, 4C, H, W]``, in no more than four axes."""
        _, channels, height, width = self.shapes[x]
        self._move(x, out, (channels * height // 2, 2, width // 2, 2), (1, 3, 0, 2))

    def _move(self, x: str, out: str, split: Sequence[int], order: Sequence[int]) -> None:
        x = self.build.add("Reshape", x, self.build.ints(*split))
        x = self.build.add("Transpose", x, perm=order)
        self.build.add("Reshape", x, self.build.ints(*self.shapes[out]), name=out)


def _pool_extremes(graph: onnx.GraphProto) -> None:
    """Let how much the photo's colours range over, ``[1, 1, 1, 1]``, come from the largest values alone."""
    (fold,) = (node for node in graph.node if node.op_type == "SpaceToDepth")
    (apart,) = (
        node
        for node in graph.node
        if node.op_type == "Sub" and {_maker(graph, name) for name in node.input} == {"ReduceMax", "ReduceMin"}
    )
    (largest,) = (node for node in graph.node if apart.output[0] in node.input)
    (last,) = (node for node in graph.node if largest.output[0] in node.input)
    build = Builder(graph, "range")
    high = build.add("GlobalMaxPool", fold.input[0])
    low = build.add("GlobalMaxPool", build.add("Mul", fold.input[0], build.number(-1)))  # -1 times the least
    ranges = build.add("Reshape", build.add("Add", high, low), build.ints(1, 1, 3, 1))
    build.add("GlobalMaxPool", ranges, name=last.output[0])
    at = list(graph.node).index(last)
    put(graph, [*graph.node[:at], *build.nodes, *graph.node[at + 1 :]])


def _maker(graph: onnx.GraphProto, name: str) -> str:
    return next((node.op_type for node in graph.node if name in node.output), "")


def _value(graph: onnx.GraphProto, name: str) -> np.ndarray:
    return next(numpy_helper.to_array(tensor) for tensor in graph.initializer if tensor.name == name)
