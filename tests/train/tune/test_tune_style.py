"""``tune-style``: the training at its end, and wrong calls."""

import dataclasses
import importlib.util
import shutil

import pytest
from impasto import ImpastoError
from impasto.common.extras import pip_line
from impasto_train import pipeline
from impasto_train.tune import command


def test_train_goes_on_with_what_was_found_and_into_the_same_folder(options, monkeypatch, quiet, capsys):
    started = []
    monkeypatch.setattr(pipeline, "start", lambda told, say: started.append(told) or told.model)
    given = {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}
    command.tune_style(**given | {"train": True})
    assert started[0].l1 in (0, 2)
    assert started[0].model == options.folder / "style.onnx"
    assert capsys.readouterr().out.endswith("style.onnx\n")
    (options.folder / "style.onnx").write_bytes(b"mine")
    with pytest.raises(ImpastoError, match="exists: move it away"):
        command.tune_style(**given | {"train": True})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--l1", "0,x"], "--l1 0,x: give numbers"),
        (["--l1", "0,-1"], "--l1 0,-1: give numbers"),
        (["--l1", "nan"], "--l1 nan: give numbers"),
        (["--l1", ""], "--l1 : give numbers"),
        (["--l1-on", "gradient,sideways"], "--l1-on sideways: choose among image, residual, gradient"),
        (["--style-weight", "inf"], "--style-weight inf"),
        (["--l1", "1e13"], "--l1 1e13: give numbers"),
        (["--style-weight", "0", "--content-weight", "0"], "cannot both be 0"),
        (["--folds", "1"], "--folds"),
        (["--folds", "8"], "there are only 5 photos"),
        (["--minutes", "-1"], "--minutes"),
        (["--size", "63"], "--size 63"),
        (["--style", "no.png"], "no.png"),
        (["--style", "text.png"], "text.png"),
        (["--out", "text.png"], "text.png"),
        (["--out", "broken"], "cannot use the record"),
        (["--show", "no"], "--show no: no folder with photos"),
        (["--content", "no"], "no"),
        (["--from", "nowhere"], "nowhere"),
    ],
)
def test_a_wrong_call_gets_one_line_and_2(called, pictures, arguments, message, tmp_path):
    (pictures / "text.png").write_text("no picture")
    (pictures / "broken").mkdir()
    (pictures / "broken" / "record.db").write_bytes(b"no database, no database, no database" * 20)
    shutil.copytree(pictures, tmp_path / "work", ignore=shutil.ignore_patterns("work"))
    given = ["--style", "style.png", "--content", "photos", "--device", "cpu", *arguments]
    status, _, err = called(command.main, tmp_path / "work", *given)
    lines = [line for line in err.splitlines() if line.startswith("tune-style: ")]
    assert status == 2, err
    assert len(lines) == 1
    assert message in lines[0]
    assert "Traceback" not in err
    assert not (tmp_path / "work" / "style.tune" / "record.db").exists()


@pytest.mark.parametrize("package", ["torch", "optuna"])
def test_without_a_package_it_names_the_pip_line_of_the_extra_that_has_all(pictures, called, monkeypatch, package):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == package else find(name, *rest))
    status, _, err = called(command.main, pictures, "--style", "style.png")
    assert status == 2
    assert err == f"tune-style: tuning needs more packages ({package} is not installed): {pip_line('tune')}\n"
