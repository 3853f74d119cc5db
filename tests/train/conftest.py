"""Photos to learn from, and a tiny training."""

import sys
from pathlib import Path

import numpy as np
import pytest
from impasto import describe
from impasto.contract.info import seal
from negative import negative_model
from PIL import Image
from samples import USELESS, noise


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
def called(monkeypatch, capfd):
    """Call a command in this process, for a process takes seconds to import torch.

    ``status, stdout, stderr = called(main, folder, "--style", "a.png")``.
    """

    def call(main, folder, *arguments):
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["command", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as caught:
            main()
        return caught.value.code, *capfd.readouterr()

    return call


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
    from impasto_train.commandline.options import Options

    monkeypatch.setattr("impasto_train.training.setup.load_vgg_weights", lambda file, say: narrow_vgg_weights)
    return Options(
        style=pictures / "style.png",
        content=str(pictures / "photos"),
        out=pictures / "tiny.onnx",
        steps=6,
        size=32,
        surround=0,
        style_size=48,
        device="cpu",
        checkpoint_every=2,
        preview_every=3,
        title="A title",
        credit="the tests",
        license="CC0-1.0",
        model_license="Apache-2.0",
    )
