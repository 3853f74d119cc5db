"""Restyling many pictures: the next one is read and the last one written while the network works."""

import io
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from tqdm import tqdm

from ._dials import read_mask
from ._errors import ImpastoError
from ._film import Encoding, restyle_film
from ._pictures import Picture, format_of, read_picture, save_picture, shrunk, write_picture
from ._places import STDIN, STDOUT, Job
from ._stylizer import Look, Stylizer


@dataclass(frozen=True)
class Record:
    """What became of a photo in a style."""

    photo: str
    style: str
    result: str | None
    """Where it was written, None if it failed."""
    width: int | None
    height: int | None
    seconds: float | None
    """Of the network alone; of a film all of it."""
    error: str | None


@dataclass(frozen=True)
class Finish:
    """How pictures are taken in and written."""

    size: int | None = None
    """Longest side in pixels to which larger photos are reduced first."""
    quality: int | None = None
    strip: bool = False
    max_pixels: int | None = None
    """None for `impasto._pictures.MAX_PIXELS`."""


def restyle_all(jobs: Sequence[Job], stylizers: Sequence[Stylizer], look: Look, finish: Finish) -> Iterator[Record]:
    """Restyle the photos of ``jobs`` in each style, in order, past those that fail.

    One picture is read ahead and one written behind, so that three are in memory at the most.
    """
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        try:
            going: deque[Callable[[], Record]] = deque()
            for index, job in enumerate(jobs):
                if index == 0:
                    coming = reader.submit(_read, job, look, finish)
                this, failure = _outcome(coming)
                if index + 1 < len(jobs):
                    coming = reader.submit(_read, jobs[index + 1], look, finish)
                for stylizer, result in zip(stylizers, job.results, strict=True):
                    going.append(_restyle(this, failure, job.photo, result, stylizer, finish, writer))
                    if len(going) > 1:
                        yield going.popleft()()
            yield from (finished() for finished in going)
        finally:  # also on Ctrl-C: what is being written is finished, what waits is not begun
            for pool in (reader, writer):
                pool.shutdown(wait=False, cancel_futures=True)


def restyle_films(
    jobs: Sequence[Job], stylizers: Sequence[Stylizer], look: Look, encoding: Encoding
) -> Iterator[Record]:
    """Restyle the films of ``jobs`` in each style, in order, past those that fail.

    Raises:
        KeyboardInterrupt: Ctrl-C; after the record of the film that it cut short, if that holds any frames.
    """
    for job in jobs:
        for stylizer, result in zip(stylizers, job.results, strict=True):
            # disable=None: no bar where stderr is not a terminal
            with tqdm(unit="frame", disable=None, leave=False) as progress:
                start, names = time.perf_counter(), (os.fspath(job.photo), stylizer.info.name)

                def started(frames: int | None, progress: tqdm = progress) -> None:
                    progress.reset(frames)

                try:
                    seen = _look_at(job, look)
                    made = restyle_film(job.photo, result, stylizer, seen, encoding, started, progress.update)
                except ImpastoError as error:
                    yield Record(*names, None, None, None, None, " ".join(str(error).split()))
                    continue
            seconds = round(time.perf_counter() - start, 4)
            yield Record(*names, os.fspath(result), made.width, made.height, seconds, None)
            if made.stopped:
                raise KeyboardInterrupt


def _read(job: Job, look: Look, finish: Finish) -> tuple[Picture, Look]:
    source = io.BytesIO(sys.stdin.buffer.read()) if job.photo == STDIN else job.photo
    picture = read_picture(source, finish.max_pixels)
    if finish.size:
        picture = shrunk(picture, finish.size)
    return picture.stripped() if finish.strip else picture, _look_at(job, look)


def _look_at(job: Job, look: Look) -> Look:
    return look if job.mask is None else replace(look, mask=read_mask(job.mask))


def _outcome(future: "Future[tuple[Picture, Look]]") -> tuple[tuple[Picture, Look] | None, ImpastoError | None]:
    try:
        return future.result(), None
    except ImpastoError as error:
        return None, error


def _restyle(
    this: tuple[Picture, Look] | None, failure: ImpastoError | None, photo: Path, result: Path, stylizer: Stylizer,
    finish: Finish, writer: ThreadPoolExecutor,
) -> Callable[[], Record]:  # fmt: skip
    """Run the network, begin to write, and give what waits for the end of that."""
    name = stylizer.info.name

    def failed(error: ImpastoError) -> Record:
        return Record(os.fspath(photo), name, None, None, None, None, " ".join(str(error).split()))

    if this is None:
        assert failure is not None
        error = failure
        return lambda: failed(error)
    picture, look = this
    start = time.perf_counter()
    try:
        painted = stylizer.restyle(picture, look)
    except ImpastoError as problem:
        error = problem
        return lambda: failed(error)
    seconds = time.perf_counter() - start
    # A suffix that was asked for decides; the photo's own may belie its format, and is kept.
    asked = format_of(result) if result.suffix != photo.suffix else None
    painted = replace(painted, format=asked or picture.format)
    writing = writer.submit(_write, result, painted, finish)

    def finished() -> Record:
        try:
            writing.result()
        except ImpastoError as error:
            return failed(error)
        height, width = painted.rgb.shape[:2]
        return Record(os.fspath(photo), name, os.fspath(result), width, height, round(seconds, 4), None)

    return finished


def _write(result: Path, painted: Picture, finish: Finish) -> None:
    if result == STDOUT:
        data = io.BytesIO()  # some formats are written back and forth
        save_picture(data, painted, quality=finish.quality, name="stdout")
        sys.stdout.buffer.write(data.getbuffer())
        sys.stdout.buffer.flush()
    else:
        write_picture(result, painted, quality=finish.quality)
