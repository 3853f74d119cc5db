"""Draw a sheet to look at: photos, how models paint them, others' pictures of them, and the painting, at full size.

    python -m benchmarks.sheets OUT.png --style PAINTING --photos FOLDER --model great_wave [--other FOLDER]

A row for each photo. Every pixel of the sheet is one of a picture, nothing is enlarged or reduced: strokes are to be
judged at the size that they have. The photo's short side is brought to ``--size`` and its centre cut out, and that is
painted; the painting is shown at the short side at which the styles learn it, a different part in each row. A folder of
``--other`` holds pictures already painted, say a rival's, called as the photos are but for the suffix.

Photos of others may not be free to publish: a sheet that is to be committed takes free ones (``docs/photos``).
"""

import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from impasto import ImpastoError
from impasto.internal import draw_sheet, run, whole_file
from impasto_train.photos.content import read_style
from PIL import Image

from .pictures import painter, photo_files, square

STYLE_SIZE = 384  # px: the painting's short side in train-style, unless another is asked for
MARGIN = 140  # px, for the photos' names

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def part(painting: np.ndarray, size: int, share: float) -> np.ndarray:
    """A square of ``size`` pixels, or less where there is less, out of ``painting``, uint8 ``[H, W, 3]``.

    ``share`` says from where: 0 is the left and upper end, 1 the right and lower one.
    """
    top, left = (round(share * max(0, length - size)) for length in painting.shape[:2])
    return painting[top : top + size, left : left + size]


@app.command()
def sheets(
    out: Annotated[Path, typer.Argument(help="The sheet to write; its suffix says the format.")],
    style: Annotated[Path, typer.Option(help="The painting.")],
    photos: Annotated[list[Path], typer.Option(help="A photo or a folder of photos. May be given again.")],
    model: Annotated[list[str] | None, typer.Option(help="A model file or name. May be given again.")] = None,
    other: Annotated[list[Path] | None, typer.Option(help="A folder of painted pictures. May be given again.")] = None,
    size: Annotated[int, typer.Option(help="Side of each picture in pixels.", min=16)] = 384,
) -> None:
    """Draw photos, painted pictures and the painting side by side at full size."""
    if out.suffix.lower() not in Image.registered_extensions():
        raise ImpastoError(f"cannot write {out}: call it .png or .jpg")
    painting = read_style(style, STYLE_SIZE)
    painters = [painter(source) for source in [*(model or []), *map(str, other or [])]]
    files = photo_files(photos)
    rows = []
    for row, file in enumerate(files):
        crop = square(file, size)
        pictures = [paint(file, crop) for _, paint in painters]
        rows.append([crop, *pictures, part(painting, size, row / max(1, len(files) - 1))])
    titles = ["the photo", *(name for name, _ in painters), f"the painting, {style.stem}"]
    sheet = draw_sheet(rows, titles=titles, names=[file.stem for file in files], margin=MARGIN)
    with whole_file(out) as path:
        sheet.save(path, quality=92)


if __name__ == "__main__":
    sys.exit(run(app, "benchmarks.sheets"))
