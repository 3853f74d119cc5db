"""A search for weights: short trainings that start from the base.

Every point of the grid is trained once and judged on the held-out photos, by the yardstick of `judge.eye`. The best few
are then trained once a fold: on all photos but those of the fold, and judged on these (K-fold cross-validation: Stone
1974).
"""

import dataclasses
import hashlib
import itertools
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from impasto import ImpastoError
from impasto.internal import Say
from impasto.pictures import format_of
from tqdm import tqdm

from ..base.starts import starts
from ..base.weights import fingerprint
from ..commandline.options import Options, SharedOptions, TrainingOptions, TuneOptions
from ..judge import eye
from ..loss.objective import L1_VARIANTS
from ..network.stylenet import StyleNet
from ..photos.content import centre_crop, open_content, photos_digest, read_style
from ..photos.picture import Photo
from ..photos.tensors import painted
from ..training.interrupt import finish_on_interrupt
from ..training.setup import build_objective, load_vgg, pick_device
from ..training.trainer import Trainer
from ..training.watch import GoneWrong
from .record import HELD_OUT, Point, Trial, TrialStore, recipe
from .report import keep_row, ranked
from .score import fold_of, judge

JUDGED = 8  # photos that a training is judged by
SHOWN = 4  # photos on the contact sheet


def points(options: TuneOptions, style_weight: float) -> list[Point]:
    """The grid; ``style_weight`` is the β where the options give none."""
    grid = itertools.product(
        options.numbers("l1"),
        options.variants,
        options.numbers("content_weight"),
        options.numbers("style_weight") or [style_weight],
    )
    # without a weight it does not matter what the term is of
    return list(dict.fromkeys(Point(l1, on if l1 else L1_VARIANTS[-1], *rest) for l1, on, *rest in grid))


def training_options(options: TuneOptions, point: Point | None = None) -> Options:
    """The options of ``train-style`` that train with the weights of ``point``, or with the first β given, if any."""
    shared = {*dataclasses.fields(SharedOptions), *dataclasses.fields(TrainingOptions)}
    first = next(iter(options.numbers("style_weight")), None)
    weights = {"style_weight": first} if point is None else dataclasses.asdict(point)
    return Options(
        **{field.name: getattr(options, field.name) for field in shared},
        **weights,
        out=options.folder / f"{options.style.stem}.onnx",
    )


class Search:
    """The trainings of a search that its record does not have yet.

    Raises:
        ImpastoError: anything that the user can correct.
    """

    stop = False
    """Set to end after the present step; the training that it belongs to is not kept."""

    def __init__(self, options: TuneOptions, say: Say) -> None:
        self.options, self.say = options, say
        self.style = read_style(options.style, options.style_size)
        self.candidates, _ = starts(options.from_, say)
        device = pick_device(options.device)
        vgg = load_vgg(options.vgg_weights, device, say, eye.LAYERS)
        self.objective = build_objective(training_options(options), self.style, device, say, vgg=vgg)
        content = open_content(options.content, count=options.content_count, seed=options.seed, say=say)
        self.photos = content.train
        if options.folds > len(self.photos):
            raise ImpastoError(f"--folds {options.folds}: there are only {len(self.photos)} photos to train on")
        self.eye = eye.Eye(vgg, options.style)
        self.points = points(options, self.objective.style_weight)
        self.held_out = [centre_crop(photo, options.size) for photo in content.held_out[:JUDGED]]
        self.shown = self.held_out[:SHOWN] if options.show is None else photos_of(options.show, options.size)
        shown = hashlib.sha256(b"".join(photo.tobytes() for photo in self.shown)).hexdigest()
        self.pictures = options.folder / "pictures" / shown[:8]
        try:
            self.pictures.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ImpastoError(f"cannot write {options.folder}: {error.strerror}") from error
        digests = {
            "--content": photos_digest(content),
            "--vgg-weights": self.objective.vgg.fingerprint,
            "--from": fingerprint(self.candidates),
        }
        self.record = TrialStore(options.folder / "record.db", recipe(options, self.style, digests))

    def run(self) -> None:
        """Train and judge until all is done, the time is up or Ctrl-C."""
        minutes, first_start, took = self.options.minutes, time.monotonic(), 0.0
        with finish_on_interrupt(self, "what is finished is kept"), tqdm(unit="step", dynamic_ncols=True) as progress:
            for point, fold, left in self.wanted():
                start = time.monotonic()
                if took and start - first_start + took > 60 * minutes:  # each call does at least one
                    line = f"the {minutes:g} minutes are over with {left} trainings left: call again to go on"
                    progress.write(line, file=sys.stderr)
                    return
                progress.reset(self.options.steps)
                of = f"fold {fold} of {self.options.folds}" if fold else "the grid"
                progress.set_description_str(f"{point.name}, {of}, {left} left")
                trial = self.train(point, fold, progress)
                if trial is None:
                    progress.write("stopped; the same call goes on", file=sys.stderr)
                    return
                self.record.add(trial)
                if self.stop:
                    return
                took = time.monotonic() - start

    def wanted(self) -> Iterator[tuple[Point, int, int]]:
        """The point and the fold of each training still to do, and how many there are left with it."""
        options = self.options
        done = {(trial.point, trial.fold) for trial in self._trials()}
        missing = [point for point in self.points if (point, HELD_OUT) not in done]
        folds = min(options.finalists, len(self.points)) * options.folds
        for index, point in enumerate(missing):
            yield point, HELD_OUT, len(missing) - index + folds
        rows = ranked([trial for trial in self._trials() if trial.point in self.points])
        finalists = [row.point for row in rows[: options.finalists]]
        left = [(p, fold) for fold in range(1, options.folds + 1) for p in finalists if (p, fold) not in done]
        for index, (point, fold) in enumerate(left):
            yield point, fold, len(left) - index

    def _trials(self) -> list[Trial]:
        return [trial for trial in self.record.trials() if trial.folds in (0, self.options.folds)]

    def train(self, point: Point, fold: int, progress: tqdm) -> Trial | None:
        """Train with the weights of ``point`` on all photos but those of ``fold`` and judge by these.

        None if that was stopped.
        """
        options, folds = self.options, self.options.folds if fold else HELD_OUT
        photos, crops = self.photos, self.held_out
        if fold:
            photos, judged = fold_of(self.photos, fold, options.folds)
            crops = [centre_crop(photo, options.size) for photo in judged[:JUDGED]]
        try:
            network = self._trained(point, photos, progress)
        except GoneWrong as error:  # a weight so high that the pictures go blank, say: that is a result too
            progress.write(f"{point.name}: {error}", file=sys.stderr)
            return Trial(point, fold, folds, None, str(error))
        if network is None:
            return None
        if not fold:
            row = [painted(network, photo, self.objective.device) for photo in self.shown]
            keep_row(self.pictures, point, row, self.shown)
        return Trial(point, fold, folds, judge(network, self.objective, self.eye, crops))

    def _trained(self, point: Point, photos: tuple[Photo, ...], progress: tqdm) -> StyleNet | None:
        objective = self.objective
        objective.content_weight, objective.style_weight = point.content_weight, point.style_weight
        objective.l1_weight, objective.l1_on = point.l1, point.l1_on
        trainer = Trainer(objective, photos, training_options(self.options, point), self.options.steps)
        trainer.begin(self.style, self.candidates)
        for record in trainer.run():
            progress.set_postfix_str(f"R {record.content:.3g} S {record.style:.3g}", refresh=False)
            progress.update()
            trainer.stop = self.stop
        return trainer.finished() if trainer.step == trainer.steps else None


def photos_of(folder: Path, size: int) -> list[np.ndarray]:
    """The first photos of a folder, uint8 ``[size, size, 3]`` each.

    Raises:
        ImpastoError: there are none.
    """
    files = sorted(path for path in folder.iterdir() if format_of(path)) if folder.is_dir() else []
    photos = [path for path in files if not path.name.startswith(".")]
    if not photos:
        raise ImpastoError(f"--show {folder}: no folder with photos")
    return [centre_crop(Photo(path.name, path), size) for path in photos[:SHOWN]]
