"""Restyling films: decoding, the network and encoding at once, frame by frame; the sound is copied untouched.

How steady the film is from frame to frame depends on the model: it is learned in training (``train-style --steady``).
"""

import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common.defaults import CODEC, CRF, MAX_PIXELS
from ..common.errors import ImpastoError
from ..common.extras import pip_line
from ..common.files import whole_file
from ..painting.stylizer import Look, Stylizer
from ..pictures.picture import Picture, shrunk
from .plan import part_of

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer

WEBM_CODEC = "libvpx-vp9"  # WebM holds no H.264
# Of FFmpeg's demuxers those that read a single file: a playlist, as HLS has, would make it open others.
READ = {"format_whitelist": "mov,matroska,webm,avi,mpegts,mpeg,flv,ogg,asf", "protocol_whitelist": "file"}
CUT_SHORT = 1.0  # s that a file may be shorter than it states: some round the length, or count the sound's padding
AHEAD = 4  # frames decoded ahead of the network, and encoded behind it
BT709, LIMITED = 1, 1  # what H.273 calls the colours and the range of levels that films have today


@dataclass(frozen=True)
class Encoding:
    """How a film is written."""

    codec: str | None = None
    """An encoder by FFmpeg's name; None for `CODEC`."""
    crf: int = CRF
    """Constant rate factor: the lower, the better and the larger."""
    size: int | None = None
    """Longest side in pixels to which a larger film is reduced first."""
    max_pixels: int | None = None
    """Most pixels of a frame; None for `MAX_PIXELS`."""


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
    started: Callable[[int | None], None],
    progress: Callable[[], Any],
) -> Made:
    """Write ``source`` to ``result``, restyled: each frame at its own time, other tracks as they are.

    ``result`` is the whole film or is not touched. What Ctrl-C leaves is `part_of` it.

    Args:
        started: called once with the number of frames that the file states, None if it states none.
        progress: called after each frame.

    Raises:
        ImpastoError: the extra is missing, ``source`` cannot be read, has no picture track, or frames too large or
            too small, the codec is not available or does not go with the suffix, or ``result`` cannot be written.
    """
    try:
        import av
    except ImportError as error:
        raise ImpastoError(f"films need one more package: {pip_line('video')}") from error
    if not os.path.exists(source):
        raise ImpastoError(f"cannot read {source}: no such file")
    if encoding.codec:
        _check_codec(encoding.codec)
    # absolute: else FFmpeg would take a folder named http: for a protocol
    place = os.path.abspath(source)
    with _clear_errors(source, "cannot read"), av.open(place, options=READ, metadata_errors="replace") as opened:
        _check_source(opened, source, MAX_PIXELS if encoding.max_pixels is None else encoding.max_pixels)
        clear = _clear_errors(result, "cannot write")
        with whole_file(part_of(result)) as temporary, clear, av.open(temporary, "w") as written:
            film = _Film(opened, written, source, encoding)
            started(opened.streams.video[0].frames or None)
            made = film.restyle(stylizer, look, progress)
    if not made.stopped:
        try:
            os.replace(part_of(result), result)
        except OSError as error:
            raise ImpastoError(f"cannot write {result}: {error.strerror}; {part_of(result)} is the film") from error
    return made


def _check_codec(codec: str) -> None:
    import av

    try:
        if av.Codec(codec, "w").type == "video":
            return
    except ValueError:  # FFmpeg knows no such encoder
        pass
    raise ImpastoError(f"--codec {codec}: this FFmpeg has no such encoder of films")


def _check_source(opened: "InputContainer", source: Path, most: int) -> None:
    """Raise `ImpastoError` if it is no film, or one cut short, before any of it is painted; rewind it."""
    if not opened.streams.video:
        raise ImpastoError(f"cannot read {source}: it has no picture track")
    video = opened.streams.video[0]
    if video.codec_context is None:
        raise ImpastoError(f"cannot read {source}: damaged, or its pictures are coded in a way that FFmpeg cannot read")
    if video.width * video.height > most:
        count = f"{video.width}x{video.height} pixels"
        raise ImpastoError(f"cannot read {source}: frames of {count}, more than the {most:,} of --max-pixels")
    if not opened.duration:  # a recorded live stream states no length
        return
    ends = (
        float((packet.pts + (packet.duration or 0)) * packet.time_base)
        for packet in opened.demux()
        if packet.pts is not None and packet.time_base is not None
    )
    end, promised = max(ends, default=0.0), ((opened.start_time or 0) + opened.duration) / 1e6
    if end < promised - CUT_SHORT:
        raise ImpastoError(f"cannot read {source}: cut short, it ends {promised - end:.0f} s before its time")
    opened.seek(opened.start_time or 0)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ignore Ctrl-C and SIGTERM: a second one would lose what the first one keeps."""
    if threading.current_thread() is not threading.main_thread():  # signals arrive only there
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _clear_errors:
    """Turns FFmpeg's errors into ours; ``verb`` and ``path`` say of what."""

    def __init__(self, path: Path, verb: str) -> None:
        self.path, self.verb = path, verb

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        import av

        if isinstance(error, av.FFmpegError):
            no_film = isinstance(error, av.InvalidDataError | av.ArgumentError) and self.verb == "cannot read"
            reason = "truncated or damaged, or no film" if no_film else error.strerror
            raise ImpastoError(f"{self.verb} {self.path}: {reason}") from error


class _Film:
    """A film being restyled: packets are read in one thread, frames painted in the caller's, written in a third."""

    def __init__(self, opened: "InputContainer", written: "OutputContainer", source: Path, encoding: Encoding) -> None:
        self.opened, self.written, self.source, self.encoding = opened, written, source, encoding
        self.video = opened.streams.video[0]
        self.video.thread_type = "AUTO"
        self.others = [stream for stream in opened.streams if stream.type in ("audio", "subtitle")]
        self.copies: dict[int, Any] = {}
        self.out: Any = None
        self.stopping = threading.Event()
        self.read: queue.Queue[Any] = queue.Queue(AHEAD)
        self.painted: queue.Queue[Any] = queue.Queue(AHEAD)
        self.failure: BaseException | None = None

    def restyle(self, stylizer: Stylizer, look: Look, progress: Callable[[], Any]) -> Made:
        """Restyle the film; the result's container is complete afterwards, also after Ctrl-C."""
        frames, stopped, size = 0, False, (0, 0)
        threads = [threading.Thread(target=target, daemon=True) for target in (self._read, self._write)]
        for thread in threads:
            thread.start()
        try:
            for item in self._taken():
                if isinstance(item, tuple):
                    pixels, pts = item
                    painted = stylizer.restyle(self._sized(pixels), look).rgb
                    size = painted.shape[1], painted.shape[0]
                    self._put(self.painted, (painted, pts))
                    frames += 1
                    progress()
                else:
                    self._put(self.painted, item)
        except KeyboardInterrupt:
            stopped = True
        finally:
            with _uninterrupted():
                self.stopping.set()
                self._put(self.painted, None, always=True)
                for thread in threads:
                    thread.join()
        if self.failure is not None:
            raise self.failure
        if not frames:
            if stopped:
                raise KeyboardInterrupt
            raise ImpastoError(f"cannot read {self.source}: it has no frames")
        return Made(*size, frames, stopped)

    def _sized(self, pixels: np.ndarray) -> Picture:
        picture = Picture(pixels)
        return shrunk(picture, self.encoding.size) if self.encoding.size else picture

    def _taken(self) -> Iterator[Any]:
        """What the reader has read, until it has no more."""
        while True:
            if self.failure is not None:
                return
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
        """Frames as ``(pixels, pts)``, packets of other tracks as they are, None at the end."""
        try:
            with _clear_errors(self.source, "cannot read"):
                for packet in self.opened.demux(self.video, *self.others):
                    if self.stopping.is_set():
                        return
                    self._take(packet)
            self._put(self.read, None)
        except BaseException as error:
            self.failure = self.failure or error

    def _take(self, packet: Any) -> None:
        if packet.stream is not self.video:
            if packet.dts is not None:  # the last of each track is empty
                self._put(self.read, packet)
            return
        for frame in packet.decode():
            turned = np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90) % 4)
            self._put(self.read, (np.ascontiguousarray(turned), frame.pts))

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
                if isinstance(item, tuple):
                    self._encode(*item)
                else:
                    self._copy(item)
            if self.out is not None:
                self.written.mux(self.out.encode(None))
        except BaseException as error:
            self.failure = self.failure or error

    def _begin(self, height: int, width: int) -> None:
        """Add the tracks, now that the size is known."""
        import av

        webm = Path(self.written.name).suffix.lower() == ".webm"
        codec = self.encoding.codec or (WEBM_CODEC if webm else CODEC)
        try:
            self.out = self.written.add_stream(codec, rate=self.video.average_rate or 25)
        except (ValueError, av.FFmpegError) as error:
            raise ImpastoError(f"--codec {codec}: this FFmpeg has no such encoder, or not for this file") from error
        self.out.width, self.out.height = width - width % 2, height - height % 2
        if not (self.out.width and self.out.height):
            raise ImpastoError(f"a film of {width}x{height} pixels cannot be written: two a side are the least")
        self.out.pix_fmt = "yuv420p"
        self.out.time_base = self.out.codec_context.time_base = self.video.time_base
        self.out.options = {"crf": str(self.encoding.crf)} | ({"b": "0"} if codec == WEBM_CODEC else {})
        self.out.codec_context.colorspace, self.out.codec_context.color_range = BT709, LIMITED
        for stream in self.others:
            try:
                self.copies[stream.index] = self.written.add_stream_from_template(stream)
            except (ValueError, av.FFmpegError) as error:
                suffix = Path(self.written.name).suffix
                raise ImpastoError(
                    f"a {suffix} file cannot hold the film's {stream.type} ({stream.codec_context.name}): "
                    "give another suffix with -o, as .mkv"
                ) from error

    def _encode(self, painted: np.ndarray, pts: int) -> None:
        import av

        if self.out is None:
            self._begin(*painted.shape[:2])
            for packet in self.waiting:
                self._copy(packet)
        # the colours of every second row and column are shared: an odd one out cannot be written
        even = np.ascontiguousarray(painted[: self.out.height, : self.out.width])
        frame = av.VideoFrame.from_ndarray(even, format="rgb24").reformat(format="yuv420p", dst_colorspace="ITU709")
        frame.pts, frame.time_base = pts, self.video.time_base
        frame.colorspace, frame.color_range = BT709, LIMITED
        self.written.mux(self.out.encode(frame))

    waiting: tuple[Any, ...] = ()  # packets of other tracks that came before the first frame

    def _copy(self, packet: Any) -> None:
        if self.out is None:
            self.waiting += (packet,)
            return
        packet.stream = self.copies[packet.stream.index]
        self.written.mux(packet)
