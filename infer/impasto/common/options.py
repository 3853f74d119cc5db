"""Options that ``apply-style`` and ``bulk-style`` have in common, and how a command takes its options."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

import typer

from .defaults import QUALITY, STRENGTHS, STROKES

T = TypeVar("T")


def command(app: typer.Typer, help: str) -> Callable[[Callable[[T], int]], Callable[[T], int]]:
    """Make a function of one dataclass the command of ``app``; the dataclass' fields, typer's, are what it takes."""

    def register(work: Callable[[T], int]) -> Callable[[T], int]:
        (parameter,) = inspect.signature(work).parameters.values()

        def call(**given: Any) -> int:
            return work(parameter.annotation(**given))

        call.__signature__ = inspect.signature(parameter.annotation)  # type: ignore[attr-defined]  # what typer reads
        app.command(help=help)(call)
        return work

    return register


def _within(bounds: tuple[float, float]) -> Callable[[float], float]:
    def check(value: float) -> float:
        least, most = bounds
        if not least <= value <= most:  # typer's own range lets NaN through
            raise typer.BadParameter(f"{value} is not in {least:g}..{most:g}")
        return value

    return check


def as_stroke(value: str) -> float | Literal["auto"]:
    """`Stroke` as `impasto.painting.stylizer.Look` takes it."""
    if value == "auto":
        return "auto"
    try:
        return _within(STROKES)(float(value))
    except ValueError:
        raise typer.BadParameter(f"{value} is neither a number nor auto") from None


Style = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Of a model of several styles: the name of one, or how much of each: great_wave:0.6,the_scream:0.4.",
        show_default="the first",
    ),
]
Strength = Annotated[
    float,
    typer.Option(metavar="S", callback=_within(STRENGTHS), help="From 0, the photo itself, to 1, the full style."),
]
Stroke = Annotated[
    str,
    typer.Option(
        metavar="S",
        callback=lambda value: str(as_stroke(value)),
        help="Size of the brushwork, from 0.5 to 8; auto: 1, and larger beyond 3 megapixels.",
    ),
]
KeepColors = Annotated[
    bool, typer.Option("--keep-colors", help="Take lightness from the style and colour from the photo.")
]
Size = Annotated[
    int | None, typer.Option(metavar="PIXELS", min=1, help="Reduce larger photos to this longest side first.")
]
Quality = Annotated[
    int | None, typer.Option(min=1, max=100, help="Of JPEG, WebP, AVIF and HEIC.", show_default=str(QUALITY))
]
Strip = Annotated[bool, typer.Option("--strip", help="Leave out EXIF, XMP, IPTC, texts and comments.")]
