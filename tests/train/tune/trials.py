"""A training of a search, as the record keeps it."""

from impasto_train.tune.record import HELD_OUT, Point, Trial
from impasto_train.tune.score import Score


def trial(l1=1.0, fold=HELD_OUT, folds=HELD_OUT, score=Score(0.5, 1.5, 0.4, 0.9), error=""):  # noqa: B008  # frozen
    return Trial(Point(l1, "gradient", 1.0, 2.0), fold, folds, score, error)
