"""How fast a training learns: J, and what the eye sees, of photos never trained on against minutes.

    python -m benchmarks.training STYLE PHOTOS HELD_OUT [--from scratch,base] [--steps 1000,250]

One training after the other of the same recipe, that differ only in what they start from and in their length. At each
mark the averaged weights paint the first photos of HELD_OUT (256 px centre crops); J = R + 2S, no L1; the figures after
it are those of `impasto_train.judge.eye`. Minutes are those of the start and the steps, without these looks. VGG16's
share is the time of the objective without the network, over that of a step.
"""

import statistics
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from impasto import ImpastoError
from impasto.internal import run
from impasto_train.base.starts import SCRATCH, starts
from impasto_train.commandline.options import Options
from impasto_train.photos.content import centre_crop, open_content, read_style
from impasto_train.photos.picture import Photo
from impasto_train.photos.tensors import to_tensor
from impasto_train.training.setup import build_objective, pick_device
from impasto_train.training.trainer import Trainer

from .quality import Judge, mean_of
from .report import save

SIZE, PHOTOS = 256, 7
MARKS = (25, 50, 100, 150, 250, 500, 1000, 1500)

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def vgg_seconds(trainer: Trainer, rounds: int = 5) -> float:
    """Seconds of a step that are not the network's: targets, features, their gradient. The median of ``rounds``."""
    size = trainer.options.size
    photo = to_tensor(centre_crop(trainer.photos[0], size)[None], trainer.device)
    took = []
    for _ in range(rounds):
        start = time.perf_counter()
        x = photo.clone().requires_grad_()
        trainer.objective(x, photo, trainer.objective.content(photo)).total.mean().backward()
        torch.sum(x.grad).item()  # waits for the device
        took.append(time.perf_counter() - start)
    return statistics.median(took)


@torch.no_grad()
def scores(trainer: Trainer, judge: Judge, crops: list[np.ndarray]) -> dict[str, float]:
    """Mean figures of ``crops``, uint8 ``[H, W, 3]``, as the model would paint them now."""
    photos = [to_tensor(crop[None], trainer.device) for crop in crops]
    network = trainer.finished()
    painted = [network(photo).clamp(0, 1).cpu() for photo in photos]
    found = mean_of([judge.score(picture, photo.cpu()) for picture, photo in zip(painted, photos, strict=True)])
    return {key: value for key, value in found.items() if not key.startswith("S ")}


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
    files = sorted(path for path in held_out.iterdir() if path.is_file())[:PHOTOS] if held_out.is_dir() else []
    if not files:
        raise ImpastoError(f"{held_out} holds no photos")
    crops = [centre_crop(Photo(file.name, file), SIZE) for file in files]
    judge = Judge.of(style)
    names = origins.split(",")
    if not all(one.isdecimal() and int(one) for one in steps.split(",")):
        raise ImpastoError(f"--steps {steps}: give a number, or one for each start, as in 1000,250")
    lengths = [int(one) for one in steps.split(",")]
    lengths *= len(names) if len(lengths) == 1 else 1
    if len(lengths) != len(names):
        raise ImpastoError(f"--steps {steps} and --from {origins}: give one number, or one for each start")
    candidates = [starts(name)[0] for name in names]  # all, before the first training: one may not be there
    rows: list[dict[str, Any]] = []
    for name, length, weights in zip(names, lengths, candidates, strict=True):
        options = Options(style=style, content=photos, from_=name, steps=length)
        picture = read_style(style, options.style_size)
        objective = build_objective(options, picture, pick_device(options.device), print)
        trainer = Trainer(objective, open_content(photos).train, options, length)
        share = vgg_seconds(trainer)
        start = time.perf_counter()
        trainer.begin(picture, weights)
        before, seconds = time.perf_counter() - start, 0.0
        for record in trainer.run():
            seconds += record.seconds
            if record.step in MARKS or record.step == length:
                rows.append(
                    {
                        "from": name,
                        "step": record.step,
                        "minutes": (before + seconds) / 60,
                        **scores(trainer, judge, crops),
                        "photos/s": record.step / seconds,
                        "VGG16": share * record.step / seconds,
                    }
                )

    def draw(axis: Any) -> None:
        for name in names:
            mine = [row for row in rows if row["from"] == name]
            axis.plot([row["minutes"] for row in mine], [row["J"] for row in mine], marker="o", label=f"from {name}")
        axis.set(xlabel="minutes", ylabel="J = R + 2S of photos never trained on", ylim=(0, 6), xlim=(0, None))
        axis.legend()

    save(rows, json_file, plot_file, draw)


if __name__ == "__main__":
    sys.exit(run(app, "benchmarks.training"))
