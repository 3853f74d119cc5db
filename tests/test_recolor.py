"""The start near the photo, and steadiness: both against what can be worked out by hand."""

import numpy as np
import pytest
import torch
from impasto_train.network import RANGE, StyleNet
from impasto_train.recolor import STEPS, learn_colors, match_colors, recolored
from impasto_train.steady import FARTHEST, MARGIN, NOISE, unsteadiness


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


def test_the_network_learns_the_colours():
    torch.manual_seed(0)
    network = StyleNet((8, 8, 8), (1, 1))
    style = torch.rand(1, 3, 32, 32) * torch.tensor([0.9, 0.5, 0.2]).view(1, 3, 1, 1)
    photos = torch.nn.functional.interpolate(torch.rand(6, 3, 8, 8), size=(32, 32), mode="bilinear")

    def error():
        with torch.no_grad():
            return (network(photos) - recolored(photos, style)).square().mean()

    before = error()
    learn_colors(network, style, (photos[step % 6 :][:1] for step in range(STEPS)))
    assert error() < before / 2


def test_a_network_is_brought_to_the_colours_of_another_painting():
    torch.manual_seed(0)
    network = StyleNet((8, 8, 8), (1, 1))
    photos = torch.rand(3, 3, 32, 40)
    style = 0.5 + 0.3 * (torch.rand(1, 3, 20, 20) - 0.4) * torch.tensor([0.9, 0.5, 0.2]).view(1, 3, 1, 1)
    before = network.before_tanh(photos)
    match_colors(network, style, photos)
    after = network.before_tanh(photos)
    found_mean, found_spread = colours(after.transpose(0, 1)[None].flatten(2)[..., None])
    mean, spread = colours(torch.atanh((style - 0.5) / RANGE))
    assert torch.allclose(found_mean, mean, atol=1e-4)
    assert torch.allclose(found_spread, spread, atol=2e-4)
    assert not torch.allclose(before, after, atol=0.05)


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
    assert MARGIN * 2 + FARTHEST < 32
