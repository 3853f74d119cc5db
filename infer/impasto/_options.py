"""Options that ``apply-style`` and ``bulk-style`` have in common."""

from collections.abc import Callable
from typing import Annotated

import typer

from ._defaults import QUALITY, STRENGTHS, STROKES


def _within(bounds: tuple[float, float]) -> Callable[[float], float]:
    def check(value: float) -> float:
        least, most = bounds
        if not least <= value <= most:  # typer's own range lets NaN through
            raise typer.BadParameter(f"{value} is not in {least:g}..{most:g}")
        return value

    return check


Strength = Annotated[
    float,
    typer.Option(metavar="S", callback=_within(STRENGTHS), help="From 0, the photo itself, to 1, the full style."),
]
Stroke = Annotated[
    float, typer.Option(metavar="S", callback=_within(STROKES), help="Size of the brushwork, from 0.5 to 2.")
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
Strip = Annotated[bool, typer.Option("--strip", help="Leave out EXIF, XMP, texts and comments.")]
