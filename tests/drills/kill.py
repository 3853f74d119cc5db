"""``train-style`` killed by SIGKILL at random moments, resumed, killed again, until it comes to its end.

    python -m tests.drills.kill [--kills 50] [--seed 0] [--json FILE]

Every other kill comes by the clock, anywhere in the run; the others in the very moment in which the training opens,
renames or removes a file, so that checkpoints, previews, the log and the export are hit while they are written. What
was killed is resumed (begun again, if it had not got as far as that), and each time that a training comes to its end
its weights, its model and its log are held against those of an undisturbed one.
"""

import json
import os
import random
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import torch
import typer
from impasto.common.console import run
from impasto_train.training.run_folder import RunFolder

from benchmarks.report import save

from . import tiny
from .forked import Ended, call

START = ["train-style", "--style", "style.png", *tiny.RUN]
RESUME = ["train-style", "--resume", "tiny.run"]
KINDS = {
    "checkpoint": "checkpoint",
    "preview": "preview",
    "log": "log",
    "exported": "digest of the model",
    "tiny": "model",
    "style": "beginning",
    "options": "beginning",
}

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def kind(path: str) -> str:
    """What is kept in a file of a run, or in its temporary one."""
    return KINDS.get(Path(path).name.lstrip(".").split(".")[0], "other")


def touches(folder: Path, act: Callable[[int, str], None]) -> Callable[[str, str], None]:
    """For `forked.call`: calls ``act`` with the kind of each touch of a run's own files, and its number among those."""
    count: Counter[str] = Counter()

    def touch(event: str, path: str) -> None:
        what = kind(path)
        if what == "other" or (Path(path).is_absolute() and not Path(path).is_relative_to(folder)):
            return
        count[what] += 1
        act(count[what], what)

    return touch


class Drill:
    """Trainings in ``folder``, the first of them undisturbed."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.random = folder / "work", random.Random(seed)
        self.note = folder / "note"  # what the process that killed itself was at
        tiny.lay_out(self.folder)

        def count(number: int, what: str) -> None:
            with self.note.open("a") as file:
                file.write(f"{what}\n")

        whole = call(tiny.train_style, START, self.folder, touch=touches(self.folder, count))
        if whole.status:
            raise RuntimeError(whole.said)
        self.seconds, self.touches = whole.seconds, Counter(self.note.read_text().splitlines())
        self.wanted = self.result()
        self.faults: list[str] = []
        self.at: Counter[str] = Counter()
        self.ends = self.kills = self.resumed = self.begun_anew = 0

    def result(self) -> tuple[dict[str, torch.Tensor], bytes, list[int]]:
        """Weights, model and the log's steps."""
        state = RunFolder(self.folder / "tiny.run").load_state(lambda line: None)
        weights = {f"{part}.{name}": t for part in ("network", "average") for name, t in state[part].items()}
        log = (self.folder / "tiny.run" / "log.jsonl").read_text().splitlines()
        return weights, (self.folder / "tiny.onnx").read_bytes(), [json.loads(line)["step"] for line in log]

    def life(self) -> Ended:
        """Start or resume, and be killed sooner or later, or come to the end."""
        words = self.words()
        if self.kills % 2:
            ended = call(tiny.train_style, words, self.folder, kill_after=self.random.uniform(0, self.seconds))
            if ended.status == -signal.SIGKILL:
                self.at["by the clock"] += 1
            return ended
        wanted = self.random.choice(sorted(self.touches))
        # rather an early one: what is left of a run that was resumed may not have many
        deadly = round(self.touches[wanted] ** self.random.random())

        def act(number: int, what: str) -> None:
            if (what, number) == (wanted, deadly):
                self.note.write_text(what)
                os.kill(os.getpid(), signal.SIGKILL)

        ended = call(tiny.train_style, words, self.folder, touch=touches(self.folder, act))
        if ended.status == -signal.SIGKILL:
            self.at[f"at the {self.note.read_text()}"] += 1
        return ended

    def words(self) -> list[str]:
        """What goes on with the run, or begins one."""
        return RESUME if (self.folder / "tiny.run" / "options.json").is_file() else START

    def run(self, kills: int) -> None:
        """Go on until there were so many kills and a training came to its end after the last of them."""
        killed = False
        while self.kills < kills or killed:
            self.begun_anew += killed and self.words() is START
            self.resumed += self.words() is RESUME
            ended = self.life() if self.kills < kills else call(tiny.train_style, self.words(), self.folder)
            killed = ended.status == -signal.SIGKILL
            if killed:
                self.kills += 1
                continue
            self.ends += 1
            if ended.status:
                self.faults.append(ended.said[-500:])
                break
            self.compare()
            if self.random.random() < 0.5:  # else the same run is resumed once more: it only exports
                shutil.rmtree(self.folder / "tiny.run")

    def compare(self) -> None:
        """Hold what there is against the undisturbed training."""
        (weights, model, steps), (wanted, wanted_model, wanted_steps) = self.result(), self.wanted
        if weights.keys() != wanted.keys() or not all(torch.equal(weights[name], wanted[name]) for name in wanted):
            self.faults.append("other weights")
        if model != wanted_model:
            self.faults.append("another model")
        if steps != wanted_steps:
            self.faults.append(f"the log has steps {steps}")
        left = [path.name for path in self.folder.rglob("*.part*")]
        if left:
            self.faults.append(f"left behind: {left}")


@app.command()
def main(
    kills: Annotated[int, typer.Option(min=1)] = 50,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> int:
    """Kill trainings and see that nothing is lost."""
    with TemporaryDirectory() as folder:
        drill = Drill(Path(folder).resolve(), seed)
        drill.run(kills)
    row = {
        "kills": drill.kills,
        **dict(sorted(drill.at.items())),
        "resumed": drill.resumed,
        "begun anew": drill.begun_anew,
        "ends compared": drill.ends,
        "faults": len(drill.faults),
    }
    save([row], json_file, None, lambda axis: None)
    print("\n".join(drill.faults))
    return 1 if drill.faults else 0


if __name__ == "__main__":
    sys.exit(run(app, "tests.drills.kill"))
