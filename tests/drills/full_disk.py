"""Every kind of file that a command writes, on a disk that is full at that very moment.

    python -m tests.drills.full_disk [--only NAME] [--json FILE]

The disk is a tmpfs in a mount namespace of its own (``unshare``), filled to its last byte when the file is opened.
Of each command it is asked that it ends with status 2 and one line that says so, that what was there before is still
whole, that nothing half-written lies about, and that the same work succeeds once there is room again.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from impasto import ImpastoError
from impasto.apply import command as apply
from impasto.common.console import run
from impasto_train.export.variants import command as variants
from impasto_train.optimize import command as optimize_image
from impasto_train.tune import command as tune

from benchmarks.recipes import write_pan
from benchmarks.report import save

from . import caches, tiny
from .forked import Ended, call

SIZE = "96m"
FULL = re.compile("No space left on device|disk is full")
INSIDE = "IMPASTO_DRILL_DISK"  # says to the process in the namespace that it is there

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@dataclass(frozen=True)
class Write:
    """A kind of write, and how a command comes to it."""

    name: str
    words: tuple[str, ...]
    at: str
    """The file's name or that of its temporary one begins so, with a dot or without."""
    number: int = 1
    """At the how manieth touch of such a file the disk becomes full."""
    again: tuple[str, ...] = ()
    """What makes up for it once there is room; empty: the same command."""
    status: int = 2


APPLY, TUNE, IMAGE = "apply-style", "tune-style", "optimize-image"
BEGIN = ("train-style", "--style", "style.png", *tiny.RUN)
LONG_LOG = (*BEGIN, "--checkpoint-every", "1000", "--preview-every", "0")
GO_ON = ("train-style", "--resume", "tiny.run")
SEARCH = (
    TUNE,
    "--style",
    "style.png",
    "--content",
    "photos",
    "--out",
    "search",
    "--from",
    "scratch",
    "--l1",
    "0,1",
    "--steps",
    "1",
    "--size",
    "64",
    "--style-size",
    "48",
    "--folds",
    "2",
    "--finalists",
    "1",
    "--device",
    "cpu",
)
OPTIMIZE = (
    IMAGE,
    "--content",
    "photos/1.png",
    "--style",
    "style.png",
    "--style-size",
    "48",
    "--steps",
    "2",
    "--device",
    "cpu",
    "--out",
    "found.png",
    "--overwrite",
)
PICTURES = tuple(
    Write(
        f"apply-style, {suffix}", (APPLY, "great_wave", "photo.png", "-o", f"result.{suffix}", "--overwrite"), "result"
    )
    for suffix in ("png", "jpg", "webp", "tif", "gif")
)
WRITES = (
    Write("train-style, first file", BEGIN, "style"),
    Write("train-style, plan", BEGIN, "options"),
    Write("train-style, first checkpoint", BEGIN, "checkpoint"),
    Write("train-style, later checkpoint", BEGIN, "checkpoint", 20, GO_ON),
    Write("train-style, preview", BEGIN, "preview", 11, GO_ON),
    Write("train-style, log", LONG_LOG, "log", 2, GO_ON),
    Write("train-style, model", BEGIN, "tiny", 1, GO_ON),
    Write("train-style, digest of the model", BEGIN, "exported", 1, GO_ON),
    *PICTURES,
    Write("apply-style, film", (APPLY, "great_wave", "clip.mp4", "-o", "result.mp4", "--overwrite"), "result"),
    Write("apply-style, sheet", (APPLY, "great_wave", "photo.png", "--sheet", "result.png", "--overwrite"), "result"),
    Write("apply-style, stdout", (APPLY, "great_wave", "photo.png", "-o", "-"), "stdout"),
    Write(
        "export-style",
        ("export-style", "great_wave", "--dial", "required", "-o", "result.onnx", "--overwrite"),
        "result",
    ),
    Write("optimize-image", OPTIMIZE, "found"),
    Write("tune-style, pictures", SEARCH, "photos."),
    Write("tune-style, record", SEARCH, "record"),
    Write("tune-style, table", SEARCH, "table"),
    Write("tune-style, plot", SEARCH, "plot"),
    Write("tune-style, sheet", SEARCH, "sheet"),
    Write("cache, list of photos", ("photos",), "index"),
    Write("cache, photo", ("photos",), "0000", 4),
    Write("cache, VGG16 weights", ("weights",), "vgg16", status=0),
)
COMMANDS: dict[str, Callable[[], Any]] = {
    "train-style": tiny.train_style,
    APPLY: apply.main,
    "export-style": variants.main,
    IMAGE: tiny.narrowed(optimize_image.main),
    TUNE: tiny.narrowed(tune.main),
    "photos": caches.photos,
    "weights": caches.weights,
}


class Disk:
    """A small disk at ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.filler = folder, folder / "filler"

    def fill(self) -> None:
        """Leave no byte of it free."""
        with self.filler.open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))

    def free(self) -> None:
        """Undo `fill`."""
        self.filler.unlink(missing_ok=True)


def drilled(write: Write, disk: Disk, wanted: bytes) -> tuple[Ended, list[str]]:
    """Let a command come to a full disk: how it ended, and what was wrong with that."""
    folder = disk.folder / "work"
    shutil.rmtree(folder, ignore_errors=True)
    tiny.lay_out(folder)
    tiny.picture(9, 64, 96).save(folder / "photo.png")
    write_pan(folder / "clip.mp4", 4)
    old = {folder / name: b"what was there" for name in ("tiny.onnx", "found.png", "result.png", "result.onnx")}
    for path, data in old.items():
        path.write_bytes(data)
    before = set(folder.rglob("*"))
    seen = 0

    def touch(event: str, path: str) -> None:
        nonlocal seen
        if Path(path).name.lstrip(".").startswith(write.at) and not disk.filler.exists():
            seen += 1
            if seen == write.number:
                disk.fill()

    stdout = disk.folder / "stdout" if write.at == "stdout" else None
    if stdout:
        disk.fill()
    ended = call(COMMANDS[write.words[0]], list(write.words), folder, touch=touch, stdout=stdout, told=TOLD)
    faults = [] if disk.filler.exists() else ["the disk was never full"]
    lines = [line for line in ended.said.splitlines() if FULL.search(line)]
    if ended.status != write.status or len(lines) != 1 or lines[0].split("\r")[-1].strip() != ended.last_line:
        faults.append(f"status {ended.status}: {ended.said[-300:]}")
    faults += [f"{path.name} is not what it was" for path, data in old.items() if path.read_bytes() != data]
    new = [path.name for path in folder.rglob("*") if path not in before and path.is_file()]
    faults += [f"{name} is left" for name in new if ".part" in name or name.startswith("result")]
    disk.free()
    if stdout:
        stdout.unlink()
    again = call(COMMANDS[write.words[0]], list(write.again or write.words), folder, stdout=stdout, told=TOLD)
    if again.status:
        faults.append(f"with room again: {again.said[-300:]}")
    elif write.words[0] == "train-style" and (folder / "tiny.onnx").read_bytes() != wanted:
        faults.append("another model than undisturbed")
    return ended, faults


TOLD = Path("/dev/shm") if Path("/dev/shm").is_dir() else None


@contextmanager
def small_disk() -> Iterator[Disk]:
    """A tmpfs; the process must be in a namespace of its own."""
    with TemporaryDirectory() as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", folder], check=True)
        try:
            yield Disk(Path(folder).resolve())
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


def in_a_namespace() -> int:
    """Run this program again where it may mount, and give its status.

    Raises:
        ImpastoError: nothing can be mounted here.
    """
    for words in (["unshare", "--mount"], ["unshare", "--map-root-user", "--mount"]):
        with TemporaryDirectory() as folder, suppress(OSError):
            probe = [*words, "mount", "-t", "tmpfs", "tmpfs", folder]
            if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
                again = [*words, sys.executable, "-m", "tests.drills.full_disk", *sys.argv[1:]]
                return subprocess.run(again, check=False, env={**os.environ, INSIDE: "1"}).returncode
    raise ImpastoError("no small disk can be mounted here: unshare is missing or not allowed")


@app.command()
def main(
    only: Annotated[str, typer.Option(help="A regular expression: only kinds of write that it is found in.")] = "",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> int:
    """Write to a full disk in every way there is."""
    if INSIDE not in os.environ:
        return in_a_namespace()
    rows, bad = [], 0
    with small_disk() as disk:
        work = disk.folder / "work"
        tiny.lay_out(work)
        call(tiny.train_style, list(BEGIN), work, told=TOLD)
        wanted = (work / "tiny.onnx").read_bytes()
        for write in (one for one in WRITES if re.search(only, one.name)):
            ended, faults = drilled(write, disk, wanted)
            bad += bool(faults)
            line = "; ".join(faults) or ended.last_line.replace(f"{work}/", "")
            rows.append({"written": write.name, "status": ended.status, "as it should": not faults, "line": line})
    save(rows, json_file, None, lambda axis: None)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(run(app, "tests.drills.full_disk"))
