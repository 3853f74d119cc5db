"""The sheet to look at: every pixel of its pictures is one of theirs."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from impasto import ImpastoError
from PIL import Image

from benchmarks import pictures, sheets

ROOT = Path(__file__).parents[2]
SIZE = 64
GAP, LINE = 8, 28  # px of `draw_sheet`: between pictures, and of the titles


def noise(seed: int, height: int = SIZE, width: int = SIZE) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path):
    for index, name in enumerate(("photos/b.png", "photos/a.png", "rival/a.png", "rival/b.png")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(noise(index)).save(tmp_path / name)
    (tmp_path / "rival" / "a.json").write_text("{}")  # a picture's figures beside it are no picture
    Image.fromarray(noise(9, 384, 500)).save(tmp_path / "style.png")
    return tmp_path


def cell(sheet: Image.Image, row: int, column: int) -> np.ndarray:
    left, top = sheets.MARGIN + column * (SIZE + GAP), GAP + LINE + row * (SIZE + GAP)
    return np.asarray(sheet)[top : top + SIZE, left : left + SIZE]


def test_rows_of_photo_ours_theirs_and_the_painting(folder, model):
    words = ["sheet.png", "--style", "style.png", "--photos", "photos", "--model", str(model), "--other", "rival"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.sheets", *words, "--size", str(SIZE)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": ":".join([str(ROOT), *filter(None, sys.path)])},
    )
    assert done.returncode == 0, done.stderr
    with Image.open(folder / "sheet.png") as sheet:
        sheet.load()
    assert sheet.size == (sheets.MARGIN + 4 * (SIZE + GAP), GAP + LINE + 2 * (SIZE + GAP))
    style = noise(9, 384, 500)
    for row, (photo, rival) in enumerate(((noise(1), noise(2)), (noise(0), noise(3)))):
        expected = [photo, 255 - photo, rival, style[:SIZE, :SIZE] if row == 0 else style[-SIZE:, -SIZE:]]
        for column, picture in enumerate(expected):
            np.testing.assert_array_equal(cell(sheet, row, column), picture)
    dark = np.asarray(sheet).min(axis=2) < 128
    assert all(dark[: GAP + LINE, left : left + SIZE].any() for left in range(sheets.MARGIN, sheet.width, SIZE + GAP))
    assert all(dark[top : top + SIZE, : sheets.MARGIN].any() for top in range(GAP + LINE, sheet.height, SIZE + GAP))


def test_a_small_painting_is_shown_whole():
    assert sheets.part(noise(0, 20, 30), 64, 0.5).shape == (20, 30, 3)


def test_what_is_missing_is_said(folder, model):
    photo = folder / "photos" / "a.png"
    with pytest.raises(ImpastoError, match="rival holds no picture called c"):
        pictures.painted_in(folder / "rival", "c")
    (folder / "empty").mkdir()
    with pytest.raises(ImpastoError, match="empty holds no photos"):
        pictures.photo_files([photo, folder / "empty"])
    with pytest.raises(ImpastoError, match=r"call it \.png or \.jpg"):
        sheets.sheets(folder / "sheet.txt", style=folder / "style.png", photos=[photo], model=[str(model)])
