"""Score a model's pictures: R and S over photos, J = R + 2S, and the figures of `impasto_train.judge.eye`.

    python -m benchmarks.quality MODEL STYLE PHOTOS [--first 10] [--json FILE] [--plot FILE]

R, the distance to the photo, is ‖F(x) − F(c)‖² / ‖F(c)‖² at relu3_3 and S, the distance to the painting, the sum over
four layers of ‖G(x) − G(s)‖² / ‖G(s)‖², per photo and then averaged. These two are what is trained for, so they may not
judge alone. The others are not trained for; `impasto_train.judge.eye` says how each is computed:

* W (textures), L (local contrast) and P (palette): distances to the painting; less is better.
* contrast at 8, 32 and 64 px and spread of colours along two axes, over the painting's: near 1 is best.
* F, paint where the photo is flat, over the painting's mean: more is better up to about 1.
* structure, how far the drawing is no longer the photo's: less is better.

Photos: short side 384, centre crop 384; style picture: short side 384 for R and S. A model is run as apps run it: uint8
in, uint8 out, by onnxruntime. A rival's pictures of the same crops are scored by the folder they are in.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from impasto import Stylizer
from impasto.internal import run
from impasto_train.downloads.vgg_weights import load_vgg_weights
from impasto_train.judge import eye
from impasto_train.loss.objective import CONTENT_LAYERS, STYLE_LAYERS, Objective, gram, layer_distances, mean_distance
from impasto_train.loss.vgg import VGG16
from impasto_train.photos.content import read_style
from impasto_train.photos.tensors import to_pixels, to_tensor

from .pictures import painter, photo_files, square
from .report import save

SIZE = 384
STYLE_WEIGHT = 2.0

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def yardstick(style: Path, more: Iterable[str] = ()) -> Objective:
    """R + 2S for the picture ``style`` at a short side of `SIZE`, on the CPU; its VGG16 hands out ``more`` besides."""
    vgg = VGG16(load_vgg_weights(), {*CONTENT_LAYERS, *STYLE_LAYERS, *more})
    target = to_tensor(read_style(style, SIZE)[None])
    return Objective(vgg, target, content_weight=1, style_weight=STYLE_WEIGHT, l1_weight=0)


def on_tensors(stylizer: Stylizer) -> Callable[[torch.Tensor], torch.Tensor]:
    """``stylizer`` as `evaluate` wants it: from float ``[1, 3, H, W]`` in 0..1 to the same."""

    def paint(photo: torch.Tensor) -> torch.Tensor:
        return to_tensor(stylizer(to_pixels(photo)))

    return paint


@dataclass(frozen=True)
class Judge:
    """Scores pictures painted after one painting."""

    objective: Objective
    eye: eye.Eye

    @classmethod
    def of(cls, style: Path) -> "Judge":
        """A judge who has seen the painting ``style``."""
        objective = yardstick(style, eye.LAYERS)
        return cls(objective, eye.Eye(objective.vgg, style))

    @torch.no_grad()
    def score(self, painted: torch.Tensor, photo: torch.Tensor) -> dict[str, float]:
        """R, S and J, what the eye sees, and the share of S that each layer gives.

        Args:
            painted, photo: float ``[1, 3, H, W]``, RGB in 0..1.
        """
        seen, wanted = self.objective.vgg(painted), self.objective.vgg(photo)
        grams = {layer: gram(seen[layer]) for layer in STYLE_LAYERS}
        r = float(mean_distance(seen, {layer: wanted[layer] for layer in CONTENT_LAYERS}, normalize=True))
        parts = {
            f"S {layer}": float(found)
            for layer, found in layer_distances(grams, self.objective.targets["gram"][0], normalize=True).items()
        }
        s = sum(parts.values())
        sights = self.eye(to_pixels(painted)[0], to_pixels(photo)[0], seen, wanted)
        return {"R": r, "S": s, "J": r + STYLE_WEIGHT * s, **sights, **parts}


def mean_of(scores: Sequence[dict[str, float]]) -> dict[str, float]:
    """The mean of each figure."""
    return {key: float(np.mean([score[key] for score in scores])) for key in scores[0]}


@app.command()
def quality(
    model: Annotated[
        str, typer.Argument(help="A model file, the name of a shipped style, or a folder of painted pictures.")
    ],
    style: Annotated[Path, typer.Argument(help="The style picture it was trained on.")],
    photos: Annotated[Path, typer.Argument(help="A folder of photos, or one photo.")],
    first: Annotated[
        int | None, typer.Option(help="Take only so many photos, by name.", min=1, show_default="all")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
    plot_file: Annotated[Path | None, typer.Option("--plot", help="Draw them here, .png or .svg.")] = None,
) -> None:
    """Print the figures of a model's pictures, photo by photo, and their means."""
    files = photo_files([photos])[:first]
    name, paint = painter(model)
    judge = Judge.of(style)
    scores = []
    for file in files:
        crop = square(file, SIZE)
        scores.append(judge.score(to_tensor(paint(file, crop)[None]), to_tensor(crop[None])))
    mean = mean_of(scores)
    rows: list[dict[str, Any]] = [{"photo": file.name, **score} for file, score in zip(files, scores, strict=True)]
    rows.append({"photo": f"mean of {len(files)}", **mean})

    def draw(axis: Any) -> None:
        axis.scatter([row["R"] for row in rows[:-1]], [row["S"] for row in rows[:-1]])
        axis.scatter(mean["R"], mean["S"], marker="x", color="black", label="mean")
        axis.set(xlabel="R", ylabel="S", xlim=(0, None), ylim=(0, None), title=name)
        axis.legend()

    save(rows, json_file, plot_file, draw)


if __name__ == "__main__":
    sys.exit(run(app, "benchmarks.quality"))
