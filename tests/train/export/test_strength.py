"""Strength in the shipped files: a painting's share of each pixel."""

import impasto_models
import numpy as np
import pytest
from impasto import Stylizer, describe
from samples import free_crops


@pytest.mark.parametrize("model", impasto_models.names())
def test_a_tenth_of_the_strength_is_a_tenth_of_the_way(model):
    stylizer = Stylizer(model, device="cpu")
    for style in [one.name for one in describe(model).styles] or [None]:
        for photo in free_crops(64)[:3]:
            painted = stylizer(photo, style=style).astype(int)
            # a painting beyond black and white is cut off there, the mixture is not
            inside = (painted > 0) & (painted < 255)
            for strength in np.linspace(0, 1, 11):
                wanted = photo + strength * (painted - photo)
                mixed = stylizer(photo, strength=float(strength), style=style)
                assert np.abs(mixed - wanted)[inside].max() <= 1, style
