"""How long the web page takes beside onnxruntime on the same processor, in one run and in alternation.

    python -m benchmarks.web [STYLE] [--side 512] [--threads 2] [--rounds 9] [--json FILE]

The page paints a photo in a real browser (Chromium without a window) by WebAssembly on as many threads as onnxruntime
has here; both times are those of the network alone. It needs Chromium and the page as ``make web`` builds it. Medians
over rounds in which both paint once, and the least of all; ``times`` is the median ratio of the rounds, since machines
drift.
"""

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from impasto import ImpastoError
from impasto.contract import IMAGE, locate, read_model
from impasto.internal import run
from impasto_train.photos.content import centre_crop, demo_photo
from PIL import Image

from .report import save
from .speed import runner

WEB = Path(__file__).parent.parent / "examples" / "web"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
PHOTO = "coffee.png"
WARM_UP = 3  # rounds that are not counted

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def browser() -> str:
    """The path of the first of `BROWSERS` that is installed; empty if none is."""
    return next(filter(None, map(shutil.which, BROWSERS)), "")


@contextmanager
def page(title: str, photo: Path, threads: int) -> Iterator[Callable[[], float]]:
    """The page with a photo in the style of ``title``: a function that has it painted and returns the seconds."""
    with tempfile.TemporaryDirectory() as folder:
        job = {"executable": browser(), "folder": folder, "photo": str(photo), "style": title, "threads": threads}
        (Path(folder) / "job.json").write_text(json.dumps(job))
        words = ["node", WEB / "tests" / "drive.mjs", "bench", Path(folder) / "job.json"]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

            def seconds() -> float:
                print("paint", file=process.stdin, flush=True)
                engine, used, took = process.stdout.readline().split(", ")
                if (engine, used) != ("wasm", f"{threads} threads"):
                    raise ImpastoError(f"the page painted by {engine} on {used}")
                return float(took.split()[0])

            yield seconds
            print("end", file=process.stdin, flush=True)


@app.command()
def web(
    style: Annotated[str, typer.Argument(help="Name of a shipped style.")] = "great_wave",
    side: Annotated[int, typer.Option(help="Side of the photo in pixels.", min=16)] = 512,
    threads: Annotated[int, typer.Option(help="Threads of both.", min=1)] = 2,
    rounds: Annotated[int, typer.Option(help="How often each paints.", min=1)] = 9,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Print the milliseconds of the page and of onnxruntime, and how many times as long the page takes."""
    info, data = read_model(locate(style))
    if not browser():
        raise ImpastoError("Chromium is not installed")
    if not (WEB / "dist" / "index.html").exists():
        raise ImpastoError("the page has not been built: make web")
    pixels = centre_crop(demo_photo(PHOTO), side)
    native = runner(data, threads, lambda side: {IMAGE: pixels[None]})
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.png"
        Image.fromarray(pixels).save(photo)
        with page(info.title, photo, threads) as painted:
            times = [(native(side), painted()) for _ in range(WARM_UP + rounds)][WARM_UP:]
    names = (f"onnxruntime, CPU, {threads} threads", f"the page, WASM, {threads} threads")
    ratios = (1.0, statistics.median(slow / quick for quick, slow in times))
    rows = [
        {"engine": name, "side": side, "ms": statistics.median(taken) * 1e3, "least": min(taken) * 1e3, "times": ratio}
        for name, taken, ratio in zip(names, zip(*times, strict=True), ratios, strict=True)
    ]
    save(rows, json_file, None, lambda axis: None)


if __name__ == "__main__":
    sys.exit(run(app, "benchmarks.web"))
