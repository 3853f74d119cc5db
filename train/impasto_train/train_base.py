"""How the base that ships was made.

    python -m impasto_train.train_base STYLES... --content PHOTOS [--from RUN] [--steps 4000] [--out FILE]

The styles take turns, a step each: the pictures given, our own painting, and pictures like those given but the first,
in other colours and at another scale, so that the kernels see more kinds of strokes than there are paintings.
"""

import sys
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, NamedTuple

import numpy as np
import typer
from impasto._console import run
from PIL import Image
from tqdm import tqdm

from .balance import suitable_weight
from .base import FILE, join, save_base
from .options import Options
from .painting import paint
from .photos import open_content, read_style
from .pipeline import SCRATCH, build_objective, pick_device, starts
from .trainer import Trainer


class Variant(NamedTuple):
    """What is done to a painting to have another one."""

    channels: tuple[int, int, int]
    """Which of its channels become red, green and blue."""
    pale: bool
    turned: bool
    size: int
    """Short side in pixels at which it is learned."""


VARIANTS = (
    Variant((1, 2, 0), pale=True, turned=False, size=288),
    Variant((2, 0, 1), pale=False, turned=True, size=512),
    Variant((2, 1, 0), pale=True, turned=False, size=288),
)
PALE = 0.55  # of a picture's darkness is left

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def varied(picture: Image.Image, variant: Variant) -> Image.Image:
    """Another painting out of ``picture``."""
    channels = picture.convert("RGB").split()
    pixels = np.asarray(Image.merge("RGB", [channels[i] for i in variant.channels]))
    if variant.pale:
        pixels = (255 - (255 - pixels.astype(float)) * PALE).astype(np.uint8)
    return Image.fromarray(np.rot90(pixels) if variant.turned else pixels)


def others(styles: list[Path], folder: Path) -> Iterator[tuple[Path, int]]:
    """Write the pictures that are learned beside ``styles`` into ``folder``; each with its size for learning."""
    own = folder / "own.png"
    Image.fromarray(paint(512)).save(own)
    yield own, Options.style_size
    for style, variant in zip(styles[1:], cycle(VARIANTS), strict=False):
        other = folder / f"{style.stem}_varied.png"
        with Image.open(style) as picture:
            varied(picture, variant).save(other)
        yield other, variant.size


@app.command()
def train_base(
    styles: Annotated[list[Path], typer.Argument(help="The style pictures.")],
    content: Annotated[str, typer.Option(help="Photos to train on: what train-style's --content takes.")],
    from_: Annotated[str, typer.Option("--from", help="What to start from, as train-style's --from.")] = SCRATCH,
    steps: Annotated[int, typer.Option(help="Steps of all styles together.", min=1)] = 4000,
    out: Annotated[Path, typer.Option(help="The file to write.")] = FILE,
) -> None:
    """Train the base."""
    device = pick_device("auto")
    photos = open_content(content).train
    first = starts(from_)
    trainers = []
    with TemporaryDirectory() as folder:
        learned = [*((style, Options.style_size) for style in styles), *others(styles, Path(folder))]
        each = steps // len(learned)
        for seed, (style, size) in enumerate(learned):
            options = Options(style=style, style_size=size, content=content, steps=each, seed=seed)
            picture = read_style(style, size)
            objective = build_objective(options, picture, device, typer.echo)
            objective.style_weight = suitable_weight(objective, picture)
            trainers.append(Trainer(objective, photos, options, each))
            # the heads of the others part from the first one's
            trainers[seed].begin(picture, first or [trainer.network.state_dict() for trainer in trainers[:1] if seed])
    join(trainers)
    with tqdm(total=each, unit="round") as progress:
        for records in zip(*(trainer.run() for trainer in trainers), strict=True):
            progress.set_postfix_str(" ".join(f"{record.content:.2f}+{record.style:.2f}" for record in records))
            progress.update()
    names = [style.stem for style, _ in learned]
    save_base({name: trainer.average for name, trainer in zip(names, trainers, strict=True)}, out)


if __name__ == "__main__":
    sys.exit(run(app, "impasto_train.train_base"))
