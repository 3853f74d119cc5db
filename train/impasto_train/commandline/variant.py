"""The options of ``export-style``, and the only place of their defaults."""

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_type_hints

from impasto import ImpastoError
from impasto.internal import parsed

from .options import check, option
from .presets import MULTIPLE, PLAIN, PRESETS, SIZE, SMALLEST, Preset, resolved


@dataclass(frozen=True)
class VariantOptions:
    """Options of ``export-style``, named as on its command line.

    Raises:
        ImpastoError: a value that cannot work, with the option's spelling.
    """

    model: str = option(None, "A .onnx file that train-style made, its run folder, or the name of a shipped style.")
    out: Path | None = option(None, "The model to write.", "MODEL-fp16-nchw.onnx, as what is changed")
    overwrite: bool = option(False, "Replace a file that exists.")
    style: str | None = option(
        None, "Of a model of several styles one, or a fixed blend: great_wave:0.6,the_scream:0.4.", "all of them"
    )
    for_: Literal["any", "coreml", "qnn", "mobile", "webnn", "lens-studio"] = option(
        "any", "The engine to suit, whole: sets --io, --layout, --dial and, unless given, --size."
    )
    precision: Literal["fp32", "fp16", "fp16-weights", "int8"] = option(
        None, "Of the convolutions; fp16-weights halves the file and computes in fp32.", PLAIN["precision"]
    )
    io: Literal["uint8", "float32", "float255"] = option(
        None, "Pictures as bytes, or as numbers in 0..1 or 0..255.", PLAIN["io"]
    )
    layout: Literal["nhwc", "nchw"] = option(None, "Channels last, or first.", PLAIN["layout"])
    dial: Literal["optional", "required", "none"] = option(
        None, "The input strength: may be left out, must be given, or is not there (full strength).", PLAIN["dial"]
    )
    size: str | None = option(
        None, "Fix the pictures' height and width in pixels, as 480x640.", f"any size; {SIZE} with --for"
    )
    content: str = option("demo", "Photos to compare and to calibrate int8 with: as train-style's.")

    def __post_init__(self) -> None:
        if not self.model:
            raise ImpastoError("no MODEL given: a .onnx file, a run folder or the name of a shipped style")
        for name, value in resolved(self.for_, {name: getattr(self, name) for name in PLAIN}).items():
            object.__setattr__(self, name, value)  # what a frozen dataclass sets its own fields with
        hints = get_type_hints(type(self))
        for field in dataclasses.fields(self):
            check(field, hints[field.name], getattr(self, field.name))
        if self.size is not None and not re.fullmatch(r"[1-9]\d{0,4}x[1-9]\d{0,4}", self.size):
            raise ImpastoError(f"--size {self.size} is not possible: give height and width in pixels, as 480x640")
        if self.preset and any(side % MULTIPLE or side < SMALLEST for side in self.sides or ()):
            raise ImpastoError(
                f"--size {self.size}: --for {self.for_} needs multiples of {MULTIPLE}, at least {SMALLEST}"
            )
        if self.out and self.out.suffix != ".onnx":
            raise ImpastoError(f"--out {self.out}: the model's name must end in .onnx")
        if not (self.changes or self.style is not None):
            raise ImpastoError("nothing to change: give --style, --for, --precision, --io, --layout, --dial or --size")

    @property
    def styles(self) -> list[str]:
        """The names of the styles that are to be in the file; none if nobody chose.

        Raises:
            ImpastoError: ``style`` is neither a name nor names with weights.
        """
        return [] if self.style is None else [name for name, weight in parsed(self.style).items() if weight]

    @property
    def of_one_style(self) -> str:
        """What only a model of one style can be, as on the command line; empty if nothing of that is asked for."""
        if self.preset:
            return f"--for {self.for_}"
        if self.dial == "none":
            return "--dial none"
        return f"--precision {self.precision}" if self.precision in ("fp16", "int8") else ""

    @property
    def preset(self) -> Preset | None:
        """What is known of the engine, if one was named."""
        return PRESETS.get(self.for_)

    @property
    def changes(self) -> list[str]:
        """How a variant is to differ, in words that can be part of its name."""
        said = ("for_", "precision") if self.preset else ("precision", "io", "layout", "dial")
        words = [getattr(self, name) for name in said if getattr(self, name) != PLAIN.get(name)]
        changed = [{"required": "dial", "none": "no_dial"}.get(word, word) for word in words]
        return [*changed, *([self.size] if self.size else [])]

    @property
    def sides(self) -> tuple[int, int] | None:
        """Height and width in pixels, if they are to be fixed."""
        if self.size is None:
            return None
        height, width = map(int, self.size.split("x"))
        return height, width
