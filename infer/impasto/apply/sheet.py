"""A contact sheet: photos, and beside each how several styles paint it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from ..common.errors import ImpastoError
from ..painting.look import Look
from ..painting.stylizer import Stylizer
from ..pictures.formats import format_of
from ..pictures.picture import Picture, to_pil
from ..pictures.sheet import PAPER, draw_sheet, empty
from ..pictures.writing import write_picture
from .batch import Finish, taken_in

CELL = 384  # px, the longest side of a picture on it, unless another is asked for
GAP = 12  # px between pictures


Column = tuple[str, Stylizer, Look]
"""What is painted down a column, and the title below each."""


def contact_sheet(photos: Sequence[Path], columns: Sequence[Column], finish: Finish, result: Path) -> list[str]:
    """Write a sheet with a row for each photo, which comes first itself, and its paintings; names stand below.

    The place of a photo that cannot be read or painted holds its name. If that is true of all, nothing is written.

    Args:
        finish: its size is the longest side of each picture in pixels, None for `CELL`.
        result: where to write it; its suffix decides the format.

    Returns:
        what failed, a line each.

    Raises:
        ImpastoError: the sheet cannot be written.
    """
    finish = replace(finish, size=finish.size or CELL)
    rows: list[list[np.ndarray]] = []
    failures = []
    # disable=None: no bar where stderr is not a terminal
    with tqdm(total=len(photos), unit="photo", disable=None, leave=False) as progress:
        for photo in photos:
            try:
                picture = taken_in(photo, finish)
                height, width = picture.rgb.shape[:2]
                columns[0][2].check_mask(height, width, str(photo))
                pictures = [picture, *(stylizer.restyle(picture, look) for _, stylizer, look in columns)]
            except ImpastoError as error:
                rows.append([])
                failures.append(str(error))
            else:
                rows.append([_on_paper(each) for each in pictures])
            progress.update()
    if any(rows):
        height, width = next(row[0].shape[:2] for row in rows if row)
        places = [row or [empty(height, width, photo.name)] for row, photo in zip(rows, photos, strict=True)]
        titles = [title for title, _, _ in columns]
        captions = [[photo.name, *titles] if row else [] for row, photo in zip(rows, photos, strict=True)]
        sheet = np.asarray(draw_sheet(places, gap=GAP, captions=captions))
        write_picture(result, Picture(sheet, format=format_of(result) or "PNG"), quality=finish.quality)
    return failures


def _on_paper(picture: Picture) -> np.ndarray:
    image = to_pil(picture).convert("RGBA")
    return np.asarray(Image.alpha_composite(Image.new("RGBA", image.size, PAPER), image).convert("RGB"))
