"""What a model paints that no painter would: grids, borders, lines along them, clipping, noise.

Each beside the painting's own value.

    python -m benchmarks.artefacts MODEL STYLE PHOTOS [--json FILE] [--plot FILE]

All of luminance, on centre crops of 384 px; the painting at short sides of 384, 512 and 768 px, cut into such crops,
as a single one may be far from the others by chance. The median of the crops; of the line, see there.

* grid: spectral energy at the frequencies of the upsampling (multiples of 1/4 and 1/2 a pixel along either axis) over
  that of the frequencies around them, for the frequency where it is largest; white noise has 2.4.
* border: deviation of the finest detail within 8 px of the edge over that further in; 1 is none.
* line: mean absolute step from row to row (from column to column at the left and right) within 4 px of the edge over
  that 8 to 40 px further in, at the place where its median over the pictures is largest; 1 is none, 1.5 the most that a
  style should have. So a line counts that all pictures have in the same place, and not what one of them shows there.
* clipped: share of values at 0 or 255.
* flat noise: deviation of the finest detail in the flattest tenth of the picture, in levels of 255.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from impasto import Stylizer
from impasto.internal import run
from impasto_train.photos.content import centre_crop, read_style
from impasto_train.photos.picture import Photo

from .report import save

SIZE, EDGE, BLOCK = 384, 8, 16
OUTERMOST, WITHIN = 4, slice(8, 40)  # steps from row to row, counted from the edge
WEIGHTS = np.array([0.2126, 0.7152, 0.0722])  # of luminance
SIDES, STRIDE = (384, 512, 768), 128  # px: short sides of the painting, and how far apart its crops are at most
MEASURES = ("grid", "border", "line", "clipped", "flat noise")

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def measure(picture: np.ndarray) -> dict[str, float]:
    """The figures of ``picture``, uint8 ``[SIZE, SIZE, 3]``, but for `line`, which takes several."""
    luminance = picture @ WEIGHTS
    # the finest detail: each pixel less the mean of its 3x3 neighbourhood
    padded = np.pad(luminance, 1, mode="edge")
    mean = sum(padded[y : y + SIZE, x : x + SIZE] for y in range(3) for x in range(3)) / 9
    detail = luminance - mean
    inner = detail[EDGE:-EDGE, EDGE:-EDGE]
    edges = (detail[:EDGE], detail[-EDGE:], detail[:, :EDGE], detail[:, -EDGE:])
    rim = np.concatenate([edge.ravel() for edge in edges])
    count = SIZE // BLOCK

    def blocks(values: np.ndarray) -> np.ndarray:
        return values.reshape(count, BLOCK, count, BLOCK).std(axis=(1, 3)).ravel()

    flattest = np.argsort(blocks(mean))[: count * count // 10]
    return {
        "grid": grid(luminance),
        "border": float(rim.std() / max(inner.std(), 1e-6)),
        "clipped": float(np.mean((picture == 0) | (picture == 255))),
        "flat noise": float(blocks(detail)[flattest].mean()),
    }


def line(pictures: Sequence[np.ndarray]) -> float:
    """Of ``pictures``, uint8 ``[H, W, 3]`` each: the largest median, over them, of a step near an edge."""

    def steps(picture: np.ndarray) -> list[np.ndarray]:
        luminance = picture @ WEIGHTS
        sides = (luminance, luminance[::-1], luminance.T, luminance.T[::-1])
        inwards = [np.abs(np.diff(side[: WITHIN.stop + 1], axis=0)).mean(axis=1) for side in sides]
        return [step[:OUTERMOST] / max(step[WITHIN].mean(), 0.05) for step in inwards]

    return float(np.median([steps(picture) for picture in pictures], axis=0).max())


def grid(luminance: np.ndarray) -> float:
    """Largest ratio, over the frequencies of the upsampling, of their energy to the median of those around them."""
    window = np.hanning(SIZE)
    energy = np.abs(np.fft.fft2((luminance - luminance.mean()) * np.outer(window, window))) ** 2
    quarter, half = SIZE // 4, SIZE // 2
    worst = 0.0
    for y, x in ((0, quarter), (quarter, 0), (quarter, quarter), (0, half), (half, 0), (half, half), (quarter, half)):
        rows, columns = np.arange(y - 6, y + 7) % SIZE, np.arange(x - 6, x + 7) % SIZE
        patch = energy[np.ix_(rows, columns)]
        worst = max(worst, float(patch[5:8, 5:8].mean() / max(np.median(patch), 1e-9)))
    return worst


def painting_crops(style: Path) -> list[np.ndarray]:
    """The painting in overlapping crops, uint8 ``[SIZE, SIZE, 3]``, at each of `SIDES`."""

    def starts(side: int) -> list[int]:
        room = side - SIZE
        return sorted({round(room * part) for part in np.linspace(0, 1, 1 + -(-room // STRIDE))})

    pictures = [read_style(style, side) for side in SIDES]
    return [
        picture[y : y + SIZE, x : x + SIZE]
        for picture in pictures
        for y in starts(picture.shape[0])
        for x in starts(picture.shape[1])
    ]


@app.command()
def artefacts(
    model: Annotated[str, typer.Argument(help="A model file, or the name of a shipped style.")],
    style: Annotated[Path, typer.Argument(help="The style picture it was trained on.")],
    photos: Annotated[Path, typer.Argument(help="A folder of photos.")],
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
    plot_file: Annotated[Path | None, typer.Option("--plot", help="Draw them here, .png or .svg.")] = None,
) -> None:
    """Print figures of artefacts for a model's pictures, the photos themselves and the painting."""
    stylizer = Stylizer(model)
    crops = [centre_crop(Photo(p.name, p), SIZE) for p in sorted(photos.iterdir()) if p.is_file()]
    sets = {
        stylizer.info.name: [stylizer(crop) for crop in crops],
        "photos": crops,
        "painting": painting_crops(style),
    }
    rows: list[dict[str, Any]] = []
    for name, pictures in sets.items():
        found = [measure(picture) for picture in pictures]
        figures = {key: float(np.median([one[key] for one in found])) for key in found[0]} | {"line": line(pictures)}
        rows.append({"of": name, **{key: figures[key] for key in MEASURES}})
    painted, painting = rows[0], rows[-1]
    ratios = {key: painted[key] / max(painting[key], 1e-3) for key in MEASURES}
    rows.append({"of": "times the painting's", **ratios})

    def draw(axis: Any) -> None:
        axis.bar(list(MEASURES), list(ratios.values()))
        axis.axhline(1, color="black", linewidth=0.8)
        axis.set(ylabel="times the painting's own", title=stylizer.info.name)

    save(rows, json_file, plot_file, draw)


if __name__ == "__main__":
    sys.exit(run(app, "benchmarks.artefacts"))
