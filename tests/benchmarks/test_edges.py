"""The shipped styles paint no line along the edges of a picture."""

import impasto_models
import pytest
from impasto import Stylizer
from samples import free_crops

from benchmarks import artefacts


@pytest.mark.parametrize("style", impasto_models.names())
def test_a_shipped_style_paints_no_line_along_an_edge(style):
    stylizer = Stylizer(style, device="cpu")
    assert artefacts.line([stylizer(crop) for crop in free_crops(256)]) < 1.5
