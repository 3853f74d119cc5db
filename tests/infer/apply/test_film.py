"""Films, made here with sound: frames, times, sound packets and sizes come out as they went in."""

import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from impasto import ImpastoError, Stylizer, film
from impasto.apply.film import restyle_film
from impasto.apply.film_reading import FilmReader, Part, opened_film
from impasto.apply.film_writing import Encoding
from impasto.apply.plan import plan
from impasto.common.extras import pip_line
from impasto.painting.stylizer import Look
from PIL import Image

RATE = 12


def make(
    path: Path,
    frames: int = 10,
    size: tuple[int, int] = (64, 48),
    *,
    sound: bool = True,
    gap: int = 1,
    aspect: Fraction | None = None,
    texts: dict[str, str] | None = None,
    language: str | None = None,
    movflags: str = "",
) -> None:
    """A clip whose levels of grey tell its frames apart, the later half ``gap`` times as far apart, and a tone."""
    with av.open(path, "w", options={"movflags": movflags} if movflags else {}) as container:
        container.metadata.update(texts or {})
        video = container.add_stream("libx264", rate=RATE)
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        if aspect:
            video.codec_context.sample_aspect_ratio = aspect
        video.time_base = video.codec_context.time_base = Fraction(1, 1200)
        if sound:
            audio = container.add_stream("aac", rate=44100, layout="mono")
            audio.metadata.update({"language": language} if language else {})
            tone = (np.sin(np.arange(44100) * 0.06) * 0.3).astype(np.float32)[None]
            block = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            block.sample_rate, block.pts = 44100, 0
        for index in range(frames):
            level = 30 + 20 * (index % 10)
            frame = av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), level, np.uint8), format="rgb24")
            later = max(0, index - frames // 2)
            frame.pts, frame.time_base = 100 * (index + (gap - 1) * later), Fraction(1, 1200)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if sound:
            container.mux([*audio.encode(block), *audio.encode(None)])


def look_at(path: Path) -> tuple[list[Fraction], list[int], list[bytes]]:
    """Times and mean levels of the frames, and the bytes of the sound."""
    with av.open(path) as container:
        times, levels = [], []
        for frame in container.decode(video=0):
            times.append(frame.pts * frame.time_base)
            levels.append(round(float(frame.to_ndarray(format="rgb24").mean())))
    with av.open(path) as container:
        sound = [bytes(p) for p in container.demux() if p.stream.type == "audio" and p.dts is not None]
    return times, levels, sound


@pytest.fixture
def stylizer(model) -> Stylizer:
    return Stylizer(model, device="cpu")


@pytest.fixture
def said() -> list[str]:
    """What a result could not keep, in lines."""
    return []


@pytest.fixture
def restyle(stylizer, said):
    def call(source, result, look=None, encoding=None):
        counts = []
        step, look, encoding = lambda: counts.append(1), look or Look(), encoding or Encoding()
        made = restyle_film(source, result, stylizer, look, encoding, counts.append, step, said.append)
        assert len(counts) == made.frames + 1
        return made

    return call


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
@pytest.mark.parametrize("gap", [1, 3])
def test_frames_times_and_sound_are_kept(restyle, tmp_path, suffix, gap):
    source, result = tmp_path / f"clip{suffix}", tmp_path / f"styled{suffix}"
    make(source, gap=gap)
    made = restyle(source, result)
    assert (made.width, made.height, made.frames, made.stopped) == (64, 48, 10, False)
    (times, levels, sound), (old_times, old_levels, old_sound) = look_at(result), look_at(source)
    assert times == pytest.approx(old_times, abs=0.001)
    assert sound == old_sound
    assert len(sound) > 5
    assert np.abs(np.array(levels) - (255 - np.array(old_levels))).max() <= 3
    with av.open(result) as container:
        assert container.streams.video[0].codec_context.name == "h264"
    assert sorted(os.listdir(tmp_path)) == sorted([source.name, result.name])


def test_another_codec_and_quality(restyle, tmp_path):
    make(tmp_path / "clip.mp4", sound=False)
    restyle(tmp_path / "clip.mp4", tmp_path / "a.webm")
    with av.open(tmp_path / "a.webm") as container:
        assert container.streams.video[0].codec_context.name == "vp9"
    restyle(tmp_path / "clip.mp4", tmp_path / "a.mkv", encoding=Encoding(codec="libx265", crf=30))
    with av.open(tmp_path / "a.mkv") as container:
        assert container.streams.video[0].codec_context.name == "hevc"
    for codec in ("libnothing", "aac"):
        with pytest.raises(ImpastoError, match=f"--codec {codec}: this FFmpeg has no such encoder"):
            restyle(tmp_path / "clip.mp4", tmp_path / "b.mp4", encoding=Encoding(codec=codec))
    assert not (tmp_path / "b.mp4").exists()


@pytest.mark.parametrize(
    ("name", "codec", "size", "line"),
    [
        ("a.mp4", None, (30, 22), ["libx264 takes even sizes only: 30x22 pixels in place of 31x23"]),
        ("a.webm", None, (31, 23), []),
        ("a.mov", "prores_ks", (31, 23), []),
        ("a.avi", "mjpeg", (31, 23), []),
    ],
)
def test_no_pixel_is_lost_where_the_codec_takes_odd_sizes(restyle, said, tmp_path, name, codec, size, line):
    make(tmp_path / "clip.mp4", frames=3, sound=False)
    made = restyle(tmp_path / "clip.mp4", tmp_path / name, encoding=Encoding(codec, size=31))
    assert (made.width, made.height) == size
    assert said == line
    with av.open(tmp_path / name) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == size
    assert np.abs(np.array(look_at(tmp_path / name)[1]) - (255 - np.array([30, 50, 70]))).max() <= 3


@pytest.mark.parametrize(("suffix", "language"), [(".mp4", "deu"), (".mkv", "deu"), (".mov", "eng")])
@pytest.mark.parametrize("strip", [False, True])
def test_pixels_that_are_not_square_and_what_a_film_says_of_itself_are_kept(
    restyle, tmp_path, monkeypatch, suffix, language, strip
):
    texts = {
        "title": "A walk",
        "creation_time": "2020-01-02T03:04:05.000000Z",
        "location": "+48.2000+016.3700/",
        "comment": "windy",
    }
    source, result = tmp_path / f"clip{suffix}", tmp_path / f"styled{suffix}"
    make(source, frames=3, aspect=Fraction(4, 3), texts=texts, language=language)
    restyle(source, result, encoding=Encoding(strip=strip))
    with av.open(result) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(4, 3)
        said = {key.lower(): value for key, value in container.metadata.items()}
        assert {key: said[key] for key in texts if key in said} == ({} if strip else texts)
        assert (container.streams.audio[0].language == language) is not strip or suffix == ".mov"


def test_what_phones_say_is_kept(restyle, tmp_path):
    texts = {"com.apple.quicktime.location.ISO6709": "+48.2000+016.3700/", "com.apple.quicktime.make": "Apple"}
    make(tmp_path / "clip.mov", frames=3, texts=texts, movflags="use_metadata_tags")
    restyle(tmp_path / "clip.mov", tmp_path / "styled.mp4")
    with av.open(tmp_path / "styled.mp4") as container:
        assert texts.items() <= container.metadata.items()


def test_prores(restyle, said, tmp_path):
    make(tmp_path / "clip.mp4", frames=3)
    restyle(tmp_path / "clip.mp4", tmp_path / "styled.mov", encoding=Encoding("prores_ks"))
    with av.open(tmp_path / "styled.mov") as container:
        assert container.streams.video[0].codec_context.name == "prores"
        assert container.streams.video[0].pix_fmt == "yuv422p10le"
    assert np.abs(np.array(look_at(tmp_path / "styled.mov")[1]) - (255 - np.array([30, 50, 70]))).max() <= 2
    assert said == []


@pytest.mark.parametrize(
    ("source", "result", "codec", "kept"),
    [
        ("clip.mov", "a.mov", "prores_ks", True),
        ("clip.mov", "a.mkv", "ffv1", True),
        ("clip.webm", "a.webm", None, True),
        ("clip.mov", "a.mp4", None, False),
    ],
)
def test_transparency_is_kept_or_a_line_says_that_it_is_not(restyle, said, tmp_path, source, result, codec, kept):
    pixels = np.full((48, 64, 4), 200, np.uint8)
    pixels[..., 3] = np.where(np.arange(64) < 32, 255, 0)
    with av.open(tmp_path / source, "w") as container:
        webm = source.endswith("webm")
        video = container.add_stream("libvpx-vp9" if webm else "prores_ks", rate=RATE)
        video.width, video.height, video.pix_fmt = 64, 48, "yuva420p" if webm else "yuva444p10le"
        frame = av.VideoFrame.from_ndarray(pixels, format="rgba").reformat(format=video.pix_fmt)
        frame.pts, frame.time_base = 0, Fraction(1, RATE)
        container.mux([*video.encode(frame), *video.encode(None)])
    restyle(tmp_path / source, tmp_path / result, encoding=Encoding(codec))
    with opened_film(tmp_path / result, 10_000) as reader:
        (item,) = reader.items()
    if kept:
        assert said == []
        assert item.picture.alpha[:, :28].min() > 250
        assert item.picture.alpha[:, 36:].max() < 5
    else:
        assert item.picture.alpha is None
        assert said == ["libx264 has no transparency: it is left out; --codec prores_ks into a .mov keeps it"]
    assert abs(int(item.picture.rgb[24, 8, 0]) - 55) <= 3


def test_frames_that_are_too_small_or_too_large(restyle, tmp_path):
    make(tmp_path / "clip.mp4", frames=3)
    with pytest.raises(ImpastoError, match="a film of 1x1 pixels cannot be written"):
        restyle(tmp_path / "clip.mp4", tmp_path / "small.mp4", encoding=Encoding(size=1))
    with pytest.raises(ImpastoError, match="frames of 64x48 pixels, more than the 3,000 of --max-pixels"):
        restyle(tmp_path / "clip.mp4", tmp_path / "small.mp4", encoding=Encoding(max_pixels=3000))
    assert os.listdir(tmp_path) == ["clip.mp4"]


def test_a_film_that_was_cut_short(restyle, tmp_path):
    make(tmp_path / "clip.mkv", frames=60)
    whole = (tmp_path / "clip.mkv").read_bytes()
    (tmp_path / "clip.mkv").write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(ImpastoError, match=r"clip.mkv: cut short, it ends \d s before its time"):
        restyle(tmp_path / "clip.mkv", tmp_path / "styled.mkv")
    assert os.listdir(tmp_path) == ["clip.mkv"]


def test_the_dials(restyle, tmp_path):
    make(tmp_path / "clip.mp4", frames=3)
    restyle(tmp_path / "clip.mp4", tmp_path / "photo.mp4", Look(strength=0))
    assert np.abs(np.array(look_at(tmp_path / "photo.mp4")[1]) - look_at(tmp_path / "clip.mp4")[1]).max() <= 2


def test_a_film_turned_on_its_side_comes_out_upright(restyle, tmp_path, monkeypatch):
    make(tmp_path / "clip.mp4", frames=2, sound=False)

    class Turned:  # not every PyAV that reads a film's rotation can write it
        def __init__(self, decoder):
            self.decoder = decoder

        def decode(self, packet):
            for frame in self.decoder.decode(packet):
                pixels = frame.to_ndarray(format="rgb24").copy()
                pixels[:, 32:] = 0  # the right half is dark
                told = {"rotation": 90, "pts": frame.pts, "format": frame.format}
                yield SimpleNamespace(**told, to_ndarray=lambda format, pixels=pixels: pixels)

    frames = FilmReader._frames

    def turned(self, packet):
        if not isinstance(self._decoder, Turned):
            self._decoder = Turned(self._decoder)
        return frames(self, packet)

    monkeypatch.setattr(FilmReader, "_frames", turned)
    made = restyle(tmp_path / "clip.mp4", tmp_path / "upright.mp4")
    assert (made.width, made.height) == (48, 64)
    with av.open(tmp_path / "upright.mp4") as container:
        first = next(container.decode(video=0)).to_ndarray(format="rgb24")
    # a quarter turn against the clock: what was on the right is on top, and dark became light
    assert first[:28].mean() > 240 > 235 > first[36:].mean()


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".ts"])
def test_a_part_of_a_film(restyle, tmp_path, suffix):
    source, result = tmp_path / f"clip{suffix}", tmp_path / f"part{suffix}"
    make(source, frames=60)
    _, levels, sound = look_at(source)
    for part, frames in (
        (Part.of("0:01.5", "0:03"), slice(18, 36)),
        (Part.of(None, "1"), slice(0, 12)),
        (Part.of("0:04", None), slice(48, 60)),
    ):
        made = restyle(source, result, encoding=Encoding(part=part))
        times, part_levels, part_sound = look_at(result)
        assert made.frames == len(times) == frames.stop - frames.start
        begin = times[0] if suffix == ".ts" else 0  # no transport stream begins at 0
        wanted = [begin + Fraction(index, RATE) for index in range(len(times))]
        assert times == pytest.approx(wanted, abs=0.002)
        assert np.abs(np.array(part_levels) - (255 - np.array(levels[frames]))).max() <= 3
        assert set(part_sound) <= set(sound)
    restyle(source, result, encoding=Encoding(part=Part.of("0:00.5", "0:00.75")))
    assert 9 <= len(look_at(result)[2]) <= 12  # blocks of 23 ms


@pytest.mark.parametrize(
    ("start", "end", "line"),
    [
        ("0:9", None, r"clip.mp4 from 9 s: it has 1(\.\d+)? s"),
        ("ten", None, "--from ten is no time"),
        ("0:02", "0:01", "--to 0:01 is not after --from 0:02"),
    ],
)
def test_parts_that_are_none(stylizer, tmp_path, start, end, line):
    make(tmp_path / "clip.mp4")
    with pytest.raises(ImpastoError, match=line):
        film(stylizer, tmp_path / "clip.mp4", tmp_path / "part.mp4", start=start, end=end)
    assert os.listdir(tmp_path) == ["clip.mp4"]


def levels_of(folder: Path) -> dict[str, int]:
    return {path.name: round(float(np.asarray(Image.open(path)).mean())) for path in sorted(folder.iterdir())}


def test_a_film_as_numbered_pictures(restyle, said, tmp_path):
    make(tmp_path / "clip.mp4", frames=3)
    made = restyle(tmp_path / "clip.mp4", tmp_path / "frames/%04d.png")
    assert (made.width, made.height, made.frames) == (64, 48, 3)
    levels = levels_of(tmp_path / "frames")
    assert list(levels) == ["0001.png", "0002.png", "0003.png"]
    assert np.abs(np.array(list(levels.values())) - [225, 205, 185]).max() <= 3
    assert said == ["numbered pictures hold no sound or subtitles: they are left out"]


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_numbered_pictures_as_a_film(restyle, tmp_path, suffix):
    (tmp_path / "in").mkdir()
    for number in (8, 9, 10, 12):
        Image.new("RGB", (64, 48), (10 * number,) * 3).save(tmp_path / f"in/f{number}{suffix}")
    restyle(tmp_path / f"in/f%d{suffix}", tmp_path / "film.mp4", encoding=Encoding(fps=Fraction(10)))
    times, levels, _ = look_at(tmp_path / "film.mp4")
    assert times == [Fraction(tenth, 10) for tenth in (0, 1, 2, 4)]  # 11 is missing
    assert np.abs(np.array(levels) - [175, 165, 155, 135]).max() <= 3
    part = Encoding(fps=Fraction(10), part=Part.of("0.1", "0.3"))
    restyle(tmp_path / f"in/f%d{suffix}", tmp_path / "film.mp4", encoding=part)
    assert look_at(tmp_path / "film.mp4")[0] == [0, Fraction(1, 10)]
    restyle(tmp_path / f"in/f%d{suffix}", tmp_path / f"out/%03d{suffix}")
    assert list(levels_of(tmp_path / "out")) == [f"{number:03}{suffix}" for number in (8, 9, 10, 12)]
    Image.new("RGB", (48, 64)).save(tmp_path / f"in/f13{suffix}")
    with pytest.raises(ImpastoError, match="48x64 pixels, and the first was of 64x48"):
        restyle(tmp_path / f"in/f%d{suffix}", tmp_path / "other.mp4")
    (tmp_path / f"in/f13{suffix}").write_text("no picture")
    with pytest.raises(ImpastoError, match="f13"):
        restyle(tmp_path / f"in/f%d{suffix}", tmp_path / f"other/%d{suffix}")
    with pytest.raises(ImpastoError, match="no such files"):
        restyle(tmp_path / "in/none%d.png", tmp_path / "other.mp4")
    assert not (tmp_path / "other.mp4").exists()
    assert not list(tmp_path.glob("other/*"))


def test_numbered_pictures_are_planned_as_a_film(tmp_path):
    (tmp_path / "0001.png").touch()
    source = tmp_path / "%04d.png"
    (job,) = plan([source], None, ["negative"])
    assert job.results == (tmp_path / "%04d-negative.png",)
    with pytest.raises(ImpastoError, match="written over a photo"):
        plan([source], str(source), ["negative"], overwrite=True)
    (tmp_path / "0001-negative.png").touch()
    with pytest.raises(ImpastoError, match="exists"):
        plan([source], None, ["negative"])
    assert plan([source], None, ["negative"], skip_existing=True) == []


@pytest.mark.parametrize("suffix", [".ts", ".mts"])
def test_transport_streams_begin_at_0_in_other_files(restyle, tmp_path, suffix):
    make(tmp_path / f"clip{suffix}")
    (job,) = plan([tmp_path], None, ["negative"], recursive=True)
    assert job.is_film
    assert job.results == (tmp_path / f"clip-negative{suffix}",)
    restyle(job.photo, tmp_path / "styled.mp4")
    restyle(job.photo, job.results[0])
    for result in (tmp_path / "styled.mp4", job.results[0]):
        times, levels, sound = look_at(result)
        assert [time - times[0] for time in times] == pytest.approx([Fraction(i, RATE) for i in range(10)], abs=0.001)
        assert np.abs(np.array(levels) - (255 - np.array(look_at(job.photo)[1]))).max() <= 3
        assert len(sound) > 5
    assert look_at(tmp_path / "styled.mp4")[0][0] < 0.1


def test_a_film_on_stdin_and_a_quiet_encoder(model, tmp_path):
    make(tmp_path / "clip.mp4", frames=3)
    for source, options, code, words in (
        ("clip.mp4", ["-o", "{stem}-{style}.mp4", "--codec", "libx265"], 0, "apply-style: negative on the CPU"),
        ("clip.mp4", ["-o", "a.png"], 2, "if it is a film, say what to write, as in -o film.mp4"),
        ("none.mp4", ["-o", "a.mp4"], 2, "cannot read stdin: truncated or damaged, or no film"),
    ):
        (tmp_path / "none.mp4").write_text("no film")
        with (tmp_path / source).open("rb") as film_data:
            done = command(model, "-", "--device", "cpu", *options, cwd=tmp_path, stdin=film_data)
            err = done.communicate(timeout=60)[1]
        assert (done.returncode, err.count("\n")) == (code, 1), err
        assert words in err
    assert len(look_at(tmp_path / "stdin-negative.mp4")[0]) == 3
    assert sorted(os.listdir(tmp_path)) == ["clip.mp4", "none.mp4", "stdin-negative.mp4"]


def pq(nits: np.ndarray) -> np.ndarray:
    """SMPTE ST 2084: light to signal."""
    power = (nits / 10_000) ** (2610 / 16384)
    return ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)


def hlg(nits: np.ndarray) -> np.ndarray:
    """ITU-R BT.2100, of grey, on a display of 1000 nits: light to signal."""
    scene = (nits / 1000) ** (1 / 1.2)
    high = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), high)


@pytest.mark.parametrize(("curve", "transfer", "name"), [(pq, 16, "PQ"), (hlg, 18, "HLG")])
def test_hdr_looks_like_the_same_film_in_sdr(restyle, said, tmp_path, curve, transfer, name):
    levels = np.arange(0, 256, 16).repeat(8)
    light = 203 * (levels / 255) ** 2.4  # nits: white as BT.2408 has it
    bars = np.tile((65535 * curve(light)).round().astype(np.uint16)[None, :, None], (64, 1, 3))
    with av.open(tmp_path / "hdr.mkv", "w") as container:
        video = container.add_stream("libx265", rate=RATE)
        video.width, video.height, video.pix_fmt = 128, 64, "yuv420p10le"
        colours = f"colorprim=bt2020:colormatrix=bt2020nc:transfer={transfer}:range=limited"
        video.options = {"crf": "4", "x265-params": f"log-level=none:{colours}"}
        context = video.codec_context
        context.colorspace, context.color_range, context.color_trc, context.color_primaries = 9, 1, transfer, 9
        frame = av.VideoFrame.from_ndarray(bars, format="rgb48le").reformat(format="yuv420p10le", dst_colorspace=9)
        frame.pts, frame.time_base, frame.colorspace, frame.color_range = 0, Fraction(1, RATE), 9, 1
        container.mux([*video.encode(frame), *video.encode(None)])
    restyle(tmp_path / "hdr.mkv", tmp_path / "sdr.mp4", Look(strength=0))
    with av.open(tmp_path / "sdr.mp4") as container:
        row = next(container.decode(video=0)).to_ndarray(format="rgb24")[32].mean(1)
    assert said == [f"HDR ({name}) is converted to SDR"]
    assert abs(row.mean() / levels.mean() - 1) < 0.15
    assert abs(row.std() / levels.std() - 1) < 0.2
    assert row[4::8] == pytest.approx(levels[4::8], abs=50)
    assert (np.diff(row[4::8]) > 2).all()  # nothing is clipped


def refused(restyle, source, result):
    before = sorted(os.listdir(source.parent))
    with pytest.raises(ImpastoError) as caught:
        restyle(source, result)
    assert sorted(os.listdir(source.parent)) == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_films_that_cannot_be_read(restyle, tmp_path):
    assert "no such file" in refused(restyle, tmp_path / "missing.mp4", tmp_path / "a.mp4")
    (tmp_path / "empty.mp4").write_bytes(b"")
    assert "empty.mp4: truncated or damaged" in refused(restyle, tmp_path / "empty.mp4", tmp_path / "a.mp4")
    (tmp_path / "text.mp4").write_text("no film" * 100)
    assert "text.mp4: truncated or damaged" in refused(restyle, tmp_path / "text.mp4", tmp_path / "a.mp4")
    make(tmp_path / "clip.mp4")
    (tmp_path / "cut.mp4").write_bytes((tmp_path / "clip.mp4").read_bytes()[:2000])
    assert "cut.mp4: truncated or damaged" in refused(restyle, tmp_path / "cut.mp4", tmp_path / "a.mp4")
    with av.open(tmp_path / "sound.mp4", "w") as container:
        audio = container.add_stream("aac", rate=44100, layout="mono")
        block = av.AudioFrame.from_ndarray(np.zeros((1, 4410), np.float32), format="fltp", layout="mono")
        block.sample_rate = 44100
        container.mux([*audio.encode(block), *audio.encode(None)])
    assert refused(restyle, tmp_path / "sound.mp4", tmp_path / "a.mp4").endswith("it has no picture track")


def test_pictures_of_no_known_codec_and_texts_that_are_none(restyle, tmp_path):
    make(tmp_path / "film.mp4", frames=3)
    data = (tmp_path / "film.mp4").read_bytes()
    (tmp_path / "other.mp4").write_bytes(data.replace(b"avc1", b"qqqq"))
    assert "coded in a way that FFmpeg cannot read" in refused(restyle, tmp_path / "other.mp4", tmp_path / "out.mp4")
    assert b"Lavf" in data  # its tag of who wrote it
    (tmp_path / "words.mp4").write_bytes(data.replace(b"Lavf", b"La\xb2f"))
    assert restyle(tmp_path / "words.mp4", tmp_path / "result.mp4").frames == 3


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.mp4\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile secret.mp4\n",
    ],
)
def test_a_list_of_other_films_is_no_film(restyle, tmp_path, text):
    make(tmp_path / "secret.mp4", frames=3)
    (tmp_path / "clip.mp4").write_text(text)
    assert "clip.mp4: truncated or damaged, or no film" in refused(restyle, tmp_path / "clip.mp4", tmp_path / "a.mp4")


def test_sound_that_the_file_cannot_hold(restyle, tmp_path):
    make(tmp_path / "clip.mp4")
    line = refused(restyle, tmp_path / "clip.mp4", tmp_path / "a.webm")
    assert "webm" in line
    assert "aac" in line or "cannot write" in line


def test_sound_of_no_known_codec(restyle, tmp_path):
    make(tmp_path / "clip.mkv")
    (tmp_path / "clip.mkv").write_bytes((tmp_path / "clip.mkv").read_bytes().replace(b"A_AAC", b"A_QQQ"))
    line = refused(restyle, tmp_path / "clip.mkv", tmp_path / "a.mkv")
    assert "cannot hold the film's audio (of no known codec)" in line


def test_a_result_that_cannot_be_written(restyle, tmp_path):
    make(tmp_path / "clip.mp4")
    (tmp_path / "file").write_text("not a folder")
    assert "cannot write" in refused(restyle, tmp_path / "clip.mp4", tmp_path / "file" / "a.mp4")


def test_without_the_extra_it_names_the_pip_line(restyle, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ImpastoError) as caught:
        restyle(tmp_path / "clip.mp4", tmp_path / "a.mp4")
    assert str(caught.value) == f"films need one more package: {pip_line('video')}"


def command(*arguments, before="", **options):
    program = f"{before}\nfrom impasto.apply.command import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_the_command(model, tmp_path):
    make(tmp_path / "clip.mp4")
    done = command(model, "clip.mp4", "clip.mp4", "-o", "{stem}-{style}.mkv", cwd=tmp_path)
    assert "is given twice" in done.communicate()[1]
    done = command(model, "clip.mp4", cwd=tmp_path)
    out, err = done.communicate(timeout=60)
    assert (done.returncode, out) == (0, "clip-negative.mp4\n"), err
    for options, words in (
        (["-o", "a.png"], "-o a.png ends neither with a slash"),
        (["-o", "-"], "cannot go to stdout"),
        (["-o", "{stem}.jpg"], "ends neither with a slash"),
        (["--crf", "99"], "--crf"),
        (["--from", "1:2:3:4", "--overwrite"], "--from 1:2:3:4 is no time"),
    ):
        done = command(model, "clip.mp4", *options, cwd=tmp_path)
        out, err = done.communicate(timeout=60)
        assert (done.returncode, out, err.count("\n")) == (2, "", 1)
        assert words in err


def test_a_mask_for_each_film(model, tmp_path):
    make(tmp_path / "clip.mp4", frames=3)
    Image.new("L", (64, 48)).save(tmp_path / "mask-clip.png")
    done = command(model, "clip.mp4", "--mask", "mask-{stem}.png", cwd=tmp_path)
    assert done.communicate(timeout=60)[0] == "clip-negative.mp4\n"
    levels = np.array(look_at(tmp_path / "clip-negative.mp4")[1])
    assert np.abs(levels - look_at(tmp_path / "clip.mp4")[1]).max() <= 2


TELLS_OF_THE_TENTH_FRAME = """
from pathlib import Path
from tqdm import tqdm

update, frames = tqdm.update, []

def told(bar, count=1):
    frames.append(count)
    if len(frames) == 10:
        Path("tenth").touch()
    return update(bar, count)

tqdm.update = told
"""


@pytest.mark.usefixtures("heeds_ctrl_c")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_what_was_done(make_model, tmp_path, number):
    make(tmp_path / "clip.mp4", frames=300, size=(640, 480))
    done = command(make_model("slow"), "clip.mp4", before=TELLS_OF_THE_TENTH_FRAME, cwd=tmp_path)
    while not (tmp_path / "tenth").exists():
        assert done.poll() is None
        time.sleep(0.01)
    done.send_signal(number)
    out, err = done.communicate(timeout=60)
    assert done.returncode == 130, err
    assert out == ""
    times, _, _ = look_at(tmp_path / "clip-slow.part.mp4")
    assert 10 <= len(times) < 300
    assert f"clip-slow.part.mp4 holds the first {len(times)} frames; a second call begins anew" in err
    assert sorted(path.name for path in tmp_path.glob("*.mp4")) == ["clip-slow.part.mp4", "clip.mp4"]
    assert times == [Fraction(index, 12) for index in range(len(times))]
    assert not list(tmp_path.glob(".*"))


def test_a_film_that_was_stopped_is_not_finished(stylizer, restyle, tmp_path):
    source, result, part = (tmp_path / name for name in ("clip.mp4", "clip-negative.mp4", "clip-negative.part.mp4"))
    make(source)

    def stop() -> None:
        raise KeyboardInterrupt

    made = restyle_film(source, result, stylizer, Look(), Encoding(), lambda count: None, stop, print)
    assert (made.stopped, made.frames) == (True, 1)
    assert sorted(tmp_path.iterdir()) == [part, source]
    assert len(look_at(part)[0]) == 1
    (job,) = plan([tmp_path], None, ["negative"], recursive=True, skip_existing=True)
    assert (job.photo, job.results) == (source, (result,))  # the part is neither a film to paint nor a result
    with pytest.raises(ImpastoError, match="written over a photo"):
        plan([part], str(result), ["negative"])
    assert restyle(source, result).frames == 10
    assert sorted(tmp_path.iterdir()) == [result, source]
    numbered = tmp_path / "out/%d.png"
    restyle_film(source, numbered, stylizer, Look(), Encoding(), lambda count: None, stop, print)
    assert list(levels_of(tmp_path / "out")) == ["1.part.png"]
    assert len(plan([source], str(numbered), ["negative"], skip_existing=True)) == 1  # not finished


def test_from_python(stylizer, tmp_path):
    source, result = tmp_path / "clip.mp4", tmp_path / "styled.mp4"
    make(source)
    film(stylizer, source, str(result), 0.0, size=32)
    times, levels, sound = look_at(result)
    assert (times, sound) == (look_at(source)[0], look_at(source)[2])
    assert np.abs(np.array(levels) - look_at(source)[1]).max() <= 2
    with pytest.raises(ImpastoError, match="over the film"):
        film(stylizer, source, source)
    with pytest.raises(ImpastoError, match=r"ends with none of \.mp4"):
        film(stylizer, source, tmp_path / "styled.txt")
    with pytest.raises(ValueError, match="strength must be 0 to 1"):
        film(stylizer, source, result, 2)
