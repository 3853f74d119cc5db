"""A contact sheet: pictures in rows and columns on white."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

INK, PAPER = "#333333", "white"
LINE = 28  # px, the height of the line of titles


def draw_sheet(
    rows: Sequence[Sequence[np.ndarray]],
    *,
    gap: int = 8,
    titles: Sequence[str] = (),
    names: Sequence[str] = (),
    captions: Sequence[Sequence[str]] = (),
    margin: int | None = None,
) -> Image.Image:
    """Pictures, uint8 ``[H, W, 3]``, in rows; columns are as wide as the widest picture, rows as high as their highest.

    Args:
        gap: pixels between pictures, and around them.
        titles: what stands above the columns, cut to their width.
        names: what stands at the left of the rows.
        captions: of each row, what stands below its pictures, cut to their width.
        margin: pixels left of the first column, for ``names``; None for ``gap``.
    """
    width = max(picture.shape[1] for row in rows for picture in row)
    heights = [max(picture.shape[0] for picture in row) for row in rows]
    left, top = gap if margin is None else margin, gap + (LINE if titles else 0)
    below = LINE if captions else 0
    size = left + max(map(len, rows)) * (width + gap), top + sum(height + below + gap for height in heights)
    sheet = Image.new("RGB", size, PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(LINE / 2)
    for column, title in enumerate(titles):
        draw.text((left + column * (width + gap), gap), _fitting(title, font, width), INK, font)
    for index, (row, height) in enumerate(zip(rows, heights, strict=True)):
        if names:
            draw.text((gap, top + height // 2 - 8), names[index], INK, font)
        for column, picture in enumerate(row):
            sheet.paste(Image.fromarray(picture), (left + column * (width + gap), top))
        for column, caption in enumerate(captions[index] if captions else ()):
            place = left + column * (width + gap), top + row[column].shape[0] + LINE // 8
            draw.text(place, _fitting(caption, font, width), INK, font)
        top += height + below + gap
    return sheet


def empty(height: int, width: int, name: str) -> np.ndarray:
    """The place of a picture that could not be had, uint8 ``[height, width, 3]``: paper, and its name."""
    place, font = Image.new("RGB", (width, height), PAPER), ImageFont.load_default(LINE / 2)
    ImageDraw.Draw(place).text((0, 0), _fitting(name, font, width), INK, font)
    return np.asarray(place)


def _fitting(title: str, font: "ImageFont.ImageFont | ImageFont.FreeTypeFont", width: int) -> str:
    """As much of the title as fits into ``width`` pixels."""
    if font.getlength(title) <= width:
        return title
    while title and font.getlength(title + "…") > width:
        title = title[:-1]
    return title + "…"
