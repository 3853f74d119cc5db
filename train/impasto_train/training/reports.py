"""What is shown and kept of a training while it runs: subscribers to the records of its loop."""

import dataclasses
import json
import sys
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
from impasto import ImpastoError
from impasto.internal import Say, draw_sheet, whole_file
from tqdm import tqdm

from ..photos.tensors import painted
from .run_folder import RunFolder
from .trainer import Record
from .turns import Turns

Subscriber = Callable[[Record], None]


class ProgressLine:
    """A live line: step, R, S, L1 and J (smoothed), photos a second, time left."""

    def __init__(self, steps: int, *, start: int, batch_size: int) -> None:
        self.batch_size = batch_size
        self.bar = tqdm(total=steps, initial=start, unit="step", dynamic_ncols=True, smoothing=0.1, disable=not steps)
        self.shown: dict[str, float] = {}

    def __call__(self, record: Record) -> None:
        terms = {
            "R": record.content,
            "S": record.style,
            "L1": record.l1,
            "J": record.total,
            "photos/s": self.batch_size / record.seconds,
        }
        for name, value in terms.items():
            self.shown[name] = 0.95 * self.shown.get(name, value) + 0.05 * value
        self.bar.set_postfix_str(" ".join(f"{name} {value:.3g}" for name, value in self.shown.items()), refresh=False)
        self.bar.update(record.step - self.bar.n)

    def say(self, line: str) -> None:
        """Print ``line`` above the bar."""
        self.bar.write(line, file=sys.stderr)

    def __enter__(self) -> "ProgressLine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.close()


class Pace:
    """Says once if the training takes much longer than was promised: another program came to want the machine."""

    def __init__(self, steps: int, minutes: float, say: Say) -> None:
        self.steps, self.minutes, self.say = steps, minutes, say
        self.took: deque[float] = deque(maxlen=50)
        self.spent, self.said = 0.0, False

    def __call__(self, record: Record) -> None:
        self.took.append(record.seconds)
        self.spent += record.seconds
        if self.said or len(self.took) < 50:
            return
        minutes = (self.spent + sum(self.took) / len(self.took) * (self.steps - record.step)) / 60
        if minutes > 1.5 * self.minutes:
            self.said = True
            self.say(
                f"slower than timed: about {minutes:.0f} minutes in all, not {self.minutes:g} "
                "(Ctrl-C exports what there is, and --resume goes on)"
            )


class FetchLine:
    """A live line for a download of photos, called with how many are there and how many there will be."""

    def __init__(self) -> None:
        self.bar: tqdm | None = None

    def __call__(self, done: int, total: int) -> None:
        if self.bar is None:
            self.bar = tqdm(total=total, unit="photo", dynamic_ncols=True)
        self.bar.update(done - self.bar.n)

    def __enter__(self) -> "FetchLine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.close()


class Log:
    """A line of JSON a step, written at once so that it can be followed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, record: Record) -> None:
        try:
            with self.path.open("a") as file:
                values = {name: value for name, value in dataclasses.asdict(record).items() if value != ""}
                file.write(json.dumps(values) + "\n")
        except OSError as error:
            raise ImpastoError(f"cannot write {self.path}: {error.strerror}") from error


class Preview:
    """A sheet of held-out photos above how the model would paint them now, a row a style, every so many steps."""

    def __init__(self, path: Path, turns: Turns, photos: Sequence[np.ndarray], every: int) -> None:
        self.path, self.turns, self.photos, self.every = path, turns, photos, every

    def __call__(self, record: Record) -> None:
        if self.every and record.step % self.every == 0:
            self.write()

    def write(self) -> None:
        """Paint the photos and replace the sheet."""
        trainers = self.turns.trainers
        networks = [(trainer.finished(), trainer.device) for trainer in trainers]
        rows = [[painted(network, photo, device) for photo in self.photos] for network, device in networks]
        with whole_file(self.path) as path:
            draw_sheet([self.photos, *rows]).save(path, "PNG")


class Saver:
    """Keeps the training's state in the run folder every so many steps, unless the watch doubts the weights."""

    def __init__(self, folder: RunFolder, turns: Turns, every: int) -> None:
        self.folder, self.turns, self.every = folder, turns, every
        self.saved = turns.step

    def __call__(self, record: Record) -> None:
        if record.step % self.every == 0:
            self.save()

    def save(self) -> None:
        """Keep the present state, if it is not the one that was kept last."""
        if self.turns.worth_keeping and self.saved != self.turns.step:
            self.folder.save_state(self.turns.state())
            self.saved = self.turns.step
