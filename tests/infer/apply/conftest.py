"""A folder to call ``apply-style`` in, and the calls; films to restyle."""

import sys
from pathlib import Path

import pytest
from impasto import Stylizer
from impasto.apply import command
from impasto.apply.film import restyle_film
from impasto.apply.film_writing import Encoding
from impasto.engine import session
from impasto.painting.look import Look
from PIL import Image
from samples import files


@pytest.fixture
def work_folder(tmp_path, monkeypatch) -> Path:
    """An empty folder to work in; no GPU is looked for."""
    monkeypatch.setattr(session, "has_driver", lambda: False)
    monkeypatch.setattr(session, "has_plugin", lambda device: False)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


@pytest.fixture
def png(photo, work_folder) -> str:
    """A photo in the working folder, by its relative path."""
    Image.fromarray(photo).save("photo.png")
    return "photo.png"


@pytest.fixture
def run(monkeypatch, capsys):
    """Call ``apply-style`` in this process: ``status, stdout, stderr = run("model.onnx", "photo.png")``."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["apply-style", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            command.main()
        return caught.value.code, *capsys.readouterr()

    return call


@pytest.fixture
def refused(run):
    """Call ``apply-style`` with something wrong: checks exit 2, one line on stderr and no new file; gives the line."""

    def call(*arguments: object) -> str:
        before = files()
        status, out, err = run(*arguments)
        assert (status, out) == (2, "")
        assert files() == before
        assert err.startswith("apply-style: ")
        assert err.count("\n") == 1
        return err.removeprefix("apply-style: ").rstrip("\n")

    return call


@pytest.fixture
def stylizer(model) -> Stylizer:
    return Stylizer(model, device="cpu")


@pytest.fixture
def said() -> list[str]:
    """What a result could not keep, in lines."""
    return []


@pytest.fixture
def restyle(stylizer, said):
    def call(source, result, look=None, encoding=None):
        counts = []

        def step(*begun: int | None) -> None:
            counts.append(begun)

        made = restyle_film(source, result, stylizer, look or Look(), encoding or Encoding(), step, step, said.append)
        assert len(counts) == made.frames + 1
        return made

    return call
