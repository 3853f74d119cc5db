"""What each stage of `bulk-style` costs: seconds of a CPU core to read, paint and write one JPEG.

    python -m benchmarks.stages great_wave PHOTO [--megapixels 1] [--json FILE]

Seconds of work, not of the clock, on one thread: other work on the machine hardly changes them. Medians of five.
"""

import io
import itertools
import statistics
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from impasto import Stylizer
from impasto.internal import Look, run
from impasto.pictures import read_picture, save_picture
from PIL import Image

from .report import save

ROUNDS = 5

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def stages(
    model: Annotated[str, typer.Argument(help="A model's file or the name of a shipped style.")],
    photo: Annotated[Path, typer.Argument(help="A picture.")],
    megapixels: Annotated[float, typer.Option(help="Size to which it is brought first.", min=0.01)] = 1.0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Print the seconds and the sizes of the files."""
    file = io.BytesIO()
    with Image.open(photo) as image:
        scale = (megapixels * 1e6 / (image.width * image.height)) ** 0.5
        size = round(image.width * scale), round(image.height * scale)
        image.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(file, "JPEG", quality=92)
    stylizer = Stylizer(model, device="cpu", threads=1)
    clocks = []
    for _ in range(ROUNDS + 1):  # the first warms up
        clock = [time.process_time()]
        picture = read_picture(io.BytesIO(file.getvalue()))
        clock.append(time.process_time())
        painted = stylizer.restyle(picture, Look(stroke=1))
        clock.append(time.process_time())
        result = io.BytesIO()
        save_picture(result, painted)
        clock.append(time.process_time())
        clocks.append([after - before for before, after in itertools.pairwise(clock)])
    read, paint, write = (statistics.median(stage) for stage in zip(*clocks[1:], strict=True))
    sizes = {"photo, kB": len(file.getvalue()) / 1000, "result, kB": len(result.getvalue()) / 1000}
    row = {"megapixels": megapixels, "read": read, "paint": paint, "write": write, **sizes}
    save([row], json_file, None, lambda axis: None)


if __name__ == "__main__":
    sys.exit(run(app, "benchmarks.stages"))
