"""Fixtures that several test files share."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from impasto import StyleInfo, _cli, _device, describe
from impasto._contract import CONTRACT_VERSION, IMAGE, STRENGTH, STYLIZED, seal
from no_skips import pytest_make_collect_report, pytest_runtest_makereport  # noqa: F401 - hooks of pytest's
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from samples import USELESS, noise

INFO = StyleInfo(
    contract=CONTRACT_VERSION,
    name="negative",
    title="Negativ, 陰画",
    credit="the tests",
    style_license="CC0-1.0",
    license="Apache-2.0",
    content_weight=1.0,
    style_weight=2.0,
    l1_weight=0.1,
    l1_on="gradient",
    normalize=True,
    vgg="ab" * 32,
    content="none",
    content_count=0,
    steps=0,
    batch_size=1,
    size=256,
    style_size=384,
    impasto_version="0.1.0",
    content_loss=1.25,
    style_loss=1e-17,
    preview=b"\x89PNG\0\xff",
)


def negative_model(metadata: dict[str, str]) -> bytes:
    """A serialised model that keeps the contract: ``round(x + strength * ((255 - x) - x))``, unsealed."""
    nodes = [
        helper.make_node("Cast", [IMAGE], ["photo"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["white", "photo"], ["negative"]),
        helper.make_node("Sub", ["negative", "photo"], ["difference"]),
        helper.make_node("Mul", ["difference", STRENGTH], ["change"]),
        helper.make_node("Add", ["photo", "change"], ["mixed"]),
        helper.make_node("Round", ["mixed"], ["rounded"]),
        helper.make_node("Cast", ["rounded"], [STYLIZED], to=TensorProto.UINT8),
    ]
    shape = ["N", "H", "W", 3]
    graph = helper.make_graph(
        nodes,
        "negative",
        [
            helper.make_tensor_value_info(IMAGE, TensorProto.UINT8, shape),
            helper.make_tensor_value_info(STRENGTH, TensorProto.FLOAT, []),
        ],
        [helper.make_tensor_value_info(STYLIZED, TensorProto.UINT8, shape)],
        [numpy_helper.from_array(np.float32(1), STRENGTH), numpy_helper.from_array(np.float32(255), "white")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    return model.SerializeToString()


@pytest.fixture(scope="session")
def info() -> StyleInfo:
    """What the models of these fixtures say about themselves, but for the digest."""
    return INFO


@pytest.fixture
def make_model(tmp_path: Path) -> Callable[..., Path]:
    """Write a sealed model into the test's folder: ``make_model("name", title="of another title")``."""

    def make(name: str = INFO.name, **changes: Any) -> Path:
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(seal(negative_model(replace(INFO, name=name, **changes).to_metadata())))
        return path

    return make


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sealed model named ``negative`` that turns photos into their negatives."""
    path = tmp_path_factory.mktemp("model") / "negative.onnx"
    path.write_bytes(seal(negative_model(INFO.to_metadata())))
    return path


@pytest.fixture(scope="session")
def narrow_vgg_weights() -> Any:
    """See `benchmarks.drills.tiny.narrow_vgg`."""
    from benchmarks.drills.tiny import narrow_vgg

    return narrow_vgg()


# -- apply-style -----------------------------------------------------------------------------------


@pytest.fixture
def work_folder(tmp_path, monkeypatch) -> Path:
    """An empty folder to work in; no GPU is looked for."""
    monkeypatch.setattr(_device, "_has_driver", lambda: False)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


@pytest.fixture
def photo() -> np.ndarray:
    """Noise of 20x30 px, uint8 ``[H, W, 3]``."""
    return np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


@pytest.fixture
def png(photo, work_folder) -> str:
    """A photo in the working folder, by its relative path."""
    Image.fromarray(photo).save("photo.png")
    return "photo.png"


@pytest.fixture
def run(monkeypatch, capsys):
    """Call ``apply-style`` in this process: ``status, stdout, stderr = run("model.onnx", "photo.png")``."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["apply-style", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            _cli.main()
        return caught.value.code, *capsys.readouterr()

    return call


@pytest.fixture
def refused(run):
    """Call ``apply-style`` with something wrong: checks exit 2, one line on stderr and no new file; gives the line."""

    def call(*arguments: object) -> str:
        before = files()
        status, out, err = run(*arguments)
        assert (status, out) == (2, "")
        assert files() == before
        assert err.startswith("apply-style: ")
        assert err.count("\n") == 1
        return err.removeprefix("apply-style: ").rstrip("\n")

    return call


def files() -> dict[str, bytes]:
    """Everything in the working folder."""
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


# -- pictures in and out of files ------------------------------------------------------------------


@pytest.fixture
def rgb() -> np.ndarray:
    """Noise of 24x36 px: no two pixels the same, so that nothing can be turned or cut unseen."""
    return np.random.default_rng(0).integers(0, 256, (24, 36, 3), dtype=np.uint8)


@pytest.fixture
def alpha() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (24, 36), dtype=np.uint8)


# -- train-style -----------------------------------------------------------------------------------


@pytest.fixture
def photo_folder(tmp_path: Path) -> Path:
    """42 photos in nested folders, and files that are none."""
    root = tmp_path / "sets" / "mine"
    for index in range(42):
        path = root / ("deep/er" if index % 3 else "") / f"{index:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise(index).save(path)
    for name, content in USELESS.items():
        (root / name).write_bytes(content)
    for hidden in (".hidden.png", ".thumbnails/a.png"):
        (root / hidden).parent.mkdir(exist_ok=True)
        noise(99).save(root / hidden)
    return root


@pytest.fixture
def quiet():
    """Takes what a training says."""
    return lambda line: None


@pytest.fixture
def pictures(tmp_path):
    """A style picture and a folder of six photos and one file that is none."""
    random = np.random.default_rng(0)

    def picture(path, height, width):
        coarse = random.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(path)

    picture(tmp_path / "style.png", 64, 96)
    (tmp_path / "photos").mkdir()
    for index in range(6):
        picture(tmp_path / "photos" / f"{index}.png", 64, 72)
    (tmp_path / "photos" / "notes.txt").write_text("not a photo")
    return tmp_path


@pytest.fixture
def quick_export(monkeypatch):
    """Export as fast as tests of the training want it: the metadata are true, the network is not in the file."""
    from impasto_train import pipeline

    def export(network, info, path, about_to_write):
        data = seal(negative_model(info.to_metadata()))
        about_to_write(data)
        path.write_bytes(data)
        return describe(path)

    monkeypatch.setattr(pipeline, "export", export)


@pytest.fixture
def options(pictures, monkeypatch, narrow_vgg_weights):
    """Options of a tiny run under the narrow network's eyes."""
    from impasto_train import pipeline, trainer
    from impasto_train.options import Options

    monkeypatch.setattr(pipeline, "load_vgg_weights", lambda file, say: narrow_vgg_weights)
    monkeypatch.setattr(trainer, "STEPS", 3)  # of learning the colours first
    return Options(
        style=pictures / "style.png", content=str(pictures / "photos"), out=pictures / "tiny.onnx",
        steps=6, size=32, style_size=48, device="cpu", checkpoint_every=2, preview_every=3,
        title="A title", credit="the tests", license="CC0-1.0", model_license="Apache-2.0",
    )  # fmt: skip
