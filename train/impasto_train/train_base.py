"""How the base that ships was made.

    python -m impasto_train.train_base STYLES... --content PHOTOS [--steps 2400] [--out FILE]

The styles take turns, a step each.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer
from impasto._console import run
from tqdm import tqdm

from .balance import suitable_weight
from .base import FILE, join, save_base
from .options import Options
from .photos import open_content, read_style
from .pipeline import build_objective, pick_device
from .trainer import Trainer

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def train_base(
    styles: Annotated[list[Path], typer.Argument(help="The style pictures.")],
    content: Annotated[str, typer.Option(help="Photos to train on: what train-style's --content takes.")],
    steps: Annotated[int, typer.Option(help="Steps of all styles together.", min=1)] = 2400,
    out: Annotated[Path, typer.Option(help="The file to write.")] = FILE,
) -> None:
    """Train the base."""
    each = steps // len(styles)
    device = pick_device("auto")
    photos = open_content(content).train
    trainers = []
    for seed, style in enumerate(styles):
        options = Options(style=style, content=content, steps=each, seed=seed)
        picture = read_style(style, options.style_size)
        objective = build_objective(options, picture, device, typer.echo)
        objective.style_weight = suitable_weight(objective, picture)
        trainers.append(Trainer(objective, photos, options, each))
        # the heads of the others part from the first one's
        trainers[seed].begin(picture, [trainers[0].network.state_dict()] if seed else [])
    join(trainers)
    with tqdm(total=each, unit="round") as progress:
        for records in zip(*(trainer.run() for trainer in trainers), strict=True):
            progress.set_postfix_str(" ".join(f"{record.content:.2f}+{record.style:.2f}" for record in records))
            progress.update()
    save_base({style.stem: trainer.average for style, trainer in zip(styles, trainers, strict=True)}, out)


if __name__ == "__main__":
    sys.exit(run(app, "impasto_train.train_base"))
