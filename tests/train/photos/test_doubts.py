"""Style pictures that teach little, and those that do not."""

import numpy as np
import pytest
from impasto_train.photos.content import demo_photo, read_style
from impasto_train.photos.doubts import doubts
from PIL import Image

SIZE = 384


def gradient() -> np.ndarray:
    y, x = np.mgrid[:400, :500] // 2
    return np.stack([x, y, (x + y) // 2], -1).astype(np.uint8)


def noise(height: int, width: int, deviation: float) -> np.ndarray:
    values = np.random.default_rng(0).normal(128, deviation, (height, width, 3))
    return values.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("pixels", "said"),
    [
        (np.full((400, 500, 3), (200, 30, 30), np.uint8), "is nearly one colour"),
        (noise(400, 500, 3), "is nearly one colour"),
        (gradient(), "has hardly any texture"),
        (noise(32, 32, 60), "is 32x32 px, too small for the strokes asked for: enlarged 12.0 times"),
        (noise(160, 150, 60), "give a larger picture, or --style-size 150 for finer strokes"),
    ],
)
def test_a_picture_that_teaches_little(tmp_path, pixels, said):
    path = tmp_path / "style.png"
    Image.fromarray(pixels).save(path)
    (line,) = doubts(path, read_style(path, SIZE))
    assert line.startswith(str(path))
    assert said in line


def test_a_picture_with_texture_is_not_doubted(tmp_path):
    with demo_photo("coffee.png").open() as image:
        image.convert("RGB").save(tmp_path / "style.png")
    assert doubts(tmp_path / "style.png", read_style(tmp_path / "style.png", SIZE)) == []
    assert doubts(tmp_path / "style.png", read_style(tmp_path / "style.png", 64)) == []
