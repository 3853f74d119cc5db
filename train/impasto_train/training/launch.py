"""``--devices``: one process for each device, all started, watched and ended together.

Like ``accelerate launch``, but for one machine, and a run ends as on one device: after one Ctrl-C all processes finish
the step; the first process that fails ends the others, and its message is printed last.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import IO

import torch
from impasto import ImpastoError
from impasto.internal import need

from .group import LOST, size_here
from .setup import pick_device

PROGRAM = (sys.executable, "-P", "-m", "impasto_train")  # -P: no module is looked for in the present folder
LAUNCHED = "IMPASTO_LAUNCHED"  # tells a process that its stdin is a line to this one
GRACE = 10.0  # s for the others to end by themselves once one has failed or the first has finished
_PREFIX = "train-style: "
_FOLLOWS = (LOST, -signal.SIGABRT)  # from the end of another; torch sometimes aborts where it loses one
STOPPED = 130  # exit status after Ctrl-C
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def launch(arguments: Sequence[str], count: int) -> int:
    """Run ``train-style`` with ``arguments`` in ``count`` processes that form a group.

    The first has this process's stdout and stderr; what the others say is shown only if they fail.

    Returns:
        the exit status.

    Raises:
        ImpastoError: a process other than the first failed: its reason.
    """
    with ExitStack() as stack:
        said = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(1, count)]
        port = _free_port()
        workers: list[subprocess.Popen[bytes]] = []
        stack.callback(_end, workers)
        for rank in range(count):  # Ctrl-C in this loop ends us, and `_end` ends them
            workers.append(_begin(arguments, rank, count, port, said[rank - 1] if rank else None))
        with _forwarded(workers) as stopped:
            _wait(workers)
        return _outcome(workers, said, stopped=bool(stopped))


def to_launch(wanted: int | None, planned: int, device: str) -> int:
    """How many processes this one has to `launch`; 0 if it can train itself, alone or as one of a group.

    Args:
        wanted: the number of devices asked for, if any.
        planned: the number otherwise.

    Raises:
        ImpastoError: there are fewer of ``device`` (as for `setup.pick_device`) here; or this process is one of a
            group of another size.
    """
    if (running := size_here()) > 1:
        if wanted not in (None, running):
            raise ImpastoError(f"--devices {wanted}: this is one of {running} processes already; leave --devices out")
        return 0
    count = planned if wanted is None else wanted
    if count == 1:
        return 0
    need("devices", ("accelerate",), "training on several devices")
    kind = pick_device(device).type
    there = torch.cuda.device_count() if kind == "cuda" else os.cpu_count() or 1 if kind == "cpu" else 1
    if count > there:
        what = {"cuda": "GPU", "cpu": "CPU core"}.get(kind, kind)
        raise ImpastoError(f"{count} devices are more than this machine's {there} ({what}): give another --devices")
    return count


def watch_launcher() -> bool:
    """End this process as soon as the one that launched it is gone, as nothing else would.

    Returns:
        whether one did.
    """
    if os.environ.pop(LAUNCHED, None) is None:  # popped, so that no process of ours takes itself for launched
        return False
    line = sys.stdin.fileno()

    def wait() -> None:
        os.read(line, 1)  # nothing is ever written
        os._exit(LOST)

    threading.Thread(target=wait, daemon=True).start()
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _begin(
    arguments: Sequence[str], rank: int, count: int, port: int, said: IO[bytes] | None
) -> subprocess.Popen[bytes]:
    group = {
        "RANK": rank,
        "LOCAL_RANK": rank,
        "WORLD_SIZE": count,
        "LOCAL_WORLD_SIZE": count,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
        LAUNCHED: 1,
        # or each would use all cores
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS") or max(1, (os.cpu_count() or 1) // count),
    }
    return subprocess.Popen(
        [*PROGRAM, *arguments],
        env=os.environ | {name: str(value) for name, value in group.items()},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL if rank else None,
        stderr=said,
        start_new_session=True,  # a terminal's Ctrl-C comes to us alone, and from us to each once
    )


@contextmanager
def _forwarded(workers: list[subprocess.Popen[bytes]]) -> Iterator[list[int]]:
    """Pass signals that would stop us on to the workers; yields the list of those received."""
    received: list[int] = []

    def forward(signum: int, frame: FrameType | None) -> None:
        received.append(signum)
        for worker in workers if os.name == "posix" else ():  # elsewhere the terminal itself tells all
            worker.send_signal(signum)

    before = {signum: signal.signal(signum, forward) for signum in _SIGNALS}
    try:
        yield received
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _wait(workers: list[subprocess.Popen[bytes]]) -> None:
    """Wait until all have ended, or the first has ended with a message, or `GRACE` is over after one has failed."""
    deadline = None
    while None in [worker.poll() for worker in workers]:  # each is asked: that alone sets its returncode
        if workers[0].returncode not in (None, 0, *_FOLLOWS):
            return
        if deadline is None and (workers[0].returncode == 0 or any(worker.returncode for worker in workers)):
            deadline = time.monotonic() + GRACE
        if deadline is not None and time.monotonic() > deadline:
            return
        time.sleep(0.05)


def _outcome(workers: list[subprocess.Popen[bytes]], said: Sequence[IO[bytes]], *, stopped: bool) -> int:
    status = workers[0].returncode
    if status == 0 or (status is not None and status > 0 and status != LOST):
        return int(status)  # the model is written, or it has said why not
    failed = [(rank, worker.returncode) for rank, worker in enumerate(workers) if worker.returncode]
    if not failed:
        return 0
    if stopped:
        return STOPPED
    causes = [(rank, status) for rank, status in failed if status != LOST]
    if not causes:
        raise ImpastoError("the processes of this training lost each other; --resume goes on from the last checkpoint")
    rank, status = min(causes, key=lambda cause: cause[1] in _FOLLOWS)
    text = _read(said[rank - 1]) if rank else ""
    ours = [line.removeprefix(_PREFIX) for line in text.splitlines() if line.startswith(_PREFIX)]
    if ours and status > 0:
        raise ImpastoError(f"device {rank}: {ours[-1]}")
    print(text, file=sys.stderr, end="")
    if status > 0:
        raise ImpastoError(f"device {rank}: its process ended with status {status}")
    name = signal.Signals(-status).name
    short = ", as by a machine that is short of memory" if name == "SIGKILL" else ""
    raise ImpastoError(
        f"device {rank}: its process was killed ({name}){short}; --resume goes on from the last checkpoint"
    )


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _end(workers: list[subprocess.Popen[bytes]]) -> None:
    for worker in workers:
        if worker.poll() is None:
            if os.name == "posix":
                os.killpg(worker.pid, signal.SIGKILL)  # with its own children, such as a download
            else:
                worker.kill()
        worker.wait()
        if worker.stdin:
            worker.stdin.close()
