"""The whole way from a picture to a model: photos, objective, training, export.

`start` begins a run, `resume` goes on with one, and both end in `_train`.
"""

import shlex
from collections import deque
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import impasto_models
import numpy as np
import torch
from impasto import ImpastoError, describe
from impasto.internal import Say, check_writable

from .base.starts import starts
from .base.weights import Weights
from .commandline.options import MINUTES_ON_CPU, MINUTES_ON_GPU, Device, Options, named_after
from .downloads.vgg_weights import absolute
from .export.heads import check_like_ours, styles_in, weights_in
from .export.metadata import info_of, title_of
from .export.several import export_several
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
from .training.turns import Turns
from .training.watch import GoneWrong

PREVIEWED = 4  # held-out photos on the preview sheet


def start(options: Options, say: Say, also: Sequence[Path] = ()) -> Path | None:
    """Train a style as ``options`` say and export it; in a group of processes (`training.group`) in all of them.

    Args:
        also: further style pictures, to be learned with the same kernels and exported to the same file.

    Returns:
        the model's file; None in a process that is not the group's first.

    Raises:
        ImpastoError: anything that the user can correct; no model is written or changed then.
    """
    device = pick_device(options.device)
    folder = RunFolder(options.run)
    check_writable(options.model)
    paths = [options.style, *also]
    with joined(device) as group, _held(folder, group):
        say = say if group.first else _silent
        with group.first_goes_first():
            if group.first:
                _check_free(options, paths, folder)
            styles = [read_style(path, options.style_size) for path in paths]
            candidates, earlier = _starts(options, say)
            vgg = load_vgg(options.vgg_weights, device, say)  # before the photos: no training can do without it
            content = _content(options, paths, say)
            for path, style in zip(paths, styles, strict=True):
                for doubt in doubts(path, style):
                    say(f"warning: {doubt}")
        _check_same(content, group)
        trainers: list[Trainer] = []
        for number, (path, style) in enumerate(zip(paths, styles, strict=True)):
            # each sees crops of its own
            own = replace(options, style=path, seed=options.seed + number)
            objective = build_objective(own, style, device, _named(say, own, len(paths)), group=group, vgg=vgg)
            own = _settled(own, objective, content)
            if not trainers:
                minutes, steps = _timed(own, objective, content, group, len(paths), say)
                if also and steps:
                    say(f"{steps} steps of each of {len(paths)} styles, in turns")
            own = replace(own, minutes=minutes, devices=group.size)
            trainer = Trainer(objective, content.train, own, steps, group)
            trainer.earlier = earlier
            # Ctrl-C ends it at once: what goes on from half a start would be another run
            trainer.begin(style, candidates or [one.network.state_dict() for one in trainers[:1]])
            trainers.append(trainer)
        turns = Turns(trainers, frozen=options.to is not None)
        with finish_on_interrupt(turns):
            if group.first:
                folder.clear()  # not before there is something to put in its place
                for number, style in enumerate(styles):
                    folder.save_style(style, number)
                folder.save_state(turns.state())
                settled = tuple(trainer.options for trainer in trainers)
                threads = torch.get_num_threads()
                folder.save_plan(Plan(settled, steps, photos_digest(content), vgg.fingerprint, threads))
            return _train(turns, content, folder, say)


def _starts(options: Options, say: Say) -> tuple[list[Weights], int]:
    """What to start from, as `base.starts`; a model's weights too, and those of the file that is added to."""
    if options.to is not None:
        check_like_ours(options.to)
        return weights_in(options.to), 0
    if Path(options.from_).suffix == ".onnx" or options.from_ in impasto_models.files():
        return weights_in(options.from_), describe(options.from_).steps
    return starts(options.from_, say)


def _settled(options: Options, objective: Objective, content: ContentSet) -> Options:
    """The options with everything settled, so that the run can be resumed from any folder."""
    return replace(
        options,
        style_weight=objective.style_weight,
        content=content.spec,
        device=cast(Device, objective.device.type),
        vgg_weights=absolute(options.vgg_weights),
        to=str(Path(options.to).resolve()) if options.to and Path(options.to).suffix == ".onnx" else options.to,
    )


def _timed(
    options: Options, objective: Objective, content: ContentSet, group: Group, styles: int, say: Say
) -> tuple[float | None, int]:
    """The minutes that were asked for, if steps were not; and the steps of each of so many styles."""
    if options.steps is not None:
        return None, max(1, options.steps // styles)
    if options.minutes == 0:
        return 0, 0
    minutes = options.minutes or (MINUTES_ON_CPU if objective.device.type == "cpu" else MINUTES_ON_GPU)
    say(f"training for about {minutes:g} minutes (choose with --minutes or --steps); timing a few steps first")
    options = replace(options, minutes=minutes)
    seconds = Trainer(objective, content.train, options, 1000, group).seconds_per_step()
    steps = max(1, round(60 * minutes / seconds / styles))
    say(f"{steps * styles} steps, about {minutes:g} minutes at {seconds:.2g} s a step")
    return minutes, steps


def _held(folder: RunFolder, group: Group) -> AbstractContextManager[None]:
    """The lock on the run folder, which the first process of a group holds for all."""
    return locked(folder.path) if group.first else nullcontext()


def _check_free(options: Options, paths: Sequence[Path], folder: RunFolder) -> None:
    if options.to is not None:
        info, names = describe(options.to), [named_after(path) for path in paths]
        held = [one.name for one in info.styles or (info,)]
        if held == names:
            raise ImpastoError(f"{options.to} is {names[0]} alone: train it anew without --to, or rename {paths[0]}")
        if not options.overwrite and (twice := [name for name in names if name in held]):
            raise ImpastoError(f"{options.to} has a style {twice[0]}: give --overwrite to replace it")
    if options.model.exists() and not (options.overwrite or _is_added_to(options)):
        raise ImpastoError(f"{options.model} exists: give --overwrite to replace it, or another --out")
    if folder.path.exists() and not options.overwrite:
        go_on = f"go on with --resume {shlex.quote(str(folder.path))}, or give" if folder.has_plan() else "give"
        raise ImpastoError(f"{folder.path} exists: {go_on} --overwrite")
    check_writable(folder.path / "options.json")


def _is_added_to(options: Options) -> bool:
    """Whether the model to write is the file that the styles are added to."""
    return options.to is not None and Path(options.to).resolve() == options.model.resolve()


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
    changed["out"] = path.with_suffix(".onnx")
    if plan.options.to is not None:
        changed["out"] = path.with_name(plan.options.model.name)
        if _is_added_to(plan.options):
            changed["to"] = str(changed["out"])
    options = replace(plan.options, **changed)
    device = pick_device(options.device)
    with joined(device) as group, _held(folder, group):
        say = say if group.first else _silent
        batch = plan.options.batch_size * plan.options.devices
        if batch % group.size:
            raise ImpastoError(f"cannot resume {path} on {group.size} devices: its {batch} crops a step do not divide")
        changed |= {"devices": group.size, "batch_size": batch // group.size}
        options = replace(options, **changed)
        paths = [own.style for own in plan.styles]
        with group.first_goes_first():
            if group.first:
                _check_ours(options, folder)
            state = folder.load_state(say)
            content = _content(options, paths, say)
        if photos_digest(content) != plan.photos:
            raise ImpastoError(f"cannot resume {path}: the photos in {options.content} are not those it began with")
        if device.type == "cpu" and group.size == plan.options.devices:
            torch.set_num_threads(plan.threads)
        vgg = load_vgg(options.vgg_weights, device, say)
        if vgg.fingerprint != plan.vgg:
            raise ImpastoError(f"cannot resume {path}: it began with other VGG16 weights (give those, --vgg-weights)")
        trainers = []
        for number, own in enumerate(plan.styles):
            style, own = folder.load_style(number), replace(own, **changed)
            objective = build_objective(own, style, device, say, group=group, vgg=vgg)
            trainers.append(Trainer(objective, content.train, own, plan.steps, group))
        turns = Turns(trainers, frozen=options.to is not None)
        with finish_on_interrupt(turns):
            turns.load_state(state)
            if group.share(turns.step) != turns.step:
                raise ImpastoError(f"cannot resume {path}: its checkpoint is not the same in every process")
            for trainer in trainers:
                group.copy([*trainer.network.parameters(), *trainer.average.parameters()])
            if group.first:
                folder.sweep(options.model)
                folder.trim_log(turns.step)
            if turns.step < turns.steps:
                say(f"resuming at step {turns.step} of {turns.steps}")
            else:
                further = f"to train further, begin a run --from {shlex.quote(str(path))}"
                say(f"this run is finished; exporting it again ({further})")
            return _train(turns, content, folder, say)


def _check_ours(options: Options, folder: RunFolder) -> None:
    ours = options.overwrite or _is_added_to(options) or folder.has_exported(options.model)
    if options.model.exists() and not ours:
        raise ImpastoError(f"{options.model} is not what this run exported: give --overwrite to replace it")
    if options.to is not None:
        check_like_ours(options.to)  # not at the end of the training: the file may have been moved
    check_writable(options.model)


def _silent(line: str) -> None:
    """What the processes of a group but the first say."""


def _named(say: Say, options: Options, styles: int) -> Say:
    """``say``, with the style's name before each line where there are several."""
    return say if styles == 1 else lambda line: say(f"{options.style_name}: {line}")


def _content(options: Options, paths: Sequence[Path], say: Say) -> ContentSet:
    made = {options.name, *map(named_after, paths)}
    # nothing is learned from them then: not worth fetching
    few = options.minutes == 0 and options.content == Options.content
    with FetchLine() as progress:
        return open_content(
            "demo" if few else options.content,
            count=options.content_count,
            seed=options.seed,
            styles=sorted(made),  # what an earlier call made in this style: a run that goes on has the same photos
            say=say,
            progress=progress,
        )


def _train(turns: Turns, content: ContentSet, folder: RunFolder, say: Say) -> Path | None:
    """Train to the end, or to Ctrl-C, and export; at Ctrl-C before the first step raise `KeyboardInterrupt`.

    A process that is not the first of its group trains alone."""
    first = turns.trainers[0]
    if not first.group.first:
        with suppress(GoneWrong):  # the first process finds the same, and says so
            deque(turns.run(), maxlen=0)
        return None
    options = first.options
    if turns.steps:
        _announce(first, content, say)
    else:
        say("no training: the model is what one would start from")
    held_out = [centre_crop(photo, options.size) for photo in content.held_out]
    preview = Preview(folder.preview, turns, held_out[:PREVIEWED], options.preview_every)
    if options.preview_every and not turns.step:  # what it starts from is a first look at the style
        preview.write()
    saver = Saver(folder, turns, options.checkpoint_every)
    with ProgressLine(turns.steps, start=turns.step, batch_size=first.joined_batch) as progress:
        subscribers: list[Subscriber] = [Log(folder.log), progress, preview, saver]
        if options.minutes is not None:
            subscribers.append(Pace(turns.steps, options.minutes, progress.say))
        for record in turns.run():
            for subscriber in subscribers:
                subscriber(record)
    again = f"go on with: train-style --resume {shlex.quote(str(folder.path))}"
    if turns.steps and not turns.step:
        say(f"stopped before the first step; {again}")
        raise KeyboardInterrupt
    saver.save()
    preview.write()
    _export(turns, content, held_out, folder, say)
    if turns.step < turns.steps:
        say(f"stopped at step {turns.step} of {turns.steps}; {again}")
    return options.model


def _export(turns: Turns, content: ContentSet, held_out: Sequence[np.ndarray], folder: RunFolder, say: Say) -> None:
    """Write the model, of one style or of several."""
    options = turns.trainers[0].options
    alone, to = len(turns.trainers) == 1, options.to
    made = []
    for trainer in turns.trainers:
        network, own = trainer.finished(), trainer.options
        name = own.name if alone and to is None else own.style_name
        made.append((network, info_of(trainer, network, content, held_out, name, options.title if alone else None)))
    if to is not None or not alone:
        held = [] if to is None else styles_in(to)
        own_title = describe(to).title if to is not None and len(held) > 1 else title_of(options.name)
        title = (None if alone else options.title) or own_title  # where there is one style to learn, it is of that
        export_several(made, options.model, folder.note_exported, name=options.name, title=title, held=held)
    else:
        export(*made[0], options.model, folder.note_exported)
    for trainer, (_, info) in zip(turns.trainers, made, strict=True):
        line = f"held-out photos: R {info.content_loss:.3f}, S {info.style_loss:.3f}"
        _named(say, trainer.options, len(made))(line)


def _announce(trainer: Trainer, content: ContentSet, say: Say) -> None:
    skipped = f", {content.skipped} unreadable files skipped" if content.skipped else ""
    precision = "bfloat16" if mixed_precision(trainer.device) else "float32"
    devices = trainer.device.type if trainer.group.size == 1 else f"{trainer.group.size} {trainer.device.type} devices"
    say(f"training on {devices} in {precision}: {len(content.train)} photos of {content.name}{skipped}")
