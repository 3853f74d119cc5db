"""What a model's graph may hold, looked at before any engine sees it: a file may come from anyone.

By an allow-list, on the bytes and by ONNX's field numbers alone: operators of ONNX's own domain that compute numbers
from numbers, tensors that are whole in the file, no graph within a graph (and so no loop), nothing outside the file.
"""

import os
from collections.abc import Iterator
from math import prod

from ._contract import StyleInfo, read_model
from ._errors import ImpastoError
from ._protobuf import LENGTH, VARINT, Field, WireError, varint, walk

MOST_NODES = 2_000  # an exported style has about 200
LARGEST = 1_000  # number of an operator's own: pixels of padding, steps, groups
MOST_NUMBERS = 64  # of one attribute or of a shape
STANDARD = ("", "ai.onnx")  # both spell the domain of ONNX's own operators

# Elementwise, reductions, moves of numbers, convolutions and norms; those of exported styles, their variants, and what
# their like would take. No control flow, no sequences or texts, nothing random, nothing that makes much of little.
OPERATORS = frozenset(
    """
    Abs Add And ArgMax ArgMin AveragePool BatchNormalization Cast Ceil Clip Concat Constant Conv ConvTranspose Cos
    DepthToSpace DequantizeLinear Div DynamicQuantizeLinear Elu Equal Erf Exp Flatten Floor Gather Gelu Gemm
    GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual GroupNormalization HardSigmoid HardSwish Identity
    InstanceNormalization LayerNormalization LeakyRelu Less LessOrEqual Log LpNormalization MatMul Max MaxPool Mean Min
    Mish Mod Mul Neg Not Or PRelu Pad Pow QLinearConv QLinearMatMul QuantizeLinear Range Reciprocal ReduceL1 ReduceL2
    ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize Round Selu Shape Sigmoid
    Sign Sin Slice Softmax Softplus SpaceToDepth Split Sqrt Squeeze Sub Sum Tanh Transpose Unsqueeze Where Xor
    """.split()  # noqa: SIM905 - as a list it would fill a screen
)
# Bytes of an element, by TensorProto.DataType: float, uint8, int8, uint16, int16, int32, int64, bool, float16, double,
# uint32, uint64, bfloat16.
BYTES = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 16: 2}

# field numbers of onnx.proto
_GRAPH, _OPSET_IMPORT, _FUNCTIONS, _TRAINING = 7, 8, 25, 20  # ModelProto
_OPSET_DOMAIN = 1
_NODE, _INITIALIZER, _SPARSE = 1, 5, 15  # GraphProto
_OP_TYPE, _ATTRIBUTE, _DOMAIN = 4, 5, 7  # NodeProto
_INT, _TENSOR, _INTS, _TENSORS = 3, 5, 8, 10  # AttributeProto
_GRAPHS = {6: "a graph", 11: "graphs", 22: "a sparse tensor", 23: "sparse tensors"}  # AttributeProto
_DIMS, _DATA_TYPE, _RAW, _EXTERNAL, _LOCATION = 1, 2, 9, 13, 14  # TensorProto
_TYPED = {4: 4, 5: 1, 7: 1, 10: 8, 11: 1}  # TensorProto: lists of numbers, and the least bytes that one takes


def read_checked(path: str | os.PathLike[str]) -> tuple[StyleInfo, bytes]:
    """`read_model`, and `check_graph` of what it gives: what every model goes through before it is run.

    Raises:
        ImpastoError: either does.
    """
    info, data = read_model(path)
    try:
        check_graph(data)
    except ImpastoError as error:
        raise ImpastoError(f"{path} is refused: {error}") from None
    return info, data


def check_graph(data: bytes) -> None:
    """See that a serialised model holds nothing but what an exported style might.

    Raises:
        ImpastoError: it does, or is not a whole model; one line without the model's name.
    """
    try:
        for one in walk(data):
            if one.number in (_FUNCTIONS, _TRAINING):
                raise ImpastoError("it holds functions or a training, which no style does")
            if one.number == _OPSET_IMPORT:
                domain = _text(data, one, _OPSET_DOMAIN)
                if domain not in STANDARD:
                    raise ImpastoError(f"it may use operators of {_shown(domain)}, which are not ONNX's own")
            elif one.number == _GRAPH:
                _check_graph(data, one)
    except WireError as error:
        raise ImpastoError(f"it is damaged: {error}") from None


def _check_graph(data: bytes, graph: Field) -> None:
    nodes = 0
    for one in walk(data, graph.start, graph.end):
        if one.number == _NODE:
            nodes += 1
            _check_node(data, one)
        elif one.number == _INITIALIZER:
            _check_tensor(data, one)
        elif one.number == _SPARSE:
            raise ImpastoError("it holds sparse tensors, which no style does")
    if nodes > MOST_NODES:
        raise ImpastoError(f"it has {nodes} operators; {MOST_NODES} are the most")


def _check_node(data: bytes, node: Field) -> None:
    kind, domain = _text(data, node, _OP_TYPE), _text(data, node, _DOMAIN)
    if domain not in STANDARD or kind not in OPERATORS:
        name = _shown(f"{domain}.{kind}" if domain else kind)
        raise ImpastoError(f"it uses the operator {name}, which is not among those that a style may use")
    for attribute in _parts(data, node, _ATTRIBUTE):
        for one in walk(data, attribute.start, attribute.end):
            if one.number in _GRAPHS:
                raise ImpastoError(f"{kind} holds {_GRAPHS[one.number]}, which no style does")
            if one.number in (_TENSOR, _TENSORS):
                _check_tensor(data, one)
            numbers = _numbers(data, one) if one.number in (_INT, _INTS) and kind != "Constant" else ()
            if any(LARGEST < number < 2**64 - LARGEST for number in numbers):  # those above are negative
                raise ImpastoError(f"{kind} is told a number above {LARGEST}, which no style does")


def _check_tensor(data: bytes, tensor: Field) -> None:
    """Its numbers are all in the file: what it says of its size is what it has."""
    dims: list[int] = []
    kind = held = typed = 0
    for one in walk(data, tensor.start, tensor.end):
        if one.number == _DIMS:
            dims += _numbers(data, one)
        elif one.number == _DATA_TYPE:
            kind = next(_numbers(data, one), 0)
        elif one.number in (_EXTERNAL, _LOCATION):
            raise ImpastoError("it keeps data in other files, which no model of Impasto does")
        elif one.number == _RAW:
            held += one.end - one.start
        elif one.number in _TYPED:
            typed += (one.end - one.start) // _TYPED[one.number] if one.wire == LENGTH else 1
    if kind not in BYTES:
        raise ImpastoError(f"it holds a tensor of type {kind}, which no style does")
    count = prod(dims)
    if len(dims) > 8 or max(dims, default=0) >= 2**31 or (held != count * BYTES[kind] if held else count > typed):
        raise ImpastoError(f"a tensor says that it is {dims[:8]}, and the file does not hold so much")


def _numbers(data: bytes, one: Field) -> Iterator[int]:
    """A field of integers, alone or packed."""
    if one.wire == VARINT:
        yield varint(data, one.start, one.end)[0]
    elif one.wire == LENGTH:
        start = one.start
        if one.end - start > 10 * MOST_NUMBERS:
            raise WireError("a list of numbers is too long")
        while start < one.end:
            number, start = varint(data, start, one.end)
            yield number


def _parts(data: bytes, outer: Field, number: int) -> Iterator[Field]:
    return (one for one in walk(data, outer.start, outer.end) if one.number == number and one.wire == LENGTH)


def _text(data: bytes, outer: Field, number: int) -> str:
    """The last of the texts of that number, which is the one that counts."""
    found = ""
    for one in _parts(data, outer, number):
        found = data[one.start : one.end].decode(errors="replace")
    return found


def _shown(name: str) -> str:
    """A name out of a stranger's file, short and with nothing in it that a terminal would obey."""
    return repr(name[:40])[1:-1] or "no name"
