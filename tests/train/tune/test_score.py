"""What a short training is judged by."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from impasto_train.judge.eye import LAYERS, Eye, look
from impasto_train.loss.objective import CONTENT_LAYERS, STYLE_LAYERS, Objective
from impasto_train.loss.vgg import VGG16
from impasto_train.photos.tensors import to_tensor
from impasto_train.tune.report import ranked
from impasto_train.tune.score import judge
from PIL import Image
from trials import USUAL, trial


@pytest.mark.parametrize("name", ["texture", "contrast", "structure"])
def test_the_ranking_number_rises_by_the_same_share_with_each_figure(name):
    worse = replace(USUAL, **{name: 1.1 * getattr(USUAL, name)})
    assert worse.overall == pytest.approx(1.1 ** (1 / 3) * USUAL.overall)
    assert [row.score for row in ranked([trial(0.0, score=worse), trial(1.0, score=USUAL)])] == [USUAL, worse]


def test_r_s_and_detail_play_no_part_in_the_ranking():
    assert replace(USUAL, r=9.0, s=9.0, detail=0.0, energy=0.0).overall == USUAL.overall


def noise(seed: int, cell: int, side: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (side // cell, side // cell, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


@pytest.fixture
def scene(tmp_path, monkeypatch, narrow_vgg_weights):
    """An objective and an eye for a painting with fine strokes, two photos without, and the painting."""
    monkeypatch.setattr("impasto_train.judge.eye.SIDES", (384,))
    painting = noise(0, 6, 384)
    Image.fromarray(painting).save(tmp_path / "painting.png")
    vgg = VGG16(narrow_vgg_weights, {*CONTENT_LAYERS, *STYLE_LAYERS, *LAYERS})
    objective = Objective(vgg, to_tensor(painting[None]), content_weight=1, style_weight=1, l1_weight=0)
    return objective, Eye(vgg, tmp_path / "painting.png"), [noise(seed, 32, 128) for seed in (1, 2)], painting


def test_scores_are_means_of_what_the_eye_sees(scene):
    objective, eye, photos, _ = scene
    found = judge(lambda x: 1 - x, objective, eye, photos)
    seen = [eye(255 - p, p, look(objective.vgg, 255 - p), look(objective.vgg, p)) for p in photos]
    for name, key in (("texture", "W"), ("contrast", "L"), ("structure", "structure")):
        assert getattr(found, name) == pytest.approx(np.mean([one[key] for one in seen]))
    assert found.detail == pytest.approx(-1)
    assert found.energy == pytest.approx(1)
    assert found.r > 0
    assert found.s > 0


def test_neither_a_blank_picture_nor_the_photo_itself_comes_first(scene):
    objective, eye, photos, painting = scene
    paint = to_tensor(painting[None, :128, :128])
    networks = {
        "blank": lambda x: torch.full_like(x, 0.5),
        "photo": lambda x: x,
        "good": lambda x: 0.3 * x + 0.85 * (paint - 0.5) + 0.35,
    }
    found = {name: judge(network, objective, eye, photos) for name, network in networks.items()}
    assert found["photo"].structure == 0
    assert min(found, key=lambda name: found[name].overall) == "good"
