"""The painted style picture: the same for a seed, a full range of values, strokes along the flow."""

import sys
from pathlib import Path

import numpy as np
import pytest
from impasto.common.console import run
from impasto.common.errors import ImpastoError
from impasto_train.photos import painting
from PIL import Image

LUMINANCE = (0.2126, 0.7152, 0.0722)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return painting.paint(160)


@pytest.fixture
def sketch(monkeypatch) -> None:
    """Only the two coarsest layers: a third of the strokes, where the finish does not matter."""
    monkeypatch.setattr(painting, "LAYERS", painting.LAYERS[:2])


def test_is_an_rgb_picture_of_the_size_asked(picture):
    assert picture.shape == (160, 160, 3)
    assert picture.dtype == np.uint8


@pytest.mark.usefixtures("sketch")
@pytest.mark.parametrize("size", [painting.SMALLEST, 301])
def test_other_sizes(size):
    assert painting.paint(size).shape == (size, size, 3)


def test_too_small_a_size_is_refused():
    with pytest.raises(ImpastoError, match="31 px"):
        painting.paint(painting.SMALLEST - 1)


@pytest.mark.usefixtures("sketch")
def test_a_seed_always_gives_the_same_picture_and_another_seed_another():
    first = painting.paint(64, seed=3)
    assert np.array_equal(first, painting.paint(64, seed=3))
    other = painting.paint(64, seed=4)
    assert np.abs(first.astype(float) - other).mean() > 15


def test_the_composition_does_not_depend_on_the_size(picture):
    large = Image.fromarray(picture).resize((24, 24), Image.Resampling.BOX)
    small = Image.fromarray(painting.paint(64)).resize((24, 24), Image.Resampling.BOX)
    assert np.abs(np.asarray(large, float) - np.asarray(small, float)).mean() < 12  # of other seeds: above 30


def test_covers_the_range_from_dark_to_light_and_from_cool_to_warm(picture):
    dark, median, light = np.percentile(picture @ np.array(LUMINANCE), [2, 50, 98])
    assert dark < 25
    assert 60 < median < 150
    assert light > 225
    warmth = picture[..., 0].astype(float) - picture[..., 2]
    assert (warmth > 60).mean() > 0.15
    assert (warmth < -60).mean() > 0.25


def test_the_picture_changes_across_the_strokes_more_than_along_them(picture):
    motif = painting._motif(np.random.default_rng(0))
    centres = (np.arange(160) + 0.5) / 160
    flow = painting._at(motif.flow, np.stack(np.meshgrid(centres, centres), -1))
    slope_y, slope_x = np.gradient(picture @ np.array(LUMINANCE))
    along = np.abs(slope_x * flow[..., 0] + slope_y * flow[..., 1]).mean()
    across = np.abs(slope_y * flow[..., 0] - slope_x * flow[..., 1]).mean()
    assert across > 1.5 * along


def test_relief_lights_the_slope_that_faces_the_lamp():
    y, x = np.mgrid[-20:21, -20:21]
    dome = 2000 * np.exp(-(x**2 + y**2) / 100.0)
    lit = painting._light(np.full((41, 41, 3), 0.5), dome)
    assert lit[13, 13].mean() > 0.55
    assert lit[27, 27].mean() < 0.45
    assert lit[0, 0] == pytest.approx(0.5, abs=0.02)


@pytest.mark.usefixtures("sketch")
def test_command_writes_a_png(tmp_path: Path, monkeypatch):
    out = tmp_path / "new" / "style.png"
    monkeypatch.setattr(sys, "argv", ["painting", str(out), "--size", "64", "--seed", "3"])
    assert run(painting.app, "painting") == 0
    with Image.open(out) as written:
        assert written.format == "PNG"
        assert np.array_equal(np.asarray(written), painting.paint(64, seed=3))


def test_command_says_in_one_line_what_is_wrong(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["painting", str(tmp_path / "style.png"), "--size", "8"])
    assert run(painting.app, "painting") == 2
    assert capsys.readouterr().err == "painting: cannot paint a picture of 8 px: the least is 32\n"
    assert list(tmp_path.iterdir()) == []
