"""Trainings that were ended, by Ctrl-C or by force, and go on."""

import json
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from impasto import ImpastoError, Stylizer, describe
from impasto_train import pipeline
from impasto_train.pipeline import resume, start
from impasto_train.training.run_folder import RunFolder
from impasto_train.training.trainer import Trainer
from runs import assert_same, interrupt_after


@pytest.mark.usefixtures("quick_export")
def test_resuming_after_ctrl_c_gives_the_undisturbed_weights(options, pictures, quiet, monkeypatch):
    start(replace(options, out=pictures / "whole.onnx"), quiet)
    said = []
    interrupt_after(3, monkeypatch)
    start(options, said.append)
    assert describe(options.model).steps == 3
    assert any("--resume" in line for line in said)
    (pictures / "photos" / "out").mkdir()  # where apply-style then paints with the model so far
    Stylizer(options.model)(pictures / "photos/0.png").save(pictures / f"photos/out/0-{options.name}.png")
    assert resume(options.run, quiet) == options.model
    assert describe(options.model).steps == 6
    assert_same(options.run, pictures / "whole.run")
    steps = [json.loads(line)["step"] for line in (options.run / "log.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3, 4, 5, 6]


@pytest.mark.usefixtures("quick_export")
def test_sigterm_is_a_ctrl_c(options, quiet, monkeypatch):
    before = signal.getsignal(signal.SIGTERM)
    interrupt_after(2, monkeypatch, signal.SIGTERM)
    start(options, quiet)
    assert describe(options.model).steps == 2
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.usefixtures("quick_export")
def test_resuming_sweeps_what_a_kill_left_and_says_when_nothing_is_left_to_do(options, quiet):
    start(options, quiet)
    part = options.run / ".checkpoint.65a2cecd.part.pt"
    part.write_bytes(b"half")
    said = []
    resume(options.run, said.append)
    assert not part.exists()
    assert any("this run is finished" in line and f"--from {options.run}" in line for line in said)


@pytest.mark.usefixtures("quick_export")
def test_resuming_after_a_kill_gives_the_undisturbed_weights(options, pictures, quiet, monkeypatch):
    start(replace(options, out=pictures / "whole.onnx"), quiet)
    update = Trainer._update

    class Killed(BaseException):
        pass

    def killed(trainer, *arguments):
        if trainer.step == 5:
            raise Killed
        return update(trainer, *arguments)

    monkeypatch.setattr(Trainer, "_update", killed)
    with pytest.raises(Killed):
        start(options, quiet)
    assert not options.model.exists()
    with (options.run / "log.jsonl").open("a") as log:
        log.write('{"step": 6, "con')  # as a kill in mid-write leaves it
    monkeypatch.setattr(Trainer, "_update", update)
    resume(options.run, quiet)  # from the checkpoint of step 4
    assert_same(options.run, pictures / "whole.run")
    steps = [json.loads(line)["step"] for line in (options.run / "log.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3, 4, 5, 6]


@pytest.mark.usefixtures("quick_export", "heeds_ctrl_c")
def test_a_second_ctrl_c_ends_the_program(options, monkeypatch, quiet):
    run = Trainer.run

    def impatient(trainer):
        for record in run(trainer):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            yield record

    monkeypatch.setattr(Trainer, "run", impatient)
    with pytest.raises(KeyboardInterrupt):
        start(options, quiet)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert not options.model.exists()


@pytest.mark.usefixtures("heeds_ctrl_c")
def test_ctrl_c_before_the_first_step_writes_nothing(options, quiet, monkeypatch):
    monkeypatch.setattr("impasto_train.training.trainer.learn_colors", lambda *_: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        start(replace(options, from_="scratch"), quiet)
    assert not options.run.exists()
    assert not options.model.exists()


@pytest.mark.usefixtures("quick_export", "heeds_ctrl_c")
@pytest.mark.parametrize("moment", ["info_of", "centre_crop"])
def test_ctrl_c_outside_the_loop_loses_nothing(options, quiet, monkeypatch, moment):
    before = getattr(pipeline, moment)

    def interrupted(*arguments):
        signal.raise_signal(signal.SIGINT)
        monkeypatch.setattr(pipeline, moment, before)
        return before(*arguments)

    monkeypatch.setattr(pipeline, moment, interrupted)
    if moment == "centre_crop":  # before the first step
        with pytest.raises(KeyboardInterrupt):
            start(options, quiet)
        assert not options.model.exists()
    else:
        start(options, quiet)
        assert describe(options.model).steps == 6
    resume(options.run, quiet)
    assert describe(options.model).steps == 6


@pytest.mark.usefixtures("quick_export")
def test_the_source_of_vgg16_is_kept_for_the_resume(options, quiet, monkeypatch, narrow_vgg_weights):
    asked = []

    def load(weights, say):
        asked.append(weights)
        return narrow_vgg_weights

    monkeypatch.setattr("impasto_train.training.setup.load_vgg_weights", load)
    start(replace(options, vgg_weights="torchvision"), quiet)
    assert RunFolder(options.run).load_plan().options.vgg_weights == "torchvision"
    resume(options.run, quiet)
    resume(options.run, quiet, vgg_weights="here.pth")
    assert asked == ["torchvision", "torchvision", "here.pth"]


@pytest.mark.usefixtures("quick_export")
def test_a_run_is_resumed_from_any_folder(options, pictures, quiet, monkeypatch):
    monkeypatch.chdir(pictures)
    interrupt_after(3, monkeypatch)
    start(replace(options, content="photos", style=Path("style.png"), out=Path("tiny.onnx")), quiet)
    monkeypatch.chdir(pictures / "tiny.run")
    assert resume(Path("."), quiet) == options.model.resolve()
    assert describe(options.model).steps == 6


@pytest.mark.usefixtures("quick_export")
def test_a_run_beside_its_photos_is_resumed(options, pictures, quiet, monkeypatch):
    interrupt_after(3, monkeypatch)
    beside = replace(options, out=pictures / "photos" / "beside.onnx")
    start(beside, quiet)
    resume(beside.run, quiet)
    assert describe(beside.model).steps == 6


@pytest.mark.usefixtures("quick_export")
def test_a_run_that_fell_back_to_the_demo_photos_is_resumed_on_them(options, quiet, monkeypatch):
    def unreachable(*arguments, **settings):
        raise ImpastoError("no network")

    monkeypatch.setattr("impasto_train.downloads.coco.fetch_coco", unreachable)
    said = []
    interrupt_after(3, monkeypatch)
    start(replace(options, content="coco"), said.append)
    assert "no network; training on the demo photos instead" in said
    assert RunFolder(options.run).load_plan().options.content == "demo"
    resume(options.run, quiet)
    assert describe(options.model).steps == 6


@pytest.mark.usefixtures("quick_export")
def test_resume_refuses_what_has_changed(options, pictures, quiet, narrow_vgg_weights, monkeypatch):
    start(options, quiet)
    with pytest.raises(ImpastoError, match="not a run folder"):
        resume(pictures / "photos", quiet)
    other = replace(narrow_vgg_weights, fingerprint="ef" * 32)
    monkeypatch.setattr("impasto_train.training.setup.load_vgg_weights", lambda file, say: other)
    with pytest.raises(ImpastoError, match="other VGG16 weights"):
        resume(options.run, quiet)
    options.model.write_bytes(b"someone else's")
    with pytest.raises(ImpastoError, match="not what this run exported"):
        resume(options.run, quiet)
    assert options.model.read_bytes() == b"someone else's"
    options.model.unlink()
    (pictures / "photos" / "1.png").unlink()
    with pytest.raises(ImpastoError, match="not those it began with"):
        resume(options.run, quiet)


@pytest.mark.usefixtures("quick_export")
@pytest.mark.parametrize("name", ["checkpoint.pt", "options.json", "style.png"])
def test_resume_says_which_file_is_damaged(options, quiet, name):
    start(options, quiet)
    (options.run / "checkpoint.before.pt").unlink()
    (options.run / name).write_bytes((options.run / name).read_bytes()[:100])
    with pytest.raises(ImpastoError, match=name.replace(".", r"\.") + " is (missing or )?damaged"):
        resume(options.run, quiet)


def cut(path):
    path.write_bytes(path.read_bytes()[:5000])


def flip_a_bit(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


@pytest.mark.usefixtures("quick_export")
@pytest.mark.parametrize("damage", [cut, flip_a_bit, lambda path: path.write_bytes(b""), Path.unlink])
def test_the_checkpoint_before_stands_in_for_one_that_is_damaged(options, pictures, quiet, monkeypatch, damage):
    start(replace(options, out=pictures / "whole.onnx"), quiet)
    run = interrupt_after(5, monkeypatch)
    start(options, quiet)  # checkpoints at 4 and at 5
    monkeypatch.setattr(Trainer, "run", run)
    newest, before = options.run / "checkpoint.pt", options.run / "checkpoint.before.pt"
    damage(newest)
    said = []
    resume(options.run, said.append)
    assert f"{newest} is missing or damaged: going on from the checkpoint before it, {before.name}" in said
    assert "resuming at step 4 of 6" in said
    assert_same(options.run, pictures / "whole.run")


def test_a_damaged_checkpoint_never_takes_the_place_of_the_one_before(tmp_path):
    folder = RunFolder(tmp_path)
    for step in (1, 2):
        folder.save_state({"step": step})
    flip_a_bit(tmp_path / "checkpoint.pt")
    again, said = RunFolder(tmp_path), []
    assert again.load_state(said.append) == {"step": 1}
    again.save_state({"step": 2})
    flip_a_bit(tmp_path / "checkpoint.pt")
    assert RunFolder(tmp_path).load_state(said.append) == {"step": 1}
    assert len(said) == 2


def test_a_checkpoint_without_its_checksum_is_refused(tmp_path):
    folder = RunFolder(tmp_path)
    folder.save_state({"step": 7, "average": {"kernel": torch.ones(2)}})
    assert folder.load_state()["step"] == 7
    assert folder.load_weights()[0][0]["kernel"].tolist() == [1, 1]
    torch.save({"step": 8}, tmp_path / "checkpoint.pt")
    with pytest.raises(ImpastoError, match="missing or damaged"):
        folder.load_state()


def test_a_checkpoint_runs_no_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return Path.touch, (tmp_path / "was here",)

    RunFolder(tmp_path).save_state({"step": Evil()})  # with the checksum, so that torch gets to read it
    with pytest.raises(ImpastoError, match="missing or damaged"):
        RunFolder(tmp_path).load_state()
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]


@pytest.mark.usefixtures("quick_export")
def test_a_model_is_known_as_the_runs_own_whenever_its_writing_was_cut_off(options, quiet, monkeypatch):
    start(options, quiet)
    wrote = options.model.read_bytes()
    folder = RunFolder(options.run)
    for later in (b"killed before it took its place", b"killed again"):
        folder.note_exported(later)
    assert folder.has_exported(options.model)
    options.model.write_bytes(later)
    assert folder.has_exported(options.model)
    options.model.write_bytes(wrote[:-1])
    assert not folder.has_exported(options.model)


@pytest.mark.parametrize(
    "cut",
    [lambda tensor: tensor[:1], lambda tensor: tensor[..., :3, :3] if tensor.ndim == 4 else tensor],
    ids=["fewer channels", "kernels of 3x3"],
)
@pytest.mark.usefixtures("quick_export")
def test_a_checkpoint_of_another_network_is_refused(options, quiet, cut):
    start(options, quiet)
    folder = RunFolder(options.run)
    state = folder.load_state()
    state["network"] = {name: cut(tensor) for name, tensor in state["network"].items()}
    folder.save_state(state)
    with pytest.raises(ImpastoError, match="another version"):
        resume(options.run, quiet)


@pytest.mark.usefixtures("quick_export")
def test_a_run_of_an_earlier_version_is_refused(options, quiet):
    start(options, quiet)
    plan = options.run / "options.json"
    values = json.loads(plan.read_text())
    del values["options"]["style_loss"]  # 0.1.0 had Gram matrices alone
    plan.write_text(json.dumps(values))
    with pytest.raises(ImpastoError, match=r"an earlier version began it; begin a run --from"):
        resume(options.run, quiet)


def test_a_full_disk_while_saving_is_one_line(options, pictures, monkeypatch):
    def full(path, data):
        raise OSError(28, "No space left on device")

    folder = RunFolder(pictures / "full.run")
    folder.save_state({"step": 1})
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ImpastoError, match="No space left on device"):
        folder.save_state({"step": 2})
    monkeypatch.undo()
    assert folder.load_state() == {"step": 1}
    assert [path.name for path in folder.path.iterdir()] == ["checkpoint.pt"]
