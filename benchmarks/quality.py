"""Score a model by the yardstick of the README: R and S over photos, and J = R + 2S.

    python -m benchmarks.quality MODEL STYLE PHOTOS [--json FILE] [--plot FILE]

R is ‖F(x) − F(c)‖² / ‖F(c)‖² at relu3_3 and S the sum over four layers of ‖G(x) − G(s)‖² / ‖G(s)‖², per photo
and then averaged. Photos: short side 384, centre crop 384; style picture: short side 384. The model is run as
apps run it: uint8 in, uint8 out, by onnxruntime.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from impasto import ImpastoError, Stylizer
from impasto._console import run
from impasto_train.objective import CONTENT_LAYERS, STYLE_LAYERS, Objective, gram, layer_distances, mean_distance
from impasto_train.photos import Photo, centre_crop, read_style
from impasto_train.trainer import to_pixels, to_tensor
from impasto_train.vgg import VGG16
from impasto_train.vgg_weights import load_vgg_weights

from .report import save

SIZE = 384
STYLE_WEIGHT = 2.0

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def yardstick(style: Path) -> Objective:
    """R + 2S for the picture ``style`` at a short side of `SIZE`, on the CPU."""
    vgg = VGG16(load_vgg_weights(), {*CONTENT_LAYERS, *STYLE_LAYERS})
    target = to_tensor(read_style(style, SIZE)[None])
    return Objective(vgg, target, content_weight=1, style_weight=STYLE_WEIGHT, l1_weight=0)


def painter(stylizer: Stylizer) -> Callable[[torch.Tensor], torch.Tensor]:
    """``stylizer`` as `evaluate` wants it: from float ``[1, 3, H, W]`` in 0..1 to the like."""

    def paint(photo: torch.Tensor) -> torch.Tensor:
        return to_tensor(stylizer(to_pixels(photo)))

    return paint


@torch.no_grad()
def score(paint: Callable[[torch.Tensor], torch.Tensor], objective: Objective, crop: np.ndarray) -> dict[str, float]:
    """R, S and J of the painted ``crop``, uint8 ``[H, W, 3]``, and the share of S that each layer gives."""
    photo = to_tensor(crop[None])
    found = objective.vgg(paint(photo))
    grams = {layer: gram(found[layer]) for layer in STYLE_LAYERS}
    r = float(mean_distance(found, objective.content(photo), normalize=True))
    parts = {f"S {k}": float(v) for k, v in layer_distances(grams, objective.grams, normalize=True).items()}
    s = sum(parts.values())
    return {"R": r, "S": s, "J": r + STYLE_WEIGHT * s, **parts}


@app.command()
def quality(
    model: Annotated[str, typer.Argument(help="A model file, or the name of a shipped style.")],
    style: Annotated[Path, typer.Argument(help="The style picture it was trained on.")],
    photos: Annotated[Path, typer.Argument(help="A folder of photos, or one photo.")],
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
    plot_file: Annotated[Path | None, typer.Option("--plot", help="Draw them here, .png or .svg.")] = None,
) -> None:
    """Print R, S and J of a model photo by photo, and their means."""
    files = sorted(p for p in photos.iterdir() if p.is_file()) if photos.is_dir() else [photos]
    if not files:
        raise ImpastoError(f"{photos} holds no photos")
    stylizer = Stylizer(model)
    objective = yardstick(style)
    rows: list[dict[str, Any]] = [
        {"photo": file.name, **score(painter(stylizer), objective, centre_crop(Photo(file.name, file), SIZE))}
        for file in files
    ]
    mean = {key: float(np.mean([row[key] for row in rows])) for key in rows[0] if key != "photo"}
    rows.append({"photo": f"mean of {len(rows)}", **mean})

    def draw(axis: Any) -> None:
        axis.scatter([row["R"] for row in rows[:-1]], [row["S"] for row in rows[:-1]])
        axis.scatter(mean["R"], mean["S"], marker="x", color="black", label="mean")
        axis.set(xlabel="R", ylabel="S", xlim=(0, None), ylim=(0, None), title=stylizer.info.name)
        axis.legend()

    save(rows, json_file, plot_file, draw)


if __name__ == "__main__":
    sys.exit(run(app, "benchmarks.quality"))
