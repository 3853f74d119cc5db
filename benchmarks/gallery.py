"""Draw the contact sheet of the README: free photos on top, then two styles in each row.

    python -m benchmarks.gallery docs/gallery.jpg [MODEL ...]

The photos are free: two that scikit-image ships and one of COCO under CC BY, kept in ``docs/photos``.
"""

import sys
from pathlib import Path
from typing import Annotated

import impasto_models
import typer
from impasto import Stylizer
from impasto.internal import draw_sheet, run, whole_file
from impasto_train.photos.content import centre_crop, demo_photo
from impasto_train.photos.picture import Photo

SHIPPED = ("astronaut.png", "chelsea.png")
KEPT = Path(__file__).parent.parent / "docs" / "photos"
LANDSCAPE = "landscape.jpg"
ABREAST = 2  # styles in a row

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def gallery(
    out: Annotated[Path, typer.Argument(help="The sheet to write, a JPEG.")],
    models: Annotated[list[str] | None, typer.Argument(help="Model files or names.", show_default="all")] = None,
    size: Annotated[int, typer.Option(help="Side of each picture in pixels.", min=16)] = 320,
) -> None:
    """Draw a contact sheet of styles over free photos."""
    sources = (*map(demo_photo, SHIPPED), Photo(LANDSCAPE, KEPT / LANDSCAPE))
    photos = [centre_crop(photo, size) for photo in sources]
    rows, captions = [photos * ABREAST], [["photos"]]
    stylizers = [Stylizer(model) for model in models or impasto_models.names()]
    for first in range(0, len(stylizers), ABREAST):
        some = stylizers[first : first + ABREAST]
        rows.append([stylizer(photo) for stylizer in some for photo in photos])
        captions.append([caption for stylizer in some for caption in (stylizer.info.title, "", "")])
    with whole_file(out) as path:
        draw_sheet(rows, captions=captions).save(path, "JPEG", quality=90)


if __name__ == "__main__":
    sys.exit(run(app, "benchmarks.gallery"))
