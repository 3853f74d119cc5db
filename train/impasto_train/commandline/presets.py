"""What ``export-style --for`` knows of engines: the operators that each takes, so that no part falls back to the CPU.

Read in the engines' own lists and sources, whose versions are named here. None of these engines ran here: what was
checked is in ``docs/contract.md``.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from impasto import ImpastoError

PLAIN = {
    "precision": "fp32",
    "io": "uint8",
    "layout": "nhwc",
    "dial": "optional",
    "size": None,
}  # as train-style exports
SIZE = "512x512"  # unless given
MULTIPLE, SMALLEST = 8, 16  # of a side in pixels: nothing is left to pad before the network, or to crop after it

# in the lists of all of onnxruntime's engines below
_USUAL = frozenset("Add Concat Conv Div GlobalMaxPool Mul Relu Reshape Slice Sub Tanh Transpose".split())  # noqa: SIM905


@dataclass(frozen=True)
class Preset:
    """What an engine takes; pictures are float32 with channels first, of one size, and there is no dial.

    Args:
        operators: ONNX's, by name; ``Pad:edge``, ``DepthToSpace:DCR`` and ``Clip:-1:1`` are such an operator in that
            mode or of those bounds alone.
        precisions: of ``--precision``.
        io: of ``--io``.
        opset: version of the operators that the file is to use; None for that of the export.
    """

    operators: frozenset[str]
    precisions: tuple[str, ...] = ("fp32",)
    io: str = "float32"
    opset: int | None = None

    @property
    def options(self) -> dict[str, str]:
        """The options of ``export-style`` that cannot be otherwise, by name."""
        return {"io": self.io, "layout": "nchw", "dial": "none"}

    def takes(self, kind: str) -> bool:
        """Whether the engine has an operator, with its mode or bounds after a colon where it has some."""
        return kind in self.operators or kind.partition(":")[0] in self.operators


PRESETS = {
    # onnxruntime 1.31.1, coreml_supported_mlprogram_ops.md. Of Pad, which that list leaves out, 1.26 and later take
    # the mode reflect; none takes edge. Scale and bias of a norm have to be constant, and no Cast is from or to uint8.
    "coreml": Preset(_USUAL | {"Cast", "Clip", "DepthToSpace", "InstanceNormalization"}, ("fp32", "fp16")),
    # onnxruntime-qnn 2.0, QNN-ExecutionProvider.md, and the modes in its pad_op_builder and simple_op_builder
    "qnn": Preset(
        _USUAL
        | {"Clip", "DepthToSpace", "InstanceNormalization", "Pad:edge", "Pad:reflect", "ReduceMax", "ReduceMin"}
        | {"QuantizeLinear", "DequantizeLinear", "SpaceToDepth"},
        ("fp32", "int8"),
    ),
    # NNAPI in onnxruntime 1.31.1, nnapi_supported_ops.md, and the bounds in its clip_op_builder; CoreML takes it too
    "mobile": Preset(_USUAL | {"Clip:-1:1", "DepthToSpace:DCR", "ReduceMean", "Sqrt"}),
    # onnxruntime-web 1.24, webnn-operators.md. TensorFlow Lite, one of the engines behind WebNN, has no padding of the
    # mode edge (webmachinelearning/webnn#877).
    "webnn": Preset(
        _USUAL | {"Cast", "Clip", "InstanceNormalization", "Pad:reflect", "ReduceMax", "ReduceMin"}, ("fp32", "fp16")
    ),
    # Lens Studio names layers, not ONNX's operators, and takes Concat along channels alone. These are as close to its
    # own template of a style (Snapchat/snapml-templates, opset 10: Conv, ConvTranspose, Pad:reflect, Relu, Add) as the
    # network allows.
    "lens-studio": Preset(
        frozenset("Add Clip Conv ConvTranspose Div GlobalMaxPool InstanceNormalization Mul".split())  # noqa: SIM905
        | {"Pad:edge", "Pad:reflect", "Relu", "Reshape", "Sub", "Tanh"},
        io="float255",
        opset=10,
    ),
}


def resolved(engine: str, given: Mapping[str, str | None]) -> dict[str, str | None]:
    """Options of ``export-style`` by name, as in `PLAIN`: what was not given, None, as the engine has it.

    Raises:
        ImpastoError: the engine cannot have what was given.
    """
    preset = PRESETS.get(engine)
    if preset is None:
        return {name: plain if given[name] is None else given[name] for name, plain in PLAIN.items()}
    for name, only in preset.options.items():
        if given[name] not in (None, only):
            raise ImpastoError(f"--for {engine} has --{name} {only} alone: leave --{name} {given[name]} out")
    precision = given["precision"] or preset.precisions[0]
    if precision not in preset.precisions:
        raise ImpastoError(f"--for {engine} has --precision {' or '.join(preset.precisions)} alone, not {precision}")
    size = SIZE if given["size"] is None else given["size"]
    return {**preset.options, "precision": precision, "size": size}
