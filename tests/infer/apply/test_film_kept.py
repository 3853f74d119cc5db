"""What a film keeps: pixels and their shape, texts, transparency, the right way up, the look of HDR."""

from fractions import Fraction
from types import SimpleNamespace

import av
import numpy as np
import pytest
from films import RATE, look_at, make
from impasto.apply.film_reading import FilmReader, Frame, opened_film
from impasto.apply.film_writing import Encoding
from impasto.painting.look import Look


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


def test_a_film_turned_on_its_side_comes_out_upright(restyle, tmp_path, monkeypatch):
    make(tmp_path / "clip.mp4", frames=2, sound=False)

    class Turned:  # not every PyAV that reads a film's rotation can write it
        def __init__(self, decoder):
            self.decoder = decoder

        def decode(self, packet):
            for frame in self.decoder.decode(packet):
                pixels = frame.to_ndarray(format="rgb24").copy()
                pixels[:, 32:] = 0  # the right half is dark
                told = {"rotation": 90, "pts": frame.pts, "format": frame.format, "colorspace": frame.colorspace}
                told |= {"width": frame.width, "height": frame.height}
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


@pytest.mark.parametrize(("size", "taken_as"), [((1280, 720), 1), ((640, 360), 5)])
def test_a_film_that_says_nothing_of_its_colours_is_read_as_players_do(size, taken_as, tmp_path):
    red = np.full((size[1], size[0], 3), (200, 30, 30), np.uint8)
    with av.open(tmp_path / "clip.mp4", "w") as written:
        stream = written.add_stream("libx264", rate=12)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        frame = av.VideoFrame.from_ndarray(red, format="rgb24").reformat(format="yuv420p", dst_colorspace=taken_as)
        frame.colorspace = 2  # unspecified
        written.mux(stream.encode(frame))
        written.mux(stream.encode(None))
    with opened_film(tmp_path / "clip.mp4", 10**7) as reader:
        (seen,) = [item.picture.rgb for item in reader.items() if isinstance(item, Frame)]
    assert np.abs(seen.mean((0, 1)) - (200, 30, 30)).max() < 3


@pytest.mark.parametrize(("language", "kept"), [("deu", "ger"), ("fre", "fra"), ("fas", "per"), ("eng", "eng")])
def test_the_language_of_the_sound_is_kept_in_quicktime(restyle, tmp_path, language, kept):
    make(tmp_path / "clip.mp4", frames=2, language=language)
    restyle(tmp_path / "clip.mp4", tmp_path / "styled.mov")
    with av.open(tmp_path / "styled.mov") as made:
        assert made.streams.audio[0].language == kept
