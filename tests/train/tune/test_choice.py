"""Which point of a search is recommended."""

import pytest
from impasto_train.tune import report
from impasto_train.tune.record import Point
from trials import overall, trial


def folds_of(l1, *scores):
    return [trial(l1, fold, len(scores), overall(value, detail)) for fold, (value, detail) in enumerate(scores, 1)]


def test_the_rule_of_one_standard_error_goes_by_the_differences_of_each_fold():
    held = [trial(l1, score=overall(value)) for l1, value in ((0.0, 1.0), (1.0, 1.1), (3.0, 1.2))]
    # the folds are unlike each other, which is the same for all points
    least = folds_of(0.0, (1.0, 0.1), (5.0, 0.1), (9.0, 0.1))
    near = folds_of(1.0, (1.0, 0.5), (5.2, 0.5), (9.1, 0.5))  # more by 0, 0.2, 0.1: mean 0.1, standard error 0.058
    nearer = folds_of(1.0, (0.9, 0.5), (5.2, 0.5), (9.0, 0.5))  # by -0.1, 0.2, 0: mean 0.033, standard error 0.088
    far = folds_of(3.0, (1.5, 0.9), (5.5, 0.9), (9.5, 0.9))
    rows = report.ranked([*held, *least, *near, *far])
    assert [row.point.l1 for row in rows] == [0, 1, 3]
    assert report.behind(rows[1], rows[0]) == pytest.approx((0.1, 0.1 / 3**0.5))
    assert report.recommend(rows, 3).point.l1 == 0
    found = report.recommend(report.ranked([*held, *least, *nearer, *far]), 3)
    assert found.point.l1 == 1
    assert "within a standard error of the least distance (+0.0333 ± 0.0882 to λ 0)" in found.sentence
    # with less detail than the least it would not be taken; without all folds it is not considered
    poor = folds_of(1.0, (0.9, 0.05), (5.2, 0.05), (9.0, 0.05))
    assert report.recommend(report.ranked([*held, *least, *poor, *far]), 3).point.l1 == 0
    assert "no point has all its folds" in report.recommend(report.ranked([*held, *near[:2]]), 3).sentence


def test_the_error_over_folds_is_that_of_the_mean():
    (row,) = report.ranked([trial(score=overall(2.0)), *folds_of(1.0, (1.0, 0), (2.0, 0), (6.0, 0))])
    assert row.overall == pytest.approx(3)
    assert row.error == pytest.approx(7**0.5 / 3**0.5)


def test_points_are_told_apart():
    a, b = Point(1, "image", 1, 2), Point(1, "image", 1, 3)
    assert report.named([a]) == {a: "λ 1 on image"}
    assert report.named([a, b]) == {a: "λ 1 on image, α 1, β 2", b: "λ 1 on image, α 1, β 3"}
