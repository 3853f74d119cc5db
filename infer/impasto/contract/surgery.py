"""Taking a model apart, to paint pictures that are too large to be painted at once.

A network of convolutions can be applied tile by tile but for what it computes over the whole picture: the statistics of
its instance norms, and extremes. Here such a model is taken apart, on its bytes and by the rules of ONNX alone, into
models that compute these one after the other, each given those before, and a last one that is given all of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from .fields import GraphProto, ModelProto, NodeProto, Tensor, TensorProto, TypeProto, ValueInfoProto
from .protobuf import LENGTH, VARINT, Field, encode, varint, walk

_NORM, _GIVEN_NORM = b"InstanceNormalization", b"BatchNormalization"  # the second takes mean and variance as inputs
_EXTREMES = (b"ReduceMax", b"ReduceMin")
# the type of a value: a tensor of float32, of any shape
_FLOAT = encode(ValueInfoProto.TYPE, encode(TypeProto.TENSOR_TYPE, encode(Tensor.ELEM_TYPE, 1)))


@dataclass
class _Node:
    """A node of the graph, and its bytes."""

    data: bytes
    inputs: list[bytes] = field(default_factory=list)
    outputs: list[bytes] = field(default_factory=list)
    kind: bytes = b""

    def __post_init__(self) -> None:
        for part in walk(self.data):
            payload = self.data[part.start : part.end]
            if part.number == NodeProto.INPUT:
                self.inputs.append(payload)
            elif part.number == NodeProto.OUTPUT:
                self.outputs.append(payload)
            elif part.number == NodeProto.OP_TYPE:
                self.kind = payload

    def given(self, *more: str) -> "_Node":
        """An instance norm as the norm that takes its mean and variance from the inputs ``more``."""
        kept = [part for part in walk(self.data) if part.number not in (NodeProto.INPUT, NodeProto.OP_TYPE)]
        names = [*self.inputs, *(name.encode() for name in more)]
        data = b"".join(encode(NodeProto.INPUT, name) for name in names) + encode(NodeProto.OP_TYPE, _GIVEN_NORM)
        return _Node(data + b"".join(encode(part.number, _payload(self.data, part)) for part in kept))


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
    (graph_at,) = (part for part in outer if part.number == ModelProto.GRAPH)
    graph = model[graph_at.start : graph_at.end]
    nodes = [_Node(graph[part.start : part.end]) for part in walk(graph) if part.number == GraphProto.NODE]
    steps: list[tuple[str, str, tuple[str, ...]]] = []
    after: set[bytes] = set()  # values computed from an extreme: numbers, not pictures
    final: list[_Node] = []
    models: list[bytes] = []

    def cut(wanted: str) -> bytes:
        rest = [part for part in outer if part.number != ModelProto.GRAPH]
        pruned = _pruned(graph, final, wanted, [name for step in steps for name in step[2]])
        kept = b"".join(encode(part.number, _payload(model, part)) for part in rest)
        return kept + encode(ModelProto.GRAPH, pruned)

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


def _payload(data: bytes, part: Field) -> bytes | int:
    if part.wire == VARINT:
        return varint(data, part.start, part.end)[0]
    assert part.wire == LENGTH  # all that ONNX's messages of this level have
    return data[part.start : part.end]


def _pruned(graph: bytes, nodes: list[_Node], wanted: str, given: Iterable[str]) -> bytes:
    """The graph with what ``wanted`` takes of ``nodes`` and no more, ``given`` being further inputs."""
    needed, kept = {wanted.encode()}, []
    for node in reversed(nodes):
        if needed & set(node.outputs):
            needed.update(node.inputs)
            kept.append(node)
    parts = [encode(GraphProto.NODE, node.data) for node in reversed(kept)]
    outputs = {}
    for part in walk(graph):
        data = graph[part.start : part.end]
        if part.number == GraphProto.NAME:
            parts.append(encode(GraphProto.NAME, data))
        elif part.number in (GraphProto.INITIALIZER, GraphProto.INPUT):
            is_tensor = part.number == GraphProto.INITIALIZER
            if _name(data, TensorProto.NAME if is_tensor else ValueInfoProto.NAME) in needed:
                parts.append(encode(part.number, data))
        elif part.number == GraphProto.OUTPUT:
            outputs[_name(data, ValueInfoProto.NAME).decode()] = data
    for value in given:
        if value.encode() in needed and value != wanted:
            parts.append(encode(GraphProto.INPUT, _float(value)))
    parts.append(encode(GraphProto.OUTPUT, outputs.get(wanted) or _float(wanted)))
    return b"".join(parts)


def _name(message: bytes, number: int) -> bytes:
    (name,) = (message[part.start : part.end] for part in walk(message) if part.number == number)
    return name


def _float(name: str) -> bytes:
    """A value of the graph, as ``ValueInfoProto``."""
    return encode(ValueInfoProto.NAME, name.encode()) + _FLOAT
