"""``apply-style``: restyle photos from the command line.

Only typer and the standard library are imported here, so that ``--help`` and a wrong call answer at once.
"""

import os
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated

import typer

from ._console import run
from ._contract import StyleInfo
from ._device import Device
from ._errors import ImpastoError
from ._files import check_writable
from ._styles import describe, locate

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


def _strength(strength: float) -> float:
    if not 0 <= strength <= 1:  # typer's own range lets NaN through
        raise typer.BadParameter(f"{strength} is not in 0..1")
    return strength


@app.command(
    help="Restyle photos with a model that train-style made. Each result lies beside its photo, as "
    "PHOTO-STYLE with the photo's suffix, and keeps the photo's format and size."
)
def apply_style(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="A .onnx file or the name of a shipped style.", show_default=False),
    ],
    photos: Annotated[
        list[Path] | None,
        # readable=False: typer would end the whole batch over one photo that may not be read
        typer.Argument(metavar="PHOTO...", help="The pictures to restyle.", show_default=False, readable=False),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="OUT", help="The file to write, or a folder with a slash: out/"),
    ] = None,
    strength: Annotated[
        float,
        typer.Option(metavar="S", callback=_strength, help="From 0, the photo itself, to 1, the full style."),
    ] = 1.0,
    device: Annotated[Device, typer.Option(help="Where to run; cuda fails where it cannot be had.")] = "auto",
    info: Annotated[bool, typer.Option("--info", help="Print what the model says about itself.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that exist.")] = False,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version.")
    ] = False,
) -> int:
    path = locate(model)
    style = describe(path)
    if info:
        if photos:
            raise ImpastoError("--info takes a model and no photos")
        _print_info(style)
        return 0
    if not photos:
        raise ImpastoError("no photo given; see apply-style --help")
    return _restyle(path, plan(photos, output, style.name, overwrite=overwrite), strength, device)


def plan(photos: list[Path], output: str | None, style: str, *, overwrite: bool) -> list[tuple[Path, Path]]:
    """Pair each photo with the file to write.

    Args:
        photos: one or more.
        output: a file, or a folder, or None for the folder of each photo.
        style: part of the name of each result that ``output`` does not name itself.
        overwrite: whether results may replace files.

    Raises:
        ImpastoError: two photos would be written to one file, or a file would be written over a photo or,
            without ``overwrite``, over anything; or ``output`` does not fit or cannot be written.
    """
    folder = None if output is None else Path(output)
    names = [f"{photo.stem}-{style}{photo.suffix}" for photo in photos]
    pairs = [(photo, (folder or photo.parent) / name) for photo, name in zip(photos, names, strict=True)]
    if output is not None and not output.endswith(("/", os.sep)) and not os.path.isdir(output):
        if len(photos) == 1:
            _check_suffix(output)
            pairs = [(photos[0], Path(output))]
        elif os.path.exists(output) or Path(output).suffix:
            raise ImpastoError(f"-o {output} is one file for {len(photos)} photos; give a folder, as in -o out/")
    _check_places(pairs, overwrite=overwrite)
    return pairs


def _check_suffix(output: str) -> None:
    from ._pictures import FORMATS, format_of

    if format_of(output) is None:
        known = " ".join(one.suffixes[0] for one in FORMATS.values())
        raise ImpastoError(f"-o {output} ends neither with a slash, for a folder, nor with one of {known}")


def _check_places(pairs: list[tuple[Path, Path]], *, overwrite: bool) -> None:
    """Raise `ImpastoError` where a result would replace a photo, another result, or what it may not."""
    read = {os.path.realpath(photo) for photo, _ in pairs}
    written: dict[str, Path] = {}
    for photo, result in pairs:
        place = os.path.realpath(result)
        if place in read:
            raise ImpastoError(f"{result} would be written over a photo; choose another place with -o")
        if place in written:
            if os.path.realpath(written[place]) == os.path.realpath(photo):
                raise ImpastoError(f"{photo} is given twice")
            raise ImpastoError(f"{written[place]} and {photo} would both be written to {result}: restyle one at a time")
        check_writable(result)
        if not overwrite and os.path.lexists(result):
            raise ImpastoError(f"{result} exists; --overwrite replaces it")
        written[place] = photo


def _restyle(model: Path, pairs: list[tuple[Path, Path]], strength: float, device: Device) -> int:
    """Restyle the photos of ``pairs``, past bad ones if there are several; return the exit status."""
    from ._pictures import format_of, read_picture, write_picture
    from ._stylizer import Stylizer

    stylizer = Stylizer(model, device=device)
    announced, failed = False, 0
    for photo, result in pairs:
        try:
            picture = read_picture(photo)
            if not announced:
                _say(f"{stylizer.info.name} on {_place(stylizer.device, stylizer.why_cpu)}")
                announced = True
            # A suffix that was asked for decides; the photo's own may belie its format, and is kept.
            asked = format_of(result) if result.suffix != photo.suffix else None
            styled = replace(picture, rgb=stylizer(picture.rgb, strength), format=asked or picture.format)
            write_picture(result, styled)
        except ImpastoError as error:
            if len(pairs) == 1:
                raise
            _say(" ".join(str(error).split()))
            failed += 1
        else:
            print(result, flush=True)
    return 1 if failed else 0


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
        # A model may come from anywhere, and a terminal obeys control characters.
        safe = "".join(one if one.isprintable() else "?" for one in text)
        print(f"{each.name.replace('_', ' '):{width}}  {safe}")
