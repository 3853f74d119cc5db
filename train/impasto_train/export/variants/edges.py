"""What lies around the network in the file: its inputs and its output, in other types, layouts and sizes.

The network works on photos folded by two, float32 ``[N, 12, H/2, W/2]`` in 0..255; between it and the image there are
only moves and casts, which are replaced here.
"""

import onnx
from impasto import ImpastoError
from impasto.contract import IMAGE, STRENGTH, STYLE, STYLIZED
from onnx import TensorProto

from ...network.stylenet import MULTIPLE, SMALLEST
from .graph import UNKNOWN_LAYOUT, Builder, cast_to, producer, put

TO_NCHW, TO_NHWC = [0, 3, 1, 2], [0, 2, 3, 1]


def set_dial(graph: onnx.GraphProto, dial: str) -> None:
    """Make the input `STRENGTH`, and `STYLE` if there is one, ``required``, or let there be ``none``."""
    if dial == "required":  # an initialiser of an input's name is its default
        kept = [tensor for tensor in graph.initializer if tensor.name not in (STRENGTH, STYLE)]
        del graph.initializer[:]
        graph.initializer.extend(kept)
    elif dial == "none":
        (strength,) = (value for value in graph.input if value.name == STRENGTH)
        graph.input.remove(strength)


def set_form(graph: onnx.GraphProto, io: str, layout: str) -> None:
    """Let the image and the output be of the type ``io`` and of the axes ``layout``.

    Numbers in 0..1 (``float32``) or 0..255 (``float255``) are not rounded: a photo of more than 8 bits stays one.

    Raises:
        ImpastoError: the graph is not laid out as `export.nodes` does it.
    """
    photo = cast_to(graph, TensorProto.FLOAT).output[0]
    bounded = producer(graph, cast_to(graph, TensorProto.UINT8).input[0])
    if bounded.op_type != "Clip":
        raise ImpastoError(UNKNOWN_LAYOUT)
    network = [node for node in graph.node if not set(node.output) & {photo, STYLIZED}]
    entrance, exit = Builder(graph, "in"), Builder(graph, "out")
    _enter(entrance, io, layout, photo)
    _leave(exit, io, layout, bounded.input[0])
    put(graph, [*entrance.nodes, *network, *exit.nodes])
    for value in (graph.input[0], graph.output[0]):
        value.type.tensor_type.elem_type = TensorProto.UINT8 if io == "uint8" else TensorProto.FLOAT
        if layout == "nchw":
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


def _enter(build: Builder, io: str, layout: str, photo: str) -> None:
    """From the image to ``photo``, as the network takes it."""
    x = IMAGE if layout == "nchw" else build.add("Transpose", IMAGE, perm=TO_NCHW)
    if io == "uint8":
        x = build.add("Cast", x, to=TensorProto.FLOAT)
    elif io == "float32":
        x = build.add("Mul", x, build.number(255))
    height = 2 if layout == "nchw" else 1
    build.add("Shape", IMAGE, start=height, end=height + 2, name="in_sides")
    # as `stylenet.padding`: -H % 8, and H * 7 % 8 is that without a negative number
    over = build.add("Mod", build.add("Mul", "in_sides", build.ints(MULTIPLE - 1)), build.ints(MULTIPLE))
    least = build.add("Sub", build.ints(SMALLEST), "in_sides")
    pads = build.add("Concat", build.ints(*[0] * 6), build.add("Max", over, least), axis=0)
    build.add("SpaceToDepth", build.add("Pad", x, pads, mode="edge"), blocksize=2, name=photo)


def _leave(build: Builder, io: str, layout: str, mixed: str) -> None:
    """From ``mixed``, levels of 255 and a half, to the output."""
    x = build.add("DepthToSpace", mixed, blocksize=2, mode="DCR")
    x = build.add("Slice", x, build.ints(0, 0), "in_sides", build.ints(2, 3))
    last = {"name": STYLIZED} if layout == "nchw" else {}
    if io == "uint8":
        x = build.add("Floor", build.add("Clip", x, build.number(0), build.number(255)))  # some engines' casts round
        x = build.add("Cast", x, to=TensorProto.UINT8, **last)
    else:
        x, most = build.add("Sub", x, build.number(0.5)), 255
        if io == "float32":
            x, most = build.add("Mul", x, build.number(1 / 255)), 1
        x = build.add("Clip", x, build.number(0), build.number(most), **last)
    if layout == "nhwc":
        build.add("Transpose", x, perm=TO_NHWC, name=STYLIZED)
