"""The yardstick of the README, on a model whose pictures are known."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from impasto_train.downloads.vgg_weights import load_vgg_weights
from PIL import Image

from benchmarks.quality import quality

ROOT = Path(__file__).parents[2]


@pytest.fixture
def scene(tmp_path):
    (tmp_path / "photos").mkdir()
    random = np.random.default_rng(0)
    for name in ("a", "b"):
        coarse = Image.fromarray(random.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        coarse.resize((512, 384), Image.Resampling.BICUBIC).save(tmp_path / "photos" / f"{name}.png")
    Image.fromarray(random.integers(0, 256, (384, 400, 3), dtype=np.uint8)).save(tmp_path / "style.png")
    return tmp_path


@pytest.mark.slow
def test_the_table_and_the_json_agree(scene, model):
    words = ["-m", "benchmarks.quality", str(model), "style.png", "photos"]
    words += ["--json", "found.json", "--plot", "plot.png"]
    done = subprocess.run(
        [sys.executable, *words],
        cwd=scene,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    *rows, mean = json.loads((scene / "found.json").read_text())
    assert [row["photo"] for row in rows] == ["a.png", "b.png"]
    for key in ("R", "S", "J", "W", "L", "P", "contrast 64", "F", "spread 2", "structure", "S relu4_3"):
        assert mean[key] == pytest.approx(sum(row[key] for row in rows) / 2)
    assert mean["J"] == pytest.approx(mean["R"] + 2 * mean["S"], rel=1e-4)
    last = done.stdout.strip().splitlines()[-1].split()
    figures = [value for value in mean.values() if isinstance(value, float)]
    assert [float(text) for text in last[-len(figures) :]] == pytest.approx(figures, abs=5e-4)
    assert (scene / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_the_scores_are_those_of_the_formula(scene, model, monkeypatch):
    """Against torchvision's own VGG16 and the formula in numpy, for a model that turns photos into negatives."""
    monkeypatch.setattr("impasto_train.judge.eye.SIDES", (384,))  # one look at the painting takes less time than three
    weights = load_vgg_weights(say=print)
    reference = torchvision.models.vgg16().features.eval()
    reference.apply(lambda layer: setattr(layer, "inplace", False))
    reference.load_state_dict({name.removeprefix("features."): t for name, t in weights.tensors.items()})

    def features(pixels):
        x = torch.tensor(pixels).permute(2, 0, 1)[None].float() / 255
        x = (x - torch.tensor(weights.mean).view(3, 1, 1)) / torch.tensor(weights.std).view(3, 1, 1)
        found = []
        with torch.no_grad():
            for layer in reference[:23]:
                x = layer(x)
                found.append(x[0].double().numpy())
        return [found[index] for index in (3, 8, 15, 22)]  # relu1_2, relu2_2, relu3_3, relu4_3

    def gram(f):
        flat = f.reshape(len(f), -1)
        return flat @ flat.T / f.size

    def relative(a, b):
        return ((a - b) ** 2).sum() / (b**2).sum()

    style = np.asarray(Image.open(scene / "style.png"))
    photo = np.asarray(Image.open(scene / "photos" / "a.png"))[:, 64:448]
    painted, wanted, target = features(255 - photo), features(photo), features(style)
    r = relative(painted[2], wanted[2])
    s = sum(relative(gram(a), gram(b)) for a, b in zip(painted, target, strict=True))
    quality(str(model), scene / "style.png", scene / "photos" / "a.png", json_file=scene / "found.json")
    found = json.loads((scene / "found.json").read_text())[-1]
    assert (found["R"], found["S"]) == pytest.approx((r, s), rel=1e-3)


def test_pictures_painted_by_another_are_scored_as_the_models_own(scene, model, narrow_vgg_weights, monkeypatch):
    monkeypatch.setattr("benchmarks.quality.load_vgg_weights", lambda: narrow_vgg_weights)
    (scene / "rival").mkdir()
    for name in ("a", "b"):
        crop = np.asarray(Image.open(scene / "photos" / f"{name}.png"))[:, 64:448]
        Image.fromarray(255 - crop).save(scene / "rival" / f"{name}.bmp")
    found = []
    for source in (model, scene / "rival"):
        quality(str(source), scene / "style.png", scene / "photos", first=1, json_file=scene / "found.json")
        found.append(json.loads((scene / "found.json").read_text()))
    assert found[0] == found[1]
    assert [row["photo"] for row in found[1]] == ["a.png", "mean of 1"]


def test_every_command_of_the_benchmarks_has_help(monkeypatch, capsys):
    for name in (
        "quality",
        "sheets",
        "gallery",
        "flicker",
        "artefacts",
        "speed",
        "equals_n_steps",
        "training",
        "memory",
    ):
        monkeypatch.setattr(sys, "argv", [name, "--help"])
        monkeypatch.delitem(sys.modules, f"benchmarks.{name}", raising=False)  # else runpy warns
        with pytest.raises(SystemExit) as caught:
            runpy.run_module(f"benchmarks.{name}", run_name="__main__")
        out, err = capsys.readouterr()
        assert caught.value.code == 0, err
        assert "Usage" in out
