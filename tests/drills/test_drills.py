"""The drills of tests/drills in short; docs/reliability.md has the figures of the long ones."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.drills.kill import KINDS

ROOT = Path(__file__).parents[2]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the drills read /proc and fork")
pytestmark = LINUX


def drill(name: str, tmp_path: Path, *words: str) -> list[dict[str, Any]]:
    """The figures of a drill that went well."""
    figures = tmp_path / "figures.json"
    line = [sys.executable, "-m", f"tests.drills.{name}", *words, "--json", str(figures)]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(line, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=600)
    if "can be mounted here" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(figures.read_text())


@pytest.mark.slow
def test_killed_trainings_end_with_the_undisturbed_weights(tmp_path):
    (row,) = drill("kill", tmp_path, "--kills", "2")
    assert (row["kills"], row["faults"]) == (2, 0)
    assert row["ends compared"] >= 1


@pytest.mark.slow
def test_the_checkpoint_before_stands_in_for_a_damaged_one(tmp_path):
    rows = drill("damage", tmp_path, "--each", "3")
    assert [row["the one before stood in"] for row in rows] == [3, 3, 3, 1, 1]
    assert all(row["said so"] and row["same model"] for row in rows)


@pytest.mark.slow
def test_two_processes_learn_what_one_learns_with_the_joined_batch(tmp_path):
    (row,) = drill("joined", tmp_path, "--narrow", "--steps", "12")
    assert row["gradients"] > 40
    assert row["furthest apart"] < 1e-5
    assert row["levels apart"] <= 1


@pytest.mark.slow
@pytest.mark.usefixtures("heeds_ctrl_c")
def test_trainings_on_two_devices_end_with_a_reason_and_go_on(tmp_path):
    rows = drill("devices", tmp_path, "--ends", "4")
    assert [row["hit"] for row in rows] == ["the first", "the second", "the launcher", "Ctrl-C"]
    assert all(row["as it should"] for row in rows)


def test_every_file_of_a_run_is_known_to_the_kills():
    from impasto_train.training.run_folder import FILES

    assert {name.split(".")[0] for name in FILES} <= KINDS.keys()


@pytest.mark.slow
def test_a_full_disk_is_told_in_a_line_and_loses_nothing(tmp_path):
    rows = drill("full_disk", tmp_path, "--only", "later checkpoint|film|cache, photo")
    assert [row["written"] for row in rows] == ["train-style, later checkpoint", "apply-style, film", "cache, photo"]
    for row in rows:
        assert row["as it should"]
        assert row["line"].endswith("No space left on device")


def test_many_calls_leave_no_files_open_and_threads_change_nothing(tmp_path):
    (row,) = drill("calls", tmp_path, "great_wave", "--calls", "500")
    assert (row["files open more"], row["other bytes in 8 threads"]) == (0, 0)


def test_a_leak_would_be_seen(tmp_path):
    program = """
import json, sys
from tests.drills import calls

kept = []

def leaking():
    kept.append((bytearray(b"x" * 100_000), open(sys.argv[1], "w")))
    return b""

samples = list(calls.watched([leaking], 400))
print(json.dumps([calls.slope(samples), samples[-1][2] - samples[0][2]]))
"""
    # in a process of its own: this one has memory left over from other tests to give first
    words = [sys.executable, "-c", program, str(tmp_path / "file")]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT)
    slope, files = json.loads(done.stdout)
    assert 90_000 < slope < 120_000
    assert files == 398


@pytest.mark.slow
def test_damaged_files_of_all_kinds_give_our_own_errors(tmp_path):
    *rows, total = drill("mutants", tmp_path, "--count", "180", "--seed", "7")
    assert len(rows) == 17
    assert (total["files"], total["amiss"]) == (180, 0)
    assert total["fine"] + total["refused"] == 180


def test_the_pages_name_every_drill_and_nothing_that_is_not_there():
    pages = {name: (ROOT / name).read_text() for name in ("docs/reliability.md", "SECURITY.md")}
    docs = "".join(path.read_text() for path in (ROOT / "docs").glob("*.md"))
    named = set(re.findall(r"python -m tests\.drills\.(\w+)", docs))
    modules = (ROOT / "tests" / "drills").glob("*.py")
    assert named == {path.stem for path in modules if "\nif __name__ ==" in path.read_text()}
    for name, text in pages.items():
        targets = [t for t in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in t]
        assert targets
        assert [t for t in targets if not ((ROOT / name).parent / t).exists()] == []


def test_a_crash_and_a_hang_are_seen_and_stepped_over(tmp_path):
    program = """
import os, sys, time
from tests.drills import mutants

class Reader(mutants.Reader):
    def __init__(self, folder):
        self.number = 0
    def read(self, name, path, *, by_command):
        self.number += 1
        if path.read_bytes() == b"crash":
            os.abort()
        if path.read_bytes() == b"hang":
            time.sleep(100)
        raise OSError("not ours") if path.read_bytes() == b"other" else mutants.Amiss("left")

mutants.Reader, mutants.PATIENCE = Reader, 1.0
kinds = [b"crash", b"other", b"hang", b"left"]
mutants.made = lambda files, seed, number: ("a.png", kinds[number])
print([verdict.split(" (")[0] for _, _, verdict in mutants.supervised({"a.png": b""}, 0, 4)])
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(["crashed", "OSError: not ours", "hangs", "left"])
