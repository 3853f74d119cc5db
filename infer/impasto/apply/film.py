"""Restyling films: decoding, the network and encoding at once, frame by frame; the sound is copied untouched.

How steady the film is depends on the model, which learns it in training (``train-style --steady``), and on a
`Steadier`, which mixes each painting with the one before.
"""

import math
import os
import queue
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..common.defaults import MAX_PIXELS
from ..common.errors import ImpastoError
from ..painting.look import Look
from ..painting.painter import fitting
from ..painting.steadier import Steadier, Turn
from ..painting.stylizer import Stylizer
from ..pictures.picture import Picture, shrunk, within
from .film_reading import FilmReader, Frame, opened_film
from .film_writing import Encoding, FilmWriter, check_codec, written_film
from .plan import part_of, whole_of
from .sequence import SequenceReader, SequenceWriter, following, is_sequence

AHEAD = 4  # frames decoded ahead of the network, and encoded behind it
AT_ONCE = min(8, os.cpu_count() or 1)  # frames painted, where memory allows: one hardly keeps two cores busy
AT_ONCE_ON_GPU = 2  # one is painted while the other is mixed: how much memory a GPU has, nobody says
HELD = 1000  # packets and frames that wait for a frame: with no limit a long sound would fill memory


@dataclass(frozen=True)
class Made:
    """What became of a film."""

    width: int
    height: int
    frames: int
    stopped: bool
    """Whether Ctrl-C ended it early: then `part_of` the result holds the frames up to then."""


def restyle_film(
    source: Path,
    result: Path,
    stylizer: Stylizer,
    look: Look,
    encoding: Encoding,
    started: Callable[[int | None, int, int], None],
    progress: Callable[[], Any],
    say: Callable[[str], None],
) -> Made:
    """Write ``source`` to ``result``, restyled: each frame at its own time, other tracks as they are.

    ``result`` is the whole film or is not touched. What Ctrl-C leaves, or damage in ``source``, is `part_of` it.

    Args:
        started: called before the first frame is painted, with the number of frames that the file states, None if it
            states none, and with height and width of that frame.
        progress: called after each frame.
        say: called with a line for each thing that ``result`` cannot keep as it is.

    Raises:
        ImpastoError: the extra is missing, ``source`` cannot be read, has no picture track, or frames too large or
            too small, the codec is not available or does not go with the suffix, or ``result`` cannot be written.
    """
    if encoding.codec:
        check_codec(encoding.codec)
    part = part_of(result)
    with _opened(source, encoding) as reader, _written(part, result, reader, encoding, say) as writer:
        film = _Film(reader, writer, source, encoding)
        for line in reader.notes:
            say(line)
        made = film.restyle(stylizer, look, started, progress)
    if film.damage:
        raise ImpastoError(f"{film.damage}; {part} holds the first {made.frames} frames")
    if not made.stopped:
        try:
            for file in writer.files:
                os.replace(file, whole_of(file))
        except OSError as error:
            raise ImpastoError(f"cannot write {result}: {error.strerror}; {part} is the film") from error
        if is_sequence(result) and (beyond := following(result, whole_of(writer.files[-1]))):
            say(f"{len(beyond)} pictures from {beyond[0].name} on were there before, and go on after these")
    return made


@contextmanager
def _opened(source: Path, encoding: Encoding) -> Iterator[FilmReader | SequenceReader]:
    """What reads ``source``."""
    most = MAX_PIXELS if encoding.max_pixels is None else encoding.max_pixels
    if is_sequence(source):
        yield SequenceReader(source, encoding, most)
        return
    with opened_film(source, most, encoding.part) as reader:
        yield reader


@contextmanager
def _written(
    part: Path,
    result: Path,
    reader: FilmReader | SequenceReader,
    encoding: Encoding,
    say: Callable[[str], None],
) -> Iterator[FilmWriter | SequenceWriter]:
    """What writes ``part``, which becomes ``result``; an error leaves nothing."""
    if not is_sequence(result):
        with written_film(part, result, reader, encoding, say) as writer:
            yield writer
        return
    pictures = SequenceWriter(part, reader, encoding.quality, say)
    try:
        yield pictures
    except BaseException:
        pictures.clear()
        raise


def _painted(items: Iterable[Any]) -> int:
    """How many of ``items`` are frames that are being painted."""
    return sum(isinstance(item, Future) for item in items)


def _result(item: Any) -> Any:
    """What becomes of ``item``: what a painter makes, or something that is not painted."""
    return item.result() if isinstance(item, Future) else item


class _Film:
    """A film being restyled: packets are read in one thread, written in another, and frames painted in several."""

    def __init__(
        self,
        reader: FilmReader | SequenceReader,
        writer: FilmWriter | SequenceWriter,
        source: Path,
        encoding: Encoding,
    ) -> None:
        self.reader, self.writer, self.source = reader, writer, source
        self.size, self.per_frame = encoding.size, encoding.per_frame
        self.stopping = threading.Event()
        self.read: queue.Queue[Any] = queue.Queue(AHEAD)
        self.painted: queue.Queue[Any] = queue.Queue(AHEAD)
        self.failure: BaseException | None = None
        self.interrupted = False
        self.damage: ImpastoError | None = None
        """Where the film could be read no further."""

    def restyle(
        self,
        stylizer: Stylizer,
        look: Look,
        started: Callable[[int | None, int, int], None],
        progress: Callable[[], Any],
    ) -> Made:
        """Restyle the film; the result's container is complete afterwards, also after Ctrl-C."""
        frames = 0
        threads = [threading.Thread(target=target, daemon=True) for target in (self._read, self._write)]
        painters = ThreadPoolExecutor(max(AT_ONCE, AT_ONCE_ON_GPU))
        with self._heeding_ctrl_c():
            for thread in threads:
                thread.start()
            try:
                for item in self._in_turn(painters, stylizer, look, started):
                    self._put(self.painted, item)
                    if isinstance(item, Frame):
                        frames += 1
                        progress()
            except KeyboardInterrupt:
                self.interrupted = True
            finally:
                stopped = self.interrupted  # one that comes later interrupts nothing: all is painted
                self.stopping.set()
                painters.shutdown(cancel_futures=True)
                self._put(self.painted, None, always=True)
                for thread in threads:
                    thread.join()
        if self.failure is not None:
            raise self.failure
        if not frames:
            if stopped:
                raise KeyboardInterrupt
            if self.damage:
                raise self.damage
            raise ImpastoError(f"cannot read {self.source}: it has no frames")
        return Made(*self.writer.size, frames, stopped)

    @contextmanager
    def _heeding_ctrl_c(self) -> Iterator[None]:
        """Let Ctrl-C, and what `console.run` takes for one, be noted, and no exception.

        That would come anywhere: within a lock, which would stay closed, or while what is done is being kept.
        """
        before = {}
        if threading.current_thread() is threading.main_thread():  # signals arrive only there
            for name in ("SIGINT", "SIGTERM", "SIGHUP"):
                number = getattr(signal, name, signal.SIGINT)
                if signal.getsignal(number) is signal.default_int_handler:
                    before[number] = signal.signal(number, self._note)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, *signalled: Any) -> None:
        self.interrupted = True

    def _in_turn(
        self,
        painters: ThreadPoolExecutor,
        stylizer: Stylizer,
        look: Look,
        started: Callable[[int | None, int, int], None],
    ) -> Iterator[Any]:
        """What the reader has read, in its order, with the frames painted, several at once."""
        steadier = None if self.per_frame else Steadier(look.strength)
        waiting: deque[Any] = deque()
        begun, most = False, 1
        for item in self._taken():
            if isinstance(item, Frame):
                size = self._size(item)
                if not begun:
                    begun = True
                    look.check_mask(*size, str(self.source))
                    started(self.reader.count, *size)
                pixels = max(math.prod(size), math.prod(look.seen(*size)))
                at_once = AT_ONCE if stylizer.device == "cpu" else AT_ONCE_ON_GPU
                most = min(at_once, fitting(stylizer.memory, pixels))
                painter = stylizer.for_several if most > 1 else stylizer
                turn = steadier.turn() if steadier else None
                item = painters.submit(self._paint, item, painter, look, turn)
            waiting.append(item)
            while waiting and (not isinstance(waiting[0], Future) or _painted(waiting) >= most or len(waiting) > HELD):
                yield _result(waiting.popleft())
        yield from map(_result, waiting)

    def _paint(self, frame: Frame, stylizer: Stylizer, look: Look, turn: Turn | None) -> Frame:
        try:
            return replace(frame, picture=stylizer.restyle(self._taken_in(frame), look, steadier=turn))
        finally:
            if turn:
                turn.close()

    def _size(self, frame: Frame) -> tuple[int, int]:
        """Height and width of `_taken_in`."""
        height, width = frame.picture.rgb.shape[:2]
        return within(height, width, self.size) if self.size else (height, width)

    def _taken_in(self, frame: Frame) -> Picture:
        return shrunk(frame.picture, self.size) if self.size else frame.picture

    def _taken(self) -> Iterator[Any]:
        """What the reader has read, until it has no more, or Ctrl-C."""
        while self.failure is None and not self.interrupted:
            try:
                item = self.read.get(timeout=0.1)
            except queue.Empty:
                continue
            if item is None:
                return
            yield item

    def _put(self, place: "queue.Queue[Any]", item: Any, *, always: bool = False) -> None:
        while self.failure is None and (always or not self.stopping.is_set()):
            try:
                return place.put(item, timeout=0.1)
            except queue.Full:
                continue

    def _read(self) -> None:
        """All that is in the film, or can be read of it, and None at the end."""
        try:
            for item in self.reader.items():
                if self.stopping.is_set():
                    return
                self._put(self.read, item)
            self._put(self.read, None)
        except ImpastoError as error:
            self.damage = error
            self._put(self.read, None)
        except BaseException as error:
            self.failure = self.failure or error

    def _write(self) -> None:
        try:
            while True:
                try:
                    item = self.painted.get(timeout=0.1)
                except queue.Empty:
                    if self.failure is not None:
                        return
                    continue
                if item is None:
                    break
                self.writer.write(item)
            self.writer.close()
        except BaseException as error:
            self.failure = self.failure or error
