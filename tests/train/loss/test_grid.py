"""The term against the grid, on pictures whose spectrum is known."""

import math

import pytest
import torch
from impasto_train.loss.grid import PERIODS, _frequencies, grid_energy, standing_out, windows


def noise(side=192, count=4):
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(1))


def waves(period, side=192):
    return torch.cos(torch.arange(side) * 2 * torch.pi / period).expand(1, 3, side, side)


def test_each_frequency_is_taken_once():
    for period in PERIODS:
        found = {(y % period, x % period) for y, x in _frequencies(period)}
        mirrored = {(-y % period, -x % period) for y, x in found}
        assert len(found | mirrored) == period**2 - 1  # all but the mean
        assert (0, 0) not in found


@pytest.mark.parametrize("period", [2, 4, 16 / 3, 16])
def test_a_grid_counts_by_the_logarithm_of_its_energy(period):
    faint, strong = (standing_out(noise() + 0.05 * amplitude * waves(period)) for amplitude in (1, 10))
    assert faint > standing_out(noise())
    # the one frequency, and at a quarter of its energy where the window smears it to, which the peak's mean includes
    assert (strong - faint).item() == pytest.approx(math.log(100), rel=0.1)


@pytest.mark.parametrize("period", [3.0, 10.7, 24])
def test_strokes_of_other_periods_are_free(period):
    assert standing_out(noise() + 0.3 * waves(period)).item() == pytest.approx(standing_out(noise()).item(), abs=0.5)


def test_smaller_pictures_are_held_against_shorter_periods():
    for side, periods in ((192, (16, 8, 4)), (96, (8, 4)), (48, (4,)), (40, ())):
        plain = standing_out(noise(side))
        seen = [period for period in PERIODS if standing_out(noise(side) + waves(period, side)) > plain + 1]
        assert tuple(seen) == periods


def test_a_grid_in_one_place_counts():
    place = torch.zeros(256, 256)
    place[120:150, 100:130] = 1  # a star of 30 px among what has no grid
    picture = noise(256, 1)
    dotted = picture + 0.6 * place * waves(4, 256) * waves(4, 256).mT
    assert grid_energy(dotted) - grid_energy(picture) > 2 * (standing_out(dotted) - standing_out(picture)) > 0


def test_windows_overlap_by_half():
    picture = torch.arange(2 * 3 * 96 * 144).reshape(2, 3, 96, 144).float()
    found = windows(picture, 48)
    assert found.shape == (2 * 3 * 5, 3, 48, 48)
    assert torch.equal(found[1], picture[0, :, :48, 24:72])
    assert torch.equal(found[-1], picture[1, :, 48:, 96:])


def test_its_gradient_takes_the_grid_away():
    picture = (noise(64, 1) + 0.2 * waves(2, 64)).requires_grad_()
    before = grid_energy(picture)
    before.backward()
    assert grid_energy(picture.detach() - 0.1 * picture.grad) < before.item()


def test_a_small_or_flat_picture_has_none():
    assert grid_energy(noise(40)) == 0
    flat = torch.full((1, 3, 192, 192), 0.3, requires_grad=True)
    found = grid_energy(flat)
    found.backward()
    assert found == 0
    assert torch.isfinite(flat.grad).all()
