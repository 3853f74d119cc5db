"""Two trainings to one output."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
from impasto import ImpastoError
from impasto_train.pipeline import resume, start
from impasto_train.training.lock import locked

HOLDS = """
import sys, time
from pathlib import Path
from impasto_train.training.lock import locked

with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.mark.usefixtures("quick_export")
def test_the_second_training_is_refused(options, quiet):
    before = sorted(options.run.parent.iterdir())
    with locked(options.run):
        for overwrite in (False, True):
            with pytest.raises(ImpastoError, match=r"tiny.run is in use by another training"):
                start(replace(options, overwrite=overwrite), quiet)
    assert sorted(options.run.parent.iterdir()) == before
    start(options, quiet)
    with locked(options.run), pytest.raises(ImpastoError, match=r"tiny.run is in use by another training"):
        resume(options.run, quiet)
    resume(options.run, quiet)


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_the_lock_goes_with_a_process_that_is_killed(tmp_path):
    words = [sys.executable, "-c", HOLDS, str(tmp_path / "a.run")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ImpastoError, match="in use"), locked(tmp_path / "a.run"):
            pass
        holder.send_signal(signal.SIGKILL)
    with locked(tmp_path / "a.run"):
        pass
    assert not list(tmp_path.iterdir())
