"""``apply-style``: restyle photos from the command line.

Only typer and the standard library are imported here, so that ``--help`` and a wrong call answer at once.
"""

import json
import os
import sys
from dataclasses import asdict, replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ..common.console import run
from ..common.errors import ImpastoError
from ..common.options import as_stroke, command
from ..contract.blend import shares_of
from ..contract.styles import describe, locate, names_of
from ..engine.devices import label
from .about import print_checks, print_devices, print_info, print_shipped
from .choice import Choice
from .options import COMMAND, Options
from .plan import STDIN, STDOUT, Job, check_format, check_sheet, expanded, plan, with_masks

if TYPE_CHECKING:
    from ..painting.look import Look
    from ..painting.stylizer import Stylizer
    from .batch import Finish
    from .film_writing import Encoding
    from .sheet import Column

app = typer.Typer(add_completion=False, rich_markup_mode=None)  # plain help needs no further imports


def main() -> None:
    """Entry point of the command: runs it on ``sys.argv`` and exits."""
    sys.exit(run(app, COMMAND))


@command(
    app,
    "Restyle photos with a model that train-style made. Each result lies beside its photo, as "
    "PHOTO-STYLE with the photo's suffix, and keeps the photo's format and size.",
)
def apply_style(options: Options) -> int:
    """Do what ``options`` ask for; the exit status."""
    if options.styles:
        _check_alone("--list", options)
        print_shipped()
        return 0
    if options.devices:
        _check_alone("--devices", options)
        print_devices()
        return 0
    if not options.model:
        raise ImpastoError("no MODEL given: a .onnx file or the name of a shipped style (apply-style --list)")
    models = [options.model] if os.path.exists(options.model) else options.model.split(",")
    paths = [locate(model) for model in models]
    if options.check:
        _check_alone("--check", options)
        print_checks(paths)
        return 0
    styles = [describe(path) for path in paths]
    if options.info:
        _check_alone("--info", options)
        for style in styles:
            print_info(style)
        return 0
    if not options.photos:
        raise ImpastoError("no photo given; see apply-style --help")
    choice = Choice.of(options, styles)
    _check_memory(options.memory)
    return _make_sheet(options, options.sheet, paths, choice) if options.sheet else _make_files(options, paths, choice)


def _check_alone(flag: str, options: Options) -> None:
    if options.photos:
        raise ImpastoError(f"{flag} takes no photos")
    if options.as_json:
        raise ImpastoError(f"--json is of pictures: leave it out of {flag}")


def _check_memory(value: str) -> None:
    from ..painting.memory import in_bytes

    try:
        in_bytes(value)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _make_sheet(options: Options, sheet: Path, paths: list[Path], choice: Choice) -> int:
    """Write one contact sheet of all photos and styles, past bad ones if there are several; the exit status."""
    if options.output:
        raise ImpastoError("--sheet names the file to write: leave -o out")
    if choice.of_each_photo:
        raise ImpastoError("--sheet takes one --mask for all photos")
    check_format("--sheet", str(sheet), options.format)
    if options.of_films:
        raise ImpastoError(f"--sheet is for pictures: leave {options.of_films[0]} out, which is of films")
    if options.as_json or options.skip_existing:
        raise ImpastoError(f"--sheet makes one file: leave {'--json' if options.as_json else '--skip-existing'} out")
    named = options.photos or []
    found = [photo for photo, _ in expanded(named, names_of(choice.models), recursive=options.recursive)]
    mine = os.path.realpath(sheet)  # of an earlier call
    photos = [photo for photo in found if photo in named or os.path.realpath(photo) != mine]
    check_sheet(sheet, photos, overwrite=options.overwrite)

    from .sheet import contact_sheet

    failures = contact_sheet(photos, _columns(choice, *_opened(options, paths, choice)), _finish(options), sheet)
    if len(failures) < len(photos):
        print(sheet)
    return _status(failures, len(photos))


def _columns(choice: Choice, look: "Look", stylizers: "list[Stylizer]") -> "list[Column]":
    """What is painted on a sheet: all styles of a model, unless some are chosen."""
    columns: list[Column] = []
    for style, stylizer in zip(choice.painted, stylizers, strict=True):
        info = stylizer.info
        if choice.shares or len(choice.masks) > 1 or not info.styles:
            columns.append((style.title, stylizer, look))
        else:
            every = ((one.title, replace(look, style=shares_of(info, one.name))) for one in info.styles)
            columns += [(title, stylizer, in_style) for title, in_style in every]
    return columns


def _make_files(options: Options, paths: list[Path], choice: Choice) -> int:
    """Write a file for each photo and style; the exit status."""
    jobs = _planned(options, choice)
    if not jobs:
        _say("every result exists: nothing is left to do")
        return 0

    from .film_reading import Part
    from .film_writing import Encoding

    part = Part.of(options.start, options.end)
    if part and not any(job.is_film for job in jobs):
        hint = ": of stdin, -o film.mp4 says that it is one" if STDIN in (job.photo for job in jobs) else ""
        raise ImpastoError(f"--from and --to are of films, and none is given{hint}")
    look, stylizers = _opened(options, paths, choice)
    fps = Fraction(str(options.fps))
    encoding = Encoding(
        options.codec,
        options.crf,
        options.size,
        options.max_pixels,
        options.strip,
        part,
        fps,
        options.quality,
        options.per_frame,
    )
    return _restyle(jobs, stylizers, look, _finish(options), encoding, as_json=options.as_json)


def _planned(options: Options, choice: Choice) -> list[Job]:
    """What is to be read and written; nothing if every result exists."""
    if options.overwrite and options.skip_existing:
        raise ImpastoError("--overwrite and --skip-existing exclude each other")
    jobs = plan(
        options.photos or [],
        options.output,
        [style.name for style in choice.painted],
        known=names_of(choice.models),
        format=options.format,
        recursive=options.recursive,
        overwrite=options.overwrite,
        skip_existing=options.skip_existing,
    )
    if choice.of_each_photo:
        jobs = with_masks(jobs, choice.masks)
    if jobs and STDOUT in jobs[0].results and sys.stdout.isatty():
        raise ImpastoError("a picture is not for the terminal: send it on, or give a file with -o")
    return jobs


def _opened(options: Options, paths: list[Path], choice: Choice) -> "tuple[Look, list[Stylizer]]":
    """The dials and the models."""
    from ..painting.look import Look
    from ..painting.stylizer import Stylizer
    from .batch import read_masks

    mask = None if choice.of_each_photo else read_masks(choice.masks)
    stroke = as_stroke(options.stroke)
    look = Look(options.strength, stroke, options.keep_colors, mask, options.invert_mask, choice.shares)
    return look, [Stylizer(path, device=options.device, memory=options.memory) for path in paths]


def _finish(options: Options) -> "Finish":
    from .batch import Finish

    return Finish(options.size, options.quality, options.strip, options.max_pixels, options.format)


def _restyle(
    jobs: list[Job], stylizers: "list[Stylizer]", look: "Look", finish: "Finish", encoding: "Encoding", *, as_json: bool
) -> int:
    """Restyle the photos and films of ``jobs``, past bad ones if there are several; return the exit status."""
    from tqdm import tqdm

    from .batch import restyle_all, restyle_films

    count = sum(result is not None for job in jobs for result in job.results)
    films = [job for job in jobs if job.is_film]
    pictures = [job for job in jobs if not job.is_film]
    failures = []
    said = set[str]()
    try:
        # disable=None: no bar where stderr is not a terminal
        with tqdm(total=count, unit="picture", disable=None if count > 1 else True, leave=False) as progress:

            def begin(stylizer: "Stylizer", height: int, width: int) -> None:
                remarks = {
                    "device": _place(stylizers),
                    "strokes": _enlarged(look, height, width),
                    "tiles": _tiled(stylizer, look, height, width),
                }
                for about in [about for about, line in remarks.items() if line and about not in said]:
                    said.add(about)
                    progress.write(f"{COMMAND}: {remarks[about]}", file=sys.stderr)

            painted = restyle_all(pictures, stylizers, look, finish, begin)
            filmed = restyle_films(films, stylizers, look, encoding, begin)
            for record in chain(painted, filmed):
                if record.error:
                    failures.append(record.error)
                to_stdout = record.result == str(STDOUT)
                if as_json:
                    progress.write(json.dumps(asdict(record)), file=sys.stderr if to_stdout else sys.stdout)
                elif record.result and not to_stdout:
                    progress.write(record.result, file=sys.stdout)
                progress.update()
    except BaseException:  # Ctrl-C, or a stdout that is gone: what failed before it is said too
        for failure in failures:
            _say(failure)
        raise
    return _status(failures, count)


def _status(failures: list[str], count: int) -> int:
    """Say what failed of ``count`` results; the exit status.

    Raises:
        ImpastoError: the only one did.
    """
    if count == 1 and failures:
        raise ImpastoError(failures[0])
    for failure in failures:
        _say(failure)
    return 1 if failures else 0


def _place(stylizers: "list[Stylizer]") -> str:
    names, first = ", ".join(stylizer.info.name for stylizer in stylizers), stylizers[0]
    return ", ".join(filter(None, [f"{names} on {label(first.device)}", first.not_on]))


def _enlarged(look: "Look", height: int, width: int) -> str:
    """What is said where strokes are larger than the style's own and nobody asked; empty elsewhere."""
    times = look.stroke_for(height, width)
    if look.stroke != "auto" or times == 1:
        return ""
    return f"strokes {times:.1f} times as large, for {width}x{height} pixels: --stroke 1 keeps them small"


def _tiled(stylizer: "Stylizer", look: "Look", height: int, width: int) -> str:
    """What is said where memory does not suffice to paint a picture at once; empty elsewhere."""
    if not stylizer.in_tiles(height, width, look):
        return ""
    on = "" if stylizer.device in ("cpu", "cuda") else " on the CPU"
    return f"painted in tiles{on}, to stay within {stylizer.memory / 1e9:.1f} GB: more --memory is faster"


def _say(line: str) -> None:
    print(f"{COMMAND}: {line}", file=sys.stderr)
