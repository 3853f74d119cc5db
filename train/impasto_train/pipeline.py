"""The whole way from a picture to a model: photos, objective, training, export."""

import io
import re
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from impasto import ImpastoError, StyleInfo, __version__
from impasto._contract import CONTRACT_VERSION
from impasto._files import check_writable
from PIL import Image

from .balance import suitable_weight
from .base import Weights, load_base
from .export import export
from .group import Group, joined
from .interrupt import finish_on_interrupt
from .objective import CONTENT_LAYERS, STYLE_LAYERS, Objective
from .options import MINUTES_ON_CPU, MINUTES_ON_GPU, Device, ObjectiveOptions, Options
from .photos import ContentSet, centre_crop, demo_photo, open_content, read_style
from .reports import FetchLine, Log, Pace, Preview, ProgressLine, Subscriber, paint
from .run_folder import Plan, RunFolder, photos_digest
from .trainer import GoneWrong, Record, Trainer, evaluate, mixed_precision, to_tensor
from .vgg import VGG16
from .vgg_weights import load_vgg_weights

Say = Callable[[str], None]
SCRATCH, BASE = "scratch", "base"  # for --from
PREVIEWED = 4  # held-out photos on the preview sheet
THUMBNAIL = 192  # px, side of the preview inside the model


def start(options: Options, say: Say) -> Path | None:
    """Train a style as ``options`` say and export it; in a group of processes (`group.py`) in all of them.

    Returns:
        the model's file; None in a process that is not the group's first.

    Raises:
        ImpastoError: anything that the user can mend; no model is written or changed then.
    """
    device = pick_device(options.device)
    with joined(device) as group:
        say = say if group.first else _silent
        folder = RunFolder(options.run)
        with group.first_goes_first():
            if group.first:
                _check_free(options, folder)
            style = read_style(options.style, options.style_size)
            candidates = starts(options.from_, say)
            objective = build_objective(options, style, device, say)
            content = _content(options, say)
        _check_same(content, group)
        if options.style_weight is None:
            objective.style_weight = group.share(suitable_weight(objective, style))
            options = replace(options, style_weight=objective.style_weight)
            say(f"style weight {options.style_weight:g}, what suits this picture (choose with --style-weight)")
        options = replace(options, devices=group.size)
        if options.steps is None:
            minutes = options.minutes or (MINUTES_ON_CPU if device.type == "cpu" else MINUTES_ON_GPU)
            options = replace(options, minutes=minutes)
            say(f"training for about {minutes:g} minutes (choose with --minutes or --steps); timing a few steps first")
        steps = options.steps or _affordable_steps(options, objective, content, group, say)
        weights = options.vgg_weights and options.vgg_weights.resolve()
        # resolved, so that the run can be resumed from another folder
        options = replace(options, content=content.spec, device=cast(Device, device.type), vgg_weights=weights)
        trainer = Trainer(objective, content.train, options, steps, group)
        with finish_on_interrupt(trainer):
            trainer.begin(style, candidates)
            if group.first:
                folder.clear()  # not before there is something to put in its place
                folder.save_style(style)
                folder.save_state(trainer.state())
                threads = torch.get_num_threads()
                folder.save_plan(Plan(options, steps, photos_digest(content), objective.vgg.fingerprint, threads))
            return _train(trainer, content, folder, say)


def _check_free(options: Options, folder: RunFolder) -> None:
    if options.model.exists() and not options.overwrite:
        raise ImpastoError(f"{options.model} exists: give --overwrite to replace it, or another --out")
    if folder.path.exists() and not options.overwrite:
        go_on = f"go on with --resume {folder.path}, or give" if folder.has_plan() else "give"
        raise ImpastoError(f"{folder.path} exists: {go_on} --overwrite")
    check_writable(options.model)
    check_writable(folder.path / "options.json")


def _check_same(content: ContentSet, group: Group) -> None:
    mine = int(photos_digest(content)[:12], 16)  # as much as a float holds
    if group.share(mine) != mine:
        raise ImpastoError(f"--content {content.spec}: the photos here are not those of the first process")


def starts(name: str, say: Say = print) -> list[Weights]:
    """The weights to choose from when a training starts from ``name``; none for `SCRATCH`.

    Raises:
        ImpastoError: ``name`` is nothing to start from.
    """
    if name == SCRATCH:
        return []
    return load_base() if name == BASE else [RunFolder(Path(name)).load_weights(say)]


def devices(path: Path) -> tuple[int, str]:
    """On how many devices the run in ``path`` began, and their kind.

    Raises:
        ImpastoError: this is no run folder, or its plan is damaged.
    """
    options = RunFolder(path.resolve()).load_plan().options
    return options.devices, options.device


def resume(path: Path, say: Say, *, overwrite: bool = False, **changed: Any) -> Path | None:
    """Go on with the run in ``path`` from its last checkpoint and export it.

    The model lies beside the run folder, wherever that may have been moved to. A group of processes shares the joined
    batch that the run began with, whatever the number of its devices was then.

    Args:
        overwrite: replace the model even if it is not the one that this run exported.
        changed: ``device``, ``devices`` or ``vgg_weights`` (of the same fingerprint), if they are not those of the
            start.

    Returns:
        the model's file; None in a process that is not the group's first.

    Raises:
        ImpastoError: as `start`; also when the photos or the VGG16 weights are no longer those of the run.
    """
    path = path.resolve()
    folder = RunFolder(path)
    plan = folder.load_plan()
    changed["overwrite"] = overwrite or plan.options.overwrite
    options = replace(plan.options, out=path.with_suffix(".onnx"), **changed)
    device = pick_device(options.device)
    with joined(device) as group:
        say = say if group.first else _silent
        batch = plan.options.batch_size * plan.options.devices
        if batch % group.size:
            raise ImpastoError(f"cannot resume {path} on {group.size} devices: its {batch} crops a step do not divide")
        options = replace(options, devices=group.size, batch_size=batch // group.size)
        with group.first_goes_first():
            if group.first:
                _check_ours(options, folder)
            state = folder.load_state(say)
            content = _content(options, say)
            if photos_digest(content) != plan.photos:
                raise ImpastoError(f"cannot resume {path}: the photos in {options.content} are not those it began with")
            if device.type == "cpu" and group.size == plan.options.devices:
                torch.set_num_threads(plan.threads)
            objective = build_objective(options, folder.load_style(), device, say)
        if objective.vgg.fingerprint != plan.vgg:
            raise ImpastoError(f"cannot resume {path}: it began with other VGG16 weights (give those, --vgg-weights)")
        trainer = Trainer(objective, content.train, options, plan.steps, group)
        with finish_on_interrupt(trainer):
            trainer.load_state(state)
            if group.share(trainer.step) != trainer.step:
                raise ImpastoError(f"cannot resume {path}: its checkpoint is not the same in every process")
            group.copy([*trainer.network.parameters(), *trainer.average.parameters()])
            if group.first:
                folder.sweep(options.model)
                folder.trim_log(trainer.step)
            if trainer.step < trainer.steps:
                say(f"resuming at step {trainer.step} of {trainer.steps}")
            else:
                say("this run is finished; exporting it again")
            return _train(trainer, content, folder, say)


def _check_ours(options: Options, folder: RunFolder) -> None:
    if options.model.exists() and not (options.overwrite or folder.has_exported(options.model)):
        raise ImpastoError(f"{options.model} is not what this run exported: give --overwrite to replace it")
    check_writable(options.model)


def _silent(line: str) -> None:
    """What the processes of a group but the first say."""


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


def build_objective(options: ObjectiveOptions, style: np.ndarray, device: torch.device, say: Say) -> Objective:
    """The objective of ``options`` for ``style``, uint8 ``[H, W, 3]``, on ``device``.

    Its β is 0 where the options leave that to `balance.suitable_weight`.
    """
    weights = load_vgg_weights(options.vgg_weights, say=say)
    vgg = VGG16(weights, {*CONTENT_LAYERS, *STYLE_LAYERS}).to(device)
    return Objective(
        vgg, to_tensor(style[None], device), content_weight=options.content_weight,
        style_weight=options.style_weight or 0.0, l1_weight=options.l1, l1_on=options.l1_on,
        normalize=options.normalize, distance=options.distance,
    )  # fmt: skip


def _content(options: Options, say: Say) -> ContentSet:
    with FetchLine() as progress:
        return open_content(options.content, count=options.content_count, seed=options.seed, say=say, progress=progress)


def _affordable_steps(options: Options, objective: Objective, content: ContentSet, group: Group, say: Say) -> int:
    assert options.minutes is not None  # `start` has settled it
    seconds = Trainer(objective, content.train, options, 1000, group).seconds_per_step()
    steps = max(1, round(60 * options.minutes / seconds))
    say(f"{steps} steps, about {options.minutes:g} minutes at {seconds:.2g} s a step")
    return steps


def _train(trainer: Trainer, content: ContentSet, folder: RunFolder, say: Say) -> Path | None:
    if not trainer.group.first:
        with suppress(GoneWrong):  # the first process finds the same, and says so
            deque(trainer.run(), maxlen=0)
        return None
    options = trainer.options
    skipped = f", {content.skipped} unreadable files skipped" if content.skipped else ""
    precision = "bfloat16" if mixed_precision(trainer.device) else "float32"
    devices = trainer.device.type if trainer.group.size == 1 else f"{trainer.group.size} {trainer.device.type} devices"
    say(f"training on {devices} in {precision}: {len(content.train)} photos of {content.name}{skipped}")
    held_out = [centre_crop(photo, options.size) for photo in content.held_out]
    preview = Preview(folder.preview, trainer, held_out[:PREVIEWED], options.preview_every)
    log = Log(folder.log)
    kept = trainer.step

    def checkpoint(record: Record | None = None) -> None:
        nonlocal kept
        due = record is None or record.step % options.checkpoint_every == 0
        if due and trainer.watch.calm and kept != trainer.step:
            folder.save_state(trainer.state())
            kept = trainer.step

    with ProgressLine(trainer.steps, start=trainer.step, batch_size=trainer.joined_batch) as progress:
        subscribers: list[Subscriber] = [log, progress, preview, checkpoint]
        if options.minutes is not None:
            subscribers.append(Pace(trainer.steps, options.minutes, progress.say))
        for record in trainer.run():
            for subscriber in subscribers:
                subscriber(record)
    checkpoint()
    preview.write()
    info = export(trainer.average, _info(trainer, content, held_out), options.model, folder.note_exported)
    say(f"held-out photos: R {info.content_loss:.3f}, S {info.style_loss:.3f}")
    if trainer.step < trainer.steps:
        say(f"stopped at step {trainer.step} of {trainer.steps}; go on with: train-style --resume {folder.path}")
    return options.model


def _info(trainer: Trainer, content: ContentSet, held_out: list[np.ndarray]) -> StyleInfo:
    options = trainer.options
    scores = evaluate(trainer.average, trainer.objective, held_out)
    name = re.sub(r"[^\w-]+", "_", options.model.stem)[:64]
    return StyleInfo(
        contract=CONTRACT_VERSION, name=name, title=options.title or name.replace("_", " ").capitalize(),
        credit=options.credit, style_license=options.license, license=options.model_license,
        content_weight=options.content_weight, style_weight=trainer.objective.style_weight, l1_weight=options.l1,
        l1_on=options.l1_on, normalize=options.normalize, vgg=trainer.objective.vgg.fingerprint,
        content=content.name, content_count=len(content.train), steps=trainer.step,
        batch_size=trainer.joined_batch, size=options.size, style_size=options.style_size,
        impasto_version=__version__, content_loss=float(scores.content), style_loss=float(scores.style),
        preview=_thumbnail(trainer), digest="", steady=options.steady, grid=options.grid,
        distance=options.distance, learning_rate=options.learning_rate,
        start=options.from_ if options.from_ in (SCRATCH, BASE) else "run",
    )  # fmt: skip


def _thumbnail(trainer: Trainer) -> bytes:
    try:
        # always the same free photo, so that styles can be compared and a model may be passed on
        photo = centre_crop(demo_photo("astronaut.png"), THUMBNAIL)
    except ImpastoError:  # a scikit-image without it: no reason to lose a training
        return b""
    file = io.BytesIO()
    Image.fromarray(paint(trainer, photo)).save(file, "JPEG", quality=85)
    return file.getvalue()
