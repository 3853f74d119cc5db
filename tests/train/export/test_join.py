"""Several styles in one file: each paints as it did alone, blends lie between, and a style comes out again."""

import copy
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from impasto import ImpastoError, StyleInfo, describe
from impasto.contract import IMAGE, STRENGTH, STYLE, STYLIZED, read_checked
from impasto_train.export.join import apart, finished, join, taken_out
from impasto_train.export.several import export_several
from impasto_train.export.shipped import Shipped
from impasto_train.export.to_onnx import export
from impasto_train.network.stylenet import StyleNet, is_kernel
from joining import NAMES, plain


def painted(data: bytes, photo: np.ndarray, **feeds: object) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return session.run([STYLIZED], {IMAGE: photo} | {key: np.array(each, np.float32) for key, each in feeds.items()})[0]


@pytest.fixture
def batch() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, 41, 30, 3), dtype=np.uint8)


def test_each_style_of_the_file_paints_as_it_does_alone(single, joined, batch):
    for number, (_, alone) in enumerate(single):
        chosen = np.eye(3)[number] * 7  # shares of the sum count, not the sum
        for strength in (0.0, 0.4, 1.0):
            wanted = painted(alone, batch, **{STRENGTH: strength}).astype(int)
            found = painted(joined, batch, **{STRENGTH: strength, STYLE: chosen}).astype(int)
            assert np.abs(found - wanted).max() <= 1
            assert np.abs(found - wanted).mean() < 0.01


def test_the_first_is_painted_where_nobody_chooses(joined, batch):
    assert np.array_equal(painted(joined, batch), painted(joined, batch, style=[1, 0, 0]))


def test_a_blend_lies_between(joined, batch):
    first, second = (painted(joined, batch, style=np.eye(3)[i]).astype(int) for i in range(2))
    half = painted(joined, batch, style=[1, 1, 0]).astype(int)
    apart = np.abs(first - second).mean()
    assert 0 < np.abs(half - first).mean() < apart
    assert 0 < np.abs(half - second).mean() < apart


def test_no_node_takes_and_gives_more_than_webgpu_lets_it(joined):
    nodes = onnx.load_from_string(joined).graph.node
    assert max(len(node.input) + len(node.output) for node in nodes) <= 8  # buffers that a shader may have everywhere


def test_what_it_says_of_itself(joined, single, tmp_path):
    path = tmp_path / "atlas.onnx"
    path.write_bytes(joined)
    about, _ = read_checked(path)
    assert (about.contract, about.name, about.title) == (2, "atlas", "Atlas")
    assert [(one.name, one.style_loss) for one in about.styles] == [("first", 0.0), ("second", 1.0), ("third", 2.0)]
    assert replace(about.styles[1], digest=single[1][0].digest) == single[1][0]
    assert describe(path) == about


def test_a_style_added_later_leaves_the_others_as_they_were(single, joined, batch):
    about = StyleInfo.from_metadata({prop.key: prop.value for prop in onnx.load_from_string(joined).metadata_props})
    two = join(single[:2], "two", "Two")
    two_about = StyleInfo.from_metadata({prop.key: prop.value for prop in onnx.load_from_string(two).metadata_props})
    assert join([(two_about, two), single[2]], "atlas", "Atlas") == joined
    for number in range(2):
        before, after = (painted(data, batch, style=np.eye(n)[number]) for data, n in ((two, 2), (joined, 3)))
        assert np.array_equal(before, after)
    assert len(about.styles) == 3


def test_a_style_comes_out_as_it_went_in(single, joined, batch):
    about = StyleInfo.from_metadata({prop.key: prop.value for prop in onnx.load_from_string(joined).metadata_props})
    for (info, before), (again, after) in zip(single, apart(about, joined), strict=True):
        assert replace(again, digest=info.digest) == info
        for strength in (0.3, 1.0):
            assert np.array_equal(painted(after, batch, strength=strength), painted(before, batch, strength=strength))


def test_a_blend_can_be_taken_out_as_one_style(joined, single, batch):
    blend = taken_out(joined, replace(single[0][0], name="half"), np.array([1, 1, 0], np.float32))
    found, wanted = painted(blend, batch).astype(int), painted(joined, batch, style=[1, 1, 0]).astype(int)
    assert np.abs(found - wanted).max() <= 1
    assert [value.name for value in onnx.load_from_string(blend).graph.input] == [IMAGE, STRENGTH]


def test_two_styles_of_one_name_are_not_joined(single):
    with pytest.raises(ImpastoError, match="two styles are named first"):
        join([single[0], single[1], single[0]], "atlas", "Atlas")


def test_styles_of_other_kernels_are_not_joined(single, info):
    about = replace(info, name="other")
    with pytest.raises(ImpastoError, match="other cannot be joined to first: they do not share their kernels"):
        join([single[0], (about, finished(plain(1, about), about))], "atlas", "Atlas")


def test_a_style_is_added_to_a_file_that_was_trained_briefly(info, batch, tmp_path):
    torch.manual_seed(3)
    first = StyleNet((8, 8, 16), (1, 2))
    second = copy.deepcopy(first)
    for name, parameter in second.named_parameters():
        if not is_kernel(name, parameter):
            parameter.data += 0.1 * torch.randn_like(parameter)
    one, two = tmp_path / "one.onnx", tmp_path / "two.onnx"
    export(first, replace(info, name="first"), one)
    held, added = [read_checked(one)], [(second, replace(info, name="second"))]
    found = export_several(added, two, lambda data: None, name="two", title="Two", held=held)
    assert [about.name for about in found.styles] == ["first", "second"]
    alone = [data for _, data in apart(found, two.read_bytes())]
    for strength in (0.3, 1.0):
        before, after, other = (painted(data, batch, strength=strength) for data in (one.read_bytes(), *alone))
        assert np.array_equal(before, after)
        assert np.abs(before.astype(int) - other).max() > 2


def test_networks_of_the_same_kernels_are_exported_together(info, batch, tmp_path):
    torch.manual_seed(2)
    networks = [StyleNet((8, 8, 16), (1, 2)) for _ in range(2)]
    networks[1].load_state_dict(networks[0].state_dict())
    for name, parameter in networks[1].named_parameters():
        if not is_kernel(name, parameter):
            parameter.data += 0.1 * torch.randn_like(parameter)
    styles = [(network, replace(info, name=name)) for network, name in zip(networks, NAMES, strict=False)]
    found = export_several(styles, tmp_path / "two.onnx", lambda data: None, name="two", title="Two")
    assert [one.name for one in found.styles] == ["first", "second"]
    data = (tmp_path / "two.onnx").read_bytes()
    for number, (_, alone) in enumerate(apart(found, data)):
        shipped = Shipped(networks[number])
        for strength in (0.0, 0.6, 1.0):
            with torch.no_grad():
                wanted = shipped(torch.from_numpy(batch), torch.tensor(strength)).numpy().astype(int)
            assert np.abs(painted(alone, batch, strength=strength) - wanted).max() <= 1
