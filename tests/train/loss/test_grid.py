"""The term against the grid, on pictures whose spectrum is known."""

import math

import pytest
import torch
from impasto_train.loss.grid import IN_WINDOWS, PERIODS, SEEN, _frequencies, _standing_out, grid_energy, windows


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


@pytest.mark.parametrize(("period", "sides"), [(2, 2), (4, 2), (16 / 3, 0), (8, 1), (16, 0)])
def test_a_grid_counts_by_the_logarithm_of_its_energy(period, sides):
    faint, strong = (grid_energy(noise() + 0.1 * amplitude * waves(period)) for amplitude in (1, 10))
    assert faint > grid_energy(noise())
    # the one frequency, all over and in windows of the sides that are long enough for it
    assert (strong - faint).item() == pytest.approx((1 + IN_WINDOWS * sides) * math.log(100), rel=0.15)


@pytest.mark.parametrize("period", [3.0, 10.7, 24])
def test_strokes_of_other_periods_are_free(period):
    assert grid_energy(noise() + 0.3 * waves(period)).item() == pytest.approx(
        grid_energy(noise()).item(), abs=0.5 * (1 + IN_WINDOWS)
    )


def test_a_grid_in_one_place_counts():
    star = torch.zeros(256, 256)
    star[120:150, 100:130] = 1
    picture = torch.full((1, 3, 256, 256), 0.5) + 0.02 * (noise(256, 1) - 0.5)
    plain, dotted = (grid_energy(picture + star * (0.1 + dots)) for dots in (0, 0.1 * waves(4, 256) * waves(4, 256).mT))
    assert dotted > plain + 0.3


def test_in_windows_what_nobody_sees_is_free():
    faint, seen = (windows(amplitude * noise()[:, 0], 48) for amplitude in (0.002, 1))
    assert _standing_out(faint, SEEN) < 0.01 < _standing_out(faint)
    assert _standing_out(seen, SEEN) == pytest.approx(_standing_out(seen).item(), rel=0.05)


def test_windows_overlap_by_half():
    picture = torch.arange(2 * 96 * 144).reshape(2, 96, 144).float()
    found = windows(picture, 48)
    assert found.shape == (2 * 3 * 5, 48, 48)
    assert torch.equal(found[1], picture[0, :48, 24:72])
    assert torch.equal(found[-1], picture[1, 48:, 96:])


def test_its_gradient_takes_the_grid_away():
    picture = (noise(64, 1) + 0.2 * waves(2, 64)).requires_grad_()
    before = grid_energy(picture)
    before.backward()
    assert grid_energy(picture.detach() - 0.01 * picture.grad) < before.item()


def test_a_small_or_flat_picture_has_none():
    assert grid_energy(noise(40)) == 0
    flat = torch.full((1, 3, 192, 192), 0.3, requires_grad=True)
    found = grid_energy(flat)
    found.backward()
    assert found == 0
    assert torch.isfinite(flat.grad).all()
