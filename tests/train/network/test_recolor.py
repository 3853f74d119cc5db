"""A network near the photo in the painting's colours: learned, and in closed form."""

import copy

import torch
from impasto_train.loss.colors import recolored
from impasto_train.network.recolor import STEPS, learn_colors, match_colors
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


def test_it_is_brought_part_of_the_way_in_a_straight_line():
    torch.manual_seed(0)
    network = StyleNet((8, 8, 8), (1, 1))
    photos, style = torch.rand(2, 3, 32, 40), torch.rand(1, 3, 20, 20) * 0.5
    paintings = []
    for share in (0, 0.25, 1):
        matched = copy.deepcopy(network)
        match_colors(matched, style, photos, share)
        paintings.append(matched.before_tanh(photos))
    assert torch.equal(paintings[0], network.before_tanh(photos))
    assert torch.allclose(paintings[1], paintings[0].lerp(paintings[2], 0.25), atol=1e-5)
