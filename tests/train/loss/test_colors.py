"""A photo in the painting's colours, against what can be worked out by hand."""

import pytest
import torch
from impasto_train.loss.colors import recolored


def colours(pictures):
    pixels = pictures.flatten(2)[0]
    return pixels.mean(1), torch.cov(pixels, correction=0)


@pytest.fixture
def photo():
    generator = torch.Generator().manual_seed(0)
    mixed = torch.randn(1, 3, 40, 30, generator=generator)
    mixed[:, 1] += mixed[:, 0]
    return 0.5 + 0.08 * mixed


def test_recolored_photos_have_the_mean_and_the_covariance_of_the_style(photo):
    generator = torch.Generator().manual_seed(1)
    style = torch.tensor([0.6, 0.5, 0.3]).view(1, 3, 1, 1) + 0.05 * torch.randn(1, 3, 25, 35, generator=generator)
    found_mean, found_spread = colours(recolored(photo, style))
    mean, spread = colours(style)
    assert torch.allclose(found_mean, mean, atol=2e-3)
    assert torch.allclose(found_spread, spread, atol=2e-4)


def test_a_photo_in_the_right_colours_stays_as_it_is(photo):
    assert torch.allclose(recolored(photo, photo), photo.clamp(0, 1), atol=1e-3)


def test_light_stays_light():
    ramp = torch.linspace(0.2, 0.8, 64).view(1, 1, 1, 64).expand(1, 3, 64, 64)
    style = torch.rand(1, 3, 50, 50, generator=torch.Generator().manual_seed(2))
    painted = recolored(ramp, style)[0].mean(0)[0]
    assert (painted.diff() > 0).all()


def test_a_flat_grey_photo_becomes_flat():
    painted = recolored(torch.full((1, 3, 16, 16), 0.5), torch.rand(1, 3, 50, 50))
    assert torch.isfinite(painted).all()
    assert painted.std(dim=(-2, -1)).max() < 1e-3
