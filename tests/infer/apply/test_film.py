"""Films, made here with sound: frames, times, sound packets and sizes come out as they went in."""

import itertools
import os
import signal
import sys
import time
from fractions import Fraction
from types import SimpleNamespace

import av
import numpy as np
import pytest
from films import command, levels_of, look_at, make
from impasto import ImpastoError, film
from impasto.apply.film import _Film, restyle_film
from impasto.apply.film_reading import Frame, Part
from impasto.apply.film_writing import Encoding
from impasto.apply.plan import plan
from impasto.common.extras import pip_line
from impasto.painting.look import Look
from impasto.pictures.picture import Picture
from PIL import Image


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
    with pytest.raises(ImpastoError, match=r"a \.mp4 file cannot hold .* prores_ks makes: give another suffix"):
        restyle(tmp_path / "clip.mp4", tmp_path / "b.mp4", encoding=Encoding(codec="prores_ks"))
    for codec in ("libnothing", "aac"):
        with pytest.raises(ImpastoError, match=f"--codec {codec}: this FFmpeg has no such encoder"):
            restyle(tmp_path / "clip.mp4", tmp_path / "b.mp4", encoding=Encoding(codec=codec))
    assert not (tmp_path / "b.mp4").exists()


def test_frames_painted_at_once_make_the_same_film(restyle, tmp_path, monkeypatch):
    make(tmp_path / "clip.mkv", frames=20)
    for at_once in (1, 3):
        monkeypatch.setattr("impasto.apply.film.AT_ONCE", at_once)
        restyle(tmp_path / "clip.mkv", tmp_path / f"by_{at_once}.mkv")
    films = [look_at(tmp_path / f"by_{at_once}.mkv") for at_once in (1, 3)]
    assert films[0] == films[1]
    assert len(films[0][0]) == 20


@pytest.mark.parametrize(
    ("look", "encoding", "sides"),
    [
        (Look(), Encoding(), (64, 48)),
        (Look(stroke=0.5), Encoding(), (128, 96)),
        (Look(stroke=4), Encoding(), (64, 48)),
        (Look(), Encoding(size=32), (32, 24)),
    ],
)
def test_as_many_frames_are_painted_at_once_as_memory_takes(restyle, tmp_path, monkeypatch, look, encoding, sides):
    asked = set()
    monkeypatch.setattr("impasto.apply.film.fitting", lambda memory, pixels: asked.add(pixels) or 1)
    make(tmp_path / "clip.mp4", frames=2)
    restyle(tmp_path / "clip.mp4", tmp_path / "styled.mp4", look, encoding)
    assert asked == {sides[0] * sides[1]}


def test_a_sound_that_goes_on_is_not_held_in_memory(stylizer, monkeypatch):
    monkeypatch.setattr("impasto.apply.film.HELD", 5)
    monkeypatch.setattr("impasto.apply.film.AT_ONCE", 3)
    read, written = [], []

    def items():
        for item in [Frame(Picture(np.zeros((8, 8, 3), np.uint8)), Fraction(0)), *range(500)]:
            read.append(item)
            yield item

    def write(item: object) -> None:
        written.append((item, len(read)))

    reader = SimpleNamespace(items=items, count=None)
    writer = SimpleNamespace(write=write, close=lambda: None, size=(8, 8))
    _Film(reader, writer, "film", Encoding()).restyle(stylizer, Look(), lambda *begun: None, lambda: None)
    assert [item for item, _ in written[1:]] == list(range(500))
    assert written[0][1] < 50  # the packets held, and those in the queues


def test_a_frame_that_cannot_be_painted_ends_the_film(stylizer, restyle, tmp_path, monkeypatch):
    make(tmp_path / "clip.mp4")
    paint, begun = stylizer.restyle, itertools.count()

    def fail_at_the_third(*given, **more):
        if next(begun) == 2:
            raise ImpastoError("no memory")
        return paint(*given, **more)

    monkeypatch.setattr("impasto.apply.film.AT_ONCE", 3)
    monkeypatch.setattr(stylizer, "restyle", fail_at_the_third)
    with pytest.raises(ImpastoError, match="no memory"):
        restyle(tmp_path / "clip.mp4", tmp_path / "styled.mp4")
    assert os.listdir(tmp_path) == ["clip.mp4"]


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
    Image.new("L", (10, 48)).save(tmp_path / "mask-clip.png")
    done = command(model, "clip.mp4", "--mask", "mask-{stem}.png", "--overwrite", cwd=tmp_path)
    assert "does not have the shape of clip.mp4, 64x48" in done.communicate(timeout=60)[1]


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

    made = restyle_film(source, result, stylizer, Look(), Encoding(), lambda *begun: None, stop, print)
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
    restyle_film(source, numbered, stylizer, Look(), Encoding(), lambda *begun: None, stop, print)
    assert list(levels_of(tmp_path / "out")) == ["1.part.png"]
    assert len(plan([source], str(numbered), ["negative"], skip_existing=True)) == 1  # not finished
    (tmp_path / "out/7.part.png").write_bytes(b"of an earlier one")
    restyle(source, numbered, encoding=Encoding(part=Part.of(None, "0:00.2")))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["1.png", "2.png", "3.png"]


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


def test_films_are_steady_and_each_frame_is_painted_by_itself_on_demand(run, model, stylizer, work_folder):
    random = np.random.default_rng(0)
    still = np.asarray(Image.fromarray(random.integers(60, 190, (6, 8, 3), np.uint8)).resize((64, 48)))
    scenes = [*[still] * 3, *[255 - still[::-1]] * 2]
    frames = [np.clip(scene + random.normal(0, 3, scene.shape), 0, 255).astype(np.uint8) for scene in scenes]
    for number, frame in enumerate(frames, 1):
        Image.fromarray(frame).save(f"{number}.png")
    for name, more in (("alone", ["--per-frame"]), ("steady", [])):
        assert run(model, "%d.png", "-o", f"{name}/%d.png", *more)[0] == 0
    alone, steady = ([np.asarray(Image.open(f"{name}/{i}.png")) for i in range(1, 6)] for name in ("alone", "steady"))
    np.testing.assert_array_equal(alone, [stylizer(frame) for frame in frames])
    for first in (0, 3):  # of each scene
        np.testing.assert_array_equal(steady[first], alone[first])
    differences = [np.abs(film[2].astype(int) - film[1]).mean() for film in (alone, steady)]
    assert differences[1] < 0.7 * differences[0]
