"""Convolutions in fewer bits: float16, in the file alone or in the computing too, and int8."""

import io
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import NodeProto, TensorProto, helper, numpy_helper

from .graph import put

INNER = slice(4, -4)  # the others lie near the picture, hold a fifth of the weights, and their errors are seen
WITHIN = 99.99  # percent of a convolution's inputs that its range covers: a few far ones would make all others coarse
KIND = {"half": TensorProto.FLOAT16, "float": TensorProto.FLOAT}


def half_weights(graph: onnx.GraphProto) -> None:
    """Keep the kernels in float16 and compute in float32."""
    halved = _halve(graph, [node.input[1] for node in graph.node if node.op_type == "Conv"])
    put(graph, [*(_cast(half, name, "float") for name, half in halved.items()), *graph.node])


def half(graph: onnx.GraphProto) -> None:
    """Compute convolutions, and the padding and the ReLUs before them, in float16.

    All else stays float32: the statistics, the sums of residual blocks, the picture.
    """
    halved = _halve(graph, [name for node in graph.node if node.op_type == "Conv" for name in node.input[1:]])
    outside = {value.name for value in graph.output}  # what is needed in float32
    inside: set[str] = set()  # what is computed in float16
    for node in reversed(graph.node):
        passes_on = node.op_type in ("Pad", "Relu") and not outside & set(node.output)
        if node.op_type == "Conv" or passes_on:
            inside.update(node.output)
        else:
            outside.update(node.input)
    nodes: list[NodeProto] = []
    cast: set[str] = set()
    for node in graph.node:
        is_half = node.output[0] in inside
        for index, name in enumerate(node.input):
            if is_half and name in halved:
                node.input[index] = halved[name]
            elif (name in inside) != is_half and (not is_half or index == 0):  # further inputs of Pad are widths
                kind = "half" if is_half else "float"
                node.input[index] = f"{name}_{kind}"
                if node.input[index] not in cast:
                    cast.add(node.input[index])
                    nodes.append(_cast(name, node.input[index], kind))
        nodes.append(node)
    put(graph, nodes)


def quantized(
    model: onnx.ModelProto, feeds: Iterator[dict[str, np.ndarray]], *, unsigned: bool = False
) -> onnx.ModelProto:
    """Compute the `INNER` convolutions in int8: a scale for each channel, ranges as ``feeds`` show them.

    Args:
        unsigned: what the convolutions take and give is uint8 in place of int8: phones' processors want it so.
    """
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Reader(CalibrationDataReader):
        def get_next(self) -> Any:
            return next(feeds, None)

    inner = [node.name for node in model.graph.node if node.op_type == "Conv"][INNER]
    with _quiet(), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "int8.onnx"
        quantize_static(
            model,
            path,
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8 if unsigned else QuantType.QInt8,
            nodes_to_quantize=inner,
            calibrate_method=CalibrationMethod.Percentile,
            extra_options={"CalibPercentile": WITHIN},
        )
        return onnx.load(path)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the quantizer for a block: it prints, recommends a pass of its own, warns of defaults."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    root.setLevel(logging.ERROR)
    onnxruntime.set_default_logger_severity(3)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        root.setLevel(level)
        root.handlers[:] = handlers  # the first `logging.warning` of a process adds one
        onnxruntime.set_default_logger_severity(2)  # onnxruntime's default; it cannot be asked for


def _halve(graph: onnx.GraphProto, names: list[str]) -> dict[str, str]:
    """Keep initialisers in float16; return their new names by their old ones."""
    halved = {}
    for tensor in graph.initializer:
        if tensor.name in names:
            name = f"{tensor.name}_half"
            halved[tensor.name] = name
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), name))
    return halved


def _cast(source: str, result: str, kind: str) -> NodeProto:
    return helper.make_node("Cast", [source], [result], name=f"node_{result}", to=KIND[kind])
