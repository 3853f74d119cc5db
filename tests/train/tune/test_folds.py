"""The points and folds of a search, and what its trainings are judged by."""

from dataclasses import replace

import numpy as np
import pytest
from impasto_train.photos.content import centre_crop, open_content
from impasto_train.photos.picture import Photo
from impasto_train.tune.record import Point
from impasto_train.tune.score import detail_kept, fold_of
from impasto_train.tune.search import Search, points


def test_detail_of_the_photo_itself_its_negative_and_a_flat_picture():
    photo = np.random.default_rng(1).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    assert detail_kept(photo, photo) == pytest.approx((1, 1))
    assert detail_kept(photo, 255 - photo) == pytest.approx((-1, 1))
    assert detail_kept(photo, np.full_like(photo, 9)) == (0, 0)
    assert detail_kept(np.full_like(photo, 9), photo) == (0, 0)


def test_energy_is_that_of_the_gradients():
    ramp = np.repeat(np.arange(0, 60, 2, dtype=np.uint8)[None, :, None], 3, axis=2).repeat(20, axis=0)
    correlation, energy = detail_kept(ramp, ramp // 2)  # half the slope
    assert correlation == pytest.approx(1)
    assert energy == pytest.approx(1 / 4)


def test_the_grid_has_every_point_once(options):
    found = points(replace(options, l1="0,1", l1_on="image,gradient", content_weight="1,2"), 3.0)
    assert found == [
        Point(0, "gradient", 1, 3),
        Point(0, "gradient", 2, 3),
        Point(1, "image", 1, 3),
        Point(1, "image", 2, 3),
        Point(1, "gradient", 1, 3),
        Point(1, "gradient", 2, 3),
    ]


@pytest.mark.parametrize("folds", [2, 3, 7])
def test_folds_never_judge_by_what_they_trained_on(folds, tmp_path):
    photos = [Photo(str(index), tmp_path) for index in range(7)]
    judged = []
    for fold in range(1, folds + 1):
        trained, left = fold_of(photos, fold, folds)
        assert not set(trained) & set(left)
        assert {*trained, *left} == set(photos)
        judged += left
    assert sorted(photo.name for photo in judged) == sorted(photo.name for photo in photos)  # each once


def test_no_fold_is_judged_by_what_it_was_trained_on(options, monkeypatch, quiet):
    from impasto_train.tune import search as module

    trainings = []  # each: the photos trained on, and the pictures judged by
    real_trainer, real_judge = module.Trainer, module.judge

    def trained(objective, photos, *rest):
        trainings.append([photos, None])
        return real_trainer(objective, photos, *rest)

    def judged(network, objective, eye, pictures):
        trainings[-1][1] = pictures
        return real_judge(network, objective, eye, pictures)

    monkeypatch.setattr(module, "Trainer", trained)
    monkeypatch.setattr(module, "judge", judged)
    search = Search(options, quiet)
    search.run()
    held_out = open_content(options.content).held_out
    assert len(trainings) == 4  # two points, and two folds of one
    seen = [
        ({crop(photo).tobytes() for photo in photos}, {one.tobytes() for one in pictures})
        for photos, pictures in trainings
    ]
    for photos, pictures in seen:
        assert pictures
        assert not photos & pictures
    assert all(pictures == {crop(photo).tobytes() for photo in held_out} for _, pictures in seen[:2])
    assert seen[2][1] | seen[3][1] == {crop(photo).tobytes() for photo in search.photos}  # each fold its own


def crop(photo):
    return centre_crop(photo, 64)


def test_each_point_is_trained_with_its_own_weights(options, monkeypatch, quiet):
    from impasto_train.tune import search as module

    told = []
    real = module.Trainer

    def trained(objective, *rest):
        told.append((objective.l1_weight, objective.l1_on, objective.content_weight, objective.style_weight))
        return real(objective, *rest)

    monkeypatch.setattr(module, "Trainer", trained)
    search = Search(replace(options, l1="1,2", l1_on="image", content_weight="3", style_weight="4,5"), quiet)
    search.run()
    points = [(l1, "image", 3, beta) for l1 in (1, 2) for beta in (4, 5)]
    assert told[:4] == points
    assert told[4] == told[5]
    assert told[4] in points
