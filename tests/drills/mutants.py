"""Thousands of damaged files, through the functions and commands that read them.

    python -m tests.drills.mutants [--count 10000] [--seed 0] [--keep FOLDER] [--json FILE]

What is asked: only `ImpastoError`, of one line; from a command status 2 and one line; a result that is whole, or none.
The work is done in processes of their own, so that a decoder that crashes or hangs takes nothing along: it is seen,
noted and stepped over. Each file follows from the seed and its number alone; ``--keep`` keeps what found something.
"""

import contextlib
import io
import json
import os
import random
import resource
import select
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import typer
from impasto import ImpastoError, Stylizer
from impasto.apply import command as apply
from impasto.apply.batch import Finish
from impasto.apply.film import restyle_film
from impasto.apply.film_writing import Encoding
from impasto.common.console import run
from impasto.engine.check import check
from impasto.painting.look import Look
from impasto.pictures.reading import read_picture
from impasto.pictures.writing import write_picture
from impasto_train.downloads import coco, vgg_weights
from impasto_train.photos import content as photos
from impasto_train.training.run_folder import RunFolder

from benchmarks.report import save

from . import tiny
from .mutations import mutated, samples

PATIENCE = 60.0  # s that one file may take
MEMORY = 6 << 30  # bytes that a process may take
MOST_PIXELS = 300_000  # of pictures, so that what is sound but large is refused and not painted for minutes
COMMAND_SHARE = 8  # one in so many pictures, films and models goes through the whole command

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class Amiss(Exception):
    """Something that should not have come of a damaged file."""


def insist(holds: bool, else_: str) -> None:
    """Raise `Amiss` unless it ``holds``."""
    if not holds:
        raise Amiss(else_)


class Reader:
    """Reads files of all kinds, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.results = folder, folder / "results"
        self.stylize = Stylizer("great_wave", device="cpu")
        self.look = Look(0.5)
        self.trainer = tiny.trainer_of()

    def read(self, name: str, path: Path, *, by_command: bool) -> str:
        """``fine`` or ``refused``.

        Raises:
            Amiss: something is left, or said in several lines, or outside its folder.
            Exception: of any class: it should have been an `ImpastoError`.
        """
        self.results.mkdir(exist_ok=True)
        result = self.results / ("result" + path.suffix)
        before = set(self.folder.rglob("*"))
        ways = self._ways(name)
        way = self._command if by_command and ways in (self._picture, self._film, self._model) else ways
        try:
            way(path, result)
            verdict = "fine"
        except ImpastoError as error:
            verdict = "refused"
            insist("\n" not in str(error), "an error of several lines")
        left = [one for one in set(self.folder.rglob("*")) - before if ".part" in one.name]
        insist(not left, f"left behind: {left}")
        insist(verdict == "fine" or not result.exists(), "a partial result")
        if result.exists():
            if way in (self._command, self._picture) and path.suffix not in (".mp4", ".onnx"):
                read_picture(result)
            result.unlink()
        return verdict

    def _ways(self, name: str) -> Callable[[Path, Path], Any]:
        suffix = Path(name).suffix
        if name == "remote.zip":
            return self._remote
        kinds = {
            ".mp4": self._film,
            ".onnx": self._model,
            ".zip": self._zip,
            ".pt": self._checkpoint,
            ".safetensors": self._weights,
        }
        return kinds.get(suffix, self._picture)

    def _picture(self, path: Path, result: Path) -> None:
        picture = read_picture(path, MOST_PIXELS)
        write_picture(result, self.stylize.restyle(picture, self.look), quality=Finish().quality)

    def _film(self, path: Path, result: Path) -> None:
        encoding = Encoding(max_pixels=MOST_PIXELS)
        restyle_film(
            path, result, self.stylize, self.look, encoding, lambda *begun: None, lambda: None, lambda line: None
        )

    def _model(self, path: Path, result: Path) -> None:
        Stylizer(path, device="cpu")(np.zeros((9, 11, 3), np.uint8))
        check(path)

    def _zip(self, path: Path, result: Path) -> None:
        photos.archive_at.cache_clear()
        found = photos.open_content(str(path), say=lambda line: None)
        for step in range(2):
            photos.training_batch(found.train, step=step, batch_size=1, size=32, seed=0)

    def _remote(self, path: Path, result: Path) -> None:
        data = path.read_bytes()
        cache = self.folder / "cache"
        shutil.rmtree(cache, ignore_errors=True)  # the list of the file before would stand in for this one's
        coco._get_range = lambda url, start, stop: (data[start:stop], len(data))
        found = coco.fetch_coco(3, cache, say=lambda line: None)
        insist(all(one.resolve().is_relative_to(cache.resolve()) for one in found), "outside the cache")

    def _checkpoint(self, path: Path, result: Path) -> None:
        self.trainer.load_state(RunFolder(path.parent).load_state(lambda line: None))

    def _weights(self, path: Path, result: Path) -> None:
        vgg_weights.load_vgg_weights(path)

    def _command(self, path: Path, result: Path) -> None:
        words = ["great_wave", path, "-o", result, "--max-pixels", MOST_PIXELS]
        if path.suffix == ".onnx":
            words = [path, "--check"]
        said = io.StringIO()
        sys.argv = ["apply-style", *map(str, words), *([] if path.suffix == ".onnx" else ["--device", "cpu"])]
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            try:
                apply.main()
            except SystemExit as end:
                status = end.code
        lines = said.getvalue().splitlines()
        insist(status in (0, 2), f"status {status}: {lines}")
        if status:
            insist(len(lines) == 1 and lines[0].startswith("apply-style: "), f"said {lines}")
            raise ImpastoError(lines[0])


def made(files: dict[str, bytes], seed: int, number: int) -> tuple[str, bytes]:
    """The damaged file of that number, and the name of the sample that it was made of."""
    name = list(files)[number % len(files)]
    return name, mutated(name, files[name], list(files.values()), random.Random(f"{seed} {number}"))


def work(files: dict[str, bytes], seed: int, numbers: Iterator[int], told: int) -> None:
    """Read damaged files one after the other; tell of each on the pipe ``told``, a line of JSON before and after."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with TemporaryDirectory() as folder, os.fdopen(told, "w", buffering=1) as pipe:
        reader = Reader(Path(folder))
        for number in numbers:
            name, data = made(files, seed, number)
            plain = "checkpoint.pt" if name.endswith(".pt") else f"mutant{Path(name).suffix}"
            path = Path(folder) / plain
            path.write_bytes(data)
            print(json.dumps({"number": number, "name": name}), file=pipe)
            try:
                verdict = reader.read(name, path, by_command=number // len(files) % COMMAND_SHARE == 0)
            except Amiss as error:
                verdict = str(error)
            except BaseException as error:
                place = traceback.extract_tb(error.__traceback__)[-1]
                verdict = f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"
            print(json.dumps({"number": number, "name": name, "verdict": verdict}), file=pipe)


def supervised(files: dict[str, bytes], seed: int, count: int) -> Iterator[tuple[int, str, str]]:
    """Number, sample and verdict of each damaged file, whatever becomes of the process that reads it."""
    following = 0
    while following < count:
        out, told = os.pipe()
        sys.stdout.flush()
        process = os.fork()
        if not process:
            os.close(out)
            with contextlib.suppress(BaseException):
                work(files, seed, iter(range(following, count)), told)
            os._exit(0)
        os.close(told)
        last: dict[str, Any] = {}
        for line in _lines(out):
            if line is None:
                os.kill(process, signal.SIGKILL)
                break
            last = json.loads(line)
            following = last["number"] + 1
            if "verdict" in last:
                yield last["number"], last["name"], last["verdict"]
        _, status = os.waitpid(process, 0)
        os.close(out)
        if last and "verdict" not in last:
            ended = os.waitstatus_to_exitcode(status)
            yield last["number"], last["name"], "hangs" if ended == -signal.SIGKILL else f"crashed ({ended})"
        elif not last:
            raise RuntimeError("the process that reads does not start")


def _lines(pipe: int) -> Iterator[str | None]:
    """Lines as they come; None when none came for `PATIENCE`."""
    rest, since = b"", time.monotonic()
    while True:
        ready, _, _ = select.select([pipe], [], [], 1.0)
        if not ready:
            if time.monotonic() - since > PATIENCE:
                yield None
                return
            continue
        data = os.read(pipe, 65_536)
        if not data:
            return
        since = time.monotonic()
        *whole, rest = (rest + data).split(b"\n")
        yield from (line.decode() for line in whole)


@app.command()
def main(
    count: Annotated[int, typer.Option(min=1)] = 10_000,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    keep: Annotated[Path | None, typer.Option(help="A folder for the files that found something.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> int:
    """Read damaged files by the thousand."""
    files = samples()
    rows = {name: {"sample": name, "files": 0, "fine": 0, "refused": 0, "amiss": 0} for name in files}
    amiss = 0
    for number, name, verdict in supervised(files, seed, count):
        rows[name]["files"] += 1
        rows[name][verdict if verdict in ("fine", "refused") else "amiss"] += 1
        if verdict not in ("fine", "refused"):
            amiss += 1
            print(f"{number} {name}: {verdict}", flush=True)
            if keep:
                keep.mkdir(exist_ok=True)
                (keep / f"{number}-{name}").write_bytes(made(files, seed, number)[1])
    total = {"sample": "all", **{key: sum(row[key] for row in rows.values()) for key in ("files", "fine", "refused")}}
    save([*rows.values(), {**total, "amiss": amiss}], json_file, None, lambda axis: None)
    return 1 if amiss else 0


if __name__ == "__main__":
    sys.exit(run(app, "tests.drills.mutants"))
