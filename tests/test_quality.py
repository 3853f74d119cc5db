"""The yardstick of the README, on a model whose pictures are known."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def scene(tmp_path):
    (tmp_path / "photos").mkdir()
    random = np.random.default_rng(0)
    for name in ("a", "b"):
        coarse = Image.fromarray(random.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        coarse.resize((512, 384), Image.Resampling.BICUBIC).save(tmp_path / "photos" / f"{name}.png")
    Image.fromarray(random.integers(0, 256, (384, 400, 3), dtype=np.uint8)).save(tmp_path / "style.png")
    return tmp_path


def test_the_table_and_the_json_agree(scene, model):
    words = ["-m", "benchmarks.quality", str(model), "style.png", "photos", "--json", "found.json"]
    done = subprocess.run(
        [sys.executable, *words], cwd=scene, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads((scene / "found.json").read_text())
    assert [row["photo"] for row in found["photos"]] == ["a.png", "b.png"]
    for key in ("R", "S", "J"):
        assert found["mean"][key] == pytest.approx(sum(row[key] for row in found["photos"]) / 2)
    assert found["mean"]["J"] == pytest.approx(found["mean"]["R"] + 2 * found["mean"]["S"], rel=1e-4)
    assert found["mean"]["R"] > 0  # the model inverts the photos
    last = done.stdout.strip().splitlines()[-1].split()
    assert float(last[-1]) == pytest.approx(found["mean"]["J"], abs=5e-4)
