"""The commands of docs/recipes.md, run as they stand on small pictures, and what they promise."""

import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from benchmarks.recipes import PRODUCTS, TEXT, commands, frames_of, lay_out, write_pan

RECIPES = TEXT.read_text()
FRAMES = 5
STEMS = [Path(name).stem for name in PRODUCTS]


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Path:
    """A folder in which all commands of the recipes have been run."""
    folder = tmp_path_factory.mktemp("recipes")
    lay_out(folder, 0.05, FRAMES)
    for words in commands(RECIPES):
        words = [sys.executable, "-m", "impasto", *words[1:], "--device", "cpu"]
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
    return folder


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_every_command_is_known():
    lines = [line for block in re.findall(r"```sh\n(.*?)```", RECIPES, re.DOTALL) for line in block.splitlines()]
    others = [line for line in lines if not line.startswith("apply-style ")]
    assert others == ['pip install ".[video]"']  # test_packaging.py
    assert len(commands(RECIPES)) == len(lines) - 1


def test_the_print_keeps_size_and_resolution(desk):
    photo = pixels(desk / "photo.jpg")
    fine, large = pixels(desk / "fine.tif"), pixels(desk / "print.tif")
    assert fine.shape == large.shape == photo.shape
    for name in ("fine.tif", "print.tif"):
        with Image.open(desk / name) as image:
            assert image.info["dpi"] == pytest.approx((300, 300))
    assert np.abs(fine - photo).mean() > 10

    def width(picture):  # of strokes: contrast over eight pixels beside that over one
        return np.abs(picture[:, 8:] - picture[:, :-8]).mean() / np.abs(np.diff(picture, axis=1)).mean()

    assert width(large) > 1.1 * width(fine)


@pytest.mark.parametrize("stem", STEMS)
def test_the_products_are_kept_and_the_rest_is_painted(desk, stem):
    photo, painted = pixels(desk / "products" / f"{stem}.jpg"), pixels(desk / "series" / f"{stem}.png")
    with Image.open(desk / "masks" / f"{stem}.png") as mask:
        reach = math.ceil(0.04 * min(mask.size))
        product = np.asarray(mask.filter(ImageFilter.MaxFilter(2 * reach + 1))) == 0
        far = np.asarray(mask.filter(ImageFilter.MinFilter(2 * reach + 1))) == 255
    assert product.sum() > 50
    np.testing.assert_array_equal(painted[product], photo[product])
    assert np.abs(painted[far] - photo[far]).mean() > 20


@pytest.mark.parametrize("stem", STEMS)
def test_kept_colors_are_nearer_to_the_photo(desk, stem):
    photo = pixels(desk / "products" / f"{stem}.jpg")
    colors = pixels(desk / "colors" / f"{stem}.png")
    hue = photo - photo.mean(2, keepdims=True)
    assert np.abs(colors - photo).mean() > 5
    assert np.abs(colors - colors.mean(2, keepdims=True) - hue).mean() < 0.5 * np.abs(hue).mean()


def test_the_films_have_the_clip_s_frames(desk):
    clip = frames_of(desk / "clip.mp4")
    assert len(clip) == FRAMES
    for name in ("film.mp4", "draft.mp4"):
        film = frames_of(desk / name)
        assert [frame.shape for frame in film] == [frame.shape for frame in clip]
        assert np.abs(np.stack(film).astype(int) - np.stack(clip)).mean() > 5
    assert (desk / "draft.mp4").stat().st_size < (desk / "film.mp4").stat().st_size


def test_the_clip_pans(tmp_path):
    write_pan(tmp_path / "clip.mp4", 3)
    first, _, last = frames_of(tmp_path / "clip.mp4")
    assert np.abs(first.astype(int) - last).mean() > 5


def test_links_and_pictures_are_there_and_small():
    targets = [t for t in re.findall(r"\]\(([^)#]+)\)", RECIPES) if "://" not in t]
    assert [target for target in targets if not (TEXT.parent / target).exists()] == []
    pictures = [TEXT.parent / target for target in targets if target.endswith(".jpg")]
    assert len(pictures) == 3
    assert all(picture.stat().st_size < 150_000 for picture in pictures)
