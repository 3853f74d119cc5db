"""The shipped styles paint no line along the edges of a picture."""

from pathlib import Path

import impasto_models
import pytest
from impasto import Stylizer
from impasto_train.photos.content import DEMO_PHOTOS, centre_crop, demo_photo
from impasto_train.photos.picture import Photo

from benchmarks import artefacts

KEPT = Path(__file__).parents[2] / "docs/photos"


@pytest.mark.parametrize("style", impasto_models.names())
def test_a_shipped_style_paints_no_line_along_an_edge(style):
    photos = [*map(demo_photo, DEMO_PHOTOS), *(Photo(file.name, file) for file in sorted(KEPT.glob("*.jpg")))]
    stylizer = Stylizer(style, device="cpu")
    assert artefacts.line([stylizer(centre_crop(photo, 256)) for photo in photos]) < 1.5
