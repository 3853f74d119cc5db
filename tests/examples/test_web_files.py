"""The files that the web page is built from."""

import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path

import impasto_models
from impasto import describe
from PIL import Image

WEB = Path(__file__).parents[2] / "examples" / "web"
SAID = ("name", "title", "credit", "style_license", "license")


def test_the_icons_are_of_the_sizes_that_the_manifest_states():
    public = WEB / "public"
    manifest = json.loads((public / "manifest.webmanifest").read_text())
    for icon in manifest["icons"]:
        if icon["type"] == "image/png":
            with Image.open(public / icon["src"]) as image:
                assert "{}x{}".format(*image.size) == icon["sizes"]


def test_the_index_says_what_the_models_say(tmp_path):
    out = tmp_path / "styles"
    words = [sys.executable, WEB / "styles.py", "great_wave", "the_scream", "atlas", "--out", out]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    entries = json.loads((out / "index.json").read_text())["styles"]
    for entry in entries:
        shipped, made = describe(impasto_models.path(entry["name"])), describe(out / entry["file"])
        for said, info in zip((entry, *entry["styles"]), (shipped, *shipped.styles), strict=True):
            assert [said[key] for key in SAID] == [getattr(info, key) for key in SAID]
        assert (made.dial, made.precision, made.made_from) == ("required", "fp16-weights", shipped.digest)
        data = (out / entry["file"]).read_bytes()
        assert (entry["bytes"], entry["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
        shown = (out / entry["preview"]).read_bytes()
        assert (shown == shipped.preview) == (not shipped.styles)  # of several styles, it shows several
        with Image.open(io.BytesIO(shown)) as preview:
            assert preview.size == (192, 192)
    assert [len(entry["styles"]) for entry in entries] == [0, 0, 12]
    names = {"index.json", "example.png"} | {entry[key] for entry in entries for key in ("file", "preview")}
    assert {path.name for path in out.iterdir()} == names


def test_styles_of_a_wrong_model(tmp_path):
    words = [sys.executable, WEB / "styles.py", "nothing.onnx", "--out", tmp_path / "styles"]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 2
    assert done.stderr.startswith("styles.py: ")
    assert done.stderr.count("\n") == 1
