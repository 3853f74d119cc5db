"""The dial in the file: even in its effect, exact at its ends, and put into a file without any training."""

from dataclasses import replace
from pathlib import Path

import impasto_models
import numpy as np
import onnx
import pytest
import torch
from impasto import Stylizer, describe
from impasto.contract import read_checked, seal
from impasto_train.export import dial
from impasto_train.export.nodes import model_of
from impasto_train.export.shipped import Shipped
from impasto_train.export.to_onnx import with_metadata
from impasto_train.network.stylenet import StyleNet
from impasto_train.training.run_folder import RunFolder
from samples import free_crops

TENTHS = np.linspace(0, 1, 11)


def uneven(model: str | Path, photos: list[np.ndarray]) -> float:
    """How far the mean change from the photos is from its share of that at 1, at the worst tenth of the dial."""
    stylizer = Stylizer(model, device="cpu")
    change = np.array([np.mean([np.abs(stylizer(p, float(s)).astype(int) - p) for p in photos]) for s in TENTHS])
    return float(np.abs(change / change[-1] - TENTHS).max())


@pytest.mark.parametrize("style", impasto_models.names())
def test_half_of_the_dial_is_half_of_the_change(style):
    assert uneven(style, free_crops(224)) < 0.1


@pytest.fixture(scope="module")
def plain(info) -> onnx.ModelProto:
    """A model without a dial that does most at low strengths."""
    torch.manual_seed(3)
    network = StyleNet((8, 8, 16), (1, 2))
    for parameter in network.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    return with_metadata(model_of(Shipped(network.for_export())), info)


def write(model: onnx.ModelProto, path: Path) -> Path:
    path.write_bytes(seal(model.SerializeToString()))
    return path


def test_an_export_is_measured_and_its_ends_stay_as_they_are(plain, tmp_path):
    photos = free_crops(96)
    before = write(plain, tmp_path / "before.onnx")
    after = write(dial.calibrated(plain, photos), tmp_path / "after.onnx")
    assert uneven(before, photos) > 0.2
    assert uneven(after, photos) < 0.03
    for strength in (0.0, 1.0):
        for photo in (photos[0], photos[1][:31, :44]):
            assert np.array_equal(Stylizer(after, device="cpu")(photo, strength), Stylizer(before)(photo, strength))


def test_the_table_undoes_what_was_measured():
    even = dial.rises_of(dial.MEASURED)
    assert even.sum() == 1
    np.testing.assert_allclose(even, 1 / dial.PIECES, atol=1 / dial.GRAIN)
    for shape in (lambda s: np.minimum(4 * s, 1 + 0.01 * s), lambda s: s**2, lambda s: np.sin(2 * s)):
        rises = dial.rises_of(7 * shape(dial.MEASURED))
        assert all(sum(order, np.float32(0)) == 1 for order in (rises, rises[::-1]))
        assert rises.min() >= 0
        own = np.concatenate([[0], np.cumsum(rises)])
        grown = np.interp(own, dial.MEASURED, np.maximum.accumulate(shape(dial.MEASURED)))
        np.testing.assert_allclose(grown / grown[-1], TENTHS, atol=2e-3)


def test_no_photos_or_no_change_leave_the_networks_own_strength(plain):
    for model in (dial.calibrated(plain, []), dial.calibrated(plain, [np.full((32, 32, 3), 9, np.uint8)])):
        assert [dial.own_strength(model, tenth) for tenth in TENTHS] == pytest.approx(TENTHS, abs=1e-3)


def test_a_file_is_rewritten_in_place(plain, called_app, tmp_path, info):
    path = write(plain, tmp_path / "style.onnx")
    before = path.read_bytes()
    assert "style.onnx: the network's strength at each tenth" in called_app("demo", path)
    once = path.read_bytes()
    read_checked(path)
    assert dial.RISES.encode() in once
    assert replace(describe(path), digest="") == replace(info, digest="")
    assert not path.with_suffix(".run").exists()
    run_folder = RunFolder(path.with_suffix(".run"))
    run_folder.path.mkdir()
    path.write_bytes(before)
    run_folder.note_exported(before)
    called_app("demo", path)
    assert run_folder.has_exported(path)  # --resume may replace it
    assert path.read_bytes() == once
    called_app("demo", path)
    assert path.read_bytes() == once  # a dial that is there is replaced, not doubled


def test_a_file_of_several_styles_is_not_rewritten(joined, called_app, tmp_path):
    path = tmp_path / "atlas.onnx"
    path.write_bytes(joined)
    assert "atlas.onnx holds 3 styles, each with its dial: give models of one style" in called_app("demo", path)
    assert path.read_bytes() == joined


def test_a_variant_is_not_rewritten(plain, called_app, tmp_path, info):
    model = onnx.ModelProto.FromString(plain.SerializeToString())
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, replace(info, digest="", made_from="0" * 64).to_metadata())
    path = write(model, tmp_path / "variant.onnx")
    before = path.read_bytes()
    assert "is a variant" in called_app("demo", path)
    assert path.read_bytes() == before


@pytest.fixture
def called_app():
    """Call the module's command; what it printed, or its error."""
    from typer.testing import CliRunner

    def call(*arguments) -> str:
        result = CliRunner().invoke(dial.app, [str(argument) for argument in arguments])
        return result.output + str(result.exception or "")

    return call
