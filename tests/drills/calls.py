"""Very many calls of one `Stylizer`: whether memory or open files grow, and whether threads change a picture.

    python -m tests.drills.calls great_wave [--calls 100000] [--threads 8] [--json FILE]

The calls are of mixed kinds (arrays, images of Pillow's, files, files that are damaged) and of mixed sizes and dials.
Linux alone: it reads ``/proc``.
"""

import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import typer
from impasto import ImpastoError, Stylizer
from impasto.common.console import run
from PIL import Image

from benchmarks.report import save

SIDES = (16, 48)  # px
KINDS = 500  # different calls, which are then made over and over
WARM_UP = 0.2  # of the calls: until then allocators are still filling their pools
SAMPLES = 200

Call = Callable[[], bytes]

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def open_files() -> int:
    """How many files and sockets this process holds open."""
    return len(os.listdir("/proc/self/fd"))


def mixed_calls(stylize: Stylizer, folder: Path, count: int = KINDS) -> list[Call]:
    """Calls of all kinds; each gives the SHA-256 of the pixels that came out, or of the error."""
    random = np.random.default_rng(0)
    calls = []
    for index in range(count):
        height, width = random.integers(*SIDES, 2, endpoint=True)
        channels = 4 if index % 7 == 0 else 3
        photo: Any = random.integers(0, 256, (height, width, channels), dtype=np.uint8)
        if index % 5 == 1:
            photo = Image.fromarray(photo)
        elif index % 5 == 2:
            path = folder / f"{index}.{'png' if channels == 4 else 'jpg'}"
            Image.fromarray(photo).save(path)
            if index % 10 == 2:  # cut short: the error's way is walked too
                path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
            photo = path
        dials: dict[str, Any] = {"strength": float(random.integers(0, 3)) / 2}
        if index % 11 == 0:
            dials["stroke"] = 1.5
        if index % 13 == 0:
            dials["keep_colors"] = True
        if index % 17 == 0 and isinstance(photo, np.ndarray):
            dials["mask"] = random.integers(0, 256, (height, width), dtype=np.uint8)
        calls.append(_call(stylize, photo, dials))
    return calls


def _call(stylize: Stylizer, photo: Any, dials: dict[str, Any]) -> Call:
    def call() -> bytes:
        try:
            return hashlib.sha256(np.asarray(stylize(photo, **dials)).tobytes()).digest()
        except ImpastoError as error:
            return hashlib.sha256(str(error).encode()).digest()

    return call


def watched(calls: Sequence[Call], count: int) -> Iterator[tuple[int, int, int]]:
    """Make ``count`` calls, and give now and then how many were made, resident bytes and open files."""
    every = max(1, count // SAMPLES)
    for made, call in enumerate(islice(cycle(calls), count), 1):
        call()
        if made % every == 0:
            yield made, resident(), open_files()


def slope(samples: Sequence[tuple[int, int, int]]) -> float:
    """Bytes a call by which memory grew, by least squares over what follows the warm-up."""
    settled = samples[int(WARM_UP * len(samples)) :]
    made, taken = (np.array([sample[i] for sample in settled], float) for i in (0, 1))
    return float(np.polyfit(made, taken, 1)[0])


def told_apart(calls: Sequence[Call], threads: int) -> int:
    """How many of the calls give other bytes when several threads make them at once."""
    alone = [call() for call in calls]
    with ThreadPoolExecutor(threads) as pool:
        together = list(pool.map(lambda call: call(), [*calls, *reversed(calls)]))
    return sum(a != b for a, b in zip([*alone, *reversed(alone)], together, strict=True))


@app.command()
def main(
    model: Annotated[str, typer.Argument(help="A model file, or the name of a shipped style.")],
    calls: Annotated[int, typer.Option(min=10)] = 100_000,
    threads: Annotated[int, typer.Option(min=2)] = 8,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> int:
    """Call a style very often and print what that took."""
    with TemporaryDirectory() as folder:
        made = mixed_calls(Stylizer(model, device="cpu"), Path(folder))
        apart = told_apart(made, threads)
        before = open_files()
        samples = list(watched(made, calls))
    settled = samples[int(WARM_UP * len(samples)) :]
    row = {
        "calls": calls,
        "bytes a call": slope(samples),
        "MB at first": settled[0][1] / 1e6,
        "MB at last": settled[-1][1] / 1e6,
        "most MB": max(sample[1] for sample in samples) / 1e6,
        "files open more": samples[-1][2] - before,
        f"other bytes in {threads} threads": apart,
    }
    save([row], json_file, None, lambda axis: None)
    return 1 if apart or samples[-1][2] > before else 0


if __name__ == "__main__":
    sys.exit(run(app, "tests.drills.calls"))
