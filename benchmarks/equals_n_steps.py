"""How many steps of pixel optimisation a model is worth.

    python -m benchmarks.equals_n_steps MODEL STYLE PHOTOS [--curve FILE] [--json FILE] [--plot FILE]

J = R + 2S (no L1) of the first five photos, 256 px centre crops, the style's short side at 384: after each L-BFGS
iteration from the photo itself, unclamped as it is optimised, and of the model's pictures. The curve takes an hour of
CPU; it is kept in FILE (``benchmarks/curves``) and computed once for a style and a set of photos.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from impasto import ImpastoError, Stylizer
from impasto.internal import run, whole_file
from impasto_train.loss.evaluate import evaluate
from impasto_train.loss.objective import Objective
from impasto_train.optimize.pixels import optimize_pixels
from impasto_train.photos.content import centre_crop, read_style
from impasto_train.photos.picture import Photo
from impasto_train.photos.tensors import to_tensor
from tqdm import tqdm

from .quality import SIZE as STYLE_SIZE
from .quality import on_tensors, yardstick
from .report import save

SIZE, PHOTOS, STEPS = 256, 5, 300
CURVES = Path(__file__).with_name("curves")

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def curve(objective: Objective, crops: list[np.ndarray], steps: int, kept: Path, style: bytes) -> list[list[float]]:
    """J of each crop, uint8 ``[H, W, 3]``, before and after each of ``steps`` iterations; read from ``kept`` if there.

    A curve of other photos or of another ``style`` (its pixels) in ``kept`` is replaced, one that is longer is cut.
    """
    pictures = hashlib.sha256(style + b"".join(crop.tobytes() for crop in crops)).hexdigest()
    if kept.is_file():
        found = json.loads(kept.read_text())
        if found["pictures"] == pictures and len(found["J"][0]) > steps:
            return [row[: steps + 1] for row in found["J"]]
    rows = []
    for crop in crops:
        # each iteration tells the J that it began from: one more than asked for tells the last
        optimised = optimize_pixels(objective, to_tensor(crop[None]), steps + 1)
        rows.append([round(loss, 4) for _, loss in tqdm(optimised, total=steps + 1, unit="step", leave=False)])
    kept.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(kept) as path:
        path.write_text(json.dumps({"pictures": pictures, "J": rows}) + "\n")
    return rows


def standing(model: float, mean: np.ndarray) -> str:
    """Where J ``model`` stands on the falling curve ``mean``, ``[steps + 1]``."""
    below = np.flatnonzero(mean <= model)
    return str(below[0]) if below.size else f"over {len(mean) - 1}"


@app.command()
def equals_n_steps(
    model: Annotated[str, typer.Argument(help="A model file, or the name of a shipped style.")],
    style: Annotated[Path, typer.Argument(help="The style picture it was trained on.")],
    photos: Annotated[Path, typer.Argument(help="A folder of photos.")],
    steps: Annotated[int, typer.Option(help="Length of the curve.", min=1)] = STEPS,
    curve_file: Annotated[
        Path | None, typer.Option("--curve", help="Where the curve is kept.", show_default="by style")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
    plot_file: Annotated[Path | None, typer.Option("--plot", help="Draw them here, .png or .svg.")] = None,
) -> None:
    """Print J of a model beside J of pixel optimisation, and how many steps they are worth."""
    files = sorted(path for path in photos.iterdir() if path.is_file())[:PHOTOS]
    if not files:
        raise ImpastoError(f"{photos} holds no photos")
    crops = [centre_crop(Photo(file.name, file), SIZE) for file in files]
    objective = yardstick(style)
    pixels = read_style(style, STYLE_SIZE).tobytes()
    lines = np.array(curve(objective, crops, steps, curve_file or CURVES / f"{style.stem}.json", pixels))
    stylizer = Stylizer(model)
    scores = [float(evaluate(on_tensors(stylizer), objective, [crop]).total) for crop in crops]
    rows: list[dict[str, Any]] = []
    for name, score, line in [
        *((file.name, score, line) for file, score, line in zip(files, scores, lines, strict=True)),
        ("mean", float(np.mean(scores)), lines.mean(0)),
    ]:
        marks = {f"J after {n}": float(line[n]) for n in (10, 25, 50, 100, 300) if n < len(line)}
        found = {f"J of {stylizer.info.name}": score, "equals steps": standing(score, line)}
        rows.append({"photo": name, **found, **marks})

    def draw(axis: Any) -> None:
        axis.plot(lines.mean(0)[1:], label="pixel optimisation (L-BFGS)")
        axis.axhline(np.mean(scores), color="C1", label=stylizer.info.name)
        axis.set(xlabel="steps", ylabel="J = R + 2S", ylim=(0, 4), xlim=(0, None))
        axis.legend()

    save(rows, json_file, plot_file, draw)


if __name__ == "__main__":
    sys.exit(run(app, "benchmarks.equals_n_steps"))
