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
    _shuffle_at_once(graph)
    if not (preset.takes("ReduceMax") and preset.takes("ReduceMin")):
        _pool_extremes(graph)
    _Lowering(model, preset).run()
    if preset.opset:
        _to_opset(model, preset.opset)
    if not all(preset.takes(kind(graph, node)) for node in graph.node):
        raise ImpastoError(UNKNOWN_LAYOUT)


def kind(graph: onnx.GraphProto, node: NodeProto) -> str:
    """The operator of ``node`` as `Preset.takes` has it, such as ``Relu`` or ``Pad:edge``."""
    given = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    if node.op_type in ("Pad", "DepthToSpace"):
        return f"{node.op_type}:{given.get('mode', b'DCR' if node.op_type == 'DepthToSpace' else b'constant').decode()}"
    if node.op_type == "Clip":
        low, high = (given[name] for name in ("min", "max")) if given else _bounds(graph, node)
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
        elif what == "DepthToSpace:CRD":
            self._put(self._reordered(node))
        elif what == "DepthToSpace:DCR":
            self._unfold(x, out)
        elif what == "InstanceNormalization":
            self._normalize(node)
        elif what == "Slice":
            self._crop(x, out)
        elif what.startswith("Clip:0:"):
            self._clip(node)
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
        """``[1, C, 2H, 2W]`` to ``[1, 4C, H, W]``: in no more than four axes, or as a convolution that moves only."""
        _, channels, height, width = self.shapes[x]
        if self.preset.takes("Transpose"):
            self._move(x, out, (channels * height // 2, 2, width // 2, 2), (1, 3, 0, 2))
        else:
            self.build.add("Conv", x, self._moving(channels), strides=[2, 2], name=out)

    def _unfold(self, x: str, out: str) -> None:
        """Undo `_fold`."""
        _, channels, height, width = self.shapes[out]
        if self.preset.takes("Transpose"):
            self._move(x, out, (2, 2, channels * height // 2, width // 2), (2, 0, 3, 1))
        else:
            self.build.add("ConvTranspose", x, self._moving(channels), strides=[2, 2], name=out)

    def _crop(self, x: str, out: str) -> None:
        """Let the convolution that has just unfolded ``x`` leave out the outermost pixels."""
        unfolding, (*_, height, width) = self.build.nodes[-1], self.shapes[x]
        inner = [*self.shapes[x][:2], height - 2, width - 2]
        if (unfolding.op_type, unfolding.output[0], self.shapes[out]) != ("ConvTranspose", x, inner):
            raise ImpastoError(UNKNOWN_LAYOUT)
        unfolding.attribute.append(helper.make_attribute("pads", [1, 1, 1, 1]))
        unfolding.output[0] = out

    def _moving(self, channels: int) -> str:
        """A kernel float32 ``[4C, C, 2, 2]`` that takes each pixel of two by two into channels of its own."""
        kernel = np.eye(4 * channels, dtype=np.float32).reshape(4 * channels, 2, 2, channels).transpose(0, 3, 1, 2)
        return constant(self.graph, f"moving_{channels}", np.ascontiguousarray(kernel))

    def _reordered(self, node: NodeProto) -> NodeProto:
        """``node``, DepthToSpace of mode CRD, as one of DCR: the convolution before it gives its channels so."""
        maker = _maker(self.graph, node.input[0])
        if maker is not None and maker.op_type == "Cast":
            maker = _maker(self.graph, maker.input[0])
        if maker is None or maker.op_type != "Conv":
            raise ImpastoError(UNKNOWN_LAYOUT)
        for tensor in self.graph.initializer:
            if tensor.name in maker.input[1:]:  # kernel and bias, which no other convolution has
                value = numpy_helper.to_array(tensor)
                value = value.reshape(-1, 4, *value.shape[1:]).swapaxes(0, 1).reshape(value.shape)
                tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(value), tensor.name))
        return helper.make_node("DepthToSpace", node.input, node.output, name=node.name, blocksize=2, mode="DCR")

    def _normalize(self, node: NodeProto) -> None:
        """Instance normalisation by means, of the values and of the squares of their distances."""
        add, (x, scale, bias) = self.build.add, node.input
        axes = self.build.ints(2, 3)
        scale, bias = (
            constant(self.graph, f"{name}_4d", _value(self.graph, name).reshape(1, -1, 1, 1)) for name in (scale, bias)
        )
        apart = add("Sub", x, add("ReduceMean", x, axes))
        variance = add("ReduceMean", add("Mul", apart, apart), axes)
        epsilon = constant(
            self.graph, "epsilon_1d", np.array([helper.get_node_attr_value(node, "epsilon")], np.float32)
        )
        scale = add("Div", scale, add("Sqrt", add("Add", variance, epsilon)))
        add("Add", add("Mul", apart, scale), bias, name=node.output[0])

    def _clip(self, node: NodeProto) -> None:
        """From 0 upwards by Relu, and up to 1 by the bounds that an engine has."""
        x = self.build.add("Relu", node.input[0])
        self.build.add("Clip", x, self.build.number(-1), self.build.number(1), name=node.output[0])

    def _move(self, x: str, out: str, split: Sequence[int], order: Sequence[int]) -> None:
        x = self.build.add("Reshape", x, self.build.ints(*split))
        x = self.build.add("Transpose", x, perm=order)
        self.build.add("Reshape", x, self.build.ints(*self.shapes[out]), name=out)


def _shuffle_at_once(graph: onnx.GraphProto) -> None:
    """Let pixel shuffles, which `nodes` spells out as two moves for onnxruntime, be the operator that engines have.

    The exit of a plain file moves its bytes alike; files for presets have another, by `edges.set_form`.
    """
    moves = ["Reshape", "Transpose:[0, 2, 1, 3]", "Reshape", "Transpose:[0, 2, 1]", "Reshape"]
    nodes = list(graph.node)
    for place, node in enumerate(nodes):
        chain: list[NodeProto] = []
        step: NodeProto | None = node
        while step is not None and len(chain) < len(moves):
            order = f":{list(step.attribute[0].ints)}" if step.op_type == "Transpose" else ""
            if step.op_type + order != moves[len(chain)]:
                break
            chain.append(step)
            step = _maker(graph, step.input[0])
        if len(chain) == len(moves):
            shuffle = helper.make_node("DepthToSpace", chain[-1].input[:1], node.output, blocksize=2, mode="CRD")
            shuffle.name = node.name
            nodes[place] = shuffle
    put(graph, nodes)


def _pool_extremes(graph: onnx.GraphProto) -> None:
    """Let how much the photo's colours range over, ``[1, 1, 1, 1]``, come from the largest values alone."""
    (fold,) = (node for node in graph.node if node.op_type == "SpaceToDepth")
    (apart,) = (
        node for node in graph.node if node.op_type == "Sub" and _makers(graph, node) == {"ReduceMax", "ReduceMin"}
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


def _to_opset(model: onnx.ModelProto, opset: int) -> None:
    """Let the file use operators of an older version: below 11, what Pad and Clip take is in attributes."""
    graph = model.graph
    for node in graph.node:
        if node.op_type == "Pad":
            node.attribute.append(helper.make_attribute("pads", _value(graph, node.input[1]).tolist()))
            del node.input[1:]
        elif node.op_type == "Clip":
            low, high = _bounds(graph, node)
            node.attribute.extend([helper.make_attribute("min", low), helper.make_attribute("max", high)])
            del node.input[1:]
    put(graph, graph.node)
    model.opset_import[0].version = opset
    model.ir_version = helper.find_min_ir_version_for(model.opset_import)


def _makers(graph: onnx.GraphProto, node: NodeProto) -> set[str]:
    """The operators of what ``node`` takes."""
    return {maker.op_type for name in node.input if (maker := _maker(graph, name)) is not None}


def _maker(graph: onnx.GraphProto, name: str) -> NodeProto | None:
    return next((node for node in graph.node if name in node.output), None)


def _bounds(graph: onnx.GraphProto, node: NodeProto) -> tuple[float, float]:
    low, high = (float(_value(graph, name)) for name in node.input[1:])
    return low, high


def _value(graph: onnx.GraphProto, name: str) -> np.ndarray:
    return next(numpy_helper.to_array(tensor) for tensor in graph.initializer if tensor.name == name)
