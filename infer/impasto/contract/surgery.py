"""Taking a model apart, to paint pictures that are too large to be painted at once.

A network of convolutions can be applied part by part but for what it computes over the whole picture: the statistics of
its instance norms, and extremes. Here such a model is cut there, on its bytes and by the rules of ONNX alone, into
models that compute one step each from what the steps before gave, and a last one that paints. No convolution is in two
of them.
"""

from dataclasses import dataclass, field

from .fields import AttributeProto, GraphProto, ModelProto, NodeProto, Tensor, TensorProto, TypeProto, ValueInfoProto
from .protobuf import LENGTH, VARINT, Field, encode, varint, walk

_NORM, _GIVEN_NORM = b"InstanceNormalization", b"BatchNormalization"  # the second takes mean and variance as inputs
_EXTREMES = (b"ReduceMax", b"ReduceMin")
_FLOAT, _HALF = 1, 10  # ONNX's numbers for float32 and float16
_INT = 2  # and for an attribute that is a number


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

    @classmethod
    def cast(cls, source: str, target: str, kind: int) -> "_Node":
        """``source`` in another type."""
        kind_attribute = encode(AttributeProto.NAME, b"to") + encode(AttributeProto.I, kind)
        attribute = kind_attribute + encode(AttributeProto.TYPE, _INT)
        names = encode(NodeProto.INPUT, source.encode()) + encode(NodeProto.OUTPUT, target.encode())
        return cls(names + encode(NodeProto.OP_TYPE, b"Cast") + encode(NodeProto.ATTRIBUTE, attribute))


@dataclass(frozen=True)
class Step:
    """One thing to compute over the whole picture."""

    model: bytes
    outputs: tuple[str, ...]
    """What to take: of a norm the map that it is of, ``[N, C, h, w]``, float32, and the same in float16, to be kept as
    an input of later models; of an extreme its own value."""
    kind: str
    """``norm``, ``ReduceMax`` or ``ReduceMin``."""
    gives: tuple[str, ...]
    """The further inputs of later models that it becomes: mean and variance, ``[C]``, or the extreme."""


@dataclass(frozen=True)
class Parts:
    """A model taken apart: ``steps`` in their order, then ``last``, which paints."""

    steps: tuple[Step, ...]
    last: bytes


def take_apart(model: bytes, output: str) -> Parts:
    """Cut ``model`` at its norms and extremes; the last part gives ``output``.

    Raises:
        WireError: the bytes are not a model.
    """
    graph = _graph(model)
    nodes = [_Node(graph[part.start : part.end]) for part in walk(graph) if part.number == GraphProto.NODE]
    steps: list[Step] = []
    given: dict[str, int] = {}  # type by name
    after: set[bytes] = set()  # values computed from an extreme: numbers, not pictures
    final: list[_Node] = []

    def cut(wanted: dict[str, int]) -> bytes:
        return _with_graph(model, _pruned(graph, final, wanted, given))

    for node in nodes:
        if node.kind == _NORM:
            source, kept = node.inputs[0].decode(), f"map_{len(steps)}"
            final.append(_Node.cast(source, kept, _HALF))
            part = cut({source: _FLOAT, kept: _HALF})
            steps.append(Step(part, (source, kept), "norm", (f"mean_{len(steps)}", f"variance_{len(steps)}")))
            given |= {kept: _HALF} | dict.fromkeys(steps[-1].gives, _FLOAT)
            # from here on the map is taken from what was kept
            final = [earlier for earlier in final[:-1] if node.inputs[0] not in earlier.outputs]
            final += [_Node.cast(kept, source, _FLOAT), node.given(*steps[-1].gives)]
        elif node.kind in _EXTREMES and not after & set(node.inputs):
            name = node.outputs[0].decode()
            final.append(node)
            steps.append(Step(cut({name: _FLOAT}), (name,), node.kind.decode(), (name,)))
            given[name] = _FLOAT
            final.pop()
            after.update(node.outputs)
        else:
            final.append(node)
            if after & set(node.inputs):
                after.update(node.outputs)
    return Parts(tuple(steps), cut({output: _FLOAT}))


def without_default(model: bytes, *names: str) -> bytes:
    """``model`` with the inputs ``names`` no longer optional: without the values that they have where left out.

    Raises:
        WireError: the bytes are not a model.
    """
    graph, encoded = _graph(model), {name.encode() for name in names}

    def is_default(part: Field) -> bool:
        return part.number == GraphProto.INITIALIZER and any(
            graph[inner.start : inner.end] in encoded
            for inner in walk(graph, part.start, part.end)
            if inner.number == TensorProto.NAME
        )

    kept = (encode(part.number, _payload(graph, part)) for part in walk(graph) if not is_default(part))
    return _with_graph(model, b"".join(kept))


def _graph(model: bytes) -> bytes:
    (graph,) = (model[part.start : part.end] for part in walk(model) if part.number == ModelProto.GRAPH)
    return graph


def _with_graph(model: bytes, graph: bytes) -> bytes:
    rest = (encode(part.number, _payload(model, part)) for part in walk(model) if part.number != ModelProto.GRAPH)
    return b"".join(rest) + encode(ModelProto.GRAPH, graph)


def _payload(data: bytes, part: Field) -> bytes | int:
    if part.wire == VARINT:
        return varint(data, part.start, part.end)[0]
    assert part.wire == LENGTH  # all that ONNX's messages of this level have
    return data[part.start : part.end]


def _pruned(graph: bytes, nodes: list[_Node], wanted: dict[str, int], given: dict[str, int]) -> bytes:
    """The graph with what ``wanted`` takes of ``nodes`` and no more, ``given`` being further inputs; types by name."""
    needed, kept = {name.encode() for name in wanted}, []
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
    for name, kind in given.items():
        if name.encode() in needed and name not in wanted:
            parts.append(encode(GraphProto.INPUT, _value(name, kind)))
    parts += [encode(GraphProto.OUTPUT, outputs.get(name) or _value(name, kind)) for name, kind in wanted.items()]
    return b"".join(parts)


def _name(message: bytes, number: int) -> bytes:
    (name,) = (message[part.start : part.end] for part in walk(message) if part.number == number)
    return name


def _value(name: str, kind: int) -> bytes:
    """A value of the graph, as ``ValueInfoProto``: a tensor of any shape, its type by ONNX's number."""
    tensor = encode(TypeProto.TENSOR_TYPE, encode(Tensor.ELEM_TYPE, kind))
    return encode(ValueInfoProto.NAME, name.encode()) + encode(ValueInfoProto.TYPE, tensor)
