"""Trainings on two devices, here two processes on the CPU, ended at random moments.

    python -m tests.drills.devices [--ends 12] [--seed 0] [--json FILE]

By SIGKILL to the first process, to the second or to the one that began them, or by Ctrl-C; in turns anywhere in the run
by the clock, and while it trains, after a step drawn at random. Each has to end within a minute with its reason and
leave nothing running, and ``--resume`` has to come to the weights and the model of a training that nobody disturbed,
bit for bit.
"""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import psutil
import torch
import typer
from impasto.common.console import run
from impasto_train.training.run_folder import RunFolder

from benchmarks.report import save

from . import tiny

LIMIT = 60.0  # s for all processes to be gone once one is
START = ["--style", "style.png", *tiny.RUN, "--devices", "2"]
RESUME = ["--resume", "tiny.run"]
HIT = {"the first": 1, "the second": 2, "the launcher": 0, "Ctrl-C": 0}
# what a training may end with: done before it was hit, or for that reason
STATUSES = {"the first": (0, 2), "the second": (0, 2), "the launcher": (0, -signal.SIGKILL), "Ctrl-C": (0, 130)}

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class Drill:
    """Trainings on two devices in ``folder``, the first of them undisturbed."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.random = folder, random.Random(seed)
        tiny.lay_out(folder)
        start = time.monotonic()
        status, said = self.finish(self.begin(START))
        if status:
            raise RuntimeError(said)
        self.seconds = time.monotonic() - start
        self.wanted = self.result()

    def begin(self, words: list[str]) -> subprocess.Popen[str]:
        """The command, running."""
        return subprocess.Popen(
            [*tiny.PROGRAM, *words],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )

    def finish(self, process: subprocess.Popen[str], limit: float = 300) -> tuple[int, str]:
        """Its status and its last line."""
        said, _ = process.communicate(timeout=limit)
        return process.returncode, (said.rstrip().splitlines() or [""])[-1].split("\r")[-1]

    def result(self) -> tuple[dict[str, torch.Tensor], bytes]:
        """Weights and model."""
        state = RunFolder(self.folder / "tiny.run").load_state(lambda line: None)
        weights = {f"{part}.{name}": t for part in ("network", "average") for name, t in state[part].items()}
        return weights, (self.folder / "tiny.onnx").read_bytes()

    def wait_for_step(self, process: subprocess.Popen[str]) -> None:
        """Until a step drawn at random is in the log."""
        log, step = self.folder / "tiny.run" / "log.jsonl", self.random.randrange(1, tiny.STEPS)
        while process.poll() is None and not (log.is_file() and log.read_bytes().count(b"\n") >= step):
            time.sleep(0.01)

    def strike(self, who: str, *, training: bool) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
        """Begin a training and hit it at a random moment; another one, if it was through before that."""
        while True:
            process = self.begin(START)
            if training:
                self.wait_for_step(process)
            else:
                time.sleep(self.random.uniform(0, self.seconds))
            with contextlib.suppress(psutil.Error, IndexError):
                processes = [psutil.Process(process.pid)]
                while len(processes) < 3 and process.poll() is None:
                    time.sleep(0.01)
                    processes[1:] = processes[0].children()
                processes[HIT[who]].send_signal(signal.SIGINT if who == "Ctrl-C" else signal.SIGKILL)
                return process, processes
            self.finish(process)

    def once(self, who: str, *, training: bool) -> dict[str, Any]:
        """End one training at a random moment, ``training`` or whenever, see how it ends, and go on with it."""
        shutil.rmtree(self.folder / "tiny.run", ignore_errors=True)
        (self.folder / "tiny.onnx").unlink(missing_ok=True)
        process, processes = self.strike(who, training=training)
        start = time.monotonic()
        status, line = self.finish(process)
        _, alive = psutil.wait_procs(processes[1:], timeout=LIMIT)
        seconds = time.monotonic() - start
        ended = not alive and seconds < LIMIT and status in STATUSES[who]
        told = status != 2 or "was killed (SIGKILL)" in line
        begun = (self.folder / "tiny.run" / "options.json").is_file()
        again, _ = self.finish(self.begin(RESUME if begun else START))
        weights, model = self.result() if not again else ({}, b"")
        whole = weights.keys() == self.wanted[0].keys() and model == self.wanted[1]
        whole = whole and all(torch.equal(weights[name], self.wanted[0][name]) for name in weights)
        return {
            "hit": who,
            "status": status,
            "line": line,
            "seconds": seconds,
            "left running": len(alive),
            "resumed": begun,
            "as it should": ended and told and whole,
        }


@app.command()
def main(
    ends: Annotated[int, typer.Option(min=1)] = 12,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> int:
    """End trainings and see that nothing is lost."""
    with TemporaryDirectory() as folder:
        drill = Drill(Path(folder).resolve() / "work", seed)
        who = list(HIT)
        rows = [drill.once(who[index % 4], training=index // 4 % 2 == 1) for index in range(ends)]
    save(rows, json_file, None, lambda axis: None)
    return 0 if all(row["as it should"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(run(app, "tests.drills.devices"))
