"""Run the commands of docs/recipes.md as they stand, draw its pictures and print what each command took.

    python -m benchmarks.recipes docs/recipes

What the recipes restyle is made here from free photos: three that scikit-image ships and one of ``docs/photos``. No
free photo of 24 megapixels is at hand, so the print's is a small one enlarged: it has the pixels of a large photo and
not its detail.
"""

import re
import shlex
import sys
import tempfile
from contextlib import chdir
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import av
import numpy as np
import typer
from impasto.internal import draw_sheet, run, whole_file
from impasto_train.photos.content import demo_photo
from PIL import Image, ImageDraw

from .gallery import KEPT, LANDSCAPE
from .memory import enlarged, peak_of
from .report import save

TEXT = Path(__file__).parent.parent / "docs" / "recipes.md"
MEGAPIXELS, DPI = 24.0, 300
CROP, CORNER = 360, (0.15, 0.575)  # px of the full-size crop, and where in the print it begins
# What is to stay as it is, in pixels of the photo: ellipses by their boxes (four numbers) and polygons.
PRODUCTS = {
    "coffee.png": [(74, 30, 478, 392), (165, 8, 416, 214), (380, 60, 434, 120)],
    "rocket.jpg": [
        (321, 122, 327, 122, 334, 150, 336, 400, 364, 408, 364, 427, 268, 427, 268, 408, 312, 400, 314, 150),
    ],
    "astronaut.png": [
        (
            18,
            512,
            28,
            400,
            52,
            290,
            120,
            205,
            118,
            160,
            160,
            140,
            175,
            135,
            150,
            60,
            175,
            20,
            225,
            8,
            275,
            25,
            298,
            60,
            298,
            110,
            268,
            132,
            290,
            150,
            308,
            185,
            310,
            225,
            348,
            247,
            366,
            290,
            374,
            345,
            414,
            338,
            470,
            360,
            502,
            410,
            512,
            450,
            512,
            512,
        )
    ],
}
FRAMES, RATE, VIEW = 48, 24, (480, 270)  # of the clip: how many, a second, and their size in pixels

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def commands(text: str) -> list[list[str]]:
    """The words of each call of ``apply-style`` in a Markdown text's blocks of commands."""
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    return [shlex.split(line) for line in lines if line.startswith("apply-style ")]


def lay_out(folder: Path, megapixels: float, frames: int) -> None:
    """Put what the recipes speak of into ``folder``: photo.jpg, products, their masks, and clip.mp4."""
    enlarged(KEPT / LANDSCAPE, megapixels).save(folder / "photo.jpg", quality=92, dpi=(DPI, DPI))
    for inner in ("products", "masks"):
        (folder / inner).mkdir()
    for name, shapes in PRODUCTS.items():
        with Image.open(demo_photo(name).path) as image:
            photo = image.convert("RGB")
        mask = Image.new("L", photo.size, "white")
        draw = ImageDraw.Draw(mask)
        for shape in shapes:
            (draw.ellipse if len(shape) == 4 else draw.polygon)(shape, fill="black")
        stem = Path(name).stem
        photo.save(folder / "products" / f"{stem}.jpg", quality=95)
        mask.save(folder / "masks" / f"{stem}.png")
    write_pan(folder / "clip.mp4", frames)


def write_pan(path: Path, frames: int, view: tuple[int, int] = VIEW) -> None:
    """A film of ``frames`` frames of width and height ``view``: the camera pans over a photo of a rocket."""
    with Image.open(demo_photo("rocket.jpg").path) as image:
        large = image.convert("RGB").resize((800, 534), Image.Resampling.LANCZOS)
    width, height = view
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": "14"}
        for index in range(frames):
            share = index / max(1, frames - 1)
            left, top = round(share * (800 - width)), round((1 - share) * (534 - height))
            view = large.crop((left, top, left + width, top + height))
            frame = av.VideoFrame.from_image(view)
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def frames_of(clip: Path) -> list[np.ndarray]:
    """All frames of a film, uint8 ``[H, W, 3]``."""
    with av.open(clip) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def print_sheet(folder: Path) -> Image.Image:
    """The middle of the print, reduced, and full-size crops of both sizes of stroke with 10 mm drawn in."""
    cells = [small(folder / "print.tif", CROP, CROP)]
    for name in ("fine.tif", "print.tif"):
        with Image.open(folder / name) as image:
            left, top = (round(share * side) for share, side in zip(CORNER, image.size, strict=True))
            crop = image.convert("RGB").crop((left, top, left + CROP, top + CROP))
        bar = (16, CROP - 24, 16 + round(10 / 25.4 * DPI), CROP - 16)
        ImageDraw.Draw(crop).rectangle(bar, "white", "black")
        cells.append(np.asarray(crop))
    return draw_sheet([cells])


def small(path: Path, width: int, height: int) -> np.ndarray:
    """A picture cut to the shape of ``width`` by ``height``, at the sides or the foot, and brought to that size."""
    with Image.open(path) as image:
        rgb = image.convert("RGB")
    scale = max(width / rgb.width, height / rgb.height)
    left = (rgb.width - width / scale) / 2
    box = (left, 0, rgb.width - left, height / scale)
    return np.asarray(rgb.resize((width, height), Image.Resampling.LANCZOS, box))


def series_sheet(folder: Path) -> Image.Image:
    """The photos, below them the series, and the series in the photos' colours."""
    stems = [Path(name).stem for name in PRODUCTS]
    rows = [("products", "jpg"), ("series", "png"), ("colors", "png")]
    return draw_sheet([[small(folder / row / f"{stem}.{suffix}", 270, 200) for stem in stems] for row, suffix in rows])


def film_sheet(folder: Path) -> Image.Image:
    """Four frames of the clip, and the same of the film."""
    rows = [frames_of(folder / name) for name in ("clip.mp4", "film.mp4")]
    chosen = [round(index * (len(rows[0]) - 1) / 3) for index in range(4)]
    return draw_sheet([[np.asarray(Image.fromarray(row[i]).reduce(2)) for i in chosen] for row in rows])


@app.command()
def recipes(
    out: Annotated[Path, typer.Argument(help="The folder for the pictures.")],
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Run the recipes and draw their pictures."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lay_out(folder, MEGAPIXELS, FRAMES)
        for words in commands(TEXT.read_text()):
            with chdir(folder):
                peak, seconds = peak_of(words[1:])
            rows.append({"command": shlex.join(words), "peak MB": peak / 1e6, "seconds": seconds})
        out.mkdir(exist_ok=True)
        for draw in (print_sheet, series_sheet, film_sheet):
            with whole_file(out / f"{draw.__name__.removesuffix('_sheet')}.jpg") as path:
                draw(folder).save(path, "JPEG", quality=82, optimize=True)
    save(rows, json_file, None, lambda axis: None)


if __name__ == "__main__":
    sys.exit(run(app, "benchmarks.recipes"))
