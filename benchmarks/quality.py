"""Score a model by the yardstick of the README: R and S over photos, and J = R + 2S.

    python -m benchmarks.quality MODEL STYLE PHOTOS [--json FILE]

R is ‖F(x) − F(c)‖² / ‖F(c)‖² at relu3_3 and S the sum over four layers of ‖G(x) − G(s)‖² / ‖G(s)‖², per photo
and then averaged. Photos: short side 384, centre crop 384; style picture: short side 384. The model is run as
apps run it: uint8 in, uint8 out, by onnxruntime.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import torch
import typer
from impasto import ImpastoError, Stylizer
from impasto._console import run
from impasto._files import whole_file
from impasto_train.objective import CONTENT_LAYERS, STYLE_LAYERS, Objective
from impasto_train.photos import Photo, centre_crop, read_style
from impasto_train.trainer import evaluate, to_tensor
from impasto_train.vgg import VGG16
from impasto_train.vgg_weights import load_vgg_weights

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
        pixels = (photo * 255).round().byte().permute(0, 2, 3, 1).contiguous().numpy()
        return to_tensor(stylizer(pixels))

    return paint


@app.command()
def quality(
    model: Annotated[str, typer.Argument(help="A model file, or the name of a shipped style.")],
    style: Annotated[Path, typer.Argument(help="The style picture it was trained on.")],
    photos: Annotated[Path, typer.Argument(help="A folder of photos, or one photo.")],
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Print R, S and J of a model photo by photo, and their means."""
    files = sorted(p for p in photos.iterdir() if p.is_file()) if photos.is_dir() else [photos]
    if not files:
        raise ImpastoError(f"{photos} holds no photos")
    stylizer = Stylizer(model)
    objective = yardstick(style)
    rows = []
    for file in files:
        terms = evaluate(painter(stylizer), objective, [centre_crop(Photo(file.name, file), SIZE)])
        rows.append({"photo": file.name, "R": float(terms.content), "S": float(terms.style), "J": float(terms.total)})
    mean = {key: sum(float(row[key]) for row in rows) / len(rows) for key in ("R", "S", "J")}
    print(f"{'photo':24} {'R':>7} {'S':>7} {'R + 2S':>7}")
    for row in [*rows, {"photo": f"mean of {len(rows)}", **mean}]:
        print(f"{row['photo']:24} {row['R']:7.3f} {row['S']:7.3f} {row['J']:7.3f}")
    if json_file:
        with whole_file(json_file) as path:
            path.write_text(json.dumps({"model": stylizer.info.name, "photos": rows, "mean": mean}, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(run(app, "benchmarks.quality"))
