"""The style weight that suits a picture, and the weight against the grid."""

import numpy as np
import pytest
import torch
from impasto_train.balance import BALANCE, PHOTOS, balance
from impasto_train.grid import grid
from impasto_train.objective import CONTENT_LAYERS, STYLE_LAYERS, Objective
from impasto_train.photos import centre_crop, demo_photo
from impasto_train.recolor import recolored
from impasto_train.trainer import to_tensor
from impasto_train.vgg import VGG16


@pytest.fixture
def objective(narrow_vgg_weights):
    def build(style, **options):
        vgg = VGG16(narrow_vgg_weights, {*CONTENT_LAYERS, *STYLE_LAYERS})
        return Objective(vgg, to_tensor(style[None]), content_weight=1, style_weight=7, l1_weight=0, **options)

    return build


def strokes(scale=255, shift=0, side=5):
    blocks = np.random.default_rng(0).random((12, 16, 3)).repeat(side, 0).repeat(side, 1)
    return (shift + scale * blocks).astype(np.uint8)


@torch.no_grad()
def pull(objective, style):
    """Median S of the photos in the colours of ``style``, worked out anew."""
    found = []
    for name in PHOTOS:
        photo = to_tensor(centre_crop(demo_photo(name), 256)[None])
        matched = recolored(photo, to_tensor(style[None]))
        found.append(objective(matched, photo, objective.content(photo)).style.item())
    return np.median(found)


@pytest.mark.parametrize("style", [strokes(), strokes(30, 180), strokes(200, 0, 9)], ids=["strong", "pale", "large"])
@pytest.mark.parametrize("distance", ["l2", "cosine"])
def test_photos_in_the_paintings_colours_weigh_the_same_for_every_picture(objective, style, distance):
    found = objective(style, distance=distance)
    weight = balance(found, style)
    assert weight == found.style_weight
    assert weight * pull(found, style) == pytest.approx(BALANCE, rel=6e-3)  # three digits


@torch.no_grad()
def test_the_plain_formula_is_balanced_by_what_a_picture_of_nothing_costs(objective):
    plain = objective(strokes(), normalize=False)
    nothing = []
    for name in PHOTOS:
        features = plain.content(to_tensor(centre_crop(demo_photo(name), 256)[None]))
        nothing.append(sum(float(found.square().sum()) for found in features.values()) / (2 * len(features)))
    weight = balance(plain, strokes())
    assert weight * pull(plain, strokes()) == pytest.approx(BALANCE * np.median(nothing), rel=6e-3)


def noise(side=96, count=8):
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(1))


def test_noise_has_next_to_no_grid():
    assert grid(noise()) < 0.4  # some of its energies are above the usual by chance


@pytest.mark.parametrize("period", [2, 4])
def test_a_faint_grid_counts_by_the_logarithm_of_its_energy(period):
    wave = torch.cos(torch.arange(96) * 2 * torch.pi / period).expand(8, 3, 96, 96)
    faint, strong = (grid(noise() + 0.05 * amplitude * wave) for amplitude in (1, 10))
    assert faint > grid(noise())
    # one of the nine frequencies has a hundred times the energy
    assert (strong - faint).item() == pytest.approx(torch.tensor(100.0).log().item() / 9, rel=0.1)


def test_strokes_of_other_periods_are_free():
    wave = torch.cos(torch.arange(96) * 2 * torch.pi / 16).expand(8, 3, 96, 96)
    assert grid(noise() + 0.3 * wave).item() == pytest.approx(grid(noise()).item(), abs=0.02)


def test_its_gradient_takes_the_grid_away():
    wave = torch.cos(torch.arange(64) * torch.pi).expand(1, 3, 64, 64)
    picture = (noise(64, 1) + 0.2 * wave).requires_grad_()
    before = grid(picture)
    before.backward()
    assert grid(picture.detach() - 0.5 * picture.grad) < before.item()


def test_a_small_or_flat_picture_has_none():
    assert grid(noise(40)) == 0
    flat = torch.full((1, 3, 64, 64), 0.3, requires_grad=True)
    found = grid(flat)
    found.backward()
    assert found == 0
    assert torch.isfinite(flat.grad).all()
