"""Peak memory and time of ``apply-style``, and how far tiles are from the whole.

    python -m benchmarks.memory MODEL PHOTO [--megapixels 1,12,100] [--memory 1.2GB] [--json FILE]

PHOTO is enlarged to each size and restyled by the command as a user would call it, in a process of its own, whose
peak (maximum resident set) is read from the system by a small process between: Linux counts in a process's peak also
that of the one which started it. Before each size a megapixel is painted whole, the same way: "over 1 MP" is the time
a pixel of the one over that of the other, both less what a start takes. The same picture, 12 megapixels at the most,
is then painted at once and in tiles: the 99.9th percentile and the largest of the differences, in levels of 255, and
the mean difference along the borders of the tiles beside that elsewhere. Not on Windows, which tells no peak of a
process that has ended.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from impasto import ImpastoError, Stylizer
from impasto.contract import locate
from impasto.internal import TiledModel, open_session, run
from impasto.pictures import read_picture
from PIL import Image

from .report import save

COMPARED = 12e6  # pixels, the largest picture that is painted at once too
ROWS = 512  # px of the tiles that are compared
MEASURE = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:], stdout=sys.stderr).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""

AS_IT_IS = ("--stroke", "1", "--max-pixels", str(10**9))

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def peak_of(arguments: list[str]) -> tuple[float, float]:
    """Peak memory in bytes and seconds of ``apply-style`` with ``arguments``.

    Raises:
        ImpastoError: it failed.
    """
    start = time.perf_counter()
    words = [sys.executable, "-c", MEASURE, sys.executable, "-m", "impasto", *arguments]
    done = subprocess.run(words, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise ImpastoError(f"apply-style {' '.join(arguments)} failed")
    unit = 1 if sys.platform == "darwin" else 1024
    return int(done.stdout) * unit, time.perf_counter() - start


def enlarged(photo: Path, megapixels: float) -> Image.Image:
    """The photo in its own proportions at about so many megapixels."""
    image = Image.fromarray(read_picture(photo).rgb)
    scale = (megapixels * 1e6 / (image.width * image.height)) ** 0.5
    return image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)


def difference(model: str, photo: np.ndarray) -> dict[str, float]:
    """Of tiles from the whole, in levels of 255."""
    whole = Stylizer(model, device="cpu", memory="100GB")(photo, stroke=1)
    model_in_tiles = TiledModel(locate(model).read_bytes(), lambda part: open_session(part, "cpu")[0])
    tiled = model_in_tiles(photo, 1.0, ROWS * photo.shape[1])
    apart = np.abs(tiled.astype(int) - whole)
    near = np.arange(len(photo)) % ROWS
    border = (near < 2) | (near >= ROWS - 2)
    return {
        "99.9 %": float(np.quantile(apart, 0.999)),
        "largest": float(apart.max()),
        "at borders": float(apart[border].mean()),
        "elsewhere": float(apart[~border].mean()),
    }


@app.command()
def measure(
    model: Annotated[str, typer.Argument(help="A model file, or the name of a shipped style.")],
    photo: Annotated[Path, typer.Argument(help="The photo to enlarge.")],
    megapixels: Annotated[str, typer.Option(help="Sizes to measure.")] = "1,12,100",
    memory: Annotated[str, typer.Option(help="What the command gets.")] = "auto",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Print peak memory by size, and the difference that tiles make."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        result = str(Path(folder) / "result.jpg")

        def source(size: float) -> Path:
            file = Path(folder) / f"{size:g}.jpg"
            enlarged(photo, size).save(file, quality=92)
            return file

        def command(file: Path) -> tuple[float, float]:
            return peak_of([model, str(file), "-o", result, "--overwrite", "--memory", memory, *AS_IT_IS])

        least, megapixel = source(0.01), source(1)
        start = min(command(least)[1] for _ in range(3))
        for size in map(float, megapixels.split(",")):
            file = source(size)
            one = command(megapixel)[1] - start
            peak, seconds = command(file)
            pixels = size * 1e6
            compared = difference(model, read_picture(file, 10**9).rgb) if pixels <= COMPARED else {}
            names = ("99.9 %", "largest", "at borders", "elsewhere")
            found = {name: compared.get(name) for name in names}
            figures = {"peak MB": peak / 1e6, "seconds": seconds, "over 1 MP": (seconds - start) / size / one}
            rows.append({"megapixels": size, **figures, **found})
    save(rows, json_file, None, lambda axis: None)


if __name__ == "__main__":
    sys.exit(run(app, "benchmarks.memory"))
