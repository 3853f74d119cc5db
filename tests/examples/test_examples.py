"""The examples of embedding a model, run as they stand, beside `Stylizer`."""

import base64
import functools
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import impasto_models
import numpy as np
import pytest
from impasto import Stylizer, describe
from impasto.contract.info import read_model
from impasto_train.commandline.variant import VariantOptions
from impasto_train.export.variants.make import described, edited
from impasto_train.photos.content import centre_crop, demo_photo
from PIL import Image

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SHIPPED = impasto_models.path("great_wave")
DIAL = {"dial": "required"}


def needs(engine: str) -> None:
    """Skip the test where what the example needs is not installed."""
    package = {"opencv": "cv2"}.get(engine, engine)
    if engine == "node":
        if shutil.which("node") is None:
            pytest.skip("examples/node: Node is not installed")
        if not (EXAMPLES / "node" / "node_modules" / "onnxruntime-node").is_dir():
            pytest.skip("examples/node: npm install --prefix examples/node --ignore-scripts has not been run")
    elif engine != "python" and importlib.util.find_spec(package) is None:
        pytest.skip(f"examples/{engine}: {package} is not installed")
    if engine == "opencv":
        import cv2

        if not hasattr(cv2.dnn, "ENGINE_NEW"):
            pytest.skip(f"examples/opencv: it needs OpenCV 5, and this is {cv2.__version__}")


@pytest.fixture
def desk(tmp_path) -> Path:
    Image.fromarray(centre_crop(demo_photo("chelsea.png"), 83)[:61]).save(tmp_path / "photo.png")
    return tmp_path


def model(folder: Path, options: dict[str, str] | None) -> Path:
    """The shipped style, or the variant that ``export-style`` would write."""
    if options is None:
        return SHIPPED
    wanted = VariantOptions(model="great_wave", **options)
    info, data = read_model(SHIPPED)
    path = folder / "variant.onnx"
    path.write_bytes(edited(data, described(info, wanted), wanted.sides, []))
    assert describe(path).dial == options["dial"]
    return path


def run(engine: str, *words: object, folder: Path) -> None:
    (script,) = (path for path in (EXAMPLES / engine).iterdir() if path.stem == "restyle")
    command = "node" if script.suffix == ".mjs" else sys.executable
    # the examples stand without this package
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [command, script, *map(str, words)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=env,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("engine", "options", "strength"),
    [
        ("python", None, None),
        ("python", None, 0.5),
        ("node", None, None),
        ("node", DIAL, 0.5),
        ("openvino", None, None),
        ("openvino", DIAL, 0.5),
        ("opencv", None, None),
        ("opencv", DIAL, 0.5),
    ],
)
def test_an_example_paints_what_stylizer_paints(desk, engine, options, strength):
    needs(engine)
    words = [] if strength is None else [strength]
    run(engine, model(desk, options), "photo.png", "restyled.png", *words, folder=desk)
    with Image.open(desk / "photo.png") as photo, Image.open(desk / "restyled.png") as restyled:
        wanted = np.asarray(Stylizer(SHIPPED, device="cpu")(photo, 1.0 if strength is None else strength)).astype(int)
        assert np.abs(wanted - np.asarray(restyled)).max() <= 1


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        """Say nothing."""


@pytest.fixture
def page(desk) -> Iterator[str]:
    """The address of examples/browser-minimal with its model beside it."""
    folder = desk / "minimal"
    shutil.copytree(EXAMPLES / "browser-minimal", folder)
    model(folder, DIAL).rename(folder / "great_wave-dial.onnx")
    handler = functools.partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_a_page_in_one_file_paints_a_photo(chromium, page, desk):
    job, photo = desk / "job.json", desk / "photo.png"
    job.write_text(json.dumps({"executable": chromium, "address": page, "photo": str(photo)}))
    words = ["node", EXAMPLES / "web" / "tests" / "minimal.mjs", job]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["said"] == []
    assert (EXAMPLES / "browser-minimal" / "index.html").read_text().count("\n") <= 60
    stylize = Stylizer(SHIPPED, device="cpu")
    for strength, url in zip((1, 0.5), found["seen"], strict=True):
        with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as painted:
            apart = np.abs(np.asarray(painted.convert("RGB")).astype(int) - np.asarray(stylize(photo, strength)))
        assert apart.max() <= 2
        assert apart.mean() < 0.5


def test_the_examples_import_nothing_of_ours():
    for script in EXAMPLES.glob("*/restyle.py"):
        assert not re.search(r"^(import|from) impasto", script.read_text(), re.MULTILINE)


def test_the_packages_of_node_are_pinned():
    for folder in (EXAMPLES / "node", EXAMPLES / "web", ROOT / "benchmarks" / "js"):
        manifest = json.loads((folder / "package.json").read_text())
        found = {**manifest["dependencies"], **manifest.get("devDependencies", {})}
        assert found
        assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in found.values())
