"""Films out of files: their frames as pictures, and the packets of their other tracks as they are."""

import os
import re
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common.errors import ImpastoError
from ..common.extras import pip_line
from ..pictures.picture import Picture
from .tone_map import HDR, ToneMap

if TYPE_CHECKING:
    from av.container import InputContainer

# Of FFmpeg's demuxers those that read a single file: a playlist, as HLS has, would make it open others.
READ = {"format_whitelist": "mov,matroska,webm,avi,mpegts,mpeg,flv,ogg,asf", "protocol_whitelist": "file"}
UNSAID, BT709, BT2020 = 2, 1, 9  # H.273's numbers of colours of which nothing is said, of films today and of HDR
HD = 1280  # px of the longer side from which a film is in high definition
AVI_LATE = 16  # frames after its time at which a frame has surely been decoded: H.264 holds no more
CUT_SHORT = 1.0  # s that a file may be shorter than it states: some round the length, or count the sound's padding
ANY_START = ("mpegts", "mpeg")  # formats whose times begin anywhere: no other would play the gap before as nothing
WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # decoders that read the alpha of WebM, which FFmpeg's own do not


@dataclass(frozen=True)
class Part:
    """What of a film is wanted, in seconds from its beginning; it begins at 0 in the result."""

    start: Fraction = Fraction(0)
    end: Fraction | None = None
    """None for the end of the film."""

    @classmethod
    def of(cls, start: str | None, end: str | None) -> "Part | None":
        """The part from ``start`` to ``end``, texts as ``1:30`` or ``0:01:30.5`` or seconds; None for all.

        Raises:
            ImpastoError: they are no times, or in the wrong order.
        """
        if start is None and end is None:
            return None
        part = cls(_seconds("--from", start or "0"), None if end is None else _seconds("--to", end))
        if part.end is not None and part.end <= part.start:
            raise ImpastoError(f"--to {end} is not after --from {start or 0}")
        return part


def _seconds(option: str, text: str) -> Fraction:
    if not re.fullmatch(r"(\d+:){0,2}\d+(\.\d+)?", text):
        raise ImpastoError(f"{option} {text} is no time: 1:30, 0:01:30.5 and 90 are")
    return sum((Fraction(digits) * 60**power for power, digits in enumerate(reversed(text.split(":")))), Fraction(0))


@dataclass(frozen=True)
class Frame:
    """A picture of a film."""

    picture: Picture
    time: Fraction
    """Seconds at which it is shown."""
    number: int | None = None
    """That of its file, where each has its own."""


class FilmReader:
    """A film in a file: what is to be known of it before it is read, and what is in it.

    Args:
        part: None for the whole film.

    Raises:
        ImpastoError: it is over before ``part``.
    """

    rate: Fraction
    """Frames a second; on average where they differ."""
    time_base: Fraction
    """Seconds that all times are a multiple of."""
    aspect: Fraction | None
    """Width of a pixel over its height, upright; None where the film does not say."""
    count: int | None
    """How many frames the file states, or about as many as ``part`` has."""

    def __init__(self, opened: "InputContainer", source: Path, part: Part | None = None) -> None:
        self._opened, self._source = opened, source
        self._video = opened.streams.video[0]
        self._video.thread_type = "AUTO"
        self.others = [stream for stream in opened.streams if stream.type in ("audio", "subtitle")]
        """Tracks to be copied."""
        self.metadata, self.video_metadata = opened.metadata, self._video.metadata
        self.rate, self.count = self._video.average_rate or Fraction(25), self._video.frames or None
        self.time_base, self.aspect = self._video.time_base or 1 / self.rate, self._video.sample_aspect_ratio or None
        self._decoder = self._video.codec_context
        # AVI has only times of decoding, one a packet; frames come out in the order in which they are shown. Of MPEG-4
        # without B-frames some packets are empty, for a frame that is shown again.
        reordered = opened.format.name == "avi" and (self._decoder.has_b_frames or self._decoder.name != "mpeg4")
        self._decoded: deque[int] | None = deque() if reordered else None
        self._late = AVI_LATE / self.rate if reordered else 0
        if "1" in (self.video_metadata.get(key) for key in ("alpha_mode", "ALPHA_MODE")):
            self._decoder = _with_alpha(self._decoder)
        self._start, self._cut = Fraction(0), part is not None or opened.format.name in ANY_START
        self._length: Fraction | None = None
        if self._cut:
            self._seek(part or Part())
        hdr = HDR.get(self._video.color_trc)
        self._sdr = ToneMap(self.time_base) if hdr else None
        self.notes = [f"HDR ({hdr}) is converted to SDR"] if hdr else []
        """What becomes of the pictures before they are painted, a line each."""

    def items(self) -> Iterator[Any]:
        """Every `Frame`, and the packets of other tracks, in the order of the file.

        Raises:
            ImpastoError: the file is damaged.
        """
        left = {stream.index for stream in (self._video, *self.others) if stream.type != "subtitle"}
        with clear_errors(self._source, "cannot read all of"):
            for packet in self._opened.demux(self._video, *self.others):
                if packet.dts is not None and self._is_past(packet.dts * packet.time_base - self._start - self._late):
                    left.discard(packet.stream_index)
                    if not left:
                        break
                elif packet.stream is self._video:
                    yield from self._frames(packet)
                elif packet.dts is not None and self._is_wanted(packet):  # the last of each track is empty
                    yield packet
            else:
                return
            yield from self._frames(None)

    def _seek(self, part: Part) -> None:
        """Go to the last place before ``part`` from which pictures can be read."""
        length = Fraction(self._opened.duration, 1_000_000) if self._opened.duration else None
        if length and part.start >= length:
            raise ImpastoError(f"cannot read {self._source} from {float(part.start):g} s: it has {float(length):g} s")
        self._start = Fraction(self._opened.start_time or 0, 1_000_000) + part.start
        self._length = None if part.end is None else part.end - part.start
        if part.start and self._opened.format.name not in (*ANY_START, "avi"):  # these find no place to decode from
            self._opened.seek(round(self._start * 1_000_000))
        ends = [end for end in (part.end, length) if end is not None]
        self.count = round((min(ends) - part.start) * self.rate) if ends else None

    def _is_past(self, time: Fraction) -> bool:
        return self._length is not None and time >= self._length

    def _is_wanted(self, packet: Any) -> bool:
        """Whether a packet of another track belongs to the part; it is moved to its time there."""
        if not self._cut:
            return True
        shift = round(self._start / packet.time_base)
        packet.pts, packet.dts = (packet.dts if packet.pts is None else packet.pts) - shift, packet.dts - shift
        return packet.pts >= 0 and not self._is_past(packet.pts * packet.time_base)

    def _frames(self, packet: Any) -> Iterator[Frame]:
        if self._decoded is not None and packet is not None and packet.dts is not None:
            self._decoded.append(packet.dts)
        for frame in self._decoder.decode(packet):
            pts = self._decoded.popleft() if self._decoded else frame.dts if frame.pts is None else frame.pts
            if pts is None:
                continue
            time = pts * self.time_base - self._start
            if self._cut and (time < 0 or self._is_past(time)):
                continue
            turns = round(frame.rotation / 90) % 4
            if turns % 2 and self._video.sample_aspect_ratio:
                self.aspect = 1 / self._video.sample_aspect_ratio
            pixels = np.rot90(self._pixels(frame), turns)
            rgb, alpha = np.ascontiguousarray(pixels[..., :3]), pixels[..., 3] if pixels.shape[2] == 4 else None
            yield Frame(Picture(rgb, alpha), time)

    def _pixels(self, frame: Any) -> np.ndarray:
        """uint8 ``[H, W, 3]``, or ``[H, W, 4]`` of a frame with alpha."""
        if frame.colorspace == UNSAID and not frame.format.is_rgb and max(frame.width, frame.height) >= HD:
            frame.colorspace = BT2020 if self._sdr else BT709  # as players take it; FFmpeg takes BT.601
        pixels = frame.to_ndarray(format="rgba" if has_alpha(frame.format) else "rgb24")
        if self._sdr:
            pixels[..., :3] = self._sdr(frame).to_ndarray(format="rgb24")
        return pixels


@contextmanager
def opened_film(source: Path, most: int, part: Part | None = None) -> Iterator[FilmReader]:
    """Open the film in the file ``source``, of at most ``most`` pixels a frame.

    Raises:
        ImpastoError: there is none, or it has no picture track, frames too large, or is damaged or cut short, or over
            before ``part``.
    """
    av = need_av()
    if not os.path.exists(source):
        raise ImpastoError(f"cannot read {source}: no such file")
    # absolute: else FFmpeg would take a folder named http: for a protocol
    place = os.path.abspath(source)
    with clear_errors(source, "cannot read"), av.open(place, options=READ, metadata_errors="replace") as opened:
        _check(opened, source, most)
    # anew, as not all formats find their way back to the first frame
    with clear_errors(source, "cannot read"), av.open(place, options=READ, metadata_errors="replace") as opened:
        yield FilmReader(opened, source, part)


def _check(opened: "InputContainer", source: Path, most: int) -> None:
    """Raise `ImpastoError` if it is no film, or one cut short, before any of it is painted."""
    if not opened.streams.video:
        raise ImpastoError(f"cannot read {source}: it has no picture track")
    video = opened.streams.video[0]
    if video.codec_context is None:
        reason = "damaged, or its pictures are coded in a way that FFmpeg cannot read"
        raise ImpastoError(f"cannot read {source}: {reason}")
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


def need_av() -> Any:
    """The package that reads and writes films.

    Raises:
        ImpastoError: it is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise ImpastoError(f"films need one more package: {pip_line('video')}") from error
    return av


def _with_alpha(decoder: Any) -> Any:
    """A decoder of the same film that reads its alpha too, if there is one."""
    import av

    name = WITH_ALPHA.get(decoder.name)
    return av.CodecContext.create(name, "r") if name in av.codecs_available else decoder


def has_alpha(pixel_format: Any) -> bool:
    """Whether a pixel format of FFmpeg's holds alpha."""
    return any(component.is_alpha for component in pixel_format.components)


BAD = {"cannot read": "truncated or damaged, or no film", "cannot read all of": "truncated or damaged"}


class clear_errors:
    """Turns FFmpeg's errors into ours; ``verb`` and ``path`` say of what."""

    def __init__(self, path: Path, verb: str) -> None:
        self.path, self.verb = path, verb

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        import av

        if isinstance(error, av.FFmpegError):
            bad = isinstance(error, av.InvalidDataError | av.ArgumentError)
            reason = (BAD.get(self.verb) if bad else None) or error.strerror
            raise ImpastoError(f"{self.verb} {self.path}: {reason}") from error
