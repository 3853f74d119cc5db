"""Commands in forked processes, which are quick to start, and faults at the very moment in which they touch a file."""

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIMIT = 300.0  # s until a command is taken to hang
CRASHED = 70  # the status that stands for a traceback

Touch = Callable[[str, str], None]


@dataclass(frozen=True)
class Ended:
    """How a command ended; ``status`` is that of its exit, or the negative number of the signal that killed it."""

    status: int
    said: str
    """stdout and stderr together."""
    seconds: float

    @property
    def last_line(self) -> str:
        """The last that it said, without what a live line left before it."""
        return (self.said.rstrip().splitlines() or [""])[-1].split("\r")[-1].strip()


def call(
    main: Callable[[], Any],
    words: list[str],
    folder: Path,
    *,
    touch: Touch | None = None,
    kill_after: float | None = None,
    stdout: Path | None = None,
    told: Path | None = None,
) -> Ended:
    """Run a command in ``folder``, in a process forked from this one.

    Args:
        main: its entry point, which reads ``words`` as ``sys.argv``.
        touch: called in that process just before it opens a file to write, renames or removes one, with which of the
            three (``open``, ``rename``, ``remove``; ``connect`` for a database) and with the file's path.
        kill_after: seconds after which it is killed.
        stdout: where that goes, if not to `Ended.said`.
        told: a folder for what is said until it is read; that of ``folder`` unless given.

    Raises:
        RuntimeError: it takes longer than `LIMIT`.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    place = (told or folder.parent) / f"{folder.name}.{os.getpid()}.said"
    start = time.monotonic()
    process = os.fork()
    if not process:
        _become(main, words, folder, touch, place, stdout)
    limit = LIMIT if kill_after is None else kill_after
    while True:
        found, status = os.waitpid(process, os.WNOHANG)
        seconds = time.monotonic() - start
        if found:
            break
        if seconds > limit:
            os.kill(process, signal.SIGKILL)
            _, status = os.waitpid(process, 0)
            if kill_after is None:
                raise RuntimeError(f"hangs: {' '.join(words)}\n{place.read_text(errors='replace')}")
            break
        time.sleep(0.005)
    said = place.read_text(errors="replace")
    place.unlink()
    return Ended(os.waitstatus_to_exitcode(status), said, seconds)


def _become(
    main: Callable[[], Any], words: list[str], folder: Path, touch: Touch | None, told: Path, stdout: Path | None
) -> None:
    """Be the command until it ends; never returns."""
    status = CRASHED
    try:
        place = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(place, 2)
        os.dup2(place if stdout is None else os.open(stdout, os.O_WRONLY | os.O_CREAT), 1)
        sys.argv = words
        if touch is not None:
            sys.addaudithook(_hook(touch))
        with chdir(folder):
            found = main()
            status = found if isinstance(found, int) else 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0
    except BaseException:
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
        except OSError:
            status = CRASHED
        os._exit(status)


def _hook(touch: Touch) -> Callable[[str, tuple[Any, ...]], None]:
    inside = False

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal inside
        if inside or event not in ("open", "os.rename", "os.remove", "sqlite3.connect"):
            return
        first = arguments[0]
        if not isinstance(first, str | bytes | os.PathLike):
            return
        if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return
        inside = True  # what `touch` does itself is no touch
        try:
            touch(event.rpartition(".")[2], os.fsdecode(first))
        finally:
            inside = False

    return hook
