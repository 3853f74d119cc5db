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
    """What an engine takes; pictures are float32, channels first, and there is no dial.

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
