"""One training by two processes held against the same by one, which has the joined batch.

    python -m tests.drills.joined [--steps 50] [--narrow] [--json FILE]

Two processes on the CPU with two crops each, and one with four: how far apart the gradients of the first step are, and
held-out pictures after so many steps.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import torch
import typer
from impasto.common.console import run
from impasto_train.commandline.options import Options
from impasto_train.downloads.vgg_weights import load_vgg_weights
from impasto_train.photos.content import centre_crop, open_content, read_style
from impasto_train.photos.tensors import painted
from impasto_train.training import launch
from impasto_train.training.group import ALONE, Group, joined
from impasto_train.training.setup import build_objective
from impasto_train.training.trainer import Trainer
from safetensors.torch import load_file, save_file

from benchmarks.report import save

from . import tiny

PROGRAM = (
    sys.executable,
    "-c",
    f"import sys; sys.path.insert(0, {str(tiny.ROOT)!r}); from tests.drills import joined; joined.worker()",
)
JOINED = 4  # crops a step

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def worker() -> None:
    """A process of a group: train as its arguments say, and let the first one write what came of it."""
    folder, steps, narrow = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "narrow"
    launch.watch_launcher()
    with joined(torch.device("cpu")) as group:
        teach(folder / "two.safetensors", folder, steps, narrow, group)


def teach(out: Path, folder: Path, steps: int, narrow: bool, group: Group) -> None:
    """Train with `JOINED` crops a step and write the first step's gradients and held-out pictures after the last."""
    if narrow:
        tiny.narrow()
    options = Options(
        style=folder / "style.png",
        content=str(folder / "photos"),
        size=96 if narrow else 128,
        style_size=64,
        batch_size=JOINED // group.size,
        steps=steps,
        from_="scratch",
        device="cpu",
    )
    style = read_style(options.style, options.style_size)
    objective = build_objective(options, style, torch.device("cpu"), lambda line: None)
    content = open_content(options.content, say=lambda line: None)
    trainer = Trainer(objective, content.train, options, steps, group)
    trainer.begin(style)
    found = {}
    for record in trainer.run():
        if record.step == 1:
            named = trainer.network.named_parameters()
            found = {f"gradient/{name}": p.grad.clone() for name, p in named if p.grad is not None}
    network = trainer.finished()
    for photo in content.held_out:
        found[f"picture/{photo.name}"] = torch.from_numpy(
            painted(network, centre_crop(photo, options.size), trainer.device)
        )
    if group.first:
        save_file({name: tensor.contiguous() for name, tensor in found.items()}, out)


def same(folder: Path, steps: int, narrow: bool) -> dict[str, Any]:
    """How far two processes are from one."""
    tiny.lay_out(folder, photos=24)
    if not narrow:
        load_vgg_weights(None, say=print)  # fetched once, by this process
    before, launch.PROGRAM = launch.PROGRAM, PROGRAM
    try:
        status = launch.launch([str(folder), str(steps), "narrow" if narrow else "whole"], 2)
    finally:
        launch.PROGRAM = before
    if status:
        raise RuntimeError(f"the two processes ended with status {status}")
    teach(folder / "one.safetensors", folder, steps, narrow, ALONE)
    one, two = (load_file(folder / f"{name}.safetensors") for name in ("one", "two"))
    gradients = [name for name in one if name.startswith("gradient/") and one[name].any()]
    pictures = [name for name in one if name.startswith("picture/")]
    apart = [((one[name] - two[name]).norm() / one[name].norm()).item() for name in gradients]
    levels = [(one[name].int() - two[name].int()).abs().max().item() for name in pictures]
    return {
        "gradients": len(gradients),
        "furthest apart": max(apart),
        "steps": steps,
        "pictures": len(pictures),
        "levels apart": max(levels),
    }


@app.command()
def main(
    steps: Annotated[int, typer.Option(min=1)] = 50,
    narrow: Annotated[bool, typer.Option("--narrow", help="Under a narrow network's eyes, not VGG16's.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> int:
    """Train both ways and compare."""
    with TemporaryDirectory() as folder:
        row = same(Path(folder), steps, narrow)
    save([row], json_file, None, lambda axis: None)
    print(f"furthest apart: {row['furthest apart']:.2g}")
    return 0 if row["furthest apart"] < 1e-5 and row["levels apart"] <= 1 else 1


if __name__ == "__main__":
    sys.exit(run(app, "tests.drills.joined"))
