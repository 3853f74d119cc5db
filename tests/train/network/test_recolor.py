"""A network near the photo in the painting's colours: learned, and in closed form."""

import copy
import math

import torch
from impasto_train.loss.colors import recolored
from impasto_train.network.recolor import STEPS, learn_colors, local_contrast, match_colors
from impasto_train.network.stylenet import RANGE, StyleNet


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
    found, wanted = after.transpose(0, 1).flatten(1), torch.atanh((style - 0.5) / RANGE).flatten(2)[0]
    assert torch.allclose(found.mean(1), wanted.mean(1), atol=1e-4)
    assert torch.allclose(torch.cov(found, correction=0), torch.cov(wanted, correction=0), atol=2e-4)
    assert not torch.allclose(before, after, atol=0.05)


@torch.no_grad()
def test_colours_are_drawn_in_where_local_contrast_is_above_the_paintings():
    torch.manual_seed(0)
    network = StyleNet((8, 8, 8), (1, 1))
    photos = torch.rand(2, 3, 64, 96)
    # most of this painting's contrast is between its halves: what has its covariance is harsher within windows
    style = torch.full((1, 3, 64, 64), 0.2)
    style[..., 8:40] = 0.8
    style += torch.rand(1, 3, 64, 64) * 0.2
    found = {}
    for harshest in (1, math.inf):
        matched = copy.deepcopy(network)
        painted = match_colors(matched, style, photos, harshest)
        assert torch.allclose(painted, matched(photos), atol=1e-5)
        found[harshest] = matched.before_tanh(photos)
    mean = torch.atanh((style - 0.5) / RANGE).mean((2, 3), keepdim=True)
    assert torch.allclose(found[1].mean((0, 2, 3), keepdim=True), mean, atol=1e-4)
    share = float((found[1] - mean).norm() / (found[math.inf] - mean).norm())
    assert torch.allclose(found[1], mean.lerp(found[math.inf], share), atol=1e-4)
    # a part more would be too much
    within = [local_contrast(0.5 + RANGE * torch.tanh(mean.lerp(found[math.inf], share + more))) for more in (0, 0.02)]
    assert within[0] <= local_contrast(style) * 1.0001 < within[1]


def test_local_contrast_is_the_deviation_within_windows():
    halves = torch.zeros(1, 3, 64, 64)
    halves[..., 32:] = 1
    assert local_contrast(halves) == 0
    assert local_contrast(halves.roll(16, 3)) == 0.5
    assert local_contrast(halves[..., 24:40]) == 0.5  # smaller than a window
