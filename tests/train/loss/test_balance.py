"""The style weight that suits a picture."""

import numpy as np
import pytest
import torch
from impasto_train.loss.balance import BALANCE, PHOTOS, suitable_weight
from impasto_train.loss.colors import recolored
from impasto_train.loss.objective import CONTENT_LAYERS, STYLE_LAYERS, Objective
from impasto_train.loss.vgg import VGG16
from impasto_train.photos.content import centre_crop, demo_photo
from impasto_train.photos.tensors import to_tensor


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
    weight = suitable_weight(found, style)
    assert weight * pull(found, style) == pytest.approx(BALANCE[found.style_loss], rel=6e-3)  # three digits


def test_moments_have_a_balance_of_their_own(objective):
    found = objective(strokes(), style_loss="moments", content_on="drawing")
    weight = suitable_weight(found, strokes())
    # a drawing lost altogether is 2
    assert weight * pull(found, strokes()) == pytest.approx(2 * BALANCE["moments"], rel=6e-3)


@torch.no_grad()
def test_the_plain_formula_is_balanced_by_what_a_picture_of_nothing_costs(objective):
    plain = objective(strokes(), normalize=False)
    nothing = []
    for name in PHOTOS:
        features = plain.content(to_tensor(centre_crop(demo_photo(name), 256)[None]))
        nothing.append(sum(float(found.square().sum()) for found in features.values()) / (2 * len(features)))
    weight = suitable_weight(plain, strokes())
    assert weight * pull(plain, strokes()) == pytest.approx(BALANCE["gram"] * np.median(nothing), rel=6e-3)
