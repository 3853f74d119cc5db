"""The command ``train-style``: wrong calls, and a process of its own."""

import subprocess
import sys

import pytest
from impasto import describe
from impasto.common.extras import pip_line
from impasto_train import cli


def command(*arguments, **settings):
    words = [sys.executable, "-m", "impasto_train", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=300, **settings)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--style starry.jpg"),
        (["--style", "missing.jpg"], "missing.jpg"),
        (["--style", "style.png", "--content", "nowhere"], "no such folder"),
        (["--style", "style.png", "--content", "empty"], "at least two usable photos"),
        (["--style", "photos/notes.txt", "--content", "photos"], "not a picture"),
        (["--style", "empty", "--content", "photos"], "there are no pictures in this folder"),
        (["--style", "style.png", "--steps", "0"], "--steps 0 is not possible"),
        (["--style", "style.png", "--l1", "nan"], "--l1 nan is not possible"),
        (["--style", "style.png", "--style-weight", "-1"], "--style-weight -1.0 is not possible"),
        (["--style", "style.png", "--steps", "5", "--minutes", "1"], "not both"),
        (["--style", "style.png", "--minutes", "0", "--from", "scratch"], "leave --from scratch out"),
        (["--style", "style.png", "--minutes", "-1"], "--minutes -1.0 is not possible"),
        (["--style", "style.png", "--l1-on", "sideways"], "--l1-on"),
        (["--style", "style.png", "--out", "model.pt"], "must end in .onnx"),
        (["--style", "style.png", "--size", "abc"], "--size"),
        (["--style", "style.png", "--frobnicate"], "--frobnicate"),
        (["--resume", "photos"], "not a run folder"),
        (["--style", "style.png", "--from", "photos"], "--from photos: neither base nor scratch, nor a model"),
        (["--style", "style.png", "--to", "atlas", "--from", "scratch"], "leave --from out"),
        (["--resume", "tiny.run", "--steps", "9"], "leave out --steps"),
        (["--resume", "tiny.run", "--steps", "9"], "to train beyond its end, begin a run --from tiny.run"),
        (["--style", "style.png", "--content", "photos", "--vgg-weights", "style.png"], "--vgg-weights"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_call_or_input_gets_one_line_and_2(called, pictures, arguments, message):
    (pictures / "empty").mkdir()
    before = sorted(pictures.rglob("*"))
    status, out, err = called(cli.main, pictures, *arguments)
    assert status == 2
    lines = err.strip().splitlines()
    assert message in lines[-1]
    assert lines[-1].startswith("train-style: ")
    assert len(lines) == 1
    assert out == ""
    assert sorted(pictures.rglob("*")) == before


def test_without_the_train_extra_it_names_the_pip_line(pictures):
    hide = "import sys; sys.modules['torch'] = None; from impasto_train.cli import main; main()"
    words = [sys.executable, "-c", hide, "--style", "style.png"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=pictures)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert pip_line("train") in done.stderr


def test_help_comes_before_anything_heavy_is_loaded():
    code = (
        "import sys; sys.argv = ['train-style', '--help']\n"
        "from impasto_train.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "assert not {'torch', 'onnx', 'onnxruntime', 'skimage'} & sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--style-weight" in done.stdout


def test_the_command_trains_with_the_real_vgg16(pictures):
    """The whole way as a user goes it; also what fetches the weights for the rest of the tests."""
    arguments = [
        "--style",
        "style.png",
        "--content",
        "photos",
        "--size",
        "32",
        "--surround",
        "0",
        "--steps",
        "3",
        "--device",
        "cpu",
    ]
    done = command(*arguments, cwd=pictures)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "style.onnx\n"
    assert "R " in done.stderr
    assert len(describe(pictures / "style.onnx").vgg) == 64
