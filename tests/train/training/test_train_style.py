"""A training from its options to its model, on pictures that the tests make."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from impasto import ImpastoError, Stylizer, describe
from impasto_train.photos.content import open_content, read_style
from impasto_train.pipeline import resume, start
from impasto_train.training.run_folder import RunFolder
from impasto_train.training.setup import build_objective, pick_device
from impasto_train.training.trainer import QUICKER, Record, Trainer, learning_rate
from PIL import Image
from runs import assert_same, weights


def test_a_tiny_run_makes_exactly_these_files(options, pictures, quiet):
    before = {path.name for path in pictures.iterdir()}
    assert start(options, quiet) == options.model
    made = [path.relative_to(pictures) for path in pictures.rglob("*")]
    assert sorted(str(path) for path in made if path.parts[0] not in before) == [
        "tiny.onnx",
        "tiny.run",
        "tiny.run/checkpoint.before.pt",
        "tiny.run/checkpoint.pt",
        "tiny.run/exported.sha256",
        "tiny.run/log.jsonl",
        "tiny.run/options.json",
        "tiny.run/preview.png",
        "tiny.run/style.png",
    ]
    log = [json.loads(line) for line in (options.run / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log] == [1, 2, 3, 4, 5, 6]
    info = describe(options.model)
    weighted = [line["content"] + info.style_weight * line["style"] + info.l1_weight * line["l1"] for line in log]
    assert weighted == pytest.approx([line["total"] for line in log], rel=1e-5)
    assert (info.name, info.title, info.credit) == ("tiny", "A title", "the tests")
    assert (info.style_license, info.license) == ("CC0-1.0", "Apache-2.0")
    assert (info.content, info.content_count) == (f"{pictures.name}/photos", 5)
    assert (info.steps, info.size, info.style_size, info.batch_size) == (6, 32, 48, 1)
    assert (info.content_weight, info.l1_weight, info.l1_on) == (1, 0.3, "residual")
    assert (info.style_statistic, info.content_on) == ("moments", "drawing")
    assert info.vgg == "cd" * 32
    assert info.content_loss > 0
    assert info.style_loss > 0
    assert info.preview.startswith(b"\xff\xd8")
    photo = Image.open(pictures / "photos" / "0.png")
    painted = Stylizer(options.model, device="cpu")(photo)
    assert painted.size == photo.size
    assert np.asarray(painted).std() > 1


@pytest.mark.usefixtures("quick_export")
def test_training_lowers_the_objective(options, quiet):
    start(replace(options, steps=120, preview_every=0), quiet)
    records = [json.loads(line) for line in (options.run / "log.jsonl").read_text().splitlines()]
    totals = [record["total"] for record in records]
    # steps see different photos, and rounding differs with the number of threads: about 0.65
    assert np.mean(totals[-10:]) < 0.85 * np.mean(totals[:5])


@pytest.mark.usefixtures("quick_export")
def test_the_same_options_give_the_same_weights(options, pictures, quiet):
    start(options, quiet)
    start(replace(options, out=pictures / "again.onnx"), quiet)
    start(replace(options, out=pictures / "other.onnx", seed=1), quiet)
    assert_same(pictures / "again.run", pictures / "tiny.run")
    a, b = weights(pictures / "other.run"), weights(pictures / "tiny.run")
    assert not any(torch.equal(a[name], b[name]) for name in a if name.endswith("conv.weight"))


@pytest.mark.usefixtures("quick_export")
@pytest.mark.parametrize("origin", ["scratch", "base"])
def test_a_training_begins_with_its_start(options, pictures, quiet, monkeypatch, origin):
    fresh, begun = {}, {}

    def stopped(trainer):
        begun.update(network=copy(trainer.network), average=copy(trainer.average))
        yield from ()

    def copy(network):
        return {name: weight.clone() for name, weight in network.state_dict().items()}

    begin = Trainer.begin

    def watched(trainer, *arguments):
        fresh.update(copy(trainer.network))
        begin(trainer, *arguments)

    monkeypatch.setattr(Trainer, "begin", watched)
    monkeypatch.setattr(Trainer, "run", stopped)
    with pytest.raises(KeyboardInterrupt):  # as nothing was learned
        start(replace(options, from_=origin), quiet)
    saved = RunFolder(options.run).load_state()
    for name, weight in fresh.items():
        for part, found in begun.items():
            assert torch.equal(found[name], saved[part][name])
            assert not torch.equal(found[name], weight), name
    # from learned kernels, what is a style's own learns quicker
    _, own = saved["optimizers"]
    assert [group["quicker"] for group in own["param_groups"]] == [1.0 if origin == "scratch" else QUICKER]


@pytest.mark.usefixtures("quick_export")
def test_a_first_preview_is_there_before_any_step(options, quiet, monkeypatch):
    there = []

    def stopped(trainer):
        there.append((options.run / "preview.png").exists())
        yield from ()

    monkeypatch.setattr(Trainer, "run", stopped)
    for own in (options, replace(options, preview_every=0, overwrite=True)):
        with pytest.raises(KeyboardInterrupt):  # as no step was taken
            start(own, quiet)
    assert there == [True, False]


@pytest.mark.usefixtures("quick_export")
def test_a_start_that_fails_leaves_the_old_run(options, quiet, monkeypatch):
    start(options, quiet)
    before = {path.name: path.read_bytes() for path in options.run.iterdir()}
    monkeypatch.setattr("impasto_train.base.starts.load_base", lambda: [{}])
    with pytest.raises(ImpastoError, match="another version"):
        start(replace(options, from_="base", overwrite=True), quiet)
    assert {path.name: path.read_bytes() for path in options.run.iterdir()} == before


@pytest.mark.usefixtures("quick_export")
def test_a_picture_that_teaches_little_is_warned_of_at_the_start(options, pictures):
    Image.new("RGB", (20, 20), (200, 30, 30)).save(pictures / "icon.png")
    said: list[str] = []
    start(replace(options, style=pictures / "icon.png", steps=1), said.append)
    assert said[0].startswith("warning: ")
    assert "icon.png is 20x20 px, too small" in said[0]
    assert "icon.png is nearly one colour" in said[1]
    said.clear()
    start(replace(options, overwrite=True, steps=1), said.append)
    assert not any("warning" in line for line in said)


@pytest.mark.usefixtures("quick_export")
def test_the_steps_of_a_model_are_those_of_all_the_runs_behind_it(options, pictures, quiet):
    outs = [pictures / f"{name}.onnx" for name in ("first", "second", "third")]
    begins = ["base", *(str(out.with_suffix(".run")) for out in outs)]
    for out, begin, steps in zip(outs, begins, (3, 2, 1), strict=False):
        start(replace(options, out=out, from_=begin, steps=steps), quiet)
    assert [describe(out).steps for out in outs] == [3, 5, 6]
    outs[0].with_suffix(".run").rename(pictures / "gone.run")
    resume(outs[1].with_suffix(".run"), quiet)
    assert describe(outs[1]).steps == 5


@pytest.mark.usefixtures("quick_export")
def test_a_training_starts_from_what_another_has_learned(options, pictures, quiet, monkeypatch):
    start(options, quiet)
    (learned,), _ = RunFolder(options.run).load_weights()
    found = {}

    def stopped(trainer):
        found.update({name: weight.clone() for name, weight in trainer.network.state_dict().items()})
        yield from ()

    monkeypatch.setattr(Trainer, "run", stopped)
    with pytest.raises(KeyboardInterrupt):  # as no step was taken
        start(replace(options, out=pictures / "second.onnx", from_=str(options.run)), quiet)
    assert found.keys() == learned.keys()
    different = {name for name in found if not torch.equal(found[name], learned[name])}
    assert different <= {"from_half.weight", "from_half.bias"}  # the colours are the new painting's


@pytest.mark.usefixtures("quick_export")
def test_nothing_is_overwritten_unasked(options, quiet):
    start(options, quiet)
    model = options.model.read_bytes()
    with pytest.raises(ImpastoError, match=r"tiny\.onnx exists: give --overwrite"):
        start(options, quiet)
    options.model.unlink()
    with pytest.raises(ImpastoError, match="go on with --resume"):
        start(options, quiet)
    start(replace(options, overwrite=True), quiet)
    assert options.model.read_bytes() == model


@pytest.mark.usefixtures("quick_export")
def test_overwrite_does_not_remove_a_folder_that_is_no_run(options, quiet):
    options.run.mkdir()
    (options.run / "letters.txt").write_text("dear")
    with pytest.raises(ImpastoError, match=r"in the way and holds letters\.txt"):
        start(replace(options, overwrite=True), quiet)
    assert (options.run / "letters.txt").read_text() == "dear"


def test_a_style_is_there_without_a_training(options, quiet):
    said: list[str] = []
    assert start(replace(options, steps=None, minutes=0), said.append) == options.model
    assert "no training: the model is what one would start from" in said
    info = describe(options.model)
    assert (info.steps, info.content_count) == (0, 5)
    with Image.open(options.run / "preview.png") as preview:
        assert preview.height > 2 * 32
    photo = Image.open(options.style.parent / "photos" / "0.png")
    assert np.asarray(Stylizer(options.model, device="cpu")(photo)).std() > 1
    first = options.model.read_bytes()
    assert resume(options.run, quiet) == options.model
    assert options.model.read_bytes() == first


def test_without_a_training_photos_need_not_be_fetched(options, quiet, monkeypatch):
    fetched = []
    monkeypatch.setattr("impasto_train.downloads.coco.fetch_coco", lambda *words, **more: fetched.append(1))
    start(replace(options, steps=None, minutes=0, content="coco"), quiet)
    assert not fetched
    assert describe(options.model).content == "demo"


@pytest.mark.usefixtures("quick_export")
def test_minutes_become_steps_that_the_run_keeps(options, quiet):
    said = []
    start(replace(options, steps=None, minutes=0.02), said.append)
    steps = RunFolder(options.run).load_plan().steps
    assert steps >= 1
    assert any(line.startswith(f"{steps} steps, about 0.02 minutes") for line in said)
    assert describe(options.model).steps == steps


@pytest.mark.usefixtures("quick_export")
def test_timing_a_step_leaves_the_trainer_as_it_was(options, quiet, pictures, monkeypatch):
    start(options, quiet)
    run = Trainer.run

    def timed_first(trainer):
        if trainer.step == 0 and not hasattr(trainer, "timed"):
            trainer.timed = True
            assert trainer.seconds_per_step(unhurried=2, seconds=0.01) > 0
        return run(trainer)

    monkeypatch.setattr(Trainer, "run", timed_first)
    start(replace(options, out=pictures / "timed.onnx"), quiet)
    assert_same(pictures / "timed.run", options.run)


def test_slow_steps_are_timed_by_few_of_them(options, quiet, monkeypatch):
    objective = build_objective(options, read_style(options.style, 48), torch.device("cpu"), quiet)
    trainer = Trainer(objective, open_content(options.content).train, options, 1000)
    taken = []

    def slow(trainer):
        while True:
            taken.append(1)
            yield Record(1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, seconds=2.0)

    monkeypatch.setattr(Trainer, "run", slow)
    assert trainer.seconds_per_step() == 2.0
    assert len(taken) == 3  # one until it runs evenly, two that count


def test_the_learning_rate_warms_up_and_falls_to_nothing():
    rates = [learning_rate(step, 1000, 0.5) for step in range(1000)]
    assert rates[0] == pytest.approx(0.5 / 20)
    assert max(rates) == pytest.approx(0.5, rel=0.01)
    assert rates[-1] < 1e-5
    assert rates[20:] == sorted(rates[20:], reverse=True)


def test_a_device_that_is_not_there_is_an_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert pick_device("auto").type == pick_device("cpu").type == "cpu"
    for missing in ("cuda", "mps"):
        with pytest.raises(ImpastoError, match=f"--device {missing}: .* finds no such device"):
            pick_device(missing)


@pytest.mark.usefixtures("quick_export")
@pytest.mark.parametrize("weight", ["grid", "steady", "tones", "l1"])
def test_each_weight_plays_its_part(options, pictures, quiet, weight):
    start(replace(options, size=64, steps=2), quiet)
    start(replace(options, size=64, steps=2, out=pictures / "other.onnx", **{weight: 9.0}), quiet)
    a, b = weights(pictures / "tiny.run"), weights(pictures / "other.run")
    assert not all(torch.equal(a[name], b[name]) for name in a)
