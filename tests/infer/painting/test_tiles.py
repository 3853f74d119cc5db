"""Pictures painted in tiles, against the same painted whole."""

import numpy as np
import onnx
import pytest
import torch
from impasto import Stylizer
from impasto.contract.surgery import take_apart
from impasto.engine.session import open_session
from impasto.painting.painter import LEAST_MEMORY, NETWORK, in_bytes
from impasto.painting.tiles import Moments, TiledModel, tiles
from impasto_train.export.to_onnx import export
from impasto_train.network.stylenet import StyleNet


@pytest.fixture(scope="module")
def trained(info, tmp_path_factory):
    """A network of the real depth, no two layers alike, whose strength was taught."""
    torch.manual_seed(1)
    network = StyleNet((8, 8, 16))
    for parameter in network.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    path = tmp_path_factory.mktemp("tiles") / "model.onnx"
    export(network, info, path)
    return path


@pytest.fixture(scope="module")
def tiled(trained):
    return TiledModel(trained.read_bytes(), lambda part: open_session(part, "cpu")[0])


def photo(height, width):
    """Noise, a ramp and a flat area: the last would come back as it is if a tile were taken for a picture."""
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    pixels[:, : width // 3] = np.linspace(0, 255, height, dtype=np.uint8)[:, None, None]
    pixels[height // 2 :, width // 2 :] = (90, 140, 200)
    return pixels


@pytest.mark.parametrize("strength", [1.0, 0.6, 0.1])
@pytest.mark.parametrize(("shape", "side"), [((301, 413), 128), ((128, 264), 128), ((257, 60), 64), ((40, 700), 256)])
def test_tiles_give_what_the_whole_gives(trained, tiled, shape, side, strength):
    whole = Stylizer(trained, device="cpu")(photo(*shape), strength).astype(int)
    difference = np.abs(tiled(photo(*shape), strength, side) - whole)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.001


def test_a_small_budget_means_tiles(trained, monkeypatch):
    sides = []
    call = TiledModel.__call__

    def seen(self, photo, strength, side):
        sides.append(side)
        return call(self, photo, strength, side)

    monkeypatch.setattr(TiledModel, "__call__", seen)
    small, large = photo(200, 300), photo(1300, 1400)
    stylizer = Stylizer(trained, device="cpu", memory="200MB")
    assert np.abs(stylizer(small).astype(int) - Stylizer(trained, device="cpu")(small)).max() <= 1
    assert sides == []
    painted = stylizer(large)
    assert len(sides) == 1
    assert sides[0] % 8 == 0
    assert NETWORK * (sides[0] + 224) ** 2 <= LEAST_MEMORY
    assert np.abs(painted.astype(int) - Stylizer(trained, device="cpu")(large)).max() <= 1
    assert len(sides) == 1


def test_the_parts_are_models_by_themselves(trained):
    parts = take_apart(trained.read_bytes(), "stylized")
    kinds = [step.kind for step in parts.steps]
    assert kinds.count("norm") == 12
    assert sorted(kinds)[:2] == ["ReduceMax", "ReduceMin"]
    for model in (*(step.model for step in parts.steps), parts.last):
        open_session(model, "cpu")
    operators = {node.op_type for node in onnx.load_from_string(parts.last).graph.node}
    assert "InstanceNormalization" not in operators
    assert "BatchNormalization" in operators


def test_a_model_without_norms_is_only_tiled(model):
    tiled = TiledModel(model.read_bytes(), lambda part: open_session(part, "cpu")[0])
    np.testing.assert_array_equal(tiled(photo(70, 90), 1.0, 32), 255 - photo(70, 90))


def test_tiles_cover_a_picture_once():
    for height, width, side, halo in ((100, 333, 64, 24), (64, 64, 64, 8), (65, 127, 64, 16), (1, 2000, 512, 112)):
        seen = np.zeros((height, width), int)
        for tile in tiles(height, width, side, halo):
            seen[tile.inner] += 1
            for outer, inner, length in zip(tile.outer, tile.inner, (height, width), strict=True):
                assert outer.start % 8 == inner.start % 8 == 0
                assert outer.start == max(0, inner.start - halo)
                assert outer.stop == min(length, inner.stop + halo)
                assert inner.stop == length or inner.stop % 8 == 0
        assert (seen == 1).all()


def test_moments_of_parts_are_those_of_the_whole():
    values = np.random.default_rng(0).normal(1000, 3, (4, 50, 70)).astype(np.float32)
    moments = Moments()
    for rows in (slice(0, 7), slice(7, 30), slice(30, 50)):
        moments.add(values[:, rows])
    whole = values.astype(np.float64).reshape(4, -1)
    np.testing.assert_allclose(moments.mean, whole.mean(1), rtol=1e-6)
    np.testing.assert_allclose(moments.variance, whole.var(1), rtol=1e-5)


@pytest.mark.parametrize(
    ("text", "amount"),
    [("2GB", 2e9), ("1.5 GB", 1.5e9), ("512MiB", 2**29), (300_000_000, 3e8), ("250M", 2.5e8), ("4Gi", 2**32)],
)
def test_amounts_of_memory(text, amount):
    assert in_bytes(text) == amount


@pytest.mark.parametrize("text", ["", "lots", "-1GB", "2 XB", "1e9", "nan", "100MB", 0])
def test_amounts_that_are_none(text):
    with pytest.raises(ValueError, match="memory must be"):
        in_bytes(text)
