"""The distance of tones, against what can be worked out by hand."""

import pytest
import torch
from impasto_train.loss.colors import recolored
from impasto_train.loss.tones import WINDOW, tone_distance


@pytest.fixture
def style():
    return torch.rand(1, 3, 40, 48, generator=torch.Generator().manual_seed(1)) * 0.5 + 0.25


@pytest.fixture
def photo():
    """Large fields of colour, two pictures."""
    fields = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(2)) * 0.2 + 0.4
    return fields.repeat_interleave(WINDOW, 2).repeat_interleave(WINDOW, 3)


def test_the_photo_in_the_paintings_colours_is_at_no_distance(photo, style):
    assert tone_distance(recolored(photo, style), photo, style).tolist() == pytest.approx([0, 0], abs=1e-6)


def test_an_even_shift_is_its_square_over_the_paintings_variance(photo, style):
    variance = style.var(dim=(-2, -1), correction=0).mean().item()
    found = tone_distance(recolored(photo, style) + 0.1, photo, style)
    assert found.tolist() == pytest.approx([0.01 / variance] * 2, rel=1e-3)


def test_strokes_finer_than_the_window_are_free_and_the_negative_is_not(photo, style):
    wanted = recolored(photo, style)
    strokes = torch.tensor([0.2, -0.2]).repeat(wanted.shape[-1] // 2)
    assert tone_distance(wanted + strokes, photo, style).tolist() == pytest.approx([0, 0], abs=1e-6)
    assert (tone_distance(1 - wanted, photo, style) > 1).all()


@pytest.mark.parametrize("side", [1, 5, 20])
def test_any_size_and_a_blank_photo_and_painting_are_finite_and_so_is_the_slope(side):
    x = torch.rand(1, 3, side, side, requires_grad=True)
    found = tone_distance(x, torch.zeros(1, 3, side, side), torch.full((1, 3, 8, 8), 0.5))
    found.sum().backward()
    assert found.isfinite().all()
    assert x.grad.isfinite().all()
