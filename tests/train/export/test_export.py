"""The exported file: what onnxruntime makes of it, and what the contract says of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from impasto import ImpastoError, Stylizer, describe
from impasto_train.export import to_onnx
from impasto_train.export.shipped import Shipped
from impasto_train.export.to_onnx import export
from impasto_train.network.stylenet import StyleNet
from impasto_train.photos.tensors import to_tensor


@pytest.fixture(scope="module")
def network() -> StyleNet:
    torch.manual_seed(1)
    network = StyleNet((8, 8, 16), (1, 2))
    for parameter in network.parameters():  # as after a training: no two layers alike
        parameter.data += 0.05 * torch.randn_like(parameter)
    return network


@pytest.fixture(scope="module")
def exported(network, info, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    export(network, info, path)
    return path


@pytest.mark.parametrize("shape", [(1, 1, 2), (1, 2, 3), (1, 19, 130), (3, 40, 24), (1, 257, 255)])
@pytest.mark.parametrize("strength", [0.25, 1.0])
def test_onnxruntime_equals_torch_at_other_sizes(network, exported, shape, strength):
    image = np.random.default_rng(5).integers(0, 256, (*shape, 3), dtype=np.uint8)
    with torch.no_grad():
        wanted = Shipped(network)(torch.from_numpy(image), torch.tensor(strength)).numpy()
    found = Stylizer(exported, device="cpu")(image, strength=strength)
    assert found.shape == image.shape
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - wanted.astype(int)).max() <= 1


@pytest.mark.parametrize("shape", [(1, 2), (7, 5), (41, 30), (9, 16), (16, 9)])
def test_what_ships_is_what_was_trained(network, shape):
    image = np.random.default_rng(4).integers(0, 256, (2, *shape, 3), dtype=np.uint8)
    with torch.no_grad():
        trained = network(to_tensor(image)).permute(0, 2, 3, 1).clamp(0, 1) * 255
        shipped = Shipped(network)(torch.from_numpy(image), torch.tensor(1.0))
    assert (shipped - trained).abs().max() <= 0.51


def test_strength_may_be_left_out_and_0_is_the_photo(exported):
    image = np.random.default_rng(6).integers(0, 256, (1, 30, 50, 3), dtype=np.uint8)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(exported, options, providers=["CPUExecutionProvider"])
    alone = session.run(None, {"image": image})[0]
    full = session.run(None, {"image": image, "strength": np.array(1, np.float32)})[0]
    none = session.run(None, {"image": image, "strength": np.array(0, np.float32)})[0]
    assert np.array_equal(alone, full)
    assert not np.array_equal(alone, image)
    assert np.array_equal(none, image)


def test_a_photo_of_one_colour_comes_back_as_it_is(exported):
    stylizer = Stylizer(exported, device="cpu")
    flat = np.full((33, 47, 3), (200, 30, 90), np.uint8)
    assert np.array_equal(stylizer(flat), flat)
    faint = flat.copy()
    faint[5:9, 5:9, 1] += 2  # half of what is painted in full
    painted = stylizer(faint).astype(int)
    assert np.abs(painted - faint).max() > 0
    strong = faint.copy()
    strong[5:9, 5:9, 1] += 2
    assert np.abs(stylizer(strong).astype(int) - strong).max() > np.abs(painted - faint).max()


def test_pictures_of_a_batch_fade_by_their_own_contrast(exported):
    random = np.random.default_rng(8)
    busy = random.integers(0, 256, (24, 24, 3), dtype=np.uint8)
    flat = np.full_like(busy, 77)
    stylizer = Stylizer(exported, device="cpu")
    both = stylizer(np.stack([busy, flat]))
    assert np.array_equal(both[1], flat)
    assert np.abs(both[0].astype(int) - stylizer(busy)).max() <= 1


@pytest.mark.parametrize("strength", [0.95, 0.7, 0.2])
def test_strength_is_the_paintings_share(network, exported, strength):
    image = np.random.default_rng(7).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    with torch.no_grad():
        painted = network(to_tensor(image[None]))[0].permute(1, 2, 0).numpy() * 255
    wanted = (strength * painted + (1 - strength) * image).clip(0, 255)
    assert np.abs(Stylizer(exported, device="cpu")(image, strength=strength) - wanted).max() <= 1


def test_the_file_is_one_plain_onnx_file(exported, info):
    model = onnx.load(exported, load_external_data=False)
    onnx.checker.check_model(model, full_check=True)
    assert [(o.domain, o.version >= 18) for o in model.opset_import] == [("", True)]
    assert {node.domain for node in model.graph.node} == {""}
    assert not model.functions
    assert not [t.name for t in model.graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL]
    assert exported.stat().st_size < 2_000_000
    shapes = {
        value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    }
    assert shapes == {
        "image": ["batch", "height", "width", 3],
        "strength": [],
        "stylized": ["batch", "height", "width", 3],
    }
    types = {v.name: v.type.tensor_type.elem_type for v in (*model.graph.input, *model.graph.output)}
    assert types["image"] == types["stylized"] == onnx.TensorProto.UINT8
    assert types["strength"] == onnx.TensorProto.FLOAT


def test_the_metadata_come_back(exported, info):
    found = describe(exported)
    assert len(found.digest) == 64
    assert replace(found, digest="") == replace(info, digest="")


def test_the_file_says_nothing_of_where_it_was_made(exported):
    assert str(Path(__file__).parents[3]).encode() not in exported.read_bytes()
    assert b"site-packages" not in exported.read_bytes()


def test_an_export_that_differs_is_refused_and_leaves_the_old_file(network, info, tmp_path, monkeypatch):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"the old one")
    monkeypatch.setattr(to_onnx, "largest_difference", lambda data, shipped: 2)
    with pytest.raises(ImpastoError, match="refused: onnxruntime differs from torch by 2 levels"):
        export(network, info, path, [])
    assert path.read_bytes() == b"the old one"
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]


def test_the_check_sees_a_difference(network, exported):
    other = StyleNet((8, 8, 16), (1, 2))
    assert to_onnx.largest_difference(exported.read_bytes(), Shipped(network)) <= 1
    assert to_onnx.largest_difference(exported.read_bytes(), Shipped(other)) > 1


@pytest.mark.parametrize(("smallest", "largest"), [(1, 15), (16, 600)])
def test_tiny_pictures_are_compared_by_form_alone(exported, network, smallest, largest):
    shipped = Shipped(network)

    def other(image, strength):
        changes = smallest <= min(image.shape[1:3]) <= largest and strength > 0
        return shipped(image, strength) // (2 if changes else 1)

    assert (to_onnx.largest_difference(exported.read_bytes(), other) > 1) == (smallest == 16)


def test_a_file_too_large_is_refused(network, info, tmp_path):
    big = replace(info, preview=bytes(2_000_000))
    with pytest.raises(ImpastoError, match="over the 2000000"):
        export(network, big, tmp_path / "model.onnx", [])
    assert not list(tmp_path.iterdir())
