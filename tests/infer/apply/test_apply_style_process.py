"""``apply-style`` as a process of its own: its streams, its exit status and what it imports."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from impasto import Stylizer
from impasto.pictures.reading import read_picture
from PIL import Image

pytestmark = pytest.mark.usefixtures("work_folder")

PROGRAM = "from impasto.apply.command import main; main()"


def process(*arguments: object, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
        **options,
    )


def test_as_a_process(model, png, photo):
    done = process(model, png, "--device", "cpu")
    assert (done.returncode, done.stdout) == (0, "photo-negative.png\n")
    assert done.stderr == "apply-style: negative on the CPU\n"
    np.testing.assert_array_equal(read_picture("photo-negative.png").rgb, Stylizer(model)(photo))
    Image.fromarray(photo).save("odd.tif")
    odd = Path("odd.tif").read_bytes().replace(b"\x15\x01\x03\0\x01\0\0\0\x03", b"\x15\x01\x03\0\x01\0\0\0\x63")
    Path("odd.tif").write_bytes(odd)  # 99 samples a pixel, which Pillow logs before it raises
    done = process(model, "odd.tif")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    done = process(model, "missing.png")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "apply-style: cannot read missing.png: no such file\n"


def test_a_terminal_that_cannot_show_a_title(model):
    done = process(model, "--info", env=os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert (done.returncode, done.stderr) == (0, "")
    assert r"Negativ, \u9670\u753b" in done.stdout


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_help_and_version_answer_before_anything_heavy(flag, tmp_path):
    """Modules that raise when imported stand in for the heavy ones."""
    heavy = ("numpy", "PIL", "onnxruntime", "onnx", "torch")
    for name in heavy:
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('{name} was imported')")
    done = process(flag, env=os.environ | {"PYTHONPATH": str(tmp_path)})
    assert (done.returncode, done.stderr) == (0, "")
    if flag == "--help":
        options = ("--output", "--strength", "--device", "--info", "--overwrite", "--version")
        assert all(option in done.stdout for option in options)
    else:
        assert done.stdout.startswith("apply-style ")


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes that close early on this system")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_goes_away(unbuffered, model):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as gone:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(model), "--info"],
            stdout=gone,
            stderr=subprocess.PIPE,
            timeout=120,
            check=False,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        )
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_behind_stdout(model, png):
    for words in ([png, "-o", "-"], [png], ["--info"]):
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [sys.executable, "-c", PROGRAM, str(model), *words, "--device", "cpu"],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                timeout=120,
                check=False,
            )
        assert done.returncode == 2
        assert "No space left on device" in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no such shell on this system")
def test_closed_streams(model, png):
    def shell(line: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-c", PROGRAM, str(model), "--device", "cpu"]
        return subprocess.run(
            ["sh", "-c", f'"$@" {line}', "sh", *words], capture_output=True, text=True, timeout=120, check=False
        )

    done = shell("- -o a.png <&-")
    assert (done.returncode, done.stderr) == (2, "apply-style: cannot read stdin: it is closed\n")
    assert shell(f"{png} >&-").returncode == 0
    assert Path("photo-negative.png").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal on this system")
def test_sigterm_leaves_nothing_behind(model, work_folder):
    # the signal comes while the result is being written
    program = (
        PROGRAM.replace("main()", "")[:-2]
        + """
import os, signal
replace = os.replace
os.replace = lambda *paths: os.kill(os.getpid(), signal.SIGTERM)
main()"""
    )
    Image.new("RGB", (9, 9)).save("a.png")
    done = subprocess.run(
        [sys.executable, "-c", program, str(model), "a.png"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 130
    assert done.stderr.endswith("apply-style: stopped\n")
    assert os.listdir() == ["a.png"]


def test_from_stdin_to_stdout(model, photo):
    data = io.BytesIO()
    Image.fromarray(photo).save(data, "PNG")

    def call(*arguments):
        return subprocess.run([sys.executable, "-c", PROGRAM, *arguments], input=data.getvalue(), capture_output=True)

    done = call(model, "-")
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(read_picture(io.BytesIO(done.stdout)).rgb, 255 - photo)
    assert read_picture(io.BytesIO(call(model, "-", "--format", "webp").stdout)).format == "WEBP"
    done = call(model, "-", "-o", "result.jpg", "--json")
    assert json.loads(done.stdout)["photo"] == "-"
    assert read_picture("result.jpg").format == "JPEG"
    assert b"no name to take into a folder" in call(model, "-", "-o", "out/").stderr
    Image.fromarray(photo).save("photo.png")
    done = call(model, "photo.png", "-o", "-", "--json")
    np.testing.assert_array_equal(read_picture(io.BytesIO(done.stdout)).rgb, 255 - photo)
    assert json.loads(done.stderr.splitlines()[-1])["result"] == "-"
    done = call(model, "photo.png", "photo.png", "-o", "-")
    assert (done.returncode, done.stdout) == (2, b"")
