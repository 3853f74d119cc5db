"""A training of a search, as the record keeps it."""

from dataclasses import replace

from impasto_train.tune.record import HELD_OUT, Point, Trial
from impasto_train.tune.score import Score

USUAL = Score(texture=0.2, contrast=0.1, structure=0.1, r=0.5, s=1.5, detail=0.4, energy=0.9)


def overall(value, detail=0.0):
    """A score of which the geometric mean is ``value``."""
    return replace(USUAL, texture=value, contrast=value, structure=value, detail=detail)


def trial(l1=1.0, fold=HELD_OUT, folds=HELD_OUT, score=USUAL, error=""):
    return Trial(Point(l1, "gradient", 1.0, 2.0), fold, folds, score, error)
