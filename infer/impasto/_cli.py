"""``apply-style``: restyle photos from the command line.

Only typer and the standard library are imported here, so that ``--help`` and a wrong call answer at once.
"""

import json
import os
import sys
from dataclasses import asdict, fields
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import impasto_models
import typer

from ._console import run
from ._contract import CONTRACT_VERSION, StyleInfo
from ._defaults import CODEC, CRF, MAX_PIXELS, MEMORY
from ._device import Device
from ._errors import ImpastoError
from ._options import KeepColors, Quality, Size, Strength, Strip, Stroke
from ._places import STDOUT, Job, check_sheet, expanded, is_film, plan, with_masks
from ._styles import describe, locate

if TYPE_CHECKING:
    from ._batch import Finish
    from ._film import Encoding
    from ._stylizer import Look, Stylizer

COMMAND = "apply-style"

app = typer.Typer(add_completion=False, rich_markup_mode=None)  # plain help needs no further imports


def main() -> None:
    """Entry point of the command: runs it on ``sys.argv`` and exits."""
    sys.exit(run(app, COMMAND))


def _version(wanted: bool) -> None:
    if wanted:
        import impasto

        print(f"{COMMAND} {impasto.__version__}")
        raise typer.Exit


def _memory(value: str) -> int:
    from ._stylizer import in_bytes

    try:
        return in_bytes(value)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


@app.command(
    help="Restyle photos with a model that train-style made. Each result lies beside its photo, as "
    "PHOTO-STYLE with the photo's suffix, and keeps the photo's format and size."
)
def apply_style(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL",
            help="A .onnx file or the name of a shipped style; several with commas.",
            show_default=False,
        ),
    ] = None,
    photos: Annotated[
        list[Path] | None,
        # readable=False: typer would end the whole batch over one photo that may not be read
        typer.Argument(
            metavar="PHOTO...",
            help="The pictures or films to restyle; - for stdin.",
            show_default=False,
            readable=False,
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="The file to write, a folder with a slash: out/, a pattern: {stem}-{style}{suffix}, or - for stdout.",
        ),
    ] = None,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Restyle all pictures and films in folders.")
    ] = False,
    strength: Strength = 1.0,
    stroke: Stroke = 1.0,
    keep_colors: KeepColors = False,
    mask: Annotated[
        str | None,
        typer.Option(metavar="PICTURE", help="Paint only where this is white; for one each: masks/{stem}.png."),
    ] = None,
    size: Size = None,
    quality: Quality = None,
    codec: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Encoder of films, as FFmpeg calls it.", show_default=CODEC),
    ] = None,
    crf: Annotated[int, typer.Option(min=0, max=63, help="Quality of films: the lower, the better and larger.")] = CRF,
    strip: Strip = False,
    sheet: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Write one contact sheet of all photos and styles instead.")
    ] = None,
    device: Annotated[Device, typer.Option(help="Where to run; cuda fails where it cannot be had.")] = "auto",
    memory: Annotated[
        str, typer.Option(metavar="AMOUNT", help="Most memory to use, about; larger pictures are painted in tiles.")
    ] = MEMORY,
    max_pixels: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Refuse larger pictures and frames, as bombs.", show_default=str(MAX_PIXELS)
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that exist.")] = False,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Keep results that exist, and make what is missing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each picture.")] = False,
    styles: Annotated[bool, typer.Option("--list", help="Print the shipped styles.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Hold the model against the contract.")] = False,
    info: Annotated[bool, typer.Option("--info", help="Print what the model says about itself.")] = False,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version.")
    ] = False,
) -> int:
    if styles:
        _print_styles()
        return 0
    if not model:
        raise ImpastoError("no MODEL given: a .onnx file or the name of a shipped style (apply-style --list)")
    paths = [locate(model)] if os.path.exists(model) else [locate(one) for one in model.split(",")]
    if check:
        if photos:
            raise ImpastoError("--check takes a model and no photos")
        _print_checks(paths)
        return 0
    about = [describe(path) for path in paths]
    if info:
        if photos:
            raise ImpastoError("--info takes a model and no photos")
        for style in about:
            _print_info(style)
        return 0
    names = [style.name for style in about]
    if not photos:
        raise ImpastoError("no photo given; see apply-style --help")
    limit = _memory(memory)
    pattern = mask if mask and "{" in mask else None
    if sheet:
        if output:
            raise ImpastoError("--sheet names the file to write: leave -o out")
        if pattern:
            raise ImpastoError("--sheet takes one --mask for all photos")
        if as_json or skip_existing:
            raise ImpastoError(f"--sheet makes one file: leave {'--json' if as_json else '--skip-existing'} out")
        photos = [photo for photo, _ in expanded(photos, names, recursive=recursive)]
        check_sheet(sheet, photos, overwrite=overwrite)
    else:
        if overwrite and skip_existing:
            raise ImpastoError("--overwrite and --skip-existing exclude each other")
        jobs = plan(photos, output, names, recursive=recursive, overwrite=overwrite, skip_existing=skip_existing)
        if not jobs:
            _say("every result exists: nothing is left to do")
            return 0
        if pattern:
            jobs = with_masks(jobs, pattern)
        if STDOUT in jobs[0].results and sys.stdout.isatty():
            raise ImpastoError("a picture is not for the terminal: send it on, or give a file with -o")

    from ._batch import Finish
    from ._dials import read_mask
    from ._film import Encoding
    from ._stylizer import Look, Stylizer

    look = Look(strength, stroke, keep_colors, None if mask is None or pattern else read_mask(mask))
    finish = Finish(size, quality, strip, max_pixels)
    stylizers = [Stylizer(path, device=device, memory=limit) for path in paths]
    if sheet:
        from ._sheet import contact_sheet

        contact_sheet(photos, stylizers, look, finish, sheet)
        print(sheet)
        return 0
    encoding = Encoding(codec, crf, size, max_pixels)
    return _restyle(jobs, stylizers, look, finish, encoding, as_json=as_json)


def _restyle(
    jobs: list[Job], stylizers: "list[Stylizer]", look: "Look", finish: "Finish", encoding: "Encoding", *, as_json: bool
) -> int:
    """Restyle the photos and films of ``jobs``, past bad ones if there are several; return the exit status."""
    from tqdm import tqdm

    from ._batch import restyle_all, restyle_films

    count = sum(result is not None for job in jobs for result in job.results)
    films = [job for job in jobs if is_film(job.photo)]
    pictures = [job for job in jobs if not is_film(job.photo)]
    failures = []
    announced = False
    try:
        # disable=None: no bar where stderr is not a terminal
        with tqdm(total=count, unit="picture", disable=None if count > 1 else True, leave=False) as progress:
            records = restyle_all(pictures, stylizers, look, finish), restyle_films(films, stylizers, look, encoding)
            for record in chain(*records):
                if not announced and not record.error:
                    announced = True
                    first = stylizers[0]
                    names = ", ".join(stylizer.info.name for stylizer in stylizers)
                    progress.write(f"{COMMAND}: {names} on {_place(first.device, first.why_cpu)}", file=sys.stderr)
                if record.error:
                    failures.append(record.error)
                to_stdout = record.result == str(STDOUT)
                if as_json:
                    progress.write(json.dumps(asdict(record)), file=sys.stderr if to_stdout else sys.stdout)
                elif record.result and not to_stdout:
                    progress.write(record.result, file=sys.stdout)
                progress.update()
    finally:  # also after Ctrl-C
        if count > 1:
            for failure in failures:
                _say(failure)
    if count == 1 and failures:
        raise ImpastoError(failures[0])
    return 1 if failures else 0


def _print_checks(paths: list[Path]) -> None:
    from ._check import check_apart

    for path in paths:
        found = check_apart(path)
        print("\n  ".join([f"{path} keeps version {CONTRACT_VERSION} of the contract", *found]))


def _print_styles() -> None:
    names = impasto_models.names()
    width = max(map(len, names), default=0)
    for name in names:
        style = describe(impasto_models.path(name))
        print(f"{name:{width}}  {_safe(style.title)}{_safe(f' ({style.credit})') if style.credit else ''}")


def _place(device: str, why_cpu: str) -> str:
    if device == "cuda":
        return "the GPU (CUDA)"
    return f"the CPU, not on CUDA: {why_cpu}" if why_cpu else "the CPU"


def _say(line: str) -> None:
    print(f"{COMMAND}: {line}", file=sys.stderr)


def _print_info(style: StyleInfo) -> None:
    width = max(len(each.name) for each in fields(style))
    for each in fields(style):
        value = getattr(style, each.name)
        text = f"{len(value):,} bytes" if isinstance(value, bytes) else str(value)
        print(f"{each.name.replace('_', ' '):{width}}  {_safe(text)}")


def _safe(text: str) -> str:
    # a model may come from anywhere, and a terminal obeys control characters
    return "".join(one if one.isprintable() else "?" for one in text)
