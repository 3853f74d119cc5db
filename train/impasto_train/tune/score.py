"""What a short training is judged by: nothing that its own weights could cheat."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..loss.evaluate import evaluate
from ..loss.objective import Objective
from ..photos.picture import Photo
from ..photos.tensors import painted


@dataclass(frozen=True)
class Score:
    """How well a network does on photos that it was not trained on: means over them.

    R and S are as in J, by squared distances and without the L1 term.
    """

    r: float
    s: float
    detail: float
    """Correlation of the luminance gradients of photo and painting, -1..1."""
    energy: float
    """Energy of the painting's luminance gradients, as a share of the photo's."""

    def total(self, style_weight: float) -> float:
        """R + β·S."""
        return self.r + style_weight * self.s


def fold_of(photos: Sequence[Photo], fold: int, folds: int) -> tuple[tuple[Photo, ...], tuple[Photo, ...]]:
    """The photos to train on and those to judge by, of fold ``fold`` (from 1) of ``folds``; none is in both."""
    judged = tuple(photo for index, photo in enumerate(photos) if index % folds == fold - 1)
    return tuple(photo for index, photo in enumerate(photos) if index % folds != fold - 1), judged


def detail_kept(photo: np.ndarray, painted: np.ndarray) -> tuple[float, float]:
    """How much of the photo's detail a painting keeps.

    Args:
        photo, painted: uint8 ``[H, W, 3]``.

    Returns:
        the correlation of their luminance gradients (differences to the right and below, together), and the energy of
        the painting's as a share of the photo's. Where either has no gradient at all, 0 and 0.
    """
    a, b = (_gradient(pixels) for pixels in (photo, painted))
    if not a.std() or not b.std():
        return 0.0, 0.0
    return float(np.corrcoef(a, b)[0, 1]), float(np.square(b).sum() / np.square(a).sum())


def _gradient(pixels: np.ndarray) -> np.ndarray:
    luminance = pixels @ np.array([0.2126, 0.7152, 0.0722])
    return np.concatenate([np.diff(luminance, axis=axis).ravel() for axis in (0, 1)])


@torch.no_grad()
def judge(network: torch.nn.Module, objective: Objective, photos: Sequence[np.ndarray]) -> Score:
    """The score of a `StyleNet` on ``photos``, uint8 ``[H, W, 3]`` each."""
    terms = evaluate(network, objective, photos)
    kept = [detail_kept(photo, painted(network, photo, objective.device)) for photo in photos]
    detail, energy = np.mean(kept, axis=0)
    return Score(float(terms.content), float(terms.style), float(detail), float(energy))
