"""Pictures painted in tiles, against the same painted whole."""

import shutil
from types import SimpleNamespace

import numpy as np
import onnx
import psutil
import pytest
import torch
from impasto import ImpastoError, Stylizer
from impasto.contract.surgery import take_apart
from impasto.engine.session import open_session
from impasto.painting import memory
from impasto.painting.memory import LEAST_MEMORY, free_memory, in_bytes
from impasto.painting.painter import TILED
from impasto.painting.tiles import Moments, TiledModel, padded, tiles
from impasto_train.export.to_onnx import export
from impasto_train.network.stylenet import StyleNet


@pytest.fixture(scope="module")
def trained(info, tmp_path_factory):
    """A network of the real depth, no two layers alike."""
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
@pytest.mark.parametrize("on_disk", [False, True])
@pytest.mark.parametrize(("shape", "rows"), [((301, 413), 128), ((264, 128), 128), ((257, 60), 64), ((40, 700), 16)])
def test_tiles_give_what_the_whole_gives(trained, tiled, shape, rows, strength, on_disk):
    whole = Stylizer(trained, device="cpu")(photo(*shape), strength).astype(int)
    difference = np.abs(tiled(photo(*shape), strength, rows * padded(shape[1]), on_disk=on_disk) - whole)
    assert difference.max() <= 2
    assert np.quantile(difference, 0.99) <= 1  # maps are kept in half precision


def test_no_line_at_the_border_of_tiles(trained, tiled):
    picture = photo(256, 256)
    apart = np.abs(tiled(picture, 1.0, 64 * 256).astype(float) - tiled(picture, 1.0, 256 * 256)).mean((1, 2))
    border = [row for row in range(256) if row % 64 in (0, 1, 62, 63)]
    assert apart[border].mean() <= max(2 * apart.mean(), 0.01)


def test_the_share_that_is_done_rises_to_all(tiled):
    shares = []
    tiled(photo(128, 64), 1.0, 32 * 64, report=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert len(shares) > 4 * 12


def test_a_small_budget_means_tiles(trained, monkeypatch):
    asked = []
    call = TiledModel.__call__

    def seen(self, photo, strength, pixels, **more):
        asked.append((pixels, more["on_disk"]))
        return call(self, photo, strength, pixels, **more)

    monkeypatch.setattr(TiledModel, "__call__", seen)
    small, large = photo(200, 300), photo(1500, 1400)
    stylizer = Stylizer(trained, device="cpu", memory="240MB")
    assert np.abs(stylizer(small).astype(int) - Stylizer(trained, device="cpu")(small)).max() <= 1
    assert asked == []
    painted = stylizer(large)
    assert len(asked) == 1
    assert asked[0][0] * TILED < LEAST_MEMORY < 240_000_000
    assert not asked[0][1]
    assert np.abs(painted.astype(int) - Stylizer(trained, device="cpu")(large)).max() <= 2
    monkeypatch.setattr(TiledModel, "__call__", lambda self, photo, *_, on_disk, **more: asked.append(on_disk) or photo)
    stylizer(np.zeros((2500, 4000, 3), np.uint8), stroke=1)
    assert asked[-1] is True


def test_a_full_disk_is_said(tiled, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1000))
    with pytest.raises(ImpastoError, match=r"GB on the disk of .* which has 0\.0 GB free"):
        tiled(photo(64, 64), 1.0, 64 * 64, on_disk=True)


def test_a_full_disk_is_said_as_it_is(trained, monkeypatch):
    stylizer = Stylizer(trained, device="cpu", memory="240MB")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1000))
    with pytest.raises(ImpastoError, match=r"^painting a picture of this size within --memory needs"):
        stylizer(np.zeros((2500, 4000, 3), np.uint8), stroke=1)


def test_files_are_gone_afterwards(tiled, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    tiled(photo(64, 64), 1.0, 32 * 64, on_disk=True)
    assert list(tmp_path.iterdir()) == []


def test_the_parts_are_models_by_themselves(trained):
    parts = take_apart(trained.read_bytes(), "stylized")
    kinds = [step.kind for step in parts.steps]
    assert kinds.count("norm") == 12
    assert sorted(kinds)[:2] == ["ReduceMax", "ReduceMin"]
    for model in (*(step.model for step in parts.steps), parts.last):
        open_session(model, "cpu")
    graphs = [onnx.load_from_string(part).graph for part in (*(step.model for step in parts.steps), parts.last)]
    operators = [[node.op_type for node in graph.node] for graph in graphs]
    assert not any("InstanceNormalization" in found for found in operators)
    assert "BatchNormalization" in operators[-1]
    whole = [node.op_type for node in onnx.load(trained).graph.node]
    assert sum(found.count("Conv") for found in operators) == whole.count("Conv")  # none is computed twice


def test_a_model_without_norms_is_only_tiled(model):
    tiled = TiledModel(model.read_bytes(), lambda part: open_session(part, "cpu")[0])
    np.testing.assert_array_equal(tiled(photo(70, 90), 1.0, 32), 255 - photo(70, 90))


def test_tiles_cover_a_picture_once():
    for height, rows, reach in ((104, 64, 24), (64, 64, 8), (136, 64, 16), (16, 512, 16), (2000, 8, 8)):
        seen = np.zeros(height, int)
        for tile in tiles(height, rows, reach):
            seen[tile.inner] += 1
            assert tile.outer.start % 8 == tile.inner.start % 8 == tile.inner.stop % 8 == 0
            assert tile.outer.start == max(0, tile.inner.start - reach)
            assert tile.outer.stop == min(height, tile.inner.stop + reach)
            assert tile.inner.stop - tile.inner.start >= 16
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
    [
        ("2GB", 2e9),
        ("1.5 GB", 1.5e9),
        ("512MiB", 2**29),
        (300_000_000, 3e8),
        ("250M", 2.5e8),
        ("4Gi", 2**32),
        ("9" * 400, int("9" * 400)),
    ],
    ids=lambda value: str(value)[:9],
)
def test_amounts_of_memory(text, amount):
    assert in_bytes(text) == amount


@pytest.mark.parametrize("text", ["", "lots", "-1GB", "2 XB", "1e9", "nan", "100MB", 0])
def test_amounts_that_are_none(text):
    with pytest.raises(ValueError, match="memory must be"):
        in_bytes(text)


def test_half_of_what_is_free_by_itself(monkeypatch, tmp_path):
    machine = SimpleNamespace(available=20 * 10**9)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: machine)
    limit, used = tmp_path / "max", tmp_path / "current"
    monkeypatch.setattr(memory, "CGROUPS", ((limit, used),))
    assert in_bytes("auto") == 10 * 10**9
    used.write_text("1000000000\n")
    limit.write_text("max\n")
    assert free_memory() == 20 * 10**9
    limit.write_text("4000000000\n")
    assert in_bytes("auto") == 1_500_000_000
    statistics = used.with_name("memory.stat")
    statistics.write_text("anon 300000000\ninactive_file 600000000\n")  # files that were read: given up when needed
    assert free_memory() == 3_600_000_000
    statistics.write_text("inactive_file 5\ntotal_inactive_file 400000000\n")  # the first version
    assert free_memory() == 3_400_000_000
    limit.write_text("1100000000\n")
    assert in_bytes("auto") == 10**9
