"""What is fetched into the cache, from a server that is a few bytes in memory."""

import io
import zipfile
from pathlib import Path

import typer
from impasto.common.console import run
from impasto_train.downloads import coco, vgg_weights

from . import tiny

CACHE = Path("cache")


def photos() -> int:
    """Fetch photos as ``train-style --content coco`` does."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for index in range(1, 4):
            picture = io.BytesIO()
            tiny.picture(index, 64, 72).save(picture, "JPEG")
            archive.writestr(f"val2017/{index:012d}.jpg", picture.getvalue())
    whole = data.getvalue()
    coco._get_range = lambda url, start, stop: (whole[start:stop], len(whole))
    return _run(lambda: coco.fetch_coco(3, CACHE))


def weights() -> int:
    """Keep VGG16's weights once they are fetched."""
    return _run(lambda: vgg_weights._keep(tiny.narrow_vgg(), CACHE / "vgg16.safetensors", print))


def _run(work) -> int:
    app = typer.Typer(add_completion=False)
    app.command()(lambda: print(work() or "") and None)
    return run(app, "cache")
