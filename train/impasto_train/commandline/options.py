"""The options of the commands, and the only place of their defaults.

Each command line is derived from a dataclass (`derive`): `Options` for ``train-style``, `ImageOptions` for
``optimize-image``, `TuneOptions` for ``tune-style``; that of ``export-style`` is in `variant`. The resolved
`Options` are saved in the run folder and their essentials in the exported file.
"""

import dataclasses
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints

from impasto import ImpastoError

Device = Literal["auto", "cuda", "mps", "cpu"]
L1On = Literal["image", "residual", "gradient"]
Distance = Literal["l2", "cosine"]
StyleLoss = Literal["moments", "gram"]
ContentOn = Literal["drawing", "activations"]
MINUTES_ON_CPU = 20.0
MINUTES_ON_GPU = 3.0
HEAVIEST = 1e12  # weight that a search takes
POSITIVE = ("learning_rate",)  # these options must not be 0 either


def option(default: Any, help: str, shown: str | None = None, *, least: float | None = None) -> Any:
    """A field of a dataclass of options.

    Args:
        help: one sentence for the command line.
        shown: what to show as the default, where the default itself would not say.
        least: the least value, for numbers.
    """
    return dataclasses.field(default=default, metadata={"help": help, "shown": shown, "least": least})


@dataclass(frozen=True)
class SharedOptions:
    """Options of all commands here.

    Raises:
        ImpastoError: a value that cannot work, with the option's spelling.
    """

    style: Path = option(None, "The picture whose style is learned.")
    style_size: int = option(384, "Short side of the style picture in pixels: smaller gives finer strokes.", least=32)
    distance: Distance = option("l2", "Squared distance, or one minus the cosine similarity.")
    style_loss: StyleLoss = option("moments", "What makes S: means and covariances, or Gram matrices as in 2016.")
    content_on: ContentOn = option("drawing", "What R holds on to: the drawing at any contrast, or the activations.")
    normalize: bool = option(True, "Divide R and S by the energy of their targets, or keep to the formula.")
    seed: int = option(0, "Seed of all that is random.", least=0)
    device: Device = option("auto", "Where to compute.")
    vgg_weights: str | None = option(
        None, "File of VGG16 weights, or 'torchvision' for that of torchvision (528 MB).", "fetched once and cached"
    )

    def __post_init__(self) -> None:
        if self.style is None:
            raise ImpastoError("give the picture to learn from: --style starry.jpg")
        if not self.style.stem:
            raise ImpastoError("--style is empty: give the picture to learn from")
        hints = get_type_hints(type(self))
        for field in dataclasses.fields(self):
            check(field, hints[field.name], getattr(self, field.name))
        if self.seed >= 2**63:
            raise ImpastoError(f"--seed {self.seed} is too large: it must be below 2**63")


@dataclass(frozen=True)
class ObjectiveOptions(SharedOptions):
    """What J is."""

    content_weight: float = option(1.0, "Weight α of the content term R.", least=0)
    style_weight: float | None = option(None, "Weight β of the style term S.", "what suits the picture", least=0)
    l1: float = option(0.3, "Weight λ of the L1 term.", least=0)
    l1_on: L1On = option("residual", "What the L1 term is taken of.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.content_weight == 0 and self.style_weight == 0:
            raise ImpastoError("--content-weight and --style-weight cannot both be 0: nothing would be learned")


@dataclass(frozen=True)
class TrainingOptions:
    """What a training sees, and how it goes on."""

    content: str = option("coco", "Photos to learn on: a folder, a .zip, 'coco' (COCO val2017) or 'demo'.")
    content_count: int = option(2000, "How many photos of COCO to fetch (about 160 kB each).", least=2)
    from_: str = option("base", "Start from 'base', which knows several styles, 'scratch', a model, or a run folder.")
    size: int = option(256, "Side of the square training crops, in pixels.", least=32)
    surround: int = option(
        64, "Pixels a side to paint beyond the crop, on either hand: against a style that keeps to edges.", least=0
    )
    batch_size: int = option(1, "Crops a step, on each device.", least=1)
    steady: float = option(1.0, "Weight of steadiness: the more, the less film flickers.", least=0)
    tones: float = option(1.0, "Weight of tones: the more, the more lights, darks and hues stay put.", least=0)
    grid: float = option(0.02, "Weight against the grid that upsampling leaves.", least=0)
    learning_rate: float = option(3e-3, "Peak learning rate.", least=0)


@dataclass(frozen=True)
class Options(TrainingOptions, ObjectiveOptions):
    """Options of ``train-style``, named as on its command line.

    Raises:
        ImpastoError: a value or a combination that cannot work, with the option's spelling.
    """

    out: Path | None = option(None, "The model to write; its run folder lies beside it.", "STYLE.onnx")
    to: str | None = option(None, "Add the style to this file, and leave the kernels and styles in it as they are.")
    overwrite: bool = option(False, "Replace an existing model and run folder.")
    steps: int | None = option(None, "Train for this many steps.", "by --minutes", least=1)
    minutes: float | None = option(
        None,
        "Train for about this long; turned into a number of steps after a timed warm-up; 0 for what it starts from.",
        f"{MINUTES_ON_CPU:g} on a CPU, {MINUTES_ON_GPU:g} on a GPU",
        least=0,
    )
    preview_every: int = option(100, "Steps between previews of held-out photos; 0 for none but the last.", least=0)
    devices: int = option(1, "How many GPUs to train on together; without one, as many processes on the CPU.", least=1)
    checkpoint_every: int = option(50, "Steps between checkpoints.", least=1)
    title: str | None = option(None, "Title of the style, kept in the model.", "from the file's name")
    credit: str = option("", "Who made the style picture, kept in the model.")
    license: str = option("", "Licence of the style picture, kept in the model.")
    model_license: str = option("", "Licence of the model, kept in it.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.steps is not None and self.minutes is not None:
            raise ImpastoError("give --steps or --minutes, not both")
        if self.minutes == 0 and self.from_ == "scratch":
            raise ImpastoError("--minutes 0 exports what the training starts from: leave --from scratch out")
        if self.to is not None and self.from_ != Options.from_:
            raise ImpastoError(f"--to {self.to} is what the training starts from: leave --from out")
        if self.model.suffix != ".onnx":
            raise ImpastoError(f"--out {self.model}: the model's name must end in .onnx")

    @property
    def model(self) -> Path:
        """The file to export to."""
        if self.out or self.to is None:
            return self.out or Path(f"{self.style.stem}.onnx")
        return Path(self.to) if Path(self.to).suffix == ".onnx" else Path(f"{self.to}.onnx")

    @property
    def name(self) -> str:
        """The style's, which its results are named after."""
        return named_after(self.model)

    @property
    def style_name(self) -> str:
        """That of the style by its picture: its own in a file of several."""
        return named_after(self.style)

    @property
    def run(self) -> Path:
        """The run folder beside it."""
        return self.model.with_suffix(".run") if self.to is None else self.model.with_name(self._added)

    @property
    def _added(self) -> str:
        return f"{self.model.stem}-{self.style_name}.run"

    def to_json(self) -> str:
        """All options as JSON, paths as text."""
        return json.dumps(dataclasses.asdict(self), indent=2, default=str)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Options":
        """The inverse of `to_json`; options that this version does not know are left out."""
        known = {field.name: values[field.name] for field in dataclasses.fields(cls) if field.name in values}
        for name in ("style", "out"):
            if known.get(name) is not None:
                known[name] = Path(known[name])
        return cls(**known)


@dataclass(frozen=True)
class ImageOptions(ObjectiveOptions):
    """Options of ``optimize-image``, named as on its command line.

    Raises:
        ImpastoError: a value or a combination that cannot work, with the option's spelling.
    """

    content: Path = option(None, "The photo to restyle.")
    out: Path | None = option(None, "The picture to write.", "PHOTO-STYLE.png")
    overwrite: bool = option(False, "Replace a picture that exists.")
    steps: int = option(300, "Steps of the optimiser.", least=1)
    optimizer: Literal["lbfgs", "adam"] = option("lbfgs", "How the pixels follow the gradient.")
    init: Literal["content", "noise"] = option("content", "What to start from.")
    size: int = option(512, "Reduce a larger photo to this longest side first.", least=16)
    preview_every: int = option(25, "Steps between writing the picture so far; 0 to write only the last.", least=0)

    def __post_init__(self) -> None:
        if self.content is None:
            raise ImpastoError("give the photo to restyle: --content photo.jpg")
        super().__post_init__()
        from impasto.pictures import format_of  # it loads numpy and Pillow, which --help can do without

        if format_of(self.picture) is None:
            raise ImpastoError(f"--out {self.picture}: its name must end as pictures do, as in .png or .jpg")

    @property
    def picture(self) -> Path:
        """The file to write."""
        return self.out or Path(f"{self.content.stem}-{self.style.stem}.png")


@dataclass(frozen=True)
class TuneOptions(TrainingOptions, SharedOptions):
    """Options of ``tune-style``, named as on its command line.

    Raises:
        ImpastoError: a value or a combination that cannot work, with the option's spelling.
    """

    l1: str = option("0,0.1,0.3,1,3", "Weights λ of the L1 term to try.")
    l1_on: str = option("residual", "What to take it of: image, residual or gradient, or several of them.")
    content_weight: str = option("1", "Weights α of the content term to try.")
    style_weight: str | None = option(None, "Weights β of the style term to try.", "what suits the picture")
    steps: int = option(150, "Steps of each short training.", least=1)
    size: int = option(256, "Side of the square crops to train on and to judge by, in pixels.", least=64)
    folds: int = option(3, "Parts that the photos are cut into to compare the best few.", least=2)
    finalists: int = option(3, "How many are compared so.", least=1)
    minutes: float = option(
        30.0, "Begin no further training that would end later, but one a call; the next call goes on.", least=0
    )
    out: Path | None = option(None, "The folder to write to, and of the record to go on with.", "STYLE.tune")
    show: Path | None = option(None, "A folder of photos for the contact sheet.", "held-out photos")
    train: bool = option(False, "Then train the style with what was found, into the same folder.")

    def __post_init__(self) -> None:
        super().__post_init__()
        for variant in self.variants:
            if variant not in get_args(L1On):
                raise ImpastoError(f"--l1-on {variant}: choose among {', '.join(get_args(L1On))}")
        for name in ("l1", "content_weight", "style_weight"):
            self.numbers(name)
        if 0 in self.numbers("content_weight") and 0 in self.numbers("style_weight"):
            raise ImpastoError("--content-weight and --style-weight cannot both be 0: nothing would be learned")

    @property
    def variants(self) -> list[L1On]:
        """What the L1 term is taken of."""
        return [cast(L1On, word.strip()) for word in self.l1_on.split(",")]

    def numbers(self, name: str) -> list[float]:
        """The weights given by the option of that field; none if it was not given.

        Raises:
            ImpastoError: it is no list of weights.
        """
        text = getattr(self, name)
        if text is None:
            return []
        try:
            weights = [float(word) for word in text.split(",")]
        except ValueError:
            weights = [-1.0]
        if not all(0 <= weight <= HEAVIEST for weight in weights):  # NaN fails every comparison
            raise ImpastoError(f"{spelling(name)} {text}: give numbers of at least 0 and commas, as in 0,0.1,1")
        return weights

    @property
    def folder(self) -> Path:
        """The folder to write to."""
        return self.out or Path(f"{self.style.stem}.tune")


def check(field: dataclasses.Field[Any], kind: Any, value: Any) -> None:
    """Hold the value of a field against its least value and its choices.

    Raises:
        ImpastoError: it does not fit, with the option's spelling.
    """
    least = field.metadata["least"]
    if None not in (value, least):
        positive = field.name in POSITIVE
        # NaN fails every comparison
        if not (value > least if positive else value >= least) or not math.isfinite(value):
            bound = "above 0" if positive else f"of at least {least}"
            raise ImpastoError(f"{spelling(field.name)} {value} is not possible: give a finite number {bound}")
    if get_origin(kind) is Literal and value not in get_args(kind):
        raise ImpastoError(f"{spelling(field.name)} {value}: choose {' or '.join(get_args(kind))}")


def named_after(path: Path) -> str:
    """The name of the style that a picture or a model shows, as `impasto.StyleInfo` allows it."""
    return re.sub(r"[^\w-]+", "_", path.stem)[:64]


def spelling(name: str) -> str:
    """How the field ``name`` is written on the command line."""
    return "--" + name.rstrip("_").replace("_", "-")
