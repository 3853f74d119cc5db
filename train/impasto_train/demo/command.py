"""The whole way at once: paint a picture, learn its style, restyle a photo with it.

    python -m impasto_train.demo [--folder demo] [--minutes 7 | --steps N]

The style picture is painted by `impasto_train.photos.painting`, the photos are those that scikit-image ships.
"""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from impasto import ImpastoError
from impasto.internal import draw_sheet, run, whole_file
from PIL import Image, ImageOps

from ..photos.content import demo_photo
from ..photos.picture import to_rgb

PHOTO = "chelsea.png"

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where to put what is made.")] = Path("demo"),
    minutes: Annotated[float, typer.Option(help="How long to train.", min=0.01)] = 7,
    steps: Annotated[int | None, typer.Option(help="Train for this many steps instead.", min=1)] = None,
) -> None:
    """Paint a picture, learn its style, restyle a photo, and put painting, before and after side by side."""
    names = ("painting.png", "painting.onnx", "before.png", "after.png")
    painting, model, before, after = (folder / name for name in names)
    length = ["--minutes", f"{minutes:g}"] if steps is None else ["--steps", str(steps)]
    _call("impasto_train.photos.painting", painting)
    _call("impasto_train", "--style", painting, "--content", "demo", "--out", model, *length, "--overwrite")
    with demo_photo(PHOTO).open() as photo, whole_file(before) as path:
        to_rgb(photo).save(path, "PNG")
    _call("impasto", model, before, "-o", after, "--overwrite")
    pictures = [Image.open(name).convert("RGB") for name in (painting, before, after)]
    with whole_file(folder / "before-after.png") as path:
        # the painting cut to the photo's shape
        draw_sheet([[np.asarray(ImageOps.fit(picture, pictures[1].size)) for picture in pictures]]).save(path, "PNG")
    print(f"before and after: {folder / 'before-after.png'}    the model: {model}")


def _call(module: str, *arguments: object) -> None:
    # shown as they could be typed, so that the demo teaches the commands
    names = {"impasto_train": "train-style", "impasto": "apply-style"}
    words = [str(argument) for argument in arguments]
    print("$", names.get(module, f"python -m {module}"), *words, flush=True)
    process = subprocess.Popen([sys.executable, "-m", module, *words])
    while True:
        try:
            status = process.wait()
            break
        except KeyboardInterrupt:
            continue  # the command has had the same Ctrl-C, and ends in its own way
    if status:
        raise ImpastoError("the demo ended here: see the line above")


if __name__ == "__main__":
    sys.exit(run(app, "demo"))
