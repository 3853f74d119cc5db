"""A contact sheet: photos, and beside each how several styles paint it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ._batch import Finish, taken_in
from ._formats import Picture, format_of, to_pil
from ._stylizer import Look, Stylizer
from ._writing import write_picture

CELL = 384  # px, the longest side of a picture on it, unless another is asked for
GAP, LINE = 12, 28  # px between pictures, and for the line of text above a column
INK, PAPER = "#333333", "white"


def contact_sheet(
    photos: Sequence[Path], stylizers: Sequence[Stylizer], look: Look, finish: Finish, result: Path
) -> None:
    """Write a sheet with a row for each photo and a column for each style, titled, the photo itself first.

    Args:
        finish: its size is the longest side of each picture in pixels, None for `CELL`.
        result: where to write it; its suffix decides the format.

    Raises:
        ImpastoError: a photo cannot be read or painted, or the sheet cannot be written.
    """
    finish = replace(finish, size=finish.size or CELL)
    rows = []
    for photo in photos:
        picture = taken_in(photo, finish)
        rows.append([picture, *(stylizer.restyle(picture, look) for stylizer in stylizers)])
    titles = ["", *(stylizer.info.title for stylizer in stylizers)]
    sheet = _drawn([[_on_paper(one) for one in row] for row in rows], titles)
    write_picture(result, Picture(np.asarray(sheet), format=format_of(result) or "PNG"), quality=finish.quality)


def _on_paper(picture: Picture) -> Image.Image:
    image = to_pil(picture).convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, PAPER), image).convert("RGB")


def _drawn(rows: list[list[Image.Image]], titles: list[str]) -> Image.Image:
    width = max(image.width for row in rows for image in row)
    heights = [row[0].height for row in rows]
    size = (GAP + len(titles) * (width + GAP), GAP + LINE + sum(height + GAP for height in heights))
    sheet = Image.new("RGB", size, PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(LINE / 2)
    for column, title in enumerate(titles):
        left = GAP + column * (width + GAP)
        draw.text((left, GAP), _fitting(title, font, width), INK, font)
        top = GAP + LINE
        for row, height in zip(rows, heights, strict=True):
            sheet.paste(row[column], (left, top))
            top += height + GAP
    return sheet


def _fitting(title: str, font: "ImageFont.ImageFont | ImageFont.FreeTypeFont", width: int) -> str:
    """As much of the title as fits into ``width`` pixels."""
    if font.getlength(title) <= width:
        return title
    while title and font.getlength(title + "…") > width:
        title = title[:-1]
    return title + "…"
