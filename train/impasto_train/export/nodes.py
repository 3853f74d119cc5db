"""What `Shipped` computes as a graph of ONNX, written node by node.

torch's exporter finds the same from the code, in ten seconds and more. This takes none, and leaves nothing out that is
zero after a short training, so that every file has room for any other head. That onnxruntime and torch agree is checked
with each file (`export.parity`).
"""

from dataclasses import dataclass, field

import onnx
from impasto.contract import IMAGE, STRENGTH, STYLIZED
from onnx import TensorProto, helper
from torch import nn

from ..network.stylenet import MULTIPLE, RANGE, SMALLEST, Conv, Crop, Norm, ResidualBlock, StyleNet
from .join import PREFIX
from .shipped import FULL_CONTRAST, Shipped
from .variants.graph import Builder, constant

OPSET, IR_VERSION = 20, 10


def model_of(shipped: Shipped) -> onnx.ModelProto:
    """A model with the inputs and the output of ``shipped``, of any sides and any number of pictures.

    Args:
        shipped: around a network that was made `for_export`.
    """
    shape: tuple[str | int, ...] = ("batch", "height", "width", 3)
    image, stylized = (helper.make_tensor_value_info(name, TensorProto.UINT8, shape) for name in (IMAGE, STYLIZED))
    strength = helper.make_tensor_value_info(STRENGTH, TensorProto.FLOAT, [])
    graph = helper.make_graph([], "impasto", [image, strength], [stylized])
    build = Builder(graph, "of")
    photo, sides = _entered(build)
    centred = build.add("Sub", build.add("Div", photo, build.number(255)), build.number(0.5))
    painted = build.add("Tanh", _Network(build).layers(centred, shipped.network))
    _leave(build, _mixed(build, photo, painted), sides)
    graph.node.extend(build.nodes)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


@dataclass
class _Sides:
    """Names of numbers, int64 ``[1]``: how many images; height and width as they are, extended, and half of that."""

    count: str
    real: list[str] = field(default_factory=list)
    full: list[str] = field(default_factory=list)
    half: list[str] = field(default_factory=list)


class _Network:
    """The nodes of a `StyleNet`, whose methods give the name of what comes out."""

    def __init__(self, build: Builder) -> None:
        self.build = build

    def layers(self, folded: str, network: StyleNet) -> str:
        """As `StyleNet.layers`."""

        def of(name: str, x: str) -> str:
            return self.layer(x, network.get_submodule(name), PREFIX + name)

        half = of("to_half", folded)
        quarter = of("to_quarter", half)
        eighth = of("body", of("to_eighth", quarter))
        quarter = of("at_quarter", self.build.add("Add", quarter, of("from_eighth", eighth)))
        return of("from_half", of("at_half", self.build.add("Add", half, of("from_quarter", quarter))))

    def layer(self, x: str, layer: nn.Module, name: str) -> str:
        """As any layer of a `StyleNet` that is made `for_export`; ``name`` goes before those of its parameters."""
        add = self.build.add
        match layer:
            case nn.Sequential() | Conv():
                for child, part in layer.named_children():
                    x = self.layer(x, part, f"{name}.{child}")
                return x
            case ResidualBlock():
                return add("Add", x, self.layer(x, layer.layers, f"{name}.layers"))
            case nn.ReflectionPad2d() | nn.ReplicationPad2d():
                mode = "reflect" if isinstance(layer, nn.ReflectionPad2d) else "edge"
                left, right, top, bottom = layer.padding
                return add("Pad", x, self.build.ints(0, 0, top, left, 0, 0, bottom, right), mode=mode)
            case nn.Conv2d():
                given = [self.learned(layer, name, kind) for kind, _ in layer.named_parameters()]
                return add("Conv", x, *given, kernel_shape=layer.kernel_size, strides=layer.stride)
            case Norm():
                weight, bias = (self.learned(layer, name, kind) for kind in ("weight", "bias"))
                return add("InstanceNormalization", x, weight, bias, epsilon=layer.eps)
            case nn.ReLU():
                return add("Relu", x)
            case nn.PixelShuffle():
                return self.shuffled(x)
            case Crop():
                return add("Slice", x, self.build.ints(1, 1), self.build.ints(-1, -1), self.build.ints(2, 3))
        raise NotImplementedError(f"{name} is a {type(layer).__name__}")

    def shuffled(self, x: str) -> str:
        """As ``nn.PixelShuffle(2)``: columns, then rows.

        The same as DepthToSpace, which onnxruntime does slowly and on one core. All sides are asked of ``x``: a part of
        the file that begins at a map (`impasto.contract.surgery`) then needs nothing else.
        """
        add, ints = self.build.add, self.build.ints
        count, height, width = (add("Shape", x, start=axis, end=axis + 1) for axis in (0, 2, 3))
        tall, wide = (add("Mul", side, ints(2)) for side in (height, width))
        columns = add("Reshape", x, add("Concat", ints(-1), ints(2), add("Mul", height, width), axis=0))
        columns = add("Transpose", columns, perm=[0, 2, 1])
        rows = add("Reshape", columns, add("Concat", ints(-1), ints(2), height, wide, axis=0))
        rows = add("Transpose", rows, perm=[0, 2, 1, 3])
        return add("Reshape", rows, add("Concat", count, ints(-1), tall, wide, axis=0))

    def learned(self, layer: nn.Module, name: str, kind: str) -> str:
        value = layer.get_parameter(kind).detach().numpy()
        return constant(self.build.graph, f"{name}.{kind}", value)


def _entered(build: Builder) -> tuple[str, _Sides]:
    """From the image to the folded photo, float32."""
    add, ints = build.add, build.ints
    sides = _Sides(add("Shape", IMAGE, start=0, end=1))
    for axis in (1, 2):
        length = add("Shape", IMAGE, start=axis, end=axis + 1)
        # as `stylenet.padding`
        cells = add("Div", add("Add", length, ints(MULTIPLE - 1)), ints(MULTIPLE))
        full = add("Mul", add("Max", cells, ints(SMALLEST // MULTIPLE)), ints(MULTIPLE))
        sides.real.append(length)
        sides.full.append(full)
        sides.half.append(add("Div", full, ints(2)))
    over = [add("Sub", full, real) for full, real in zip(sides.full, sides.real, strict=True)]
    image = add("Pad", IMAGE, add("Concat", ints(0, 0, 0, 0, 0), *over, ints(0), axis=0), mode="edge")
    # pixels are moved while they are single bytes, and by two simple moves: five axes at once are slow
    rows = add("Reshape", image, add("Concat", ints(-1), ints(2), sides.half[1], ints(6), axis=0))
    rows = add("Transpose", rows, perm=[0, 2, 1, 3])
    pixels = add("Reshape", rows, add("Concat", sides.count, ints(-1), ints(12), axis=0))
    channels = add("Transpose", pixels, perm=[0, 2, 1])
    folded = add("Reshape", channels, add("Concat", sides.count, ints(12), *sides.half, axis=0))
    return add("Cast", folded, to=TensorProto.FLOAT), sides


def _mixed(build: Builder, photo: str, painted: str) -> str:
    """Painting and photo in their shares, in levels of 255 and a half."""
    add, number = build.add, build.number
    clear = _within_1(build, add("Div", _contrast(build, photo), number(FULL_CONTRAST)))
    share = add("Mul", _within_1(build, STRENGTH), clear)
    painting = add("Mul", painted, add("Mul", share, number(RANGE * 255)))
    mixed = add("Add", painting, add("Mul", photo, add("Sub", number(1), share)))
    return add("Add", mixed, add("Add", add("Mul", share, number(127.5)), number(0.5)))


def _contrast(build: Builder, photo: str) -> str:
    """As `shipped.contrast`."""
    add, ints = build.add, build.ints

    def extreme(kind: str) -> str:
        colors = add("Reshape", add(kind, photo, ints(2, 3), keepdims=0), ints(-1, 4, 3))
        return add(kind, colors, ints(1), keepdims=0)

    ranges = add("Sub", extreme("ReduceMax"), extreme("ReduceMin"))
    return add("Reshape", add("ReduceMax", ranges, ints(1), keepdims=0), ints(-1, 1, 1, 1))


def _leave(build: Builder, mixed: str, sides: _Sides) -> None:
    """From levels of 255 and a half to the output: `_entered` undone."""
    add, ints = build.add, build.ints
    levels = add("Cast", add("Clip", mixed, build.number(0), build.number(255)), to=TensorProto.UINT8)
    channels = add("Reshape", levels, add("Concat", sides.count, ints(12), ints(-1), axis=0))
    pixels = add("Transpose", channels, perm=[0, 2, 1])
    rows = add("Reshape", pixels, add("Concat", ints(-1), sides.half[1], ints(2), ints(6), axis=0))
    rows = add("Transpose", rows, perm=[0, 2, 1, 3])
    whole = add("Reshape", rows, add("Concat", sides.count, *sides.full, ints(3), axis=0))
    add("Slice", whole, ints(0, 0), add("Concat", *sides.real, axis=0), ints(1, 2), name=STYLIZED)


def _within_1(build: Builder, x: str) -> str:
    return build.add("Clip", x, build.number(0), build.number(1))
