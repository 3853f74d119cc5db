"""The whole way from a picture to a model: photos, objective, training, export."""

import io
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

import numpy as np
import torch
from impasto import ImpastoError, StyleInfo, __version__
from impasto._contract import CONTRACT_VERSION
from PIL import Image

from .export import export
from .objective import CONTENT_LAYERS, STYLE_LAYERS, Objective
from .options import MINUTES_ON_CPU, MINUTES_ON_GPU, Options
from .photos import ContentSet, centre_crop, demo_photo, open_content, read_style
from .reports import FetchLine, Log, Preview, ProgressLine, paint
from .run_folder import Plan, RunFolder, photos_digest
from .trainer import Record, Trainer, evaluate, to_tensor
from .vgg import VGG16
from .vgg_weights import load_vgg_weights

Say = Callable[[str], None]
PREVIEWED = 4  # held-out photos on the preview sheet
THUMBNAIL = 192  # px, side of the preview inside the model


def start(options: Options, say: Say) -> Path:
    """Train a style as ``options`` say and export it.

    Returns:
        the model's file.

    Raises:
        ImpastoError: anything that the user can mend; no model is written or changed then.
    """
    if options.model.exists() and not options.overwrite:
        raise ImpastoError(f"{options.model} exists: give --overwrite to replace it, or another --out")
    folder = RunFolder(options.run)
    if folder.path.exists() and not options.overwrite:
        raise ImpastoError(f"{folder.path} exists: go on with --resume {folder.path}, or give --overwrite")
    style = read_style(options.style, options.style_size)
    device = pick_device(options.device)
    content = _content(options, say)
    objective = build_objective(options, style, device, say)
    steps = options.steps or _affordable_steps(options, objective, content, say)
    folder.clear()
    folder.save_style(style)
    folder.save_plan(Plan(options, steps, photos_digest(content), objective.vgg.fingerprint))
    return _train(Trainer(objective, content.train, options, steps), content, folder, say)


def resume(path: Path, say: Say, *, overwrite: bool = False) -> Path:
    """Go on with the run in ``path`` from its last checkpoint and export it.

    The model lies beside the run folder, wherever that may have been moved to.

    Returns:
        the model's file.

    Raises:
        ImpastoError: as `start`; also when the photos or the VGG16 weights are no longer those of the run.
    """
    folder = RunFolder(path)
    plan = folder.load_plan()
    options = replace(plan.options, out=path.with_suffix(".onnx"))
    if options.model.exists() and not overwrite and not folder.has_exported(options.model):
        raise ImpastoError(f"{options.model} is not what this run exported: give --overwrite to replace it")
    state = folder.load_state()
    content = _content(options, say)
    if photos_digest(content) != plan.photos:
        raise ImpastoError(f"cannot resume {path}: the photos in {options.content} are not those it began with")
    objective = build_objective(options, folder.load_style(), pick_device(options.device), say)
    if objective.vgg.fingerprint != plan.vgg:
        raise ImpastoError(f"cannot resume {path}: it began with other VGG16 weights (give those, --vgg-weights)")
    trainer = Trainer(objective, content.train, options, plan.steps)
    if state is not None:
        trainer.load_state(state)
    folder.trim_log(trainer.step)
    say(f"resuming at step {trainer.step} of {trainer.steps}")
    return _train(trainer, content, folder, say)


def pick_device(wanted: str) -> torch.device:
    """The device to train on; ``auto`` takes the fastest kind there is.

    Raises:
        ImpastoError: a device that was asked for by name is not there.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return torch.device(next(kind for kind, present in there.items() if present))
    if not there[wanted]:
        raise ImpastoError(f"--device {wanted}: this torch ({torch.__version__}) finds no such device here")
    return torch.device(wanted)


def build_objective(options: Options, style: np.ndarray, device: torch.device, say: Say) -> Objective:
    """The objective of ``options`` for ``style``, uint8 ``[H, W, 3]``, on ``device``."""
    weights = load_vgg_weights(options.vgg_weights, say=say)
    vgg = VGG16(weights, {*CONTENT_LAYERS, *STYLE_LAYERS}).to(device)
    return Objective(
        vgg, to_tensor(style[None], device), content_weight=options.content_weight,
        style_weight=options.style_weight, l1_weight=options.l1, l1_on=options.l1_on, normalize=options.normalize,
    )  # fmt: skip


def _content(options: Options, say: Say) -> ContentSet:
    return open_content(
        options.content, count=options.content_count, seed=options.seed, say=say, progress=FetchLine()
    )


def _affordable_steps(options: Options, objective: Objective, content: ContentSet, say: Say) -> int:
    minutes = options.minutes or (MINUTES_ON_CPU if objective.device.type == "cpu" else MINUTES_ON_GPU)
    seconds = Trainer(objective, content.train, options, steps=1000).seconds_per_step()
    steps = max(1, round(60 * minutes / seconds))
    say(f"{steps} steps, about {minutes:g} minutes at {seconds:.2g} s a step (choose with --minutes or --steps)")
    return steps


def _train(trainer: Trainer, content: ContentSet, folder: RunFolder, say: Say) -> Path:
    options = trainer.options
    skipped = f", {content.skipped} unreadable files skipped" if content.skipped else ""
    say(f"training on {trainer.device.type} with {len(content.train)} photos of {content.name}{skipped}")
    held_out = [centre_crop(photo, options.size) for photo in content.held_out]
    preview = Preview(folder.preview, trainer, held_out[:PREVIEWED], options.preview_every)
    log = Log(folder.log)

    def checkpoint(record: Record) -> None:
        if record.step % options.checkpoint_every == 0 or record.step == trainer.steps:
            folder.save_state(trainer.state())

    with (
        finish_on_interrupt(trainer, say),
        ProgressLine(trainer.steps, start=trainer.step, batch_size=options.batch_size) as progress,
    ):
        for record in trainer.run():
            for subscriber in (log, progress, preview, checkpoint):
                subscriber(record)
    if trainer.stop:
        folder.save_state(trainer.state())
        preview.write()
    info = export(trainer.average, _info(trainer, content, held_out), options.model)
    folder.note_exported(options.model)
    say(f"held-out photos: R {info.content_loss:.3f}, S {info.style_loss:.3f}")
    if trainer.step < trainer.steps:
        say(f"stopped at step {trainer.step} of {trainer.steps}; go on with: train-style --resume {folder.path}")
    return options.model


@contextmanager
def finish_on_interrupt(trainer: Trainer, say: Say) -> Iterator[None]:
    """Let the first Ctrl-C end the training after its present step, and the second end the program."""

    def handle(signum: int, frame: FrameType | None) -> None:
        trainer.stop = True
        signal.signal(signal.SIGINT, before)
        say("\nstopping after this step; the model so far will be exported (Ctrl-C again to quit at once)")

    if threading.current_thread() is not threading.main_thread():  # only there can signals be handled
        yield
        return
    before = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _info(trainer: Trainer, content: ContentSet, held_out: list[np.ndarray]) -> StyleInfo:
    options = trainer.options
    scores = evaluate(trainer.average, trainer.objective, held_out)
    name = re.sub(r"[^\w-]+", "_", options.model.stem)[:64]
    return StyleInfo(
        contract=CONTRACT_VERSION, name=name, title=options.title or name.replace("_", " ").capitalize(),
        credit=options.credit, style_license=options.license, license=options.model_license,
        content_weight=options.content_weight, style_weight=options.style_weight, l1_weight=options.l1,
        l1_on=options.l1_on, normalize=options.normalize, vgg=trainer.objective.vgg.fingerprint,
        content=content.name, content_count=len(content.train), steps=trainer.step,
        batch_size=options.batch_size, size=options.size, style_size=options.style_size,
        impasto_version=__version__, content_loss=float(scores.content), style_loss=float(scores.style),
        preview=_thumbnail(trainer), digest="",
    )  # fmt: skip


def _thumbnail(trainer: Trainer) -> bytes:
    # always the same free photo, so that styles can be compared and a model may be passed on
    photo = centre_crop(demo_photo("astronaut.png"), THUMBNAIL)
    file = io.BytesIO()
    Image.fromarray(paint(trainer, photo)).save(file, "JPEG", quality=85)
    return file.getvalue()
