"""Films into files: the encoder, the form in which it takes pixels, and what is kept beside the pictures."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common.defaults import CODEC, CRF, FPS
from ..common.errors import ImpastoError
from ..common.files import whole_file
from .film_reading import BT709, FilmReader, Frame, Part, clear_errors, need_av

if TYPE_CHECKING:
    from av.container import OutputContainer

    from .sequence import SequenceReader

WEBM_CODEC = "libvpx-vp9"  # WebM holds no H.264
# The forms of pixels to choose from, the first that an encoder takes: what players read before what keeps most.
OPAQUE = ("yuv420p", "yuvj420p", "yuv422p", "yuv422p10le", "rgb24")
WITH_ALPHA = ("yuva420p", "yuva444p10le", "rgba", "argb")
LIMITED, FULL = 1, 2  # FFmpeg's ranges of levels
# What containers and encoders say of themselves, and what would no longer be true.
NOT_KEPT = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration", "timecode"}
# QuickTime has a list of its own, and FFmpeg knows these by other codes than ISO 639-2 does (where it has two, by one)
IN_QUICKTIME = {
    **{"deu": "ger", "nld": "dut", "ell": "gre", "isl": "ice", "zho": "chi", "swe": "sve", "fre": "fra", "cze": "ces"},
    **{"slo": "slk", "rum": "ron", "sqi": "alb", "mkd": "mac", "hye": "arm", "kat": "geo", "cym": "wel", "eus": "baq"},
    **{"msa": "may", "bod": "tib", "mya": "bur", "fas": "per"},
}
KEPT_OF_TRACKS = ("language", "title", "creation_time", "handler_name")


@dataclass(frozen=True)
class Encoding:
    """How a film is written."""

    codec: str | None = None
    """An encoder by FFmpeg's name; None for `CODEC`."""
    crf: int = CRF
    """Constant rate factor, of encoders that have one: the lower, the better and the larger."""
    size: int | None = None
    """Longest side in pixels to which a larger film is reduced first."""
    max_pixels: int | None = None
    """Most pixels of a frame; None for `MAX_PIXELS`."""
    strip: bool = False
    """Leave title, place and the like out."""
    part: Part | None = None
    """What of the film; None for all."""
    fps: Fraction = Fraction(FPS)
    """Frames a second of numbered pictures."""
    quality: int | None = None
    """Of numbered pictures in a lossy format, 1 to 100; None for `QUALITY`."""
    per_frame: bool = False
    """Paint each frame by itself, in place of steadying the film."""


def check_codec(codec: str) -> None:
    """Raise `ImpastoError` if FFmpeg has no encoder of this name for films."""
    av = need_av()
    try:
        if av.Codec(codec, "w").type == "video":
            return
    except ValueError:  # FFmpeg knows no such encoder
        pass
    raise ImpastoError(f"--codec {codec}: this FFmpeg has no such encoder of films")


@contextmanager
def written_film(
    place: Path, result: Path, reader: "FilmReader | SequenceReader", encoding: Encoding, say: Callable[[str], None]
) -> Iterator["FilmWriter"]:
    """A writer into the file ``place``, which is there when the block ends well; errors name ``result``.

    Raises:
        ImpastoError: it cannot be written.
    """
    av = need_av()
    options = _container_options(result.suffix.lower(), reader, encoding)
    with (
        whole_file(place) as temporary,
        clear_errors(result, "cannot write"),
        av.open(temporary, "w", options=options) as written,
    ):
        yield FilmWriter(written, place, reader, encoding, say)


def _container_options(suffix: str, reader: "FilmReader | SequenceReader", encoding: Encoding) -> dict[str, str]:
    if suffix == ".avi":  # sound begins a little before 0: pictures would be moved with it, by one and not all
        return {"avoid_negative_ts": "disabled"}
    apple = any(key.startswith("com.apple.") for key in reader.metadata)  # as phones write place and device
    return {"movflags": "use_metadata_tags"} if apple and not encoding.strip else {}


class FilmWriter:
    """Writes what a `FilmReader` reads: frames are encoded, packets of other tracks copied.

    Args:
        place: the file that there will be.
        say: called with a line for each thing that the result cannot keep.
    """

    def __init__(
        self,
        written: "OutputContainer",
        place: Path,
        reader: "FilmReader | SequenceReader",
        encoding: Encoding,
        say: Callable[[str], None],
    ) -> None:
        self._written, self._reader, self._encoding, self._say = written, reader, encoding, say
        self.files = [place]
        self._suffix = Path(written.name).suffix.lower()
        self._out: Any = None
        self._copies: dict[int, Any] = {}
        self._last = -math.inf  # time of the last frame
        self._left_out = 0
        self._waiting: list[Any] = []  # packets of other tracks that came before the first frame

    def write(self, item: Any) -> None:
        """Write a `Frame`, or a packet of another track.

        Raises:
            ImpastoError: the encoder does not go with the file or the frames, or the file cannot hold a track.
        """
        if isinstance(item, Frame):
            if self._out is None:
                self._begin(item)
                for packet in self._waiting:
                    self._copy(packet)
            self._encode(item)
        elif self._out is None:
            self._waiting.append(item)
        else:
            self._copy(item)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of what is written, once there is a frame."""
        return self._form.width, self._form.height

    def close(self) -> None:
        """Write what the encoder still holds."""
        if self._out is not None:
            self._written.mux(self._out.encode(None))
        if self._left_out:
            self._say(
                f"AVI has one rate: {self._left_out} frames that fall together are left out; -o film.mkv keeps them"
            )

    def _begin(self, first: Frame) -> None:
        """Add the tracks, now that the size is known."""
        import av

        codec = self._encoding.codec or (WEBM_CODEC if self._suffix == ".webm" else CODEC)
        reader = self._reader
        try:
            self._out = self._written.add_stream(codec, rate=reader.rate)
        except (ValueError, av.FFmpegError) as error:
            said = f"a {self._suffix} file cannot hold what the encoder {codec} makes"
            raise ImpastoError(f"{said}: give another suffix with -o, as .mov or .mkv") from error
        height, width = first.picture.rgb.shape[:2]
        form = _chosen(codec, width, height, alpha=first.picture.alpha is not None)
        if form is None:
            raise ImpastoError(f"a film of {width}x{height} pixels cannot be written by {codec}")
        self._out.width, self._out.height, self._out.pix_fmt = form.width, form.height, form.pixels
        if (form.width, form.height) != (width, height):
            self._say(f"{codec} takes even sizes only: {form.width}x{form.height} pixels in place of {width}x{height}")
        if first.picture.alpha is not None and not form.alpha:
            self._say(f"{codec} has no transparency: it is left out; --codec prores_ks into a .mov keeps it")
        context = self._out.codec_context
        self._out.time_base = context.time_base = self._base = reader.time_base
        self._out.options = _options(codec, self._encoding.crf)
        if self._suffix == ".avi":  # it has no times, but a rate, and frames in the order in which they are decoded
            # MPEG-4 takes no finer one
            self._out.time_base = context.time_base = self._base = 1 / reader.rate.limit_denominator(1001)
            context.max_b_frames = 0
        if reader.aspect:
            context.sample_aspect_ratio = reader.aspect
        if not form.rgb:
            context.colorspace, context.color_range = BT709, form.range
        for stream in reader.others:
            self._add_copy(stream)
        if not self._encoding.strip:
            self._keep_metadata()
        if form.alpha:  # by this alone WebM knows
            self._out.metadata["alpha_mode"] = "1"
        self._form, self._shape = form, first.picture.rgb.shape

    def _add_copy(self, stream: Any) -> None:
        import av

        try:
            self._copies[stream.index] = self._written.add_stream_from_template(stream)
        except (ValueError, av.FFmpegError) as error:
            name = stream.codec_context.name if stream.codec_context else "of no known codec"
            raise ImpastoError(
                f"a {self._suffix} file cannot hold the film's {stream.type} ({name}): "
                "give another suffix with -o, as .mkv"
            ) from error

    def _keep_metadata(self) -> None:
        kept = {key: value for key, value in self._reader.metadata.items() if key.lower() not in NOT_KEPT}
        self._written.metadata.update(kept)
        pairs = [(self._reader.video_metadata, self._out)]
        pairs += [(stream.metadata, self._copies[stream.index]) for stream in self._reader.others]
        for said, track in pairs:
            track.metadata.update({key: said[key] for key in KEPT_OF_TRACKS if key in said})
            if self._suffix == ".mov" and said.get("language") in IN_QUICKTIME:
                track.metadata["language"] = IN_QUICKTIME[said["language"]]

    def _encode(self, item: Frame) -> None:
        import av

        picture, form = item.picture, self._form
        if picture.rgb.shape != self._shape:
            sizes = "{1}x{0} pixels, and the first was of {3}x{2}".format(*picture.rgb.shape[:2], *self._shape[:2])
            which = "one" if item.number is None else f"number {item.number}"
            raise ImpastoError(f"the frames differ in size: {which} is of {sizes}")
        pixels = picture.rgb if picture.alpha is None or not form.alpha else np.dstack([picture.rgb, picture.alpha])
        # the colours of every second row and column may be shared: then an odd one out cannot be written
        pixels = np.ascontiguousarray(pixels[: form.height, : form.width])
        frame = av.VideoFrame.from_ndarray(pixels, format="rgba" if pixels.shape[2] == 4 else "rgb24")
        if form.rgb:
            frame = frame.reformat(format=form.pixels)
        else:
            frame = frame.reformat(format=form.pixels, dst_colorspace="ITU709")
            frame.colorspace, frame.color_range = BT709, form.range
        frame.pts, frame.time_base = round(item.time / self._base), self._base
        if frame.pts <= self._last:  # only at the one rate that AVI has
            self._left_out += 1
            return
        self._last = frame.pts
        self._written.mux(self._out.encode(frame))

    def _copy(self, packet: Any) -> None:
        packet.stream = self._copies[packet.stream.index]
        self._written.mux(packet)


@dataclass(frozen=True)
class Form:
    """What an encoder takes."""

    pixels: str
    """Pixel format, by FFmpeg's name."""
    width: int
    height: int

    @property
    def alpha(self) -> bool:
        """Whether it holds transparency."""
        return self.pixels in WITH_ALPHA

    @property
    def rgb(self) -> bool:
        """Whether it holds RGB, not luma and chroma."""
        return not self.pixels.startswith("yuv")

    @property
    def range(self) -> int:
        """The levels of its luma."""
        return FULL if self.pixels.startswith("yuvj") else LIMITED


def _chosen(codec: str, width: int, height: int, *, alpha: bool) -> Form | None:
    """The first form that ``codec`` really takes, of the whole picture where it can; None if it takes none."""
    import av

    taken = [each.name for each in av.Codec(codec, "w").video_formats or []] or [OPAQUE[0]]
    wanted = [each for each in (WITH_ALPHA if alpha else ()) + OPAQUE if each in taken] or taken[:1]
    sizes = dict.fromkeys([(width, height), (width - width % 2, height - height % 2)])
    forms = (Form(pixels, *size) for pixels in wanted for size in sizes if all(size))
    return next((form for form in forms if _opens(codec, form)), None)


def _opens(codec: str, form: Form) -> bool:
    """Whether an encoder takes ``form``: what it lists is not all true, and of sizes it lists nothing."""
    import av

    context: Any = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt = form.width, form.height, form.pixels
    context.framerate, context.time_base = 25, Fraction(1, 25)
    context.options = _options(codec, CRF)
    if not form.rgb:
        context.color_range = form.range
    try:
        context.open()
    except (av.FFmpegError, OSError):
        return False
    return True


def _options(codec: str, crf: int) -> dict[str, str]:
    more = {
        WEBM_CODEC: {"b": "0"},
        "libx264": {"preset": "fast"},  # of paintings as good and as small as medium, in 0.8 of the time
        "libx265": {"x265-params": "log-level=none"},  # it would tell stderr all it does
    }
    return {"crf": str(crf)} | more.get(codec, {})
