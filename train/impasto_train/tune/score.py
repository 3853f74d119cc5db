"""What a short training is judged by: the yardstick that nothing is trained for."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..judge.eye import Eye, look
from ..loss.evaluate import evaluate
from ..loss.objective import Objective
from ..photos.picture import Photo
from ..photos.tensors import painted

LEAST_STRUCTURE = 0.03  # a photo in other colours: a painting that is nearer than that is none


@dataclass(frozen=True)
class Score:
    """How well a network does on photos that it was not trained on: means over them.

    Texture, contrast and structure are W, L and structure of `judge.eye`: these judge. R and S are as in J, by squared
    distances and without the L1 term.
    """

    texture: float
    contrast: float
    structure: float
    r: float
    s: float
    detail: float
    """Correlation of the luminance gradients of photo and painting, -1..1."""
    energy: float
    """Energy of the painting's luminance gradients, as a share of the photo's."""

    @property
    def overall(self) -> float:
        """The one number that ranks, less is better: the geometric mean of W, L and structure.

        It is free of scale: a change of so many per cent in any of the three counts the same, whatever its size. A
        structure below that of a photo in other colours (0.03) counts as that much, or the photo itself, at 0, would
        be best.
        """
        return (self.texture * self.contrast * max(self.structure, LEAST_STRUCTURE)) ** (1 / 3)


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
def judge(network: torch.nn.Module, objective: Objective, eye: Eye, photos: Sequence[np.ndarray]) -> Score:
    """The score of a `StyleNet` on ``photos``, uint8 ``[H, W, 3]`` each, 64 px a side at the least.

    Args:
        objective: its VGG16 hands out `judge.eye.LAYERS` too.
        eye: has seen the objective's style picture.
    """
    terms = evaluate(network, objective, photos)
    rows = []
    for photo in photos:
        picture = painted(network, photo, objective.device)
        sights = eye(picture, photo, look(objective.vgg, picture), look(objective.vgg, photo))
        rows.append([sights["W"], sights["L"], sights["structure"], *detail_kept(photo, picture)])
    texture, contrast, structure, detail, energy = np.mean(rows, axis=0).tolist()
    return Score(texture, contrast, structure, float(terms.content), float(terms.style), detail, energy)
