"""Cutting a model up: what a picture that is too large to be painted at once takes.

A network of convolutions can be applied tile by tile but for what it computes over the whole picture: the statistics of
its instance norms, and extremes. Here such a model is taken apart, on its bytes and by the rules of ONNX alone, into
models that compute these one after the other, each given those before, and a last one that is given all of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ._protobuf import LENGTH, VARINT, Field, encode, varint, walk

# field numbers of onnx.proto: ModelProto, GraphProto, NodeProto, TensorProto, ValueInfoProto
_GRAPH = 7
_NODE, _NAME, _INITIALIZER, _INPUT, _OUTPUT = 1, 2, 5, 11, 12
_NODE_INPUT, _NODE_OUTPUT, _OP_TYPE = 1, 2, 4
_TENSOR_NAME, _VALUE_NAME = 8, 1
_NORM, _GIVEN_NORM = b"InstanceNormalization", b"BatchNormalization"  # the second is told mean and variance
_EXTREMES = (b"ReduceMax", b"ReduceMin")
_FLOAT = encode(2, encode(1, encode(1, 1)))  # the type of a value: a tensor of float32 of any shape


@dataclass
class _Node:
    """A node of the graph, and its bytes."""

    data: bytes
    inputs: list[bytes] = field(default_factory=list)
    outputs: list[bytes] = field(default_factory=list)
    kind: bytes = b""

    def __post_init__(self) -> None:
        for one in walk(self.data):
            if one.number == _NODE_INPUT:
                self.inputs.append(self.data[one.start : one.end])
            elif one.number == _NODE_OUTPUT:
                self.outputs.append(self.data[one.start : one.end])
            elif one.number == _OP_TYPE:
                self.kind = self.data[one.start : one.end]

    def given(self, *more: str) -> "_Node":
        """An instance norm as the norm that takes its mean and variance from the inputs ``more``."""
        kept = [one for one in walk(self.data) if one.number not in (_NODE_INPUT, _OP_TYPE)]
        names = [*self.inputs, *(name.encode() for name in more)]
        data = b"".join(encode(_NODE_INPUT, name) for name in names) + encode(_OP_TYPE, _GIVEN_NORM)
        return _Node(data + b"".join(encode(one.number, _payload(self.data, one)) for one in kept))


@dataclass(frozen=True)
class Step:
    """One thing to compute over the whole picture."""

    model: bytes
    output: str
    """What to take: of a norm the values that it is of, ``[N, C, h, w]``; of an extreme its own value."""
    kind: str
    """``norm``, ``ReduceMax`` or ``ReduceMin``."""
    gives: tuple[str, ...]
    """The inputs of later models that it becomes: mean and variance, ``[C]``, or the extreme."""


@dataclass(frozen=True)
class Parts:
    """A model taken apart: ``steps`` in their order, then ``last``, which paints."""

    steps: tuple[Step, ...]
    last: bytes


def take_apart(model: bytes, output: str) -> Parts:
    """Cut ``model`` so that all but its ``output`` over a tile is given.

    Raises:
        WireError: the bytes are not a model.
    """
    outer = list(walk(model))
    (graph_at,) = (one for one in outer if one.number == _GRAPH)
    graph = model[graph_at.start : graph_at.end]
    nodes = [_Node(graph[one.start : one.end]) for one in walk(graph) if one.number == _NODE]
    steps: list[tuple[str, str, tuple[str, ...]]] = []
    after: set[bytes] = set()  # values that come of an extreme: theirs are numbers, not pictures
    final: list[_Node] = []
    models: list[bytes] = []

    def cut(wanted: str) -> bytes:
        rest = [one for one in outer if one.number != _GRAPH]
        pruned = _pruned(graph, final, wanted, [name for step in steps for name in step[2]])
        return b"".join(encode(one.number, _payload(model, one)) for one in rest) + encode(_GRAPH, pruned)

    for node in nodes:
        if node.kind == _NORM:
            source = node.inputs[0].decode()
            models.append(cut(source))
            names = (f"mean_{len(steps)}", f"variance_{len(steps)}")
            steps.append((source, "norm", names))
            final.append(node.given(*names))
        elif node.kind in _EXTREMES and not after & set(node.inputs):
            final.append(node)
            name = node.outputs[0].decode()
            models.append(cut(name))
            final.pop()
            steps.append((name, node.kind.decode(), (name,)))
            after.update(node.outputs)
        else:
            final.append(node)
            if after & set(node.inputs):
                after.update(node.outputs)
    made = tuple(Step(data, *step) for data, step in zip(models, steps, strict=True))
    return Parts(made, cut(output))


def _payload(data: bytes, one: Field) -> bytes | int:
    if one.wire == VARINT:
        return varint(data, one.start, one.end)[0]
    assert one.wire == LENGTH  # all that ONNX's messages of this level have
    return data[one.start : one.end]


def _pruned(graph: bytes, nodes: list[_Node], wanted: str, given: Iterable[str]) -> bytes:
    """The graph with what ``wanted`` takes of ``nodes`` and no more, ``given`` being further inputs."""
    needed, kept = {wanted.encode()}, []
    for node in reversed(nodes):
        if needed & set(node.outputs):
            needed.update(node.inputs)
            kept.append(node)
    parts = [encode(_NODE, node.data) for node in reversed(kept)]
    outputs = {}
    for one in walk(graph):
        data = graph[one.start : one.end]
        if one.number == _NAME:
            parts.append(encode(_NAME, data))
        elif one.number in (_INITIALIZER, _INPUT):
            number = _TENSOR_NAME if one.number == _INITIALIZER else _VALUE_NAME
            (name,) = (data[each.start : each.end] for each in walk(data) if each.number == number)
            if name in needed:
                parts.append(encode(one.number, data))
        elif one.number == _OUTPUT:
            (name,) = (data[each.start : each.end] for each in walk(data) if each.number == _VALUE_NAME)
            outputs[name.decode()] = data
    for value in given:
        if value.encode() in needed and value != wanted:
            parts.append(encode(_INPUT, encode(_VALUE_NAME, value.encode()) + _FLOAT))
    parts.append(encode(_OUTPUT, outputs.get(wanted) or encode(_VALUE_NAME, wanted.encode()) + _FLOAT))
    return b"".join(parts)
