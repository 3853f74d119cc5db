"""The style weight that suits a picture, and the weight against the grid."""

import pytest
import torch
from impasto_train.balance import BALANCE, balanced_weight
from impasto_train.grid import grid
from impasto_train.objective import CONTENT_LAYERS, STYLE_LAYERS, Objective, mean_distance
from impasto_train.recolor import recolored
from impasto_train.vgg import VGG16


@pytest.fixture
def pictures():
    generator = torch.Generator().manual_seed(0)
    strokes = torch.rand(1, 3, 12, 16, generator=generator).repeat_interleave(5, -1).repeat_interleave(5, -2)
    return strokes, torch.rand(3, 3, 40, 48, generator=generator)


@pytest.fixture
def objective(narrow_vgg_weights, pictures):
    def build(style=pictures[0], **options):
        vgg = VGG16(narrow_vgg_weights, {*CONTENT_LAYERS, *STYLE_LAYERS})
        return Objective(vgg, style, content_weight=1, style_weight=7, l1_weight=0, **options)

    return build


def style_term(objective, style, photos):
    matched = torch.cat([recolored(photo, style) for photo in photos.split(1)])
    return objective(matched, photos, objective.content(photos)).style.mean().item()


def test_photos_in_the_paintings_colours_weigh_the_same_for_every_picture(objective, pictures):
    strokes, photos = pictures
    for style in (strokes, 0.7 + 0.1 * strokes, strokes[..., :30, :30].flip(-1)):
        found = objective(style)
        weight = balanced_weight(found, style, photos)
        assert weight * style_term(found, style, photos) == pytest.approx(BALANCE, rel=6e-3)  # three digits


def test_the_plain_formula_is_balanced_by_what_a_picture_of_nothing_costs(objective, pictures):
    strokes, photos = pictures
    plain = objective(normalize=False)
    content = plain.content(photos)
    empty = {layer: torch.zeros_like(found) for layer, found in content.items()}
    nothing = mean_distance(empty, content, normalize=False).mean().item()
    weight = balanced_weight(plain, strokes, photos)
    assert weight * style_term(plain, strokes, photos) == pytest.approx(BALANCE * nothing, rel=6e-3)


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
