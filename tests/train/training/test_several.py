"""Several styles learned with the same kernels, and a style added to a file of them."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import impasto_models
import numpy as np
import onnx
import pytest
import torch
from impasto import ImpastoError, describe
from impasto.contract import IMAGE, STYLE, STYLIZED, read_checked
from impasto.internal import open_session
from impasto_train import cli
from impasto_train.cli import styles_of
from impasto_train.commandline.options import Options
from impasto_train.export.heads import weights_in
from impasto_train.export.join import finished, join
from impasto_train.network.stylenet import StyleNet, is_kernel
from impasto_train.pipeline import resume, start
from impasto_train.training.run_folder import RunFolder
from onnx import numpy_helper
from PIL import Image
from runs import interrupt_after
from samples import noise


@pytest.fixture
def also(pictures):
    """Two further style pictures."""
    paths = [pictures / "second one.png", pictures / "third.png"]
    for seed, path in enumerate(paths):
        noise(seed, 64, 48).save(path)
    return paths


@pytest.fixture
def options(options):
    return replace(options, out=options.model.with_name("atlas.onnx"), steps=9, title=None)


def averages(run):
    return [weights for weights in RunFolder(run).load_weights()[0]]


def painted(model, number, styles):
    session = open_session(read_checked(model)[1], "cpu")[0]
    photo = np.random.default_rng(0).integers(0, 256, (1, 40, 56, 3), dtype=np.uint8)
    return session.run([STYLIZED], {IMAGE: photo, STYLE: np.eye(styles, dtype=np.float32)[number]})[0]


def test_styles_take_turns_and_share_their_kernels(options, also):
    said: list[str] = []
    assert start(options, said.append, also) == options.model
    assert "3 steps of each of 3 styles, in turns" in said
    log = [json.loads(line) for line in (options.run / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log] == list(range(1, 10))
    assert [line["of"] for line in log] == ["style", "second_one", "third"] * 3
    assert {path.name for path in options.run.glob("style*")} == {"style.png", "style.1.png", "style.2.png"}
    first, second, third = averages(options.run)
    for name, parameter in StyleNet().named_parameters():
        assert torch.equal(first[name], second[name]) == is_kernel(name, parameter), name
    assert not torch.equal(second["from_half.weight"], third["from_half.weight"])
    with Image.open(options.run / "preview.png") as preview:
        assert preview.height > preview.width * 2  # a photo's column: the photo, and a row a style


def test_the_file_tells_of_each_style_and_paints_each(options, also, quiet):
    start(options, quiet, also)
    info = describe(options.model)
    assert (info.contract, info.name, info.title) == (2, "atlas", "Atlas")
    assert [(one.name, one.title, one.steps) for one in info.styles] == [
        ("style", "Style", 3),
        ("second_one", "Second one", 3),
        ("third", "Third", 3),
    ]
    assert len({one.style_weight for one in info.styles}) == 3
    pictures = [painted(options.model, number, 3) for number in range(3)]
    assert not np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[1], pictures[2])


@pytest.mark.slow
def test_a_stopped_run_of_several_goes_on_to_the_same_bits(options, also, quiet, monkeypatch):
    start(options, quiet, also)
    whole, model = averages(options.run), options.model.read_bytes()
    shutil.rmtree(options.run)
    run = interrupt_after(2, monkeypatch)  # in the middle of a round
    start(replace(options, overwrite=True), quiet, also)
    assert 0 < RunFolder(options.run).load_state()["step"] < 9
    assert options.model.read_bytes() != model
    monkeypatch.setattr("impasto_train.training.trainer.Trainer.run", run)
    resume(options.run, quiet)
    for found, wanted in zip(averages(options.run), whole, strict=True):
        assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    assert options.model.read_bytes() == model


def test_another_run_can_start_from_a_run_of_several_and_from_its_file(options, also, quiet, pictures):
    start(options, quiet, also)
    for origin in (options.run, options.model):
        single = replace(options, out=pictures / "single.onnx", from_=str(origin), steps=1, overwrite=True)
        start(single, quiet)
        info = describe(single.model)
        assert (info.contract, info.start, info.steps) == (1, "run", 4)


def test_a_style_added_leaves_the_others_as_they_were(options, also, quiet, pictures):
    start(options, quiet, also[:1])
    before = [painted(options.model, number, 2) for number in range(2)]
    kernels = weights_in(options.model)[0]
    added = replace(options, style=also[1], out=None, to=str(options.model), steps=4)
    assert added.run.name == "atlas-third.run"
    assert start(added, quiet) == options.model
    info = describe(options.model)
    assert [one.name for one in info.styles] == ["style", "second_one", "third"]
    assert (info.name, info.title) == ("atlas", "Atlas")
    assert (info.styles[2].steps, info.styles[2].start) == (4, "run")
    for number in range(2):
        assert np.array_equal(painted(options.model, number, 3), before[number])
    assert not np.array_equal(painted(options.model, 2, 3), before[0])
    learned = averages(added.run)[0]
    for name, parameter in StyleNet().named_parameters():
        if is_kernel(name, parameter):
            assert torch.allclose(learned[name], kernels[name], atol=1e-6), name


def test_what_is_added_again_takes_its_own_place(options, also, quiet, monkeypatch, pictures):
    start(options, quiet, also[:1])
    added = replace(options, style=also[1], out=None, to=str(options.model), steps=4)
    run = interrupt_after(2, monkeypatch)
    start(added, quiet)
    stopped = options.model.read_bytes()
    monkeypatch.setattr("impasto_train.training.trainer.Trainer.run", run)
    moved = pictures / "moved"
    moved.mkdir()
    shutil.move(added.run, moved / added.run.name)
    with pytest.raises(ImpastoError, match=r"atlas\.onnx"):
        resume(moved / added.run.name, quiet)
    assert RunFolder(moved / added.run.name).load_state()["step"] < 4  # said at once
    shutil.move(options.model, moved / options.model.name)
    assert resume(moved / added.run.name, quiet) == moved.resolve() / "atlas.onnx"
    assert [one.name for one in describe(moved / "atlas.onnx").styles] == ["style", "second_one", "third"]
    assert (moved / "atlas.onnx").read_bytes() != stopped
    with pytest.raises(ImpastoError, match="has a style third: give --overwrite to replace it"):
        start(replace(added, to=str(moved / "atlas.onnx")), quiet)


def test_a_title_is_that_of_the_style_that_is_added(options, also, quiet):
    start(replace(options, title="Two of them"), quiet, also[:1])
    start(replace(options, style=also[1], out=None, to=str(options.model), title="The third", steps=2), quiet)
    info = describe(options.model)
    assert [info.title, *(one.title for one in info.styles)] == ["Two of them", "Style", "Second one", "The third"]


def test_a_style_that_is_replaced_keeps_its_place(options, also, quiet):
    start(options, quiet, also[:1])
    before = [painted(options.model, number, 2) for number in range(2)]
    start(replace(options, out=None, to=str(options.model), overwrite=True, steps=3), quiet)
    assert [one.name for one in describe(options.model).styles] == ["style", "second_one"]
    assert not np.array_equal(painted(options.model, 0, 2), before[0])
    assert np.array_equal(painted(options.model, 1, 2), before[1])


def test_what_nothing_can_be_added_to_is_said_before_the_training(options, also, quiet, pictures, monkeypatch):
    monkeypatch.setattr("impasto_train.pipeline._train", None)
    alone = replace(options, style=also[0], out=pictures / "second_one.onnx")
    info, data = read_checked(impasto_models.path("great_wave"))
    three = tuple(replace(info, name=name) for name in "abc")
    both = join([(one, data) for one in three[:2]], "both", "Both")
    old = onnx.load_from_string(data)
    old.graph.initializer.append(numpy_helper.from_array(np.zeros(16, np.float32), "network.at_half.2.calm_bias"))
    for model, about, path, line in (
        (data, replace(info, name="second_one"), alone.model, "is second_one alone"),
        (data, replace(info, made_from="0" * 64), pictures / "variant.onnx", "is a variant"),
        (old.SerializeToString(), info, pictures / "old.onnx", "made by another version: nothing can be added"),
        (both, replace(info, contract=2, styles=three), pictures / "three.onnx", "its styles cannot be told apart"),
    ):
        path.write_bytes(finished(onnx.load_from_string(model), about))
        with pytest.raises(ImpastoError, match=line):
            start(replace(alone, to=str(path), overwrite=True), quiet)


def test_a_style_can_be_added_to_a_file_of_one(options, also, quiet, pictures):
    alone = replace(options, out=pictures / "alone.onnx", steps=2)
    start(alone, quiet)
    both = replace(options, style=also[0], to=str(alone.model), out=pictures / "both.onnx", steps=2)
    start(both, quiet)
    assert [one.name for one in describe(pictures / "both.onnx").styles] == ["alone", "second_one"]
    assert describe(alone.model).contract == 1


def test_pictures_and_folders_on_the_command_line(pictures, also):
    options, others = styles_of(style=[pictures / "style.png", *also], steps=9)
    assert (options.style, options.model.name, others) == (pictures / "style.png", "styles.onnx", also)
    (pictures / "photos/.hidden.png").write_bytes((pictures / "photos/0.png").read_bytes())
    options, others = styles_of(style=[pictures / "photos"])
    assert (options.model.name, len(others)) == ("photos.onnx", 5)
    options, others = styles_of(style=[also[0]])
    assert (options.model.name, others) == ("second one.onnx", [])
    options, _ = styles_of(style=also, to="atlas")
    assert options.model.name == "atlas.onnx"


def test_what_cannot_be_learned_together(pictures, also, called, tmp_path):
    (pictures / "other").mkdir()
    shutil.copy(also[1], pictures / "other/third.jpg")
    (pictures / "none").mkdir()
    for words, line in (
        (["--style", also[1], "--style", pictures / "other/third.jpg"], "two pictures are named third"),
        (["--style", pictures / "none"], "there are no pictures in this folder"),
        (["--add", also[1], "--to", pictures / "style.png"], "style.png is not an ONNX file"),
        (["--add", also[1], "--to", "monet"], "monet"),
    ):
        status, out, said = called(cli.main, pictures, *words, "--content", "photos", "--steps", "2")
        assert (status, out) == (2, "")
        assert line in said
        assert said.count("\n") == 1
    assert not [path for path in pictures.iterdir() if path.suffix in (".onnx", ".run")]


def test_options_of_a_run_that_adds():
    assert Options(style=Path("a.png"), to="my/atlas.onnx").run.name == "atlas-a.run"
