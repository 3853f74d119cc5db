"""The wheel: what is in it, what it asks for, and that it restyles a photo in an environment of its own."""

import os
import re
import subprocess
import sys
import venv
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]


def run(*words, **settings):
    # the tests' own environment must not lend its packages to another
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    words = list(map(str, words))
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=env, **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_the_three_packages_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"impasto", "impasto_models", "impasto_train"}
    for folder in ("infer/impasto", "train/impasto_train", "models/impasto_models"):
        package = Path(folder).name
        # not __pycache__, where other tests write at the same time
        files = [p for p in (ROOT / folder).rglob("*") if p.is_file() and "__pycache__" not in p.parts]
        found = [p.relative_to(ROOT / folder) for p in files]
        wanted = {f"{package}/{path.as_posix()}" for path in found}
        assert {name for name in names if name.startswith(f"{package}/")} == wanted
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.endswith((".jpg", ".pt", ".pyc"))]


def test_the_wheel_asks_for_one_onnxruntime_wherever_it_is_installed(wheel):
    from packaging.requirements import Requirement

    archive = zipfile.ZipFile(wheel)
    (metadata,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    headers = HeaderParser().parsestr(archive.read(metadata).decode())
    requirements = [Requirement(line) for line in headers.get_all("Requires-Dist")]
    for system, machine, wanted in (
        ("linux", "x86_64", "onnxruntime-gpu"),
        ("win32", "AMD64", "onnxruntime-gpu"),
        ("linux", "aarch64", "onnxruntime"),
        ("win32", "ARM64", "onnxruntime"),
        ("darwin", "arm64", "onnxruntime"),
        ("darwin", "x86_64", "onnxruntime"),
    ):
        for extra in ("", "cuda", "webgpu", "openvino", "tensorrt-rtx", "mlx", "train"):
            place = {"sys_platform": system, "platform_machine": machine, "extra": extra}
            asked = {r.name for r in requirements if r.marker is None or r.marker.evaluate(place)}
            assert {name for name in asked if re.fullmatch("onnxruntime(-gpu)?", name)} == {wanted}
            plugins = {
                "webgpu": {"onnxruntime-ep-webgpu"} if (system, machine) != ("darwin", "x86_64") else set(),
                "openvino": {"onnxruntime-ep-openvino"},
                "tensorrt-rtx": {"onnxruntime-ep-nv-tensorrt-rtx"},
                "mlx": {"onnxruntime-ep-mlx"},
            }
            assert {name for name in asked if "-ep-" in name} == plugins.get(extra, set())
            assert ("torch" in asked) == (extra == "train")


@pytest.mark.slow
def test_the_wheel_alone_restyles_a_photo(wheel, model, tmp_path):
    home = tmp_path / "venv"
    venv.create(home, with_pip=True)
    scripts = home / ("Scripts" if os.name == "nt" else "bin")
    run(scripts / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel)
    absent = "import importlib.util as u; print([n for n in ('torch', 'onnx', 'skimage') if u.find_spec(n)])"
    assert run(scripts / "python", "-c", absent).strip() == "[]"
    photo = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    printed = run(scripts / "apply-style", model, "photo.png", "--device", "cpu", cwd=tmp_path)
    assert printed.strip() == "photo-negative.png"
    with Image.open(tmp_path / "photo-negative.png") as found:
        assert np.array_equal(np.asarray(found), 255 - photo)
    words = [str(scripts / "train-style"), "--style", "photo.png"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2
    # from where this one came: the name alone might be someone else's package
    assert f'pip install "impasto[train] @ {wheel.as_uri()}"' in done.stderr
