"""`bulk-style` with an actor killed in mid-run, and with all of it killed: nothing lost, nothing done twice.

    python -m tests.drills.bulk great_wave FOLDER [--count 2000] [--side 128] [--json FILE]

FOLDER, new or empty, gets the photos (noise; one in a hundred is no picture) and the results. Linux, where processes
can be looked at in /proc.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow.parquet as pq
import typer
from impasto import ImpastoError, Stylizer
from impasto.bulk.manifest import FILE, PARTS
from impasto.common.console import run
from PIL import Image

from benchmarks.report import save

ACTOR = "_Paint"  # what Ray names the processes that hold the model
BULK = [sys.executable, "-c", "from impasto.bulk.command import main; main()"]

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def make_photos(folder: Path, count: int, side: int) -> set[str]:
    """Write ``count`` files into ``folder``; the names of those that are no pictures."""
    shapes = random.Random(0)
    bad = set()
    for index in range(count):
        path = folder / f"{index // 200:03d}" / f"{index:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        size = shapes.randint(side // 2, side), shapes.randint(side // 2, side)
        coarse = np.random.default_rng(index).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(path)
        if index % 100 == 50:
            path.write_bytes(path.read_bytes()[: 200 if index % 200 == 50 else 0])
            bad.add(path.relative_to(folder).as_posix())
    return bad


def processes(part: str) -> Iterator[int]:
    """The processes whose command line has ``part``."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if part in path.read_text(errors="replace"):
                yield int(path.parent.name)
        except OSError:  # it has ended
            continue


def megabytes(process: int) -> float:
    """What it holds in memory, without what it shares through Ray's store."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    (held,) = (line.split()[1] for line in lines if line.startswith("RssAnon:"))
    return int(held) / 1000


def results(dest: Path) -> dict[str, int]:
    """When each result was written."""
    return {str(path): path.stat().st_mtime_ns for path in dest.rglob("[!.]*.jpg")}


def begin(model: str, source: Path, dest: Path) -> subprocess.Popen[str]:
    command = [*BULK, model, str(source), str(dest), "--actors", "2"]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)


def until(dest: Path, count: int, process: subprocess.Popen[str]) -> None:
    """Wait until there are ``count`` results."""
    while len(results(dest)) < count:
        if process.poll() is not None:
            raise ImpastoError(f"bulk-style ended before it was killed: {process.communicate()[1]}")
        time.sleep(0.1)


def check(model: str, source: Path, dest: Path, count: int, bad: set[str]) -> None:
    """Raise `ImpastoError` unless each photo has one row and, unless it is bad, one whole and right result."""
    rows = pq.read_table(dest / FILE).to_pylist()
    sources = [row["source"] for row in rows]
    failed = {row["source"] for row in rows if row["error"] is not None}
    outputs = {str(dest / row["output"]) for row in rows if row["error"] is None}
    faults = {
        "rows": len(rows) != count or len(set(sources)) != count,
        "errors": failed != bad,
        "results": outputs != set(results(dest)),
        "parts": (dest / PARTS).exists() or any(dest.rglob(".*.part*")),
    }
    stylizer = Stylizer(model, device="cpu", threads=1)
    for row in rows[:: max(1, count // 50)]:
        if row["error"] is None:
            with Image.open(source / row["source"]) as photo, Image.open(dest / row["output"]) as painted:
                apart = np.asarray(painted).astype(int) - np.asarray(stylizer(photo))
            faults["pictures"] = faults.get("pictures", False) or float(np.abs(apart).mean()) > 2  # JPEG's own loss
    if wrong := [name for name, found in faults.items() if found]:
        raise ImpastoError(f"lost or doubled: {', '.join(wrong)}")


@app.command()
def bulk(
    model: Annotated[str, typer.Argument(help="A model's file or the name of a shipped style.")],
    folder: Annotated[Path, typer.Argument(help="For photos and results; new or empty.")],
    count: Annotated[int, typer.Option(help="How many photos.", min=10)] = 2000,
    side: Annotated[int, typer.Option(help="Longest side in pixels, at most.", min=16)] = 128,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Print what was killed when, and what was done twice or lost: 0, or an error."""
    if folder.exists() and any(folder.iterdir()):
        raise ImpastoError(f"{folder} is not empty")
    source = folder / "photos"
    bad = make_photos(source, count, side)
    rows: list[dict[str, Any]] = []

    def ended(name: str, process: subprocess.Popen[str], start: float, before: int, dest: Path, **more: Any) -> None:
        said = process.communicate()[1]
        if process.returncode != 1:
            raise ImpastoError(f"{name}: exit {process.returncode}: {said}")
        check(model, source, dest, count, bad)
        seconds = time.perf_counter() - start
        done = count - len(bad) - before
        rows.append({"run": name, "painted": done, "seconds": seconds, "a second": done / seconds} | more)

    # an actor is killed
    dest, start = folder / "actor", time.perf_counter()
    process = begin(model, source, dest)
    until(dest, count // 3, process)
    actors = list(processes(ACTOR))
    used = max(megabytes(actor) for actor in actors)
    os.kill(actors[0], signal.SIGKILL)
    ended("an actor killed after a third", process, start, 0, dest, actors=len(actors), MB=used)

    # the same again does nothing but the bad ones
    kept, start = results(dest), time.perf_counter()
    ended("the same again", begin(model, source, dest), start, count - len(bad), dest, actors=0, MB=0.0)
    if results(dest) != kept:
        raise ImpastoError("what was done was done again")

    # all is killed, and begun again
    dest, start = folder / "all", time.perf_counter()
    process = begin(model, source, dest)
    until(dest, count // 2, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    while any(processes(ACTOR)):  # Ray's processes end when they find their driver gone
        time.sleep(0.5)
    parts = sorted((dest / PARTS).glob("*.parquet"))
    rows = [row for part in parts for row in pq.read_table(part).to_pylist()]
    known = {str(dest / row["output"]) for row in rows if row["error"] is None}
    kept, start = results(dest), time.perf_counter()
    ended("all killed at half, begun again", begin(model, source, dest), start, len(known), dest, actors=0, MB=0.0)
    again = results(dest)
    if any(again[path] != kept[path] for path in known):
        raise ImpastoError("what was done was done again")
    save(rows, json_file, None, lambda axis: None)
    print(
        f"{len(bad)} of {count} are no pictures; of {len(kept)} results of the run that was killed, {len(known)} "
        "stood in its manifest and were kept"
    )


if __name__ == "__main__":
    sys.exit(run(app, "tests.drills.bulk"))
