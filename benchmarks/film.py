"""How fast films are painted, whole: read, painted, steadied and written, all in one process and in alternation.

    python -m benchmarks.johnson STYLE PHOTOS --steps 1 --out johnson.onnx
    python -m benchmarks.film MODEL johnson.onnx FILM [--size 640] [--rounds 3] [--json FILE]

Each model paints the film as ``apply-style`` does, and frame by frame (``--per-frame``). Frames a second, medians over
rounds in which each has a turn, and how many times as fast as the last model frame by frame in the same round.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import av
import typer
from impasto import ImpastoError, Stylizer, film
from impasto.internal import run

from .report import save

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def frames_of(clip: str | Path) -> int:
    """How many frames a film has."""
    with av.open(clip) as opened:
        return sum(1 for _ in opened.decode(video=0))


def seconds_of(stylizer: Stylizer, clip: str | Path, **options: Any) -> float:
    """That the whole of a film takes, with options of `impasto.film`."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        film(stylizer, clip, Path(folder) / "film.mkv", **options)
        return time.perf_counter() - start


@app.command()
def rates(
    models: Annotated[list[str], typer.Argument(help="Model files or names, and last the film.")],
    size: Annotated[int, typer.Option(help="Longest side of the frames in pixels.", min=16)] = 640,
    rounds: Annotated[int, typer.Option(help="How often each has a turn.", min=1)] = 3,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Print frames a second."""
    *names, clip = models
    if not names:
        raise ImpastoError("give models, and last the film")
    frames = frames_of(clip)
    turns = [(Stylizer(name, device="cpu"), per_frame) for name in names for per_frame in (False, True)]
    found = [
        [frames / seconds_of(stylizer, clip, size=size, per_frame=per_frame) for stylizer, per_frame in turns]
        for _ in range(rounds)
    ]
    rows = [
        {
            "model": stylizer.info.name,
            "steadied": "no" if per_frame else "yes",
            "frames a second": statistics.median(each[index] for each in found),
            f"times {turns[-1][0].info.name}": statistics.median(each[index] / each[-1] for each in found),
        }
        for index, (stylizer, per_frame) in enumerate(turns)
    ]
    save(rows, json_file, None, lambda axis: None)


if __name__ == "__main__":
    sys.exit(run(app, "benchmarks.film"))
