"""Restyling many pictures: the next one is read and the last one written while the network works."""

import io
import os
import shutil
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from tqdm import tqdm

from ..common.ahead import ahead
from ..common.errors import ImpastoError, one_line
from ..painting.dials import read_mask
from ..painting.look import Look
from ..painting.stylizer import Stylizer
from ..pictures.formats import format_of
from ..pictures.picture import Picture, shrunk
from ..pictures.reading import read_picture
from ..pictures.writing import save_picture, write_picture
from .film import restyle_film
from .film_writing import Encoding
from .plan import STDIN, STDOUT, Job, part_of

PATIENCE = 2.0  # s of one picture that nobody has to be told about
IN_PERCENT = "{l_bar}{bar}| [{elapsed}<{remaining}]"  # as tqdm's own, without a count


@dataclass(frozen=True)
class Restyled:
    """What became of a photo in a style: a line of ``--json``."""

    photo: str
    style: str
    result: str | None = None
    """Where it was written, None if it failed."""
    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    """Of the network alone; of a film all of it."""
    error: str | None = None

    def failed(self, error: ImpastoError) -> "Restyled":
        """The same photo and style, with only the error."""
        return Restyled(self.photo, self.style, error=one_line(error))


@dataclass(frozen=True)
class Finish:
    """How pictures are read and written."""

    size: int | None = None
    """Longest side in pixels to which larger photos are reduced first."""
    quality: int | None = None
    strip: bool = False
    max_pixels: int | None = None
    """None for `MAX_PIXELS`."""
    format: str | None = None
    """A suffix without its dot: the format of results whose name says none, as stdout; None for the photo's."""


Begin = Callable[[Stylizer, int, int], object]
"""Called before a picture or the first frame of a film is painted: in what, and its height and width."""


def restyle_all(
    jobs: Sequence[Job], stylizers: Sequence[Stylizer], look: Look, finish: Finish, begin: Begin
) -> Iterator[Restyled]:
    """Restyle the photos of ``jobs`` in each style, in order; those that fail do not stop the rest.

    One picture is read ahead and one written behind, so that at most three are in memory.

    Raises:
        KeyboardInterrupt: Ctrl-C; after the records of what is done.
    """
    with ThreadPoolExecutor(1) as writer, closing(ahead(lambda job: _read(job, look, finish), jobs)) as pictures:
        written: deque[Future[Restyled]] = deque()
        try:
            for record, painted in _paintings(jobs, pictures, stylizers, finish, begin):
                written.append(writer.submit(_write, record, painted, finish))
                if len(written) > 1:
                    yield written.popleft().result()
            for writing in written:
                yield writing.result()
        except KeyboardInterrupt:
            for writing in written:
                yield writing.result()
            raise
        finally:  # also on Ctrl-C: what is being written is finished, what waits is not begun
            writer.shutdown(wait=False, cancel_futures=True)


def _paintings(
    jobs: Sequence[Job],
    pictures: "Iterator[Future[tuple[Picture, Look]]]",
    stylizers: Sequence[Stylizer],
    finish: Finish,
    begin: Begin,
) -> Iterator[tuple[Restyled, Picture | None]]:
    """Each photo in each of its styles, to be written; None where that failed."""
    for job, reading in zip(jobs, pictures, strict=True):
        for style, stylizer, result in wanted(job, stylizers):
            record = Restyled(os.fspath(job.photo), style)
            try:
                painted, seconds = _painted(reading, stylizer, result, finish, begin)
            except ImpastoError as error:
                yield record.failed(error), None
            else:
                height, width = painted.rgb.shape[:2]
                done = replace(record, result=os.fspath(result), width=width, height=height, seconds=seconds)
                yield done, painted


def restyle_films(
    jobs: Sequence[Job], stylizers: Sequence[Stylizer], look: Look, encoding: Encoding, begin: Begin
) -> Iterator[Restyled]:
    """Restyle the films of ``jobs`` in each style, in order; those that fail do not stop the rest.

    Raises:
        KeyboardInterrupt: Ctrl-C; after the record of the film that it cut short, if that holds any frames.
    """
    for job, film, style, stylizer, result in _with_files(jobs, stylizers):
        # disable=None: no bar where stderr is not a terminal
        with tqdm(unit="frame", disable=None, leave=False) as progress:
            start, name = time.perf_counter(), job.said
            record = Restyled(os.fspath(job.photo), style)

            def started(
                frames: int | None, height: int, width: int, progress: tqdm = progress, stylizer: Stylizer = stylizer
            ) -> None:
                begin(stylizer, height, width)
                progress.reset(frames)

            def say(line: str, progress: tqdm = progress, name: str = name) -> None:
                progress.write(f"apply-style: {name}: {line}", file=sys.stderr)

            try:
                seen = _look_at(job, look)
                made = restyle_film(film, result, stylizer, seen, encoding, started, progress.update, say)
            except ImpastoError as error:
                yield record.failed(ImpastoError(str(error).replace(os.fspath(film), name)))
                continue
        if made.stopped:
            held = f"{part_of(result)} holds the first {made.frames} frames; a second call begins anew"
            yield record.failed(ImpastoError(f"{name} was not finished: {held}"))
            raise KeyboardInterrupt
        seconds = round(time.perf_counter() - start, 4)
        yield replace(record, result=os.fspath(result), width=made.width, height=made.height, seconds=seconds)


def _with_files(jobs: Sequence[Job], stylizers: Sequence[Stylizer]) -> Iterator[tuple[Job, Path, str, Stylizer, Path]]:
    """Each film and the file that it is in, with all that is `wanted` of it.

    That on stdin is put in a file first, as films are read to and fro.

    Raises:
        ImpastoError: there is no stdin, or no room for its film.
    """
    for job in jobs:
        with tempfile.TemporaryDirectory() if job.photo == STDIN else nullcontext() as folder:
            film = Path(folder) / "stdin" if folder else job.photo  # a temporary file could not be opened on Windows
            if folder:
                _keep_stdin(film)
            for style, stylizer, result in wanted(job, stylizers):
                yield job, film, style, stylizer, result


def _keep_stdin(film: Path) -> None:
    """Copy stdin to the file ``film``."""
    stdin = _stdin()
    try:
        with film.open("wb") as file:
            shutil.copyfileobj(stdin, file)
    except OSError as error:
        place = f"{tempfile.gettempdir()}: {error.strerror}"
        raise ImpastoError(f"cannot keep the film of stdin in {place}; TMPDIR names another folder") from error


def _stdin() -> BinaryIO:
    if sys.stdin is None:
        raise ImpastoError("cannot read stdin: it is closed")
    return sys.stdin.buffer


def wanted(job: Job, stylizers: Sequence[Stylizer]) -> Iterator[tuple[str, Stylizer, Path]]:
    """The styles to paint a photo in: name, model and the file to write."""
    for style, stylizer, result in zip(job.styles, stylizers, job.results, strict=True):
        if result is not None:
            yield style, stylizer, result


def _read(job: Job, look: Look, finish: Finish) -> tuple[Picture, Look]:
    picture, seen = taken_in(job.photo, finish), _look_at(job, look)
    height, width = picture.rgb.shape[:2]
    seen.check_mask(height, width, job.said)
    return picture.stripped() if finish.strip else picture, seen


def taken_in(photo: Path, finish: Finish) -> Picture:
    """The photo, or that of `STDIN`, no larger than it may be.

    Raises:
        ImpastoError: as `impasto.pictures.reading.read_picture`.
    """
    source = io.BytesIO(_stdin().read()) if photo == STDIN else photo
    try:
        picture = read_picture(source, finish.max_pixels)
    except ImpastoError as error:
        if photo != STDIN:
            raise
        raise ImpastoError(f"{error}; if it is a film, say what to write, as in -o film.mp4") from error
    return shrunk(picture, finish.size) if finish.size else picture


def _look_at(job: Job, look: Look) -> Look:
    return replace(look, mask=read_masks(job.masks)) if job.masks else look


def read_masks(files: Mapping[str, str | Path]) -> np.ndarray | dict[str, np.ndarray] | None:
    """Masks, by style as in `Choice`, as `Look` takes them.

    Raises:
        ImpastoError: one cannot be read.
    """
    masks = {name: read_mask(file) for name, file in files.items()}
    return masks.get("", masks or None)


def _painted(
    reading: "Future[tuple[Picture, Look]]", stylizer: Stylizer, result: Path, finish: Finish, begin: Begin
) -> tuple[Picture, float]:
    """The picture in its style, in the format that ``result`` is named for, and the seconds that took."""
    picture, look = reading.result()
    begin(stylizer, *picture.rgb.shape[:2])
    start = time.perf_counter()
    frames = 1 + len(picture.later)
    still = frames == 1  # of which a part is done; of an animation, whole frames
    form = IN_PERCENT if still else None
    # disable=None: no bar where stderr is not a terminal
    with tqdm(total=frames, unit="frame", bar_format=form, disable=None, delay=PATIENCE, leave=False) as progress:

        def report(done: float) -> None:
            progress.update((done if still else int(done)) - progress.n)

        painted = stylizer.restyle(picture, look, report)
    seconds = round(time.perf_counter() - start, 4)
    return replace(painted, format=format_of(result) or format_of(f"x.{finish.format}") or picture.format), seconds


def _write(record: Restyled, painted: Picture | None, finish: Finish) -> Restyled:
    """Write a painting to where ``record`` says; the record of how that went."""
    if painted is None:
        return record
    try:
        if record.result == os.fspath(STDOUT):
            _to_stdout(painted, finish)
        else:
            assert record.result is not None
            write_picture(record.result, painted, quality=finish.quality)
    except ImpastoError as error:
        return record.failed(error)
    return record


def _to_stdout(painted: Picture, finish: Finish) -> None:
    data = io.BytesIO()  # some formats are written back and forth
    save_picture(data, painted, quality=finish.quality, name="stdout")
    try:
        sys.stdout.buffer.write(data.getbuffer())
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # whoever read it has gone: no fault of the picture
        raise
    except OSError as error:
        raise ImpastoError(f"cannot write to stdout: {error.strerror}") from error
