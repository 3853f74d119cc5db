"""The commands of README.md and docs/options.md, run as they stand; those that train are cut short."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from impasto.pictures.sheet import LINE
from impasto_train.photos.content import centre_crop, demo_photo
from PIL import Image

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
OPTIONS = (ROOT / "docs" / "options.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README + OPTIONS, re.DOTALL)
COMMANDS = [line for kind, block in BLOCKS if kind == "sh" for line in block.strip().splitlines()]
# what each command becomes here; None: it is covered elsewhere, by the test that is named
SHORTENED = {
    "make demo": "python -m impasto_train.demo --steps 2",
    "make test": None,  # this is it: see test_make_runs_what_the_readme_says
    "make web": None,  # test_web.py
    "pip install .": None,  # test_packaging.py
    'pip install ".[train]"': None,  # how this environment was made
    "bulk-style great_wave photos restyled": None,  # test_bulk_style.py
    "apply-style great_wave photo.jpg": "apply-style great_wave photo.jpg",
    "train-style --style starry.jpg": "train-style --style starry.jpg --content demo --steps 2 --size 64",
    'pip install ".[tune]"': None,  # how this environment was made
    "tune-style --style starry.jpg --l1 0,0.1,0.3,1,3": (
        "tune-style --style starry.jpg --l1 0,0.1,0.3,1,3 --content demo --steps 1 --size 64 --surround 0 --folds 2"
    ),
    "optimize-image --content photo.jpg --style starry.jpg": (
        "optimize-image --content photo.jpg --style starry.jpg --steps 2"
    ),
}


@pytest.fixture
def desk(tmp_path):
    """A folder with a photo, a painting and a film, as the README speaks of them."""
    Image.fromarray(centre_crop(demo_photo("coffee.png"), 96)).save(tmp_path / "photo.jpg")
    Image.fromarray(centre_crop(demo_photo("rocket.jpg"), 96)).save(tmp_path / "starry.jpg")
    with av.open(tmp_path / "clip.mp4", "w") as container:
        video = container.add_stream("libx264", rate=12)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
        container.mux([*video.encode(frame), *video.encode(None)])
    return tmp_path


def test_every_command_is_known_to_this_test():
    assert sorted(COMMANDS) == sorted(SHORTENED)


@pytest.mark.slow
@pytest.mark.parametrize("line", [short for short in SHORTENED.values() if short])
def test_the_commands_run(desk, line):
    words = line.split()
    words[0] = sys.executable if words[0] == "python" else str(Path(sys.executable).with_name(words[0]))
    env = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(words, cwd=desk, capture_output=True, text=True, check=False, timeout=500, env=env)
    assert done.returncode == 0, done.stderr
    if "demo" in words[2]:
        assert "before and after: demo/before-after.png" in done.stdout
        made = {path.name for path in (desk / "demo").iterdir()}
        files = {"painting.png", "painting.onnx", "before.png", "after.png", "before-after.png"}
        assert made == {*files, "painting.run"}
        with Image.open(desk / "demo" / "before.png") as before, Image.open(desk / "demo" / "after.png") as after:
            assert before.size == after.size
            assert not np.array_equal(np.asarray(before), np.asarray(after))
    else:
        made = {
            "apply-style": "photo-great_wave.jpg",
            "train-style": "starry.onnx",
            "tune-style": "starry.tune/sheet.png",
            "optimize-image": "photo-starry.png",
        }[line.split()[0]]
        assert (desk / made).stat().st_size > 1000
        assert done.stdout.startswith(("λ ", made))


def test_make_runs_what_the_readme_says():
    make = shutil.which("make")
    assert make, "make is what the README's commands begin with"

    # a make that runs these tests hands its own variables down
    alone = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}

    def recipe(target):
        done = subprocess.run(
            [make, "--dry-run", target], cwd=ROOT, env=alone, capture_output=True, text=True, check=True
        )
        return done.stdout

    assert "-m impasto_train.demo" in recipe("demo")
    assert "-m pytest" in recipe("test")
    assert '-m "not slow"' in recipe("test")
    assert "npm --prefix examples/web run preview" in recipe("web")
    assert "IMPASTO_TESTS_NO_SKIPS=1" in recipe("test-all")
    assert "not slow" not in recipe("test-all")
    assert "make test-all" in (ROOT / ".ci" / "run").read_text()


def test_the_python_examples_run(desk, monkeypatch):
    monkeypatch.chdir(desk)
    for block in (block for kind, block in BLOCKS if kind == "python"):
        exec(compile(block, "README.md", "exec"), {})
    for name in ("restyled.png", "calm.png"):
        with Image.open(desk / name) as restyled, Image.open(desk / "photo.jpg") as photo:
            assert restyled.size == photo.size
    assert (desk / "film.mp4").exists()


def test_links_and_pictures_are_there():
    targets = [t for t in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in t]
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_gallery_command_draws_a_sheet(tmp_path, model):
    words = [sys.executable, "-m", "benchmarks.gallery", str(tmp_path / "sheet.jpg"), str(model), "--size", "32"]
    subprocess.run(words, cwd=ROOT, check=True, timeout=120)
    with Image.open(tmp_path / "sheet.jpg") as sheet:
        assert sheet.size == (6 * 40 + 8, 2 * (40 + LINE) + 8)  # two abreast, of three photos each


def test_the_scores_name_the_shipped_styles():
    import impasto_models

    for name in impasto_models.names():
        assert f"`{name}`" in README
