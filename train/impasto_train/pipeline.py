"""The whole way from a picture to a model: photos, objective, training, export.

`start` begins a run, `resume` goes on with one, and both end in `_train`.
"""

from collections import deque
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from impasto import ImpastoError
from impasto.internal import Say, check_writable

from .base.starts import starts
from .commandline.options import MINUTES_ON_CPU, MINUTES_ON_GPU, Device, Options
from .downloads.vgg_weights import absolute
from .export.dial import photos_to_measure
from .export.metadata import info_of
from .export.to_onnx import export
from .loss.objective import Objective
from .photos.content import ContentSet, centre_crop, open_content, photos_digest, read_style
from .photos.doubts import doubts
from .training.group import Group, joined
from .training.interrupt import finish_on_interrupt
from .training.lock import locked
from .training.reports import FetchLine, Log, Pace, Preview, ProgressLine, Saver, Subscriber
from .training.run_folder import Plan, RunFolder
from .training.setup import build_objective, load_vgg, pick_device
from .training.trainer import Trainer, mixed_precision
from .training.watch import GoneWrong

PREVIEWED = 4  # held-out photos on the preview sheet


def start(options: Options, say: Say) -> Path | None:
    """Train a style as ``options`` say and export it; in a group of processes (`training.group`) in all of them.

    Returns:
        the model's file; None in a process that is not the group's first.

    Raises:
        ImpastoError: anything that the user can correct; no model is written or changed then.
    """
    device = pick_device(options.device)
    folder = RunFolder(options.run)
    check_writable(options.model)
    with joined(device) as group, _held(folder, group):
        say = say if group.first else _silent
        with group.first_goes_first():
            if group.first:
                _check_free(options, folder)
            style = read_style(options.style, options.style_size)
            candidates, earlier = starts(options.from_, say)
            vgg = load_vgg(options.vgg_weights, device, say)  # before the photos: no training can do without it
            content = _content(options, say)
            for doubt in doubts(options.style, style):
                say(f"warning: {doubt}")
        _check_same(content, group)
        objective = build_objective(options, style, device, say, group=group, vgg=vgg)
        options, steps = _settled(options, objective, content, group, say)
        trainer = Trainer(objective, content.train, options, steps, group)
        trainer.earlier = earlier
        trainer.begin(style, candidates)  # Ctrl-C ends it at once: what goes on from half a start would be another run
        with finish_on_interrupt(trainer):
            if group.first:
                folder.clear()  # not before there is something to put in its place
                folder.save_style(style)
                folder.save_state(trainer.state())
                threads = torch.get_num_threads()
                folder.save_plan(Plan(options, steps, photos_digest(content), objective.vgg.fingerprint, threads))
            return _train(trainer, content, folder, say)


def _settled(
    options: Options, objective: Objective, content: ContentSet, group: Group, say: Say
) -> tuple[Options, int]:
    """The options with everything settled, so that the run can be resumed from any folder; and the steps."""
    device = objective.device
    options = replace(
        options,
        style_weight=objective.style_weight,
        content=content.spec,
        device=cast(Device, device.type),
        devices=group.size,
        vgg_weights=absolute(options.vgg_weights),
    )
    if options.steps is not None:
        return options, options.steps
    minutes = options.minutes or (MINUTES_ON_CPU if device.type == "cpu" else MINUTES_ON_GPU)
    say(f"training for about {minutes:g} minutes (choose with --minutes or --steps); timing a few steps first")
    options = replace(options, minutes=minutes)
    seconds = Trainer(objective, content.train, options, 1000, group).seconds_per_step()
    steps = max(1, round(60 * minutes / seconds))
    say(f"{steps} steps, about {minutes:g} minutes at {seconds:.2g} s a step")
    return options, steps


def _held(folder: RunFolder, group: Group) -> AbstractContextManager[None]:
    """The lock on the run folder, which the first process of a group holds for all."""
    return locked(folder.path) if group.first else nullcontext()


def _check_free(options: Options, folder: RunFolder) -> None:
    if options.model.exists() and not options.overwrite:
        raise ImpastoError(f"{options.model} exists: give --overwrite to replace it, or another --out")
    if folder.path.exists() and not options.overwrite:
        go_on = f"go on with --resume {folder.path}, or give" if folder.has_plan() else "give"
        raise ImpastoError(f"{folder.path} exists: {go_on} --overwrite")
    check_writable(folder.path / "options.json")


def _check_same(content: ContentSet, group: Group) -> None:
    digest = int(photos_digest(content)[:12], 16)  # as much as a float holds
    if group.share(digest) != digest:
        raise ImpastoError(f"--content {content.spec}: the photos here are not those of the first process")


def devices(path: Path) -> tuple[int, str]:
    """On how many devices the run in ``path`` began, and their kind.

    Raises:
        ImpastoError: this is no run folder, or its plan is damaged.
    """
    options = RunFolder(path.resolve()).load_plan().options
    return options.devices, options.device


def resume(path: Path, say: Say, *, overwrite: bool = False, **changed: Any) -> Path | None:
    """Go on with the run in ``path`` from its last checkpoint and export it.

    The model lies beside the run folder, even if that was moved. A group of processes shares the joined
    batch that the run began with, on however many devices.

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
    with joined(device) as group, _held(folder, group):
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
        objective = build_objective(options, folder.load_style(), device, say, group=group)
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
                say(f"this run is finished; exporting it again (to train further, begin a run --from {path})")
            return _train(trainer, content, folder, say)


def _check_ours(options: Options, folder: RunFolder) -> None:
    if options.model.exists() and not (options.overwrite or folder.has_exported(options.model)):
        raise ImpastoError(f"{options.model} is not what this run exported: give --overwrite to replace it")
    check_writable(options.model)


def _silent(line: str) -> None:
    """What the processes of a group but the first say."""


def _content(options: Options, say: Say) -> ContentSet:
    with FetchLine() as progress:
        return open_content(
            options.content,
            count=options.content_count,
            seed=options.seed,
            styles=[options.name],  # what an earlier call made in this style: a run that goes on has the same photos
            say=say,
            progress=progress,
        )


def _train(trainer: Trainer, content: ContentSet, folder: RunFolder, say: Say) -> Path | None:
    """Train to the end, or to Ctrl-C, and export; a process that is not the first of its group trains alone."""
    if not trainer.group.first:
        with suppress(GoneWrong):  # the first process finds the same, and says so
            deque(trainer.run(), maxlen=0)
        return None
    options = trainer.options
    _announce(trainer, content, say)
    held_out = [centre_crop(photo, options.size) for photo in content.held_out]
    preview = Preview(folder.preview, trainer, held_out[:PREVIEWED], options.preview_every)
    saver = Saver(folder, trainer, options.checkpoint_every)
    with ProgressLine(trainer.steps, start=trainer.step, batch_size=trainer.joined_batch) as progress:
        subscribers: list[Subscriber] = [Log(folder.log), progress, preview, saver]
        if options.minutes is not None:
            subscribers.append(Pace(trainer.steps, options.minutes, progress.say))
        for record in trainer.run():
            for subscriber in subscribers:
                subscriber(record)
    saver.save()
    preview.write()
    network = trainer.finished()
    info = info_of(trainer, network, content, held_out)
    info = export(network, info, options.model, photos_to_measure(content), folder.note_exported)
    say(f"held-out photos: R {info.content_loss:.3f}, S {info.style_loss:.3f}")
    if trainer.step < trainer.steps:
        say(f"stopped at step {trainer.step} of {trainer.steps}; go on with: train-style --resume {folder.path}")
    return options.model


def _announce(trainer: Trainer, content: ContentSet, say: Say) -> None:
    skipped = f", {content.skipped} unreadable files skipped" if content.skipped else ""
    precision = "bfloat16" if mixed_precision(trainer.device) else "float32"
    devices = trainer.device.type if trainer.group.size == 1 else f"{trainer.group.size} {trainer.device.type} devices"
    say(f"training on {devices} in {precision}: {len(content.train)} photos of {content.name}{skipped}")
