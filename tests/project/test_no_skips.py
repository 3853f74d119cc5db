"""``IMPASTO_TESTS_NO_SKIPS``: nothing is left out unseen."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SKIPPING = """
import pytest

def test_without_node():
    pytest.skip("Node is not installed")

@pytest.mark.skipif(True, reason="needs an NVIDIA GPU")
def test_on_a_gpu():
    pass

@pytest.mark.xfail
def test_of_what_is_known():
    raise AssertionError
"""


@pytest.mark.parametrize(("value", "status"), [("", 0), ("1", 1)])
def test_a_skip_fails_where_nothing_may_be_left_out(tmp_path, value, status):
    (tmp_path / "test_it.py").write_text(SKIPPING)
    (tmp_path / "test_module.py").write_text("import pytest\npytest.importorskip('no_such_module')\n")
    env = {**os.environ, "IMPASTO_TESTS_NO_SKIPS": value, "PYTHONPATH": str(Path(__file__).parents[1])}
    words = [sys.executable, "-m", "pytest", "-p", "no_skips", "-rs", "-c", os.devnull, "--rootdir", tmp_path, tmp_path]
    done = subprocess.run(
        [*map(str, words), "--continue-on-collection-errors"], capture_output=True, text=True, check=False, env=env
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert ("3 skipped, 1 xfailed" if value == "" else "1 failed, 1 skipped, 1 xfailed, 1 error") in done.stdout
    assert "needs an NVIDIA GPU" in done.stdout
    said = "IMPASTO_TESTS_NO_SKIPS is set, and this would be left out. Skipped: Node is not installed"
    assert (said in done.stdout) == (value == "1")
