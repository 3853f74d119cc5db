"""``train-style`` from end to end on pictures that the tests make."""

import json
import math
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import negative_model
from impasto import ImpastoError, Stylizer, describe
from impasto._contract import seal
from impasto._extras import pip_line
from impasto_train import pipeline, trainer
from impasto_train.network import StyleNet, is_calm
from impasto_train.options import Options
from impasto_train.pipeline import pick_device, resume, start
from impasto_train.reports import Pace
from impasto_train.run_folder import RunFolder
from impasto_train.trainer import Record, Trainer, Watch, learning_rate
from PIL import Image


@pytest.fixture
def quiet():
    return lambda line: None


@pytest.fixture
def pictures(tmp_path):
    """A style picture and a folder of six photos and one file that is none."""
    random = np.random.default_rng(0)

    def picture(path, height, width):
        coarse = random.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(path)

    picture(tmp_path / "style.png", 64, 96)
    (tmp_path / "photos").mkdir()
    for index in range(6):
        picture(tmp_path / "photos" / f"{index}.png", 64, 72)
    (tmp_path / "photos" / "notes.txt").write_text("not a photo")
    return tmp_path


@pytest.fixture
def quick_export(monkeypatch):
    """Export as fast as tests of the training want it: the metadata are true, the network is not in the file."""

    def export(network, info, path):
        path.write_bytes(seal(negative_model(info.to_metadata())))
        return describe(path)

    monkeypatch.setattr(pipeline, "export", export)


@pytest.fixture
def options(pictures, monkeypatch, narrow_vgg_weights):
    """Options of a tiny run under the narrow network's eyes."""
    monkeypatch.setattr(pipeline, "load_vgg_weights", lambda file, say: narrow_vgg_weights)
    monkeypatch.setattr(trainer, "STEPS", 3)  # of learning the colours first
    return Options(
        style=pictures / "style.png", content=str(pictures / "photos"), out=pictures / "tiny.onnx",
        steps=6, size=32, style_size=48, device="cpu", checkpoint_every=2, preview_every=3,
        title="A title", credit="the tests", license="CC0-1.0", model_license="Apache-2.0",
    )  # fmt: skip


def weights(path: Path) -> dict[str, torch.Tensor]:
    state = RunFolder(path).load_state()
    return {f"{part}.{name}": t for part in ("network", "average") for name, t in state[part].items()}


def assert_same(found: Path, wanted: Path) -> None:
    a, b = weights(found), weights(wanted)
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_a_tiny_run_makes_exactly_these_files(options, pictures, quiet):
    before = {path.name for path in pictures.iterdir()}
    assert start(options, quiet) == options.model
    made = [path.relative_to(pictures) for path in pictures.rglob("*")]
    assert sorted(str(path) for path in made if path.parts[0] not in before) == [
        "tiny.onnx", "tiny.run", "tiny.run/checkpoint.pt", "tiny.run/exported.sha256", "tiny.run/log.jsonl",
        "tiny.run/options.json", "tiny.run/preview.png", "tiny.run/style.png",
    ]  # fmt: skip
    log = [json.loads(line) for line in (options.run / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log] == [1, 2, 3, 4, 5, 6]
    info = describe(options.model)
    weighted = [line["content"] + info.style_weight * line["style"] + line["l1"] for line in log]
    assert weighted == pytest.approx([line["total"] for line in log], rel=1e-5)
    assert (info.name, info.title, info.credit) == ("tiny", "A title", "the tests")
    assert (info.style_license, info.license) == ("CC0-1.0", "Apache-2.0")
    assert (info.content, info.content_count) == (f"{pictures.name}/photos", 5)
    assert (info.steps, info.size, info.style_size, info.batch_size) == (6, 32, 48, 1)
    assert (info.content_weight, info.l1_weight, info.l1_on) == (1, 1, "gradient")
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
    start(replace(options, steps=60, preview_every=0), quiet)
    totals = [json.loads(line)["total"] for line in (options.run / "log.jsonl").read_text().splitlines()]
    assert np.mean(totals[-10:]) < 0.7 * np.mean(totals[:5])


@pytest.mark.usefixtures("quick_export")
def test_the_same_options_give_the_same_weights(options, pictures, quiet):
    start(options, quiet)
    start(replace(options, out=pictures / "again.onnx"), quiet)
    start(replace(options, out=pictures / "other.onnx", seed=1), quiet)
    assert_same(pictures / "again.run", pictures / "tiny.run")
    a, b = weights(pictures / "other.run"), weights(pictures / "tiny.run")
    assert not any(torch.equal(a[name], b[name]) for name in a if name.endswith("conv.weight"))


@pytest.mark.usefixtures("quick_export")
def test_resuming_after_ctrl_c_gives_the_undisturbed_weights(options, pictures, quiet, monkeypatch):
    start(replace(options, out=pictures / "whole.onnx"), quiet)
    said = []
    interrupt_after(3, monkeypatch)
    start(options, said.append)
    assert describe(options.model).steps == 3
    assert any("--resume" in line for line in said)
    assert resume(options.run, quiet) == options.model
    assert describe(options.model).steps == 6
    assert_same(options.run, pictures / "whole.run")
    steps = [json.loads(line)["step"] for line in (options.run / "log.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3, 4, 5, 6]


def interrupt_after(step, monkeypatch, signum=signal.SIGINT):
    run = Trainer.run

    def interrupted(trainer):
        for record in run(trainer):
            if record.step == step:
                signal.raise_signal(signum)
            yield record

    monkeypatch.setattr(Trainer, "run", interrupted)
    return run


@pytest.mark.usefixtures("quick_export")
@pytest.mark.parametrize("origin", ["scratch", "base"])
def test_a_training_begins_with_its_start(options, pictures, quiet, monkeypatch, origin):
    fresh, begun = {}, {}

    def stopped(trainer):
        begun.update(network=copy(trainer.network), average=copy(trainer.average))
        yield from ()

    def copy(network):
        return {name: weight.clone() for name, weight in network.state_dict().items()}

    begin = Trainer.begin if origin == "scratch" else Trainer.begin_from

    def watched(trainer, *arguments):
        fresh.update(copy(trainer.network))
        begin(trainer, *arguments)

    monkeypatch.setattr(Trainer, begin.__name__, watched)
    monkeypatch.setattr(Trainer, "run", stopped)
    start(replace(options, from_=origin), quiet)
    saved = RunFolder(options.run).load_state()
    for name, weight in fresh.items():
        for part, found in begun.items():
            assert torch.equal(found[name], saved[part][name])
            assert torch.equal(found[name], weight) == (origin == "scratch" and is_calm(name)), name


@pytest.mark.usefixtures("quick_export")
def test_a_start_that_fails_leaves_the_old_run(options, quiet, monkeypatch):
    start(options, quiet)
    before = {path.name: path.read_bytes() for path in options.run.iterdir()}
    monkeypatch.setattr(pipeline, "load_base", lambda: [{}])
    with pytest.raises(ImpastoError, match="another version"):
        start(replace(options, from_="base", overwrite=True), quiet)
    assert {path.name: path.read_bytes() for path in options.run.iterdir()} == before


@pytest.mark.usefixtures("quick_export")
def test_a_training_starts_from_what_another_has_learned(options, pictures, quiet, monkeypatch):
    start(options, quiet)
    learned = RunFolder(options.run).load_weights()
    found = {}

    def stopped(trainer):
        found.update({name: weight.clone() for name, weight in trainer.network.state_dict().items()})
        yield from ()

    monkeypatch.setattr(Trainer, "run", stopped)
    start(replace(options, out=pictures / "second.onnx", from_=str(options.run)), quiet)
    assert found.keys() == learned.keys()
    different = {name for name in found if not torch.equal(found[name], learned[name])}
    assert different <= {"from_half.weight", "from_half.bias"}  # the colours are the new painting's


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
    assert any("this run is finished" in line for line in said)


@pytest.mark.parametrize(("seconds", "later", "lines"), [(1.0, 1.0, 0), (1.4, 1.4, 0), (2.0, 2.0, 1), (1.0, 3.0, 1)])
def test_a_training_slower_than_promised_is_said_once(seconds, later, lines):
    said = []
    pace = Pace(steps=600, minutes=10, say=said.append)
    for step in range(1, 301):
        pace(Record(step, 0, 0, 0, 0, 0, 0, 1, seconds if step <= 60 else later))
    assert len(said) == lines
    assert all("minutes in all, not 10" in line for line in said)


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


@pytest.mark.usefixtures("quick_export")
def test_a_second_ctrl_c_ends_the_program(options, monkeypatch, quiet):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background was started to ignore it
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


@pytest.mark.usefixtures("quick_export")
def test_resume_refuses_what_has_changed(options, pictures, quiet, narrow_vgg_weights, monkeypatch):
    start(options, quiet)
    with pytest.raises(ImpastoError, match="not a run folder"):
        resume(pictures / "photos", quiet)
    other = replace(narrow_vgg_weights, fingerprint="ef" * 32)
    monkeypatch.setattr(pipeline, "load_vgg_weights", lambda file, say: other)
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
    (options.run / name).write_bytes((options.run / name).read_bytes()[:100])
    with pytest.raises(ImpastoError, match=name.replace(".", r"\.") + " is (missing or )?damaged"):
        resume(options.run, quiet)


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


@pytest.mark.usefixtures("quick_export")
@pytest.mark.parametrize(("checkpoint_every", "kept"), [(2, 2), (50, 0)])
def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_good_weights(
    options, quiet, monkeypatch, checkpoint_every, kept
):
    check = Watch.check

    def poisoned(watch, step, total, gradient_size, contrast):
        check(watch, step, math.nan if step == 4 else total, gradient_size, contrast)

    monkeypatch.setattr(Watch, "check", poisoned)
    options = replace(options, checkpoint_every=checkpoint_every)
    with pytest.raises(ImpastoError, match=r"step 4: the loss is no longer a number; .*--learning-rate"):
        start(options, quiet)
    assert not options.model.exists()
    assert RunFolder(options.run).load_state()["step"] == kept


def test_the_watch_stops_what_diverges_or_goes_blank(options):
    watch = Watch(options)
    for step in range(1, 101):
        watch.check(step, 3.0, 1.0, 0.2)
    with pytest.raises(ImpastoError, match=r"the loss grows .* lower --learning-rate"):
        watch.check(101, 200.0, 1.0, 0.2)
    watch = Watch(options)
    for step in range(1, 20):
        watch.check(step, 3.0, 1.0, 0.001)
    with pytest.raises(ImpastoError, match="gone blank; lower --l1"):
        watch.check(20, 3.0, 1.0, 0.001)
    with pytest.raises(ImpastoError, match="no longer a number"):
        Watch(options).check(1, 3.0, math.inf, 0.2)


def test_the_watch_is_resumed_and_nothing_doubtful_is_kept(options):
    watch = Watch(options)
    for step in range(1, 61):
        watch.check(step, 3.0, 1.0, 0.2)
    assert watch.calm
    watch.check(61, 70.0, 1.0, 0.2)
    assert not watch.calm
    resumed = Watch(options)
    resumed.load_state(watch.state())
    assert not resumed.calm
    with pytest.raises(ImpastoError, match="the loss grows"):
        resumed.check(62, 150.0, 1.0, 0.2)


@pytest.mark.usefixtures("quick_export")
def test_flat_colour_counts_as_blank(options, quiet, monkeypatch):
    def red(network, photo, strength=1.0):
        colour = torch.tensor([0.9, 0.1, 0.1]).view(1, 3, 1, 1) + 0 * sum(p.sum() for p in network.parameters())
        return colour.expand_as(photo)

    monkeypatch.setattr(StyleNet, "forward", red)
    with pytest.raises(ImpastoError, match="gone blank"):
        start(replace(options, steps=30, preview_every=0), quiet)


@pytest.mark.usefixtures("quick_export")
@pytest.mark.parametrize("moment", ["_info", "centre_crop"])
def test_ctrl_c_outside_the_loop_loses_nothing(options, quiet, monkeypatch, moment):
    before = getattr(pipeline, moment)

    def interrupted(*arguments):
        signal.raise_signal(signal.SIGINT)
        monkeypatch.setattr(pipeline, moment, before)
        return before(*arguments)

    monkeypatch.setattr(pipeline, moment, interrupted)
    start(options, quiet)
    assert describe(options.model).steps == (6 if moment == "_info" else 0)
    resume(options.run, quiet)
    assert describe(options.model).steps == 6


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

    monkeypatch.setattr("impasto_train.coco.fetch_coco", unreachable)
    said = []
    interrupt_after(3, monkeypatch)
    start(replace(options, content="coco"), said.append)
    assert "no network; training on the demo photos instead" in said
    assert RunFolder(options.run).load_plan().options.content == "demo"
    resume(options.run, quiet)
    assert describe(options.model).steps == 6


@pytest.mark.usefixtures("quick_export")
def test_a_checkpoint_of_another_network_is_refused(options, quiet):
    start(options, quiet)
    folder = RunFolder(options.run)
    state = folder.load_state()
    state["network"] = {name: tensor[:1] for name, tensor in state["network"].items()}
    folder.save_state(state)
    with pytest.raises(ImpastoError, match="another version"):
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
        (["--style", "photos", "--content", "photos"], "folder"),
        (["--style", "style.png", "--steps", "0"], "--steps 0 will not do"),
        (["--style", "style.png", "--l1", "nan"], "--l1 nan will not do"),
        (["--style", "style.png", "--style-weight", "-1"], "--style-weight -1.0 will not do"),
        (["--style", "style.png", "--steps", "5", "--minutes", "1"], "not both"),
        (["--style", "style.png", "--l1-on", "sideways"], "--l1-on"),
        (["--style", "style.png", "--out", "model.pt"], "must end in .onnx"),
        (["--style", "style.png", "--size", "abc"], "--size"),
        (["--style", "style.png", "--frobnicate"], "--frobnicate"),
        (["--resume", "photos"], "not a run folder"),
        (["--style", "style.png", "--from", "photos"], "--from photos: neither base nor scratch nor a run folder"),
        (["--resume", "tiny.run", "--steps", "9"], "leave out --steps"),
        (["--style", "style.png", "--content", "photos", "--vgg-weights", "style.png"], "--vgg-weights"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_call_or_input_gets_one_line_and_2(pictures, arguments, message):
    (pictures / "empty").mkdir()
    before = sorted(pictures.rglob("*"))
    done = command(*arguments, cwd=pictures)
    assert done.returncode == 2
    lines = done.stderr.strip().splitlines()
    assert message in lines[-1]
    assert lines[-1].startswith("train-style: ")
    assert len(lines) == 1
    assert done.stdout == ""
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
    arguments = ["--style", "style.png", "--content", "photos", "--size", "32", "--steps", "3", "--device", "cpu"]
    done = command(*arguments, cwd=pictures)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "style.onnx\n"
    assert "R " in done.stderr
    assert len(describe(pictures / "style.onnx").vgg) == 64


@pytest.mark.usefixtures("quick_export")
def test_the_last_steps_teach_the_strength_and_leave_the_full_painting_as_it_is(options, pictures, quiet, monkeypatch):
    start(replace(options, steps=16, out=pictures / "whole.onnx"), quiet)
    records = [json.loads(line) for line in (pictures / "whole.run" / "log.jsonl").read_text().splitlines()]
    assert [record["strength"] == 1 for record in records] == [True] * 14 + [False] * 2
    run = interrupt_after(14, monkeypatch)
    start(replace(options, steps=16), quiet)
    full, whole = (RunFolder(folder).load_weights() for folder in (options.run, pictures / "whole.run"))
    for name, weight in full.items():
        assert torch.equal(weight, whole[name]) != is_calm(name), name
    monkeypatch.setattr(Trainer, "run", run)
    resume(options.run, quiet)
    assert_same(options.run, pictures / "whole.run")
