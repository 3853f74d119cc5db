"""What a model's graph may hold, checked before any engine sees it: a file may come from anyone.

An allow-list, checked on the bytes and by ONNX's field numbers: operators of ONNX's own domain that compute numbers
from numbers, tensors that are whole in the file, no graph within a graph (and so no loop), nothing outside the file.
"""

import os
from collections.abc import Iterator
from math import prod

from ..common.errors import ImpastoError
from .fields import AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto
from .info import StyleInfo, read_model
from .protobuf import LENGTH, VARINT, Field, WireError, varint, walk

MOST_NODES = 2_000  # an exported style has about 200
LARGEST = 1_000  # number in an attribute: pixels of padding, steps, groups
MOST_NUMBERS = 64  # of one attribute or of a shape
STANDARD = ("", "ai.onnx")  # both spell the domain of ONNX's own operators

# Elementwise, reductions, moves of numbers, convolutions and norms; those of exported styles, their variants, and
# what similar networks need. No control flow, no sequences or texts, nothing random, nothing that makes large tensors
# out of small ones.
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

_GRAPHS = {
    AttributeProto.G: "a graph",
    AttributeProto.GRAPHS: "graphs",
    AttributeProto.SPARSE_TENSOR: "a sparse tensor",
    AttributeProto.SPARSE_TENSORS: "sparse tensors",
}
# lists of numbers, and the least bytes that one takes
_TYPED = {
    TensorProto.FLOAT_DATA: 4,
    TensorProto.INT32_DATA: 1,
    TensorProto.INT64_DATA: 1,
    TensorProto.DOUBLE_DATA: 8,
    TensorProto.UINT64_DATA: 1,
}


def read_checked(path: str | os.PathLike[str]) -> tuple[StyleInfo, bytes]:
    """`read_model`, then `check_graph` on its bytes: what every model goes through before it is run.

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
    """Check that a serialised model holds only what an exported style may hold.

    Raises:
        ImpastoError: it does, or is not a whole model; one line without the model's name.
    """
    try:
        for part in walk(data):
            if part.number in (ModelProto.FUNCTIONS, ModelProto.TRAINING_INFO):
                raise ImpastoError("it holds functions or a training, which no style does")
            if part.number == ModelProto.OPSET_IMPORT:
                domain = _text(data, part, OperatorSetIdProto.DOMAIN)
                if domain not in STANDARD:
                    raise ImpastoError(f"it may use operators of {_shown(domain)}, which are not ONNX's own")
            elif part.number == ModelProto.GRAPH:
                _check_graph(data, part)
    except WireError as error:
        raise ImpastoError(f"it is damaged: {error}") from None


def _check_graph(data: bytes, graph: Field) -> None:
    nodes = 0
    for part in walk(data, graph.start, graph.end):
        if part.number == GraphProto.NODE:
            nodes += 1
            _check_node(data, part)
        elif part.number == GraphProto.INITIALIZER:
            _check_tensor(data, part)
        elif part.number == GraphProto.SPARSE_INITIALIZER:
            raise ImpastoError("it holds sparse tensors, which no style does")
    if nodes > MOST_NODES:
        raise ImpastoError(f"it has {nodes} operators; {MOST_NODES} are the most")


def _check_node(data: bytes, node: Field) -> None:
    kind, domain = _text(data, node, NodeProto.OP_TYPE), _text(data, node, NodeProto.DOMAIN)
    if domain not in STANDARD or kind not in OPERATORS:
        name = _shown(f"{domain}.{kind}" if domain else kind)
        raise ImpastoError(f"it uses the operator {name}, which is not among those that a style may use")
    for attribute in _parts(data, node, NodeProto.ATTRIBUTE):
        for part in walk(data, attribute.start, attribute.end):
            if part.number in _GRAPHS:
                raise ImpastoError(f"{kind} holds {_GRAPHS[part.number]}, which no style does")
            if part.number in (AttributeProto.T, AttributeProto.TENSORS):
                _check_tensor(data, part)
            is_number = part.number in (AttributeProto.I, AttributeProto.INTS) and kind != "Constant"
            numbers = _numbers(data, part) if is_number else ()
            if any(LARGEST < number < 2**64 - LARGEST for number in numbers):  # those above are negative
                raise ImpastoError(f"{kind} is told a number above {LARGEST}, which no style does")


def _check_tensor(data: bytes, tensor: Field) -> None:
    """Check that its numbers are all in the file, as many as its shape says."""
    dims: list[int] = []
    kind = held = typed = 0
    for part in walk(data, tensor.start, tensor.end):
        if part.number == TensorProto.DIMS:
            dims += _numbers(data, part)
        elif part.number == TensorProto.DATA_TYPE:
            kind = next(_numbers(data, part), 0)
        elif part.number == TensorProto.EXTERNAL_DATA or (
            part.number == TensorProto.DATA_LOCATION and any(_numbers(data, part))  # 0, which some write: in this file
        ):
            raise ImpastoError("it keeps data in other files, which no model of Impasto does")
        elif part.number == TensorProto.RAW_DATA:
            held += part.end - part.start
        elif part.number in _TYPED:
            typed += (part.end - part.start) // _TYPED[part.number] if part.wire == LENGTH else 1
    if kind not in BYTES:
        raise ImpastoError(f"it holds a tensor of type {kind}, which no style does")
    count = prod(dims)
    if len(dims) > 8 or max(dims, default=0) >= 2**31 or (held != count * BYTES[kind] if held else count > typed):
        raise ImpastoError(f"a tensor says that it is {dims[:8]}, and the file does not hold so much")


def _numbers(data: bytes, part: Field) -> Iterator[int]:
    """A field of integers, alone or packed."""
    if part.wire == VARINT:
        yield varint(data, part.start, part.end)[0]
    elif part.wire == LENGTH:
        start = part.start
        if part.end - start > 10 * MOST_NUMBERS:
            raise WireError("a list of numbers is too long")
        while start < part.end:
            number, start = varint(data, start, part.end)
            yield number


def _parts(data: bytes, outer: Field, number: int) -> Iterator[Field]:
    return (part for part in walk(data, outer.start, outer.end) if part.number == number and part.wire == LENGTH)


def _text(data: bytes, outer: Field, number: int) -> str:
    """The last of the texts of that number, which is the one that counts."""
    text = ""
    for part in _parts(data, outer, number):
        text = data[part.start : part.end].decode(errors="replace")
    return text


def _shown(name: str) -> str:
    """A name from an untrusted file, shortened, without control characters."""
    return repr(name[:40])[1:-1] or "no name"
