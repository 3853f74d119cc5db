"""What lies around the network in the file: its inputs and its output, in other types, layouts and sizes.

The network works on photos folded by two, float32 ``[N, 12, H/2, W/2]`` in 0..255; between it and the image there are
only moves and casts, which are replaced here.
"""

from typing import Any

import numpy as np
import onnx
from impasto import ImpastoError
from impasto.contract import IMAGE, STRENGTH, STYLIZED
from onnx import NodeProto, TensorProto, helper

from ...network.stylenet import MULTIPLE, SMALLEST
from .graph import UNKNOWN_LAYOUT, cast_to, constant, producer, put

TO_NCHW, TO_NHWC = [0, 3, 1, 2], [0, 2, 3, 1]


def set_dial(graph: onnx.GraphProto, dial: str) -> None:
    """Make the input `STRENGTH` ``required``, or let there be ``none``."""
    if dial == "required":  # an initialiser of an input's name is its default
        kept = [tensor for tensor in graph.initializer if tensor.name != STRENGTH]
        del graph.initializer[:]
        graph.initializer.extend(kept)
    elif dial == "none":
        (strength,) = (value for value in graph.input if value.name == STRENGTH)
        graph.input.remove(strength)


def set_form(graph: onnx.GraphProto, io: str, layout: str) -> None:
    """Let the image and the output be of the type ``io`` and of the axes ``layout``.

    float32 is not rounded: a photo of more than 8 bits stays one.

    Raises:
        ImpastoError: the graph is not laid out as `export.to_onnx` does it.
    """
    photo = cast_to(graph, TensorProto.FLOAT).output[0]
    bounded = producer(graph, cast_to(graph, TensorProto.UINT8).input[0])
    if bounded.op_type != "Clip":
        raise ImpastoError(UNKNOWN_LAYOUT)
    network = [node for node in graph.node if not set(node.output) & {photo, STYLIZED}]
    around = _Around(graph, floating=io == "float32", first=layout == "nchw")
    put(graph, [*around.entrance(photo), *network, *around.exit(bounded.input[0])])
    for value in (graph.input[0], graph.output[0]):
        value.type.tensor_type.elem_type = TensorProto.FLOAT if around.floating else TensorProto.UINT8
        if around.first:
            dims = value.type.tensor_type.shape.dim
            sides = [type(side).FromString(side.SerializeToString()) for side in dims]
            for side, axis in zip(dims, TO_NCHW, strict=True):
                side.CopyFrom(sides[axis])


def set_size(graph: onnx.GraphProto, sides: tuple[int, int]) -> None:
    """Let the image be one, of that height and width."""
    for value in (graph.input[0], graph.output[0]):
        dims = value.type.tensor_type.shape.dim
        height = 2 if dims[1].dim_value else 1  # the axis before is that of the channels
        for axis, side in ((0, 1), (height, sides[0]), (height + 1, sides[1])):
            dims[axis].dim_value = side


class _Around:
    """The nodes before and after the network.

    Args:
        floating: pictures are float32 in 0..1.
        first: channels come first.
    """

    def __init__(self, graph: onnx.GraphProto, *, floating: bool, first: bool) -> None:
        self.graph = graph
        self.floating, self.first = floating, first
        self.nodes: list[NodeProto] = []

    def entrance(self, photo: str) -> list[NodeProto]:
        """From the image to ``photo``, as the network takes it."""
        self.nodes = []
        x = IMAGE if self.first else self._add("Transpose", IMAGE, perm=TO_NCHW)
        x = self._add("Mul", x, self._number(255)) if self.floating else self._add("Cast", x, to=TensorProto.FLOAT)
        height = 2 if self.first else 1
        self._add("Shape", IMAGE, start=height, end=height + 2, name="io_sides")
        # as `stylenet.padding`: -H % 8, and H * 7 % 8 is that without a negative number
        over = self._add("Mod", self._add("Mul", "io_sides", self._ints(MULTIPLE - 1)), self._ints(MULTIPLE))
        least = self._add("Sub", self._ints(SMALLEST), "io_sides")
        pads = self._add("Concat", self._ints(*[0] * 6), self._add("Max", over, least), axis=0)
        x = self._add("Pad", x, pads, mode="edge")
        self._add("SpaceToDepth", x, blocksize=2, name=photo)
        return self.nodes

    def exit(self, mixed: str) -> list[NodeProto]:
        """From ``mixed``, levels of 255 and a half, to the output."""
        self.nodes = []
        if self.floating:
            mixed = self._add("Sub", mixed, self._number(0.5))
        x = self._add("Clip", mixed, self._number(0), self._number(255))
        x = self._add("DepthToSpace", x, blocksize=2, mode="DCR")
        x = self._add("Slice", x, self._ints(0, 0), "io_sides", self._ints(2, 3))
        last = {"name": STYLIZED} if self.first else {}
        if self.floating:
            x = self._add("Mul", x, self._number(1 / 255), **last)
        else:
            x = self._add("Floor", x)  # some engines' casts round
            x = self._add("Cast", x, to=TensorProto.UINT8, **last)
        if not self.first:
            self._add("Transpose", x, perm=TO_NHWC, name=STYLIZED)
        return self.nodes

    def _add(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        name = name or f"io_{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=f"node_{name}", **attributes))
        return name

    def _number(self, value: float) -> str:
        return constant(self.graph, f"io_{value:g}", np.array(value, np.float32))

    def _ints(self, *values: int) -> str:
        return constant(self.graph, f"io_{'_'.join(map(str, values))}_i", np.array(values, np.int64))
