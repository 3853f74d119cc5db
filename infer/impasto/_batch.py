"""Restyling many pictures: the next one is read and the last one written while the network works."""

import io
import os
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from tqdm import tqdm

from ._dials import read_mask
from ._errors import ImpastoError, one_line
from ._film import Encoding, restyle_film
from ._formats import Picture, format_of, shrunk
from ._pictures import read_picture
from ._places import STDIN, STDOUT, Job
from ._stylizer import Look, Stylizer
from ._writing import save_picture, write_picture


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

    def failed(self, error: ImpastoError) -> "Record":
        """The same photo and style, with nothing but the error to tell."""
        return Record(self.photo, self.style, None, None, None, None, one_line(error))


@dataclass(frozen=True)
class Finish:
    """How pictures are taken in and written."""

    size: int | None = None
    """Longest side in pixels to which larger photos are reduced first."""
    quality: int | None = None
    strip: bool = False
    max_pixels: int | None = None
    """None for `MAX_PIXELS`."""


def restyle_all(jobs: Sequence[Job], stylizers: Sequence[Stylizer], look: Look, finish: Finish) -> Iterator[Record]:
    """Restyle the photos of ``jobs`` in each style, in order, past those that fail.

    One picture is read ahead and one written behind, so that three are in memory at the most.

    Raises:
        KeyboardInterrupt: Ctrl-C; after the records of what is done.
    """
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        try:
            going: deque[tuple[Record, Future[None] | None]] = deque()
            for job, coming in _ahead(reader, jobs, look, finish):
                for stylizer, result in wanted(job, stylizers):
                    blank = Record(os.fspath(job.photo), stylizer.info.name, None, None, None, None, None)
                    try:
                        painted, seconds = _painted(coming, stylizer, job.photo, result)
                    except ImpastoError as error:
                        going.append((blank.failed(error), None))
                    else:
                        height, width = painted.rgb.shape[:2]
                        done = replace(blank, result=os.fspath(result), width=width, height=height, seconds=seconds)
                        going.append((done, writer.submit(_write, result, painted, finish)))
                    if len(going) > 1:
                        yield _finished(*going.popleft())
            for record, writing in going:
                yield _finished(record, writing)
        except KeyboardInterrupt:
            for record, writing in going:
                yield _finished(record, writing)
            raise
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
        for stylizer, result in wanted(job, stylizers):
            # disable=None: no bar where stderr is not a terminal
            with tqdm(unit="frame", disable=None, leave=False) as progress:
                start = time.perf_counter()
                blank = Record(os.fspath(job.photo), stylizer.info.name, None, None, None, None, None)

                def started(frames: int | None, progress: tqdm = progress) -> None:
                    progress.reset(frames)

                try:
                    seen = _look_at(job, look)
                    made = restyle_film(job.photo, result, stylizer, seen, encoding, started, progress.update)
                except ImpastoError as error:
                    yield blank.failed(error)
                    continue
            seconds = round(time.perf_counter() - start, 4)
            yield replace(blank, result=os.fspath(result), width=made.width, height=made.height, seconds=seconds)
            if made.stopped:
                raise KeyboardInterrupt


def wanted(job: Job, stylizers: Sequence[Stylizer]) -> Iterator[tuple[Stylizer, Path]]:
    """The styles that a photo is to be painted in, each with its result."""
    for stylizer, result in zip(stylizers, job.results, strict=True):
        if result is not None:
            yield stylizer, result


def _read(job: Job, look: Look, finish: Finish) -> tuple[Picture, Look]:
    picture = taken_in(job.photo, finish)
    return picture.stripped() if finish.strip else picture, _look_at(job, look)


def taken_in(photo: Path, finish: Finish) -> Picture:
    """The photo, or that of `STDIN`, no larger than it may be.

    Raises:
        ImpastoError: as `impasto._pictures.read_picture`.
    """
    if photo == STDIN and sys.stdin is None:
        raise ImpastoError("cannot read stdin: it is closed")
    source = io.BytesIO(sys.stdin.buffer.read()) if photo == STDIN else photo
    picture = read_picture(source, finish.max_pixels)
    return shrunk(picture, finish.size) if finish.size else picture


def _look_at(job: Job, look: Look) -> Look:
    return look if job.mask is None else replace(look, mask=read_mask(job.mask))


def _ahead(
    reader: ThreadPoolExecutor, jobs: Sequence[Job], look: Look, finish: Finish
) -> "Iterator[tuple[Job, Future[tuple[Picture, Look]]]]":
    """Each job with its picture, while the next one's is being read."""
    coming: deque[tuple[Job, Future[tuple[Picture, Look]]]] = deque()
    for job in jobs:
        coming.append((job, reader.submit(_read, job, look, finish)))
        if len(coming) > 1:
            yield coming.popleft()
    yield from coming


def _painted(
    coming: "Future[tuple[Picture, Look]]", stylizer: Stylizer, photo: Path, result: Path
) -> tuple[Picture, float]:
    """The picture in its style and in the format of ``result``, and the seconds that took."""
    picture, look = coming.result()
    start = time.perf_counter()
    painted = stylizer.restyle(picture, look)
    seconds = round(time.perf_counter() - start, 4)
    # A suffix that was asked for decides; the photo's own may belie its format, and is kept.
    asked = format_of(result) if result.suffix != photo.suffix else None
    return replace(painted, format=asked or picture.format), seconds


def _finished(record: Record, writing: "Future[None] | None") -> Record:
    if writing is not None:
        try:
            writing.result()
        except ImpastoError as error:
            return record.failed(error)
    return record


def _write(result: Path, painted: Picture, finish: Finish) -> None:
    if result == STDOUT:
        data = io.BytesIO()  # some formats are written back and forth
        save_picture(data, painted, quality=finish.quality, name="stdout")
        try:
            sys.stdout.buffer.write(data.getbuffer())
            sys.stdout.buffer.flush()
        except BrokenPipeError:  # whoever read it has gone: no fault of the picture
            raise
        except OSError as error:
            raise ImpastoError(f"cannot write to stdout: {error.strerror}") from error
    else:
        write_picture(result, painted, quality=finish.quality)
