"""Reading, painting and writing as three stages of Ray Data, each at its own pace and on any machine of a cluster.

What is in memory at once is bounded by Ray Data itself: a stage waits where the next one falls behind.
"""

import io
import logging
import os
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from ..common.errors import ImpastoError, one_line
from ..common.say import Say
from ..engine.devices import Device
from ..painting.look import Look
from ..painting.stylizer import Stylizer
from ..pictures.formats import format_of
from ..pictures.picture import shrunk
from ..pictures.reading import read_picture
from ..pictures.writing import save_picture
from .manifest import Row
from .stores import Place

PAINTING, FILES = 0.5, 0.25  # shares of a core that stages ask Ray for: decoding must go on where all cores paint
ANSWER = 20.0  # s that a cluster has to answer
MEMORY = 2_000_000_000  # bytes that painting a picture may take
TOGETHER = 16  # pictures in a block: what is done again when a machine is lost

Item = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """What is done to all pictures."""

    source: Place
    dest: Place
    look: Look
    size: int | None = None
    """Longest side in pixels to which larger photos are reduced first."""
    quality: int | None = None
    strip: bool = False
    actors: int | None = None
    """Copies of the model at work; None for one a GPU, or one a core."""
    memory: int = MEMORY
    """Bytes that painting a picture may take."""


@contextmanager
def own_words() -> Iterator[None]:
    """Let nothing but Python's ``sys.stderr`` reach the caller.

    Ray's core warns on stderr about how Ray Data uses it, and prints on stdout for each process that it restarts.
    """
    ours = os.dup(2)
    with (
        open(os.devnull, "w") as nothing,
        open(ours, "w", buffering=1, encoding=sys.stderr.encoding, errors="backslashreplace") as stderr,
        redirect_stdout(nothing),
        redirect_stderr(stderr),
    ):
        os.dup2(nothing.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(ours, 2)


def restyle(job: Job, model: bytes, pairs: Sequence[tuple[str, str]], say: Say = print) -> Iterator[list[Row]]:
    """Restyle the pictures of ``pairs``, each the name of a photo and of its result, with the file ``model``.

    Ray is started on this machine unless ``RAY_ADDRESS`` names a cluster.

    Args:
        say: takes a line about each thing that is waited for before the first picture is done.

    Yields:
        rows of the manifest as they come, in no order; one for each picture.

    Raises:
        ImpastoError: Ray cannot be reached or has failed.
    """
    # a busy machine may take longer than Ray's own 30 s to start it, after which Ray aborts the program
    for wait in ("RAY_raylet_start_wait_time_s", "RAY_worker_register_timeout_seconds"):
        os.environ.setdefault(wait, "180")
    address = os.environ.get("RAY_ADDRESS", "")
    say(f"connecting to Ray at {address}" if address else "starting Ray here: minutes on a machine that is busy")
    _check_cluster(address)
    import ray

    # sockets lie in it, whose paths may have some 100 characters: the folder for temporary files of macOS is too long
    short = "/tmp" if os.path.isdir("/tmp") else None
    with tempfile.TemporaryDirectory(prefix="impasto-", dir=short, ignore_cleanup_errors=True) as scratch:
        if not ray.is_initialized():
            # no dashboard, and no output of workers mixed into ours
            ray.init(log_to_driver=False, include_dashboard=False, logging_level=logging.ERROR, _temp_dir=scratch)
        try:
            yield from _run(job, model, pairs, say)
        except ray.exceptions.RayError as error:
            # what one of ours said in another process is the end of a long report
            reason = str(error).rpartition(f"{ImpastoError.__name__}: ")[2]
            raise ImpastoError(f"Ray: {one_line(reason)[:500]}") from error
        finally:
            ray.shutdown()


def _check_cluster(address: str) -> None:
    """Raise `ImpastoError` if nobody answers at ``host:port`` or ``ray://host:port``: Ray would wait for ever."""
    place = urlsplit(address if "://" in address else f"ray://{address}")
    try:
        if place.hostname and place.port:
            socket.create_connection((place.hostname, place.port), timeout=ANSWER).close()
    except (OSError, ValueError) as error:
        raise ImpastoError(f"no Ray cluster answers at RAY_ADDRESS {address}: {error}") from error


def _run(job: Job, model: bytes, pairs: Sequence[tuple[str, str]], say: Say) -> Iterator[list[Row]]:
    import ray
    from ray.data import ActorPoolStrategy, DataContext

    context = DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # errors are raised too: no need of its traceback
    there = ray.cluster_resources()
    gpus, cores = int(there.get("GPU", 0)), there.get("CPU", 0)
    actors = job.actors or gpus or max(1, int(cores))
    if cores < 3 * FILES:
        raise ImpastoError(f"this Ray has {cores:g} CPU cores: one at least is needed to read and write")
    blocks = -(-len(pairs) // TOGETHER)
    items = ray.data.from_items(
        [{"source": source, "output": output} for source, output in pairs], override_num_blocks=blocks
    )
    read = items.map(_Read(job), num_cpus=FILES)
    device: Device = "auto" if gpus else "cpu"
    painted = read.map(
        cast(Any, _Paint),
        fn_constructor_args=[job, model, device],
        compute=ActorPoolStrategy(size=actors),
        # however many they are, they leave room to read and to write
        num_cpus=min(PAINTING, (cores - 2 * FILES) / actors),
        num_gpus=1 / -(-actors // gpus) if gpus else 0,
    )
    written = painted.map(_Write(job), num_cpus=FILES)
    copies = f"{actors} copies of the model" if actors > 1 else "the model"
    say(f"Ray has {cores:g} cores; waiting for its workers to open {copies} and for the first pictures")
    for batch in written.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
        yield cast(Any, batch).to_pylist()


@dataclass(frozen=True)
class _Read:
    job: Job

    def __call__(self, item: Item) -> Item:
        return _guarded(item, self._read)

    def _read(self, item: Item) -> Item:
        picture = read_picture(io.BytesIO(self.job.source.read(item["source"])))
        if self.job.strip:
            picture = picture.stripped()
        return {"picture": shrunk(picture, self.job.size) if self.job.size else picture}


class _Paint:
    """Holds the model: one is made for each actor, and lives as long as that."""

    def __init__(self, job: Job, model: bytes, device: Device) -> None:
        self.look = job.look
        with tempfile.TemporaryDirectory() as folder:  # the file may lie on the machine of the caller alone
            path = Path(folder) / "model.onnx"
            path.write_bytes(model)
            # a thread each: actors are how the cores are shared out
            self.stylizer = Stylizer(path, device=device, memory=job.memory, threads=1)
        if device == "auto" and self.stylizer.device == "cpu":  # a GPU that is paid for is not left idle unseen
            raise ImpastoError(f"a GPU that it has cannot be used: {self.stylizer.not_on or 'none was found'}")

    def __call__(self, item: Item) -> Item:
        return _guarded(item, self._paint)

    def _paint(self, item: Item) -> Item:
        start = time.perf_counter()
        painted = self.stylizer.restyle(item["picture"], self.look)
        return {"picture": painted, "seconds": time.perf_counter() - start}


@dataclass(frozen=True)
class _Write:
    job: Job

    def __call__(self, item: Item) -> Row:
        done = _guarded(item, self._write)
        return {name: done.get(name) for name in ("source", "width", "height", "output", "seconds", "error")}

    def _write(self, item: Item) -> Item:
        picture, file = item["picture"], io.BytesIO()
        picture = replace(picture, format=format_of(item["output"]) or picture.format)
        save_picture(file, picture, quality=self.job.quality, name=item["output"])
        self.job.dest.write(item["output"], file.getvalue())
        height, width = picture.rgb.shape[:2]
        return {"width": width, "height": height}


def _guarded(item: Item, work: Any) -> Item:
    """``item`` with what ``work`` adds to it, or with its error; later stages pass an item with an error on."""
    if item.get("error"):
        return item
    try:
        return {"picture": None, "seconds": None, "error": None} | item | work(item)
    except ImpastoError as error:
        reason = str(error)
    except MemoryError:
        reason = "not enough memory"
    except Exception as error:  # one picture must not end a run of millions
        reason = f"{type(error).__name__}: {one_line(error)}"
    return {"source": item["source"], "output": item["output"], "picture": None, "seconds": None, "error": reason}
