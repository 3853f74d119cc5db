"""What a training run is told: the one home of every default.

The command line is derived from `Options`; the resolved set is saved in the run folder and its essentials
in the exported file.
"""

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from impasto import ImpastoError

Device = Literal["auto", "cuda", "mps", "cpu"]
MINUTES_ON_CPU = 20.0
MINUTES_ON_GPU = 3.0
POSITIVE = ("minutes", "learning_rate")  # the options that 0 will not do for either


def option(default: Any, help: str, shown: str | None = None, *, least: float | None = None) -> Any:
    """A field of `Options`.

    Args:
        help: one sentence for the command line.
        shown: what to show as the default, where the default itself would not say.
        least: the least value, for numbers.
    """
    return dataclasses.field(default=default, metadata={"help": help, "shown": shown, "least": least})


@dataclass(frozen=True)
class Options:
    """Options of ``train-style``, named as on its command line.

    Raises:
        ImpastoError: a value or a combination that cannot work, with the option's spelling.
    """

    style: Path = option(None, "The picture whose style is learned.")
    content: str = option("coco", "Photos to learn on: a folder, a .zip, 'coco' (COCO val2017) or 'demo'.")
    content_count: int = option(2000, "How many photos of COCO to fetch (about 160 kB each).", least=2)
    out: Path | None = option(None, "The model to write; its run folder lies beside it.", "STYLE.onnx")
    overwrite: bool = option(False, "Replace an existing model and run folder.")
    steps: int | None = option(None, "Train for this many steps.", "by --minutes", least=1)
    minutes: float | None = option(
        None,
        "Train for about this long; turned into a number of steps after a timed warm-up.",
        f"{MINUTES_ON_CPU:g} on a CPU, {MINUTES_ON_GPU:g} on a GPU",
        least=0,
    )
    from_: str = option("base", "Start from 'base', which has learned several styles, 'scratch', or a run folder.")
    size: int = option(256, "Side of the square training crops, in pixels.", least=32)
    batch_size: int = option(1, "Crops a step.", least=1)
    style_size: int = option(384, "Short side of the style picture in pixels: smaller gives finer strokes.", least=32)
    content_weight: float = option(1.0, "Weight α of the content term R.", least=0)
    style_weight: float | None = option(None, "Weight β of the style term S.", "what suits the picture", least=0)
    l1: float = option(1.0, "Weight λ of the L1 term.", least=0)
    l1_on: Literal["image", "residual", "gradient"] = option("gradient", "What the L1 term is taken of.")
    normalize: bool = option(True, "Divide R and S by the energy of their targets, or keep to the formula.")
    steady: float = option(8.0, "Weight of steadiness: the more, the less film flickers.", least=0)
    grid: float = option(0.1, "Weight against the grid that upsampling leaves.", least=0)
    learning_rate: float = option(3e-3, "Peak learning rate.", least=0)
    seed: int = option(0, "Seed of the network's start, the crops and the choice of held-out photos.", least=0)
    device: Device = option("auto", "Where to train.")
    vgg_weights: Path | None = option(None, "File of VGG16 weights to use.", "fetched once and cached")
    preview_every: int = option(100, "Steps between previews of held-out photos; 0 for none but the last.", least=0)
    checkpoint_every: int = option(50, "Steps between checkpoints.", least=1)
    title: str | None = option(None, "Title of the style, kept in the model.", "from the file's name")
    credit: str = option("", "Who made the style picture, kept in the model.")
    license: str = option("", "Licence of the style picture, kept in the model.")
    model_license: str = option("", "Licence of the model, kept in it.")

    def __post_init__(self) -> None:
        if self.style is None:
            raise ImpastoError("give the picture to learn from: --style starry.jpg (or --resume a run folder)")
        if self.steps is not None and self.minutes is not None:
            raise ImpastoError("give --steps or --minutes, not both")
        hints = get_type_hints(type(self))
        for field in dataclasses.fields(self):
            value, least = getattr(self, field.name), field.metadata["least"]
            if None not in (value, least):
                positive = field.name in POSITIVE
                # NaN fails every comparison
                if not (value > least if positive else value >= least) or not math.isfinite(value):
                    bound = "above 0" if positive else f"of at least {least}"
                    raise ImpastoError(f"{spelling(field.name)} {value} will not do: give a finite number {bound}")
            if get_origin(hints[field.name]) is Literal and value not in get_args(hints[field.name]):
                choices = " or ".join(get_args(hints[field.name]))
                raise ImpastoError(f"{spelling(field.name)} {value}: choose {choices}")
        if self.content_weight == 0 and self.style_weight == 0:
            raise ImpastoError("--content-weight and --style-weight cannot both be 0: nothing would be learned")
        if self.seed >= 2**63:
            raise ImpastoError(f"--seed {self.seed} is too large: it must be below 2**63")
        if not self.style.stem:
            raise ImpastoError("--style is empty: give the picture to learn from")
        if self.model.suffix != ".onnx":
            raise ImpastoError(f"--out {self.model}: the model's name must end in .onnx")

    @property
    def model(self) -> Path:
        """The file to export to."""
        return self.out or Path(f"{self.style.stem}.onnx")

    @property
    def run(self) -> Path:
        """The run folder beside it."""
        return self.model.with_suffix(".run")

    def to_json(self) -> str:
        """All options as JSON, paths as text."""
        return json.dumps(dataclasses.asdict(self), indent=2, default=str)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Options":
        """The inverse of `to_json`; options that this version does not know are left out."""
        known = {field.name: values[field.name] for field in dataclasses.fields(cls) if field.name in values}
        for name in ("style", "out", "vgg_weights"):
            if known.get(name) is not None:
                known[name] = Path(known[name])
        return cls(**known)


def spelling(name: str) -> str:
    """How the field ``name`` is written on the command line."""
    return "--" + name.rstrip("_").replace("_", "-")
