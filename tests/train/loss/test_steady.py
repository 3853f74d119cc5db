"""Steadiness, against what can be worked out by hand."""

import numpy as np
import pytest
import torch
from impasto_train.loss.steady import FARTHEST, NOISE, unsteadiness
from impasto_train.network.stylenet import StyleNet


class Plain(StyleNet):
    """Stands for a network whose answer is known."""

    def __init__(self, answer):
        super().__init__((4, 4, 4), (1, 1))
        self.answer = answer

    def forward(self, photo):
        return self.answer(photo)


def test_what_moves_with_the_photo_is_as_unsteady_as_the_noise():
    photo = torch.full((2, 3, 64, 72), 0.5) + 0.1 * torch.rand(2, 3, 64, 72)
    found = unsteadiness(Plain(lambda x: 2 * x), photo, 2 * photo, [np.random.default_rng(seed) for seed in (3, 5)])
    assert found.item() == pytest.approx(2 * NOISE * (2 / np.pi) ** 0.5, rel=0.03)


def test_what_stays_where_it_is_is_unsteady():
    ramp = torch.arange(64.0).view(1, 1, 1, 64).expand(1, 3, 64, 64)
    random = np.random.default_rng(4)
    _, left = np.random.default_rng(4).integers(0, FARTHEST + 1, 2)
    found = unsteadiness(Plain(lambda x: ramp[..., : x.shape[-2], : x.shape[-1]]), ramp / 255, ramp, [random])
    assert left > 0
    assert found.item() == pytest.approx(float(left))
