"""The field numbers of ONNX's messages that are read or written here, by the names of onnx.proto."""


class ModelProto:
    IR_VERSION, GRAPH, OPSET_IMPORT, METADATA_PROPS, TRAINING_INFO, FUNCTIONS = 1, 7, 8, 14, 20, 25


class StringStringEntryProto:
    KEY, VALUE = 1, 2


class OperatorSetIdProto:
    DOMAIN, VERSION = 1, 2


class GraphProto:
    NODE, NAME, INITIALIZER, INPUT, OUTPUT, SPARSE_INITIALIZER = 1, 2, 5, 11, 12, 15


class NodeProto:
    INPUT, OUTPUT, OP_TYPE, ATTRIBUTE, DOMAIN = 1, 2, 4, 5, 7


class AttributeProto:
    NAME, I, T, G, INTS, TENSORS, GRAPHS = 1, 3, 5, 6, 8, 10, 11  # noqa: E741
    TYPE, SPARSE_TENSOR, SPARSE_TENSORS = 20, 22, 23


class TensorProto:
    DIMS, DATA_TYPE, NAME, RAW_DATA, EXTERNAL_DATA, DATA_LOCATION = 1, 2, 8, 9, 13, 14
    FLOAT_DATA, INT32_DATA, INT64_DATA, DOUBLE_DATA, UINT64_DATA = 4, 5, 7, 10, 11


class ValueInfoProto:
    NAME, TYPE = 1, 2


class TypeProto:
    TENSOR_TYPE = 1


class Tensor:
    """TypeProto.Tensor."""

    ELEM_TYPE = 1
