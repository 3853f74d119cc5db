"""How steady a model is: what slight noise and a shift of the photo do to its picture.

    python -m benchmarks.flicker MODEL [MODEL ...] PHOTOS [--json FILE] [--plot FILE]

Noise gain: mean |f(x + n) − f(x)| over mean |n|, n Gaussian with a deviation of 2 levels of 255. Pan difference: mean
|f(crop) − f(crop moved by d)| in levels of 255 over the area both show, a margin of 32 px left out, for d of 1, 2, 3
and 5 px along the diagonal. Crops of 384 px of the first eight photos.
"""

import sys
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from impasto import Stylizer
from impasto._console import run
from impasto_train.photos import Photo, centre_crop

from .report import save

SIZE, PHOTOS, DEVIATION, MARGIN, SHIFTS = 384, 8, 2.0, 32, (1, 2, 3, 5)

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def noise_gain(stylizer: Stylizer, photos: list[np.ndarray]) -> float:
    """Mean over ``photos``, uint8 ``[H, W, 3]``; the noise is what is left of it after rounding to uint8."""
    random = np.random.default_rng(0)
    gains = []
    for photo in photos:
        noisy = np.clip(np.round(photo + random.normal(0, DEVIATION, photo.shape)), 0, 255).astype(np.uint8)
        noise = np.abs(noisy.astype(int) - photo).mean()
        gains.append(np.abs(stylizer(noisy).astype(int) - stylizer(photo)).mean() / noise)
    return float(np.mean(gains))


def pan_difference(stylizer: Stylizer, photos: list[np.ndarray]) -> float:
    """Mean over ``photos``, uint8 ``[SIZE + 5, SIZE + 5, 3]``, and shifts, in levels of 255."""
    found = []
    for photo in photos:
        still = stylizer(photo[:SIZE, :SIZE]).astype(int)
        for d in SHIFTS:
            moved = stylizer(np.ascontiguousarray(photo[d : d + SIZE, d : d + SIZE])).astype(int)
            inner = slice(MARGIN, SIZE - d - MARGIN)
            found.append(np.abs(still[d:, d:][inner, inner] - moved[:-d, :-d][inner, inner]).mean())
    return float(np.mean(found))


@app.command()
def flicker(
    models: Annotated[list[str], typer.Argument(help="Model files or names.")],
    photos: Annotated[Path, typer.Argument(help="A folder of photos.")],
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
    plot_file: Annotated[Path | None, typer.Option("--plot", help="Draw them here, .png or .svg.")] = None,
) -> None:
    """Print noise gain and pan difference of models."""
    files = sorted(path for path in photos.iterdir() if path.is_file())[:PHOTOS]
    crops = [centre_crop(Photo(file.name, file), SIZE + max(SHIFTS)) for file in files]
    rows: list[dict[str, Any]] = []
    for model in models:
        stylizer = Stylizer(model)
        gain = noise_gain(stylizer, [np.ascontiguousarray(crop[:SIZE, :SIZE]) for crop in crops])
        rows.append(
            {"model": stylizer.info.name, "noise gain": gain, "pan difference": pan_difference(stylizer, crops)}
        )

    def draw(axis: Any) -> None:
        for row in rows:
            axis.scatter(row["noise gain"], row["pan difference"])
            axis.annotate(row["model"], (row["noise gain"], row["pan difference"]))
        axis.set(xlabel="noise gain", ylabel="pan difference, levels of 255", xlim=(0, None), ylim=(0, None))

    save(rows, json_file, plot_file, draw)


if __name__ == "__main__":
    sys.exit(run(app, "benchmarks.flicker"))
