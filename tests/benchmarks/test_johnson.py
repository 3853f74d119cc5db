"""Johnson's network, which others are measured against: how it is trained, and the model that comes of it."""

import numpy as np
import pytest
from impasto import Stylizer
from impasto_train.commandline.options import Options
from impasto_train.loss.evaluate import evaluate
from impasto_train.loss.objective import CONTENT_LAYERS, STYLE_LAYERS, Objective
from impasto_train.loss.vgg import VGG16
from impasto_train.photos.content import centre_crop, demo_photo
from impasto_train.photos.picture import Photo
from impasto_train.photos.tensors import to_tensor
from PIL import Image

from benchmarks import johnson


def noise(side: int) -> np.ndarray:
    return np.random.default_rng(0).integers(40, 216, (side, side, 3), dtype=np.uint8)


def test_johnsons_network_learns(narrow_vgg_weights, tmp_path):
    Image.fromarray(noise(64)).save(tmp_path / "photo.png")
    photos = (Photo("photo.png", tmp_path / "photo.png"),)
    style = centre_crop(demo_photo("coffee.png"), 64)
    objective = Objective(
        VGG16(narrow_vgg_weights, {*CONTENT_LAYERS, *STYLE_LAYERS}),
        to_tensor(style[None]),
        content_weight=1,
        style_weight=2,
        l1_weight=0,
    )
    options = Options(style=tmp_path / "style.png", size=32, surround=0)
    crop = [centre_crop(photos[0], 32)]
    found = {
        steps: evaluate(johnson.train(objective, photos, options, steps, 4).paint, objective, crop).total
        for steps in (1, 60)
    }
    assert found[60] < 0.95 * found[1]


@pytest.mark.slow
def test_johnsons_network_becomes_a_model(monkeypatch, tmp_path, narrow_vgg_weights, capsys):
    monkeypatch.setattr("impasto_train.training.setup.load_vgg_weights", lambda file, say: narrow_vgg_weights)
    (tmp_path / "photos").mkdir()
    for side, name in enumerate(("style.png", "photos/1.png", "photos/2.png"), start=50):
        Image.fromarray(noise(side)).save(tmp_path / name)
    out = tmp_path / "johnson.onnx"
    johnson.johnson(
        tmp_path / "style.png", str(tmp_path / "photos"), steps=2, width=4, style_weight=2.0, size=32, out=out
    )
    assert b"site-packages" not in out.read_bytes()
    stylizer = Stylizer(out, device="cpu")
    assert (stylizer.info.steps, stylizer.info.start) == (2, "scratch")
    assert f"R {stylizer.info.content_loss:.3f}, S {stylizer.info.style_loss:.3f}" in capsys.readouterr().out
    photo = noise(50)[:, :37]
    np.testing.assert_array_equal(stylizer(photo, 0), photo)
    assert np.abs(stylizer(photo).astype(int) - photo).mean() > 5
