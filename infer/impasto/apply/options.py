"""What ``apply-style`` takes on its command line.

Only typer and the standard library are imported here, so that ``--help`` and a wrong call answer at once.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from ..common.defaults import CODEC, CRF, CRFS, FPS, MAX_PIXELS, MEMORY, RATES
from ..common.options import KeepColors, Quality, Size, Strength, Strip, Stroke, Style
from ..engine.devices import Device

COMMAND = "apply-style"
OF_FILMS = {
    "codec": "--codec",
    "crf": "--crf",
    "start": "--from",
    "end": "--to",
    "fps": "--fps",
    "per_frame": "--per-frame",
}


def _version(wanted: bool) -> None:
    if wanted:
        import impasto

        print(f"{COMMAND} {impasto.__version__}")
        raise typer.Exit


def _format(name: str | None) -> str | None:
    if name is None:
        return None
    from ..pictures.formats import FORMATS, format_of

    name = name.removeprefix(".").lower()
    if not format_of(f"x.{name}"):
        known = " ".join(format.suffixes[0][1:] for format in FORMATS.values())
        raise typer.BadParameter(f"{name} is none of {known}")
    return name


@dataclass(frozen=True)
class Options:
    """One call of the command, in the order of its ``--help``."""

    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL",
            help="A .onnx file or the name of a shipped style; several with commas.",
            show_default=False,
        ),
    ] = None
    photos: Annotated[
        list[Path] | None,
        # readable=False: typer would end the whole batch over one photo that may not be read
        typer.Argument(
            metavar="PHOTO...",
            help="The pictures or films to restyle; - for stdin.",
            show_default=False,
            readable=False,
        ),
    ] = None
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="The file to write, a folder with a slash: out/, a pattern: {folder}/{stem}-{style}{suffix}, "
            "or - for stdout.",
        ),
    ] = None
    format: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            callback=_format,
            help="Of the pictures: jpg, png, webp, tif, avif or another.",
            show_default="that of each",
        ),
    ] = None
    recursive: Annotated[
        bool,
        typer.Option("--recursive", "-r", help="Restyle all pictures and films in folders."),
    ] = False
    style: Style = None
    strength: Strength = 1.0
    stroke: Stroke = "auto"
    keep_colors: KeepColors = False
    mask: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[STYLE=]PICTURE",
            help="Paint only where this is white, or opaque; for one each: masks/{stem}.png. Several times for several "
            "styles of the model: --mask great_wave=sky.png --mask the_scream=ground.png.",
        ),
    ] = None
    invert_mask: Annotated[bool, typer.Option("--invert-mask", help="Paint where the mask is black or clear.")] = False
    size: Size = None
    quality: Quality = None
    codec: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Encoder of films, as FFmpeg calls it.", show_default=CODEC),
    ] = None
    crf: Annotated[
        int, typer.Option(min=CRFS[0], max=CRFS[1], help="Quality of films: the lower, the better and larger.")
    ] = CRF
    start: Annotated[str | None, typer.Option("--from", metavar="TIME", help="Begin films there, as 0:10.")] = None
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="End films there.")] = None
    fps: Annotated[
        float, typer.Option(min=RATES[0], max=RATES[1], help="Frames a second of numbered pictures: %04d.png.")
    ] = FPS
    per_frame: Annotated[
        bool, typer.Option("--per-frame", help="Paint each frame of a film by itself: it flickers more.")
    ] = False
    strip: Strip = False
    sheet: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Write one contact sheet of all photos and styles instead.")
    ] = None
    device: Annotated[
        Device, typer.Option(help="Where to run; all but auto and cpu fail where they are not available.")
    ] = "auto"
    memory: Annotated[
        str,
        typer.Option(
            metavar="AMOUNT",
            help="Most memory to use, about, as 2GB; by itself half of what is free. Larger pictures go in tiles.",
        ),
    ] = MEMORY
    max_pixels: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Refuse larger pictures and frames, as bombs.", show_default=str(MAX_PIXELS)
        ),
    ] = None
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that exist.")] = False
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Keep results that exist, and make what is missing.")
    ] = False
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each picture.")] = False
    styles: Annotated[bool, typer.Option("--list", help="Print the shipped styles.")] = False
    devices: Annotated[bool, typer.Option("--devices", help="Print what --device finds here.")] = False
    check: Annotated[bool, typer.Option("--check", help="Check the model against the contract.")] = False
    info: Annotated[bool, typer.Option("--info", help="Print what the model says about itself.")] = False
    version: Annotated[bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version.")] = (
        False
    )

    @property
    def of_films(self) -> list[str]:
        """Those given that are of films alone, as on the command line."""
        default = Options()
        return [option for name, option in OF_FILMS.items() if getattr(self, name) != getattr(default, name)]
