"""Checkpoints that are cut short, have a bit the wrong way round, are empty, full of zeros or gone.

    python -m tests.drills.damage [--each 200] [--seed 0] [--json FILE]

The newest checkpoint of a training is damaged in very many places; each time the one before it has to stand in, with a
line that says so. With one damage of each kind the training is also resumed to its end, and held against an undisturbed
one.
"""

import random
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from impasto.common.console import run
from impasto_train.training.checkpoint import BEFORE, NEWEST
from impasto_train.training.run_folder import RunFolder

from benchmarks.report import save

from . import tiny
from .forked import call
from .kill import RESUME, START

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def cut(data: bytes, chance: random.Random) -> bytes:
    """Truncated anywhere."""
    return data[: chance.randrange(1, len(data))]


def flip(data: bytes, chance: random.Random) -> bytes:
    """One bit the other way round, anywhere."""
    place = chance.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :]


def zeros(data: bytes, chance: random.Random) -> bytes:
    """As some file systems leave a file after a power cut: as long as it was, with zeros from some place on."""
    place = chance.randrange(len(data) // 2)
    return data[:place] + bytes(len(data) - place)


KINDS: dict[str, Callable[[bytes, random.Random], bytes | None]] = {
    "cut short": cut,
    "a bit flipped": flip,
    "zeros": zeros,
    "empty": lambda data, chance: b"",
    "gone": lambda data, chance: None,
}


def put(path: Path, data: bytes | None) -> None:
    """Write ``data``; None removes the file."""
    if data is None:
        path.unlink()
    else:
        path.write_bytes(data)


@app.command()
def main(
    each: Annotated[int, typer.Option(min=1, help="Damages of each kind.")] = 200,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> int:
    """Damage checkpoints and see that the one before stands in."""
    chance, rows = random.Random(seed), []
    with TemporaryDirectory() as folder:
        work = Path(folder).resolve() / "work"
        tiny.lay_out(work)
        call(tiny.train_style, START, work)
        place = work / "tiny.run"
        newest, before = (place / name for name in (NEWEST, BEFORE))
        whole, earlier, model = newest.read_bytes(), before.read_bytes(), (work / "tiny.onnx").read_bytes()
        step = RunFolder(place).load_state()["step"]
        for name, damage in KINDS.items():
            stood_in = 0
            for _ in range(1 if name in ("empty", "gone") else each):
                put(newest, damage(whole, chance))
                said: list[str] = []
                found = RunFolder(place).load_state(said.append)["step"]
                stood_in += found < step and len(said) == 1 and BEFORE in said[0]
            ended = call(tiny.train_style, RESUME, work)
            same = (work / "tiny.onnx").read_bytes() == model
            rows.append(
                {
                    "the newest is": name,
                    "damages": 1 if name in ("empty", "gone") else each,
                    "the one before stood in": stood_in,
                    "said so": BEFORE in ended.said,
                    "same model": same,
                }
            )
            put(newest, whole)
            put(before, earlier)
    save(rows, json_file, None, lambda axis: None)
    bad = [row for row in rows if row["the one before stood in"] < row["damages"] or not row["said so"]]
    return 1 if bad or not all(row["same model"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(run(app, "tests.drills.damage"))
