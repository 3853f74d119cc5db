"""How fast a training learns: J of photos never trained on against minutes.

    python -m benchmarks.training STYLE PHOTOS HELD_OUT [--from scratch,base] [--steps 1000,250]

One training after the other, each of the same steps and recipe, that differ only in what they start from. At each mark
the averaged weights paint the first photos of HELD_OUT (256 px centre crops); J = R + 2S, no L1. Minutes are those of
the training alone. VGG16's share is the time of the objective without the network, over that of a step.
"""

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from impasto._console import run
from impasto_train.options import Options
from impasto_train.photos import Photo, centre_crop, open_content, read_style
from impasto_train.pipeline import SCRATCH, build_objective, pick_device, starts
from impasto_train.trainer import Trainer, evaluate, to_tensor

from .quality import yardstick
from .report import save

SIZE, PHOTOS = 256, 7
MARKS = (25, 50, 100, 150, 250, 500, 1000, 1500)

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def vgg_seconds(trainer: Trainer, rounds: int = 5) -> float:
    """Seconds of a step that are not the network's: targets, features, their gradient. The least of ``rounds``."""
    size = trainer.options.size
    photo = to_tensor(centre_crop(trainer.photos[0], size)[None], trainer.device)
    took = []
    for _ in range(rounds):
        start = time.perf_counter()
        x = photo.clone().requires_grad_()
        trainer.objective(x, photo, trainer.objective.content(photo)).total.mean().backward()
        torch.sum(x.grad).item()  # waits for the device
        took.append(time.perf_counter() - start)
    return min(took)


@app.command()
def training(
    style: Annotated[Path, typer.Argument(help="The style picture.")],
    photos: Annotated[str, typer.Argument(help="Photos to train on: what --content takes.")],
    held_out: Annotated[Path, typer.Argument(help="A folder of photos never trained on.")],
    steps: Annotated[str, typer.Option(help="Length of each training, or one for each start.")] = "1000",
    origins: Annotated[str, typer.Option("--from", help="What to start from: scratch, base, run folders.")] = SCRATCH,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
    plot_file: Annotated[Path | None, typer.Option("--plot", help="Draw them here, .png or .svg.")] = None,
) -> None:
    """Train and print J against steps and minutes."""
    files = sorted(path for path in held_out.iterdir() if path.is_file())[:PHOTOS]
    crops = [centre_crop(Photo(file.name, file), SIZE) for file in files]
    judge = yardstick(style)
    names = origins.split(",")
    lengths = [int(one) for one in steps.split(",")]
    lengths *= len(names) if len(lengths) == 1 else 1
    rows: list[dict[str, Any]] = []
    for name, length in zip(names, lengths, strict=True):
        options = Options(style=style, content=photos, from_=name, steps=length)
        picture = read_style(style, options.style_size)
        objective = build_objective(options, picture, pick_device(options.device), print)
        trainer = Trainer(objective, open_content(photos).train, options, length)
        start = time.perf_counter()
        candidates = starts(name)
        if candidates:
            trainer.begin_from(candidates, picture)
        else:
            trainer.begin(picture)
        seconds = time.perf_counter() - start
        share = vgg_seconds(trainer)
        for record in trainer.run():
            seconds += record.seconds
            if record.step in MARKS or record.step == length:
                scores = evaluate(trainer.average, judge, crops)
                rows.append({
                    "from": name, "step": record.step, "minutes": seconds / 60, "R": float(scores.content),
                    "S": float(scores.style), "J": float(scores.total), "photos/s": record.step / seconds,
                    "VGG16": share * record.step / seconds,
                })  # fmt: skip

    def draw(axis: Any) -> None:
        for name in names:
            mine = [row for row in rows if row["from"] == name]
            axis.plot([row["minutes"] for row in mine], [row["J"] for row in mine], marker="o", label=f"from {name}")
        axis.set(xlabel="minutes", ylabel="J = R + 2S of photos never trained on", ylim=(0, 6), xlim=(0, None))
        axis.legend()

    save(rows, json_file, plot_file, draw)


if __name__ == "__main__":
    sys.exit(run(app, "benchmarks.training"))
