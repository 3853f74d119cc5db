"""The measuring tools on pictures whose figures are known."""

import json

import numpy as np
import pytest
import torch
from impasto_train import pipeline, trainer
from impasto_train.objective import CONTENT_LAYERS, STYLE_LAYERS, Objective
from impasto_train.optimize import optimize
from impasto_train.trainer import to_tensor
from impasto_train.tune.record import HELD_OUT, Point, Record, Trial
from impasto_train.tune.score import Score
from impasto_train.vgg import VGG16
from PIL import Image

from benchmarks import artefacts, equals_n_steps, flicker, quality, ranking, training

SIDE = artefacts.SIZE


def noise(side: int = SIDE) -> np.ndarray:
    return np.random.default_rng(0).integers(40, 216, (side, side, 3), dtype=np.uint8)


@pytest.mark.parametrize("period", [2, 4])
def test_a_grid_of_dots_is_seen(period):
    plain = noise()
    dotted = plain.copy()
    dotted[::period, ::period] += 30
    clean = artefacts.measure(plain)
    assert clean["grid"] < 6  # of so few frequencies even noise is uneven
    assert artefacts.measure(dotted)["grid"] > 10 * clean["grid"]


def test_a_border_clipping_and_noise_are_seen():
    plain = artefacts.measure(noise())
    assert plain["border"] == pytest.approx(1, abs=0.1)
    assert plain["clipped"] == 0
    framed = noise()
    framed[:4] = np.where(np.arange(SIDE) % 2, 255, 0)[None, :, None]
    found = artefacts.measure(framed)
    assert found["border"] > 1.2
    assert found["clipped"] == pytest.approx(4 / SIDE)
    flat = np.full((SIDE, SIDE, 3), 100, np.uint8)
    assert artefacts.measure(flat)["flat noise"] < 1e-6
    flat[::3] += 6
    assert artefacts.measure(flat)["flat noise"] > 1


def test_a_pointwise_model_has_the_gain_of_its_slope_and_no_pan_difference():
    photos = [noise(SIDE + 5)[:SIDE, :SIDE], noise(SIDE)]
    assert flicker.noise_gain(lambda photo: 255 - photo, photos) == pytest.approx(1)
    assert flicker.noise_gain(lambda photo: photo // 2, photos) == pytest.approx(0.5, abs=0.05)
    assert flicker.pan_difference(lambda photo: 255 - photo, [noise(SIDE + 5)]) == 0


def test_a_model_that_depends_on_place_has_a_pan_difference():
    ramp = (np.arange(SIDE) // 4).astype(np.uint8)[None, :, None]
    found = flicker.pan_difference(lambda photo: np.broadcast_to(ramp, photo.shape), [noise(SIDE + 5)])
    # shifts of 1, 2, 3 and 5 px move a ramp of 1/4 a pixel by as much on average
    assert found == pytest.approx((1 + 2 + 3 + 5) / 4 / 4, abs=0.01)


def test_standing_on_the_curve():
    falling = np.array([9.0, 4.0, 2.0, 1.0])
    assert equals_n_steps.standing(2.5, falling) == "2"
    assert equals_n_steps.standing(2.0, falling) == "2"
    assert equals_n_steps.standing(0.5, falling) == "over 3"


def test_pixel_optimisation_lowers_j_and_the_curve_is_kept(narrow_vgg_weights, tmp_path):
    vgg = VGG16(narrow_vgg_weights, {*CONTENT_LAYERS, *STYLE_LAYERS})
    style = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    objective = Objective(vgg, style, content_weight=1, style_weight=2, l1_weight=0)
    crops = [noise(32), noise(40)[:32, :32]]
    kept = tmp_path / "curve.json"
    rows = equals_n_steps.curve(objective, crops, 5, kept, b"a")
    for row in rows:
        assert len(row) == 6
        assert row == sorted(row, reverse=True)
        assert row[-1] < row[0]
    text = kept.read_text()
    assert equals_n_steps.curve(objective, crops, 3, kept, b"a") == [row[:4] for row in rows]
    assert kept.read_text() == text
    photo = to_tensor(crops[0][None])
    assert rows[0][0] == pytest.approx(objective(photo, photo, objective.content(photo)).total.item(), abs=1e-3)
    for others, style in ((crops[:1], b"a"), (crops, b"b")):  # of other pictures: made anew
        before = kept.read_text()
        equals_n_steps.curve(objective, others, 2, kept, style)
        assert kept.read_text() != before


def test_the_optimised_picture_stays_in_range(narrow_vgg_weights):
    vgg = VGG16(narrow_vgg_weights, {*CONTENT_LAYERS, *STYLE_LAYERS})
    photo = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    objective = Objective(vgg, photo.flip(1), content_weight=1, style_weight=2, l1_weight=0)
    for x, loss in optimize(objective, photo, 3):
        assert x.shape == photo.shape
        assert x.min() >= 0
        assert x.max() <= 1
        assert np.isfinite(loss)


def test_training_is_told_by_marks(monkeypatch, tmp_path, narrow_vgg_weights, capsys):
    monkeypatch.setattr(pipeline, "load_vgg_weights", lambda file, say: narrow_vgg_weights)
    monkeypatch.setattr(quality, "load_vgg_weights", lambda: narrow_vgg_weights)
    monkeypatch.setattr(trainer, "STEPS", 2)
    monkeypatch.setattr(training, "MARKS", (2,))
    for width, name in enumerate(("style.png", "held/a.png", "photos/1.png", "photos/2.png"), start=50):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(noise(64)[:, :width]).save(tmp_path / name)
    figures = tmp_path / "figures.json"
    training.training(
        tmp_path / "style.png", str(tmp_path / "photos"), tmp_path / "held",
        steps="3", origins="scratch", json_file=figures, plot_file=tmp_path / "curve.png",
    )  # fmt: skip
    rows = json.loads(figures.read_text())
    assert [row["step"] for row in rows] == [2, 3]
    assert rows[0]["minutes"] < rows[1]["minutes"]
    assert rows[1]["J"] == pytest.approx(rows[1]["R"] + 2 * rows[1]["S"])
    assert rows[1]["VGG16"] > 0
    assert (tmp_path / "curve.png").stat().st_size > 1000
    assert "photos/s" in capsys.readouterr().out


def test_the_ranking_of_short_and_long_trainings(tmp_path, capsys):
    totals = {"short": [1.0, 2.0, 3.0, 4.0], "long": [1.1, 2.2, 4.4, 3.3]}  # one pair the other way round
    for folder, found in totals.items():
        (tmp_path / folder).mkdir()
        record = Record(tmp_path / folder / "record.db", {"--steps": folder})
        for l1, r in enumerate(found):
            record.add(Trial(Point(l1, "gradient", 1.0, 2.0), HELD_OUT, HELD_OUT, Score(r, 0.0, -r, 1.0)))
        record.add(Trial(Point(9.0, "gradient", 1.0, 2.0), 1, 3, Score(0.0, 0.0, 0.0, 1.0)))  # a fold: left out
    figures = tmp_path / "figures.json"
    ranking.ranking(tmp_path / "short", tmp_path / "long", json_file=figures, plot_file=tmp_path / "plot.svg")
    rows = json.loads(figures.read_text())
    assert [row["weights"] for row in rows[:-1]] == ["λ 0", "λ 1 on gradient", "λ 2 on gradient", "λ 3 on gradient"]
    assert rows[-1]["J, long"] == pytest.approx(1 - 6 * 2 / (4 * 15))  # Spearman's 1 - 6 Σd² / n(n² - 1)
    assert rows[-1]["detail, long"] == pytest.approx(0.8)
    assert (tmp_path / "plot.svg").is_file()
    assert "rank correlation" in capsys.readouterr().out
