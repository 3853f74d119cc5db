"""Trainings on several devices: here processes on the CPU. The whole of it is drilled in test_drills.py."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from impasto import ImpastoError, describe
from impasto_train import pipeline
from impasto_train.commandline.derive import spelled
from impasto_train.photos.content import open_content, training_batch
from impasto_train.training import group, launch
from impasto_train.training.group import LOST, Group
from runs import assert_same

from tests.drills import tiny

psutil = pytest.importorskip("psutil", reason="several devices: accelerate is not installed")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as POSIX has them")


@pytest.fixture
def no_group(monkeypatch):
    """As if no launcher had begun this process."""
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", launch.LAUNCHED):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def program(monkeypatch):
    """Let `launch` begin these lines of Python, which know their ``rank`` and have ``os``, ``sys`` and ``time``."""

    def begin(lines):
        head = "import os, sys, time, signal\nrank = int(os.environ['RANK'])\n"
        monkeypatch.setattr(launch, "PROGRAM", (sys.executable, "-c", head + lines))

    return begin


# -- what begins, watches and ends the processes --------------------------------------------------------


def test_each_process_knows_its_place(program, tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    names = "('RANK', 'LOCAL_RANK', 'WORLD_SIZE', 'LOCAL_WORLD_SIZE', 'OMP_NUM_THREADS')"
    program(f"open(sys.argv[1] + str(rank), 'w').write(' '.join(os.environ[name] for name in {names}))")
    assert launch.launch([f"{tmp_path}/place"], 3) == 0
    assert [(tmp_path / f"place{rank}").read_text() for rank in range(3)] == ["0 0 3 3 2", "1 1 3 3 2", "2 2 3 3 2"]


def test_the_first_process_tells_its_own_failure_and_the_others_are_ended(program, capfd):
    program("if rank: time.sleep(600)\nprint('train-style: no such picture', file=sys.stderr); sys.exit(2)")
    start = time.monotonic()
    assert launch.launch([], 2) == 2
    assert time.monotonic() - start < 300
    assert capfd.readouterr().err == "train-style: no such picture\n"


@pytest.mark.parametrize("first", [f"sys.exit({LOST})", "time.sleep(600)"])
def test_the_failure_of_another_is_the_reason(program, monkeypatch, first):
    monkeypatch.setattr(launch, "GRACE", 0.5)
    # what torch has to say at its end comes after the reason
    said = "print('train-style: not enough memory: lower --size\\n[rank1]: bye', file=sys.stderr)"
    program(f"if not rank: {first}\ntime.sleep(0.2)\n{said}\nsys.exit(2)")
    with pytest.raises(ImpastoError, match=r"^device 1: not enough memory: lower --size$"):
        launch.launch([], 2)


def test_the_traceback_of_another_is_shown(program, capfd):
    program(f"if not rank: sys.exit({LOST})\nraise KeyError('oh')")
    with pytest.raises(ImpastoError, match=r"^device 1: its process ended with status 1$"):
        launch.launch([], 2)
    assert "Traceback" in capfd.readouterr().err


@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_is_killed_is_named(program, monkeypatch, rank):
    monkeypatch.setattr(launch, "GRACE", 0.5)
    program(f"if rank == {rank}: os.kill(os.getpid(), signal.SIGKILL)\ntime.sleep(600)")
    with pytest.raises(ImpastoError, match=rf"^device {rank}: its process was killed \(SIGKILL\).*--resume"):
        launch.launch([], 2)


def test_a_model_that_is_written_is_no_failure(program, monkeypatch):
    monkeypatch.setattr(launch, "GRACE", 0.5)
    program("if rank == 1: os.abort()\nif rank == 2: time.sleep(600)")
    assert launch.launch([], 3) == 0


def test_an_abort_of_the_first_is_not_the_reason_where_another_was_killed(program, monkeypatch):
    monkeypatch.setattr(launch, "GRACE", 5)
    program("if not rank: os.abort()\ntime.sleep(0.3)\nos.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(ImpastoError, match=r"^device 1: its process was killed \(SIGKILL\)"):
        launch.launch([], 2)


def test_processes_that_only_lost_each_other_say_so(program):
    program(f"sys.exit({LOST})")
    with pytest.raises(ImpastoError, match="lost each other"):
        launch.launch([], 2)


CTRL_C = """
from pathlib import Path
from impasto_train.training import launch
lines = '''
import os, signal, sys, time
from pathlib import Path
come = []
signal.signal(signal.SIGINT, lambda *_: come.append(1))
Path(sys.argv[1], os.environ["RANK"]).touch()
while len(come) < int(sys.argv[2]):
    time.sleep(0.01)
sys.exit(0 if len(come) == 1 else 130)
'''
launch.PROGRAM = (sys.executable, "-c", lines)
wait = launch._wait

def waits(workers):  # from now on signals are passed on
    Path(sys.argv[1], "launcher").touch()
    wait(workers)

launch._wait = waits
sys.exit(launch.launch(sys.argv[1:], 2))
"""


def begun(folder, times):
    """A launcher whose two processes wait for so many signals, once they and it do."""
    words = [sys.executable, "-c", "import sys\n" + CTRL_C, str(folder), str(times)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    deadline = time.monotonic() + 120
    while {path.name for path in folder.iterdir()} != {"0", "1", "launcher"}:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


@pytest.mark.usefixtures("heeds_ctrl_c")
@pytest.mark.parametrize(("times", "status"), [(1, 0), (2, 130)])
def test_each_ctrl_c_reaches_every_process_once(tmp_path, times, status):
    process = begun(tmp_path, times)
    for _ in range(times):
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)  # signals of a kind that come together are one
    said, _ = process.communicate(timeout=60)
    assert (process.returncode, said) == (status, "")


def test_processes_end_with_what_began_them(program, tmp_path):
    lines = "from impasto_train.training import launch\nassert launch.watch_launcher()\n"
    lines += "open(sys.argv[1] + str(os.getpid()), 'w').close()\ntime.sleep(600)"
    head = "import os, sys, time\nrank = int(os.environ['RANK'])\n"
    script = "import sys\nfrom impasto_train.training import launch\n"
    script += f"launch.PROGRAM = (sys.executable, '-c', {head + lines!r})\nlaunch.launch(sys.argv[1:], 2)"
    process = subprocess.Popen([sys.executable, "-c", script, f"{tmp_path}/"])
    while len(list(tmp_path.iterdir())) < 2:
        assert process.poll() is None
        time.sleep(0.05)
    begun = [psutil.Process(int(path.name)) for path in tmp_path.iterdir()]
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(begun, timeout=60)
    assert alive == []


def test_nothing_in_the_present_folder_is_run(tmp_path, monkeypatch, capfd):
    (tmp_path / "typer.py").write_text("raise SystemExit(99)")
    monkeypatch.chdir(tmp_path)
    assert launch.launch(["--version"], 2) == 0
    assert capfd.readouterr().out.startswith("impasto ")


def test_this_process_was_not_launched(no_group):
    assert not launch.watch_launcher()


# -- how many ---------------------------------------------------------------------------------------


def test_more_devices_than_there_are_are_refused(no_group, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert launch.to_launch(None, 1, "cpu") == launch.to_launch(1, 4, "cpu") == 0
    assert launch.to_launch(2, 1, "cpu") == launch.to_launch(None, 2, "cpu") == 2
    with pytest.raises(ImpastoError, match=r"^3 devices are more than this machine's 2 \(CPU core\)"):
        launch.to_launch(3, 1, "cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ImpastoError, match=r"^2 devices are more than this machine's 1 \(GPU\)"):
        launch.to_launch(None, 2, "auto")


def test_one_of_a_group_launches_none(monkeypatch):
    for name in ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert launch.to_launch(None, 2, "cpu") == launch.to_launch(4, 1, "cpu") == 0
    with pytest.raises(ImpastoError, match="one of 4 processes already"):
        launch.to_launch(2, 1, "cpu")


def test_without_accelerate_it_names_the_pip_line(no_group, monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    with pytest.raises(ImpastoError, match=r"devices.*accelerate is not installed.*pip install"):
        launch.to_launch(2, 1, "cpu")


def test_options_are_spelled_as_on_the_command_line():
    given = {"resume": None, "style": Path("a b.png"), "normalize": False, "overwrite": True, "from_": "x", "l1": -1.0}
    assert spelled(given) == ["--style=a b.png", "--no-normalize", "--overwrite", "--from=x", "--l1=-1.0"]


# -- what is taught ---------------------------------------------------------------------------------


def test_the_rows_of_a_batch_are_those_of_the_joined_one(photo_folder):
    photos = open_content(str(photo_folder)).train
    whole = training_batch(photos, step=7, batch_size=6, size=16, seed=3)
    parts = [training_batch(photos, step=7, batch_size=6, size=16, seed=3, rows=range(n, n + 2)) for n in (0, 2, 4)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


class Second(Group):
    """The second of two processes, of which the first has other photos."""

    rank, size = 1, 2

    def share(self, number):
        return number + 1


def test_other_photos_than_those_of_the_first_process_are_refused(photo_folder):
    content = open_content(str(photo_folder))
    pipeline._check_same(content, group.ALONE)
    with pytest.raises(ImpastoError, match="not those of the first process"):
        pipeline._check_same(content, Second())


def train(folder, *words):
    """The tiny ``train-style`` in ``folder``, as a process."""
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*tiny.PROGRAM, *words], cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=300
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
@pytest.mark.usefixtures("heeds_ctrl_c")
def test_two_devices_paint_as_one_that_takes_up_where_they_were_stopped(tmp_path):
    work = tmp_path / "work"
    tiny.lay_out(work)
    style = ("--style", "style.png")
    assert train(work, *style, *tiny.RUN, "--out", "one.onnx", "--batch-size", "2")[0] == 0
    words = [*tiny.PROGRAM, *style, *tiny.RUN, "--devices", "2"]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(words, cwd=work, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    log = work / "tiny.run" / "log.jsonl"
    while process.poll() is None and not (log.exists() and log.read_text().count("\n") >= 5):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=120)
    assert (process.returncode, out) == (0, "tiny.onnx\n")
    assert "training on 2 cpu devices" in said
    assert said.count("held-out photos") == 1
    stopped = describe(work / "tiny.onnx")
    assert 5 <= stopped.steps < tiny.STEPS
    assert train(work, "--resume", "tiny.run", "--devices", "1")[0] == 0
    assert_same(work / "tiny.run", work / "one.run")
    one, two = describe(work / "one.onnx"), describe(work / "tiny.onnx")
    assert two == dataclasses.replace(one, name=two.name, title=two.title, digest=two.digest)
    assert len((work / "tiny.run" / "log.jsonl").read_text().splitlines()) == tiny.STEPS


def test_bad_input_on_two_devices_is_one_line(tmp_path):
    tiny.lay_out(tmp_path / "work")
    status, out, said = train(tmp_path / "work", "--style", "none.png", *tiny.RUN, "--devices", "2")
    assert (status, out) == (2, "")
    assert said.startswith("train-style: --style")
    assert said.count("\n") == 1
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == ["photos", "style.png"]


@pytest.mark.usefixtures("quick_export")
def test_a_batch_that_does_not_divide_is_refused(options, quiet, monkeypatch):
    class Third(Group):
        rank, size = 2, 3

    pipeline.start(dataclasses.replace(options, batch_size=2), quiet)
    monkeypatch.setattr(pipeline, "joined", lambda device: nullcontext(Third()))
    with pytest.raises(ImpastoError, match="on 3 devices: its 2 crops a step do not divide"):
        pipeline.resume(options.run, quiet)
