"""Where films come from: parts of films, numbered pictures, transport streams, stdin."""

import errno
import io
import os
import shutil
import signal
import sys
import tempfile
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from films import RATE, command, levels_of, look_at, make
from impasto import ImpastoError, film
from impasto.apply.film_reading import Part
from impasto.apply.film_writing import Encoding, FilmWriter
from impasto.apply.plan import plan
from PIL import Image


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
    restyle(tmp_path / f"in/f%d{suffix}", tmp_path / "film.mp4", encoding=Encoding(fps=Fraction(10), per_frame=True))
    times, levels, _ = look_at(tmp_path / "film.mp4")
    assert times == [Fraction(tenth, 10) for tenth in (0, 1, 2, 4)]  # 11 is missing
    assert np.abs(np.array(levels) - [175, 165, 155, 135]).max() <= 3
    part = Encoding(fps=Fraction(10), part=Part.of("0.1", "0.3"))
    restyle(tmp_path / f"in/f%d{suffix}", tmp_path / "film.mp4", encoding=part)
    assert look_at(tmp_path / "film.mp4")[0] == [0, Fraction(1, 10)]
    restyle(tmp_path / f"in/f%d{suffix}", tmp_path / f"out/%03d{suffix}")
    assert list(levels_of(tmp_path / "out")) == [f"{number:03}{suffix}" for number in (8, 9, 10, 12)]
    Image.new("RGB", (48, 64)).save(tmp_path / f"in/f13{suffix}")
    with pytest.raises(ImpastoError, match="number 13 is of 48x64 pixels, and the first was of 64x48"):
        restyle(tmp_path / f"in/f%d{suffix}", tmp_path / "other.mp4")
    (tmp_path / f"in/f13{suffix}").write_text("no picture")
    with pytest.raises(ImpastoError, match=r"f13.*%d\.part\..* holds the first 4 frames$"):
        restyle(tmp_path / f"in/f%d{suffix}", tmp_path / f"other/%d{suffix}")
    assert len(list(tmp_path.glob("other/*.part.*"))) == 4
    with pytest.raises(ImpastoError, match="no such files"):
        restyle(tmp_path / "in/none%d.png", tmp_path / "other.mp4")
    assert not (tmp_path / "other.mp4").exists()


@pytest.mark.parametrize(
    ("name", "value"), [*(("fps", fps) for fps in (0, -1, float("nan"), 1e4)), ("crf", 64), ("crf", -1), ("size", 0)]
)
def test_numbers_that_are_none(stylizer, tmp_path, name, value):
    make(tmp_path / "clip.mp4")
    with pytest.raises(ValueError, match=f"{name} must be"):
        film(stylizer, tmp_path / "clip.mp4", tmp_path / "%d.png", **{name: value})
    with pytest.raises(TypeError, match=r"stylize must be a Stylizer, .* not str$"):
        film("great_wave", tmp_path / "clip.mp4", tmp_path / "a.mp4")


def test_numbered_pictures_are_not_written_over_by_another_pattern(tmp_path):
    for name in ("0999.png", "1000.png"):
        (tmp_path / name).touch()
    with pytest.raises(ImpastoError, match="written over a photo"):  # both patterns name 1000.png
        plan([tmp_path / "%04d.png"], str(tmp_path / "%d.png"), ["negative"], overwrite=True)
    (tmp_path / "1000.png").unlink()
    assert len(plan([tmp_path / "%04d.png"], str(tmp_path / "%d.png"), ["negative"], overwrite=True)) == 1


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


def test_films_in_avi_keep_the_order_and_the_times_of_their_frames(restyle, tmp_path):
    with av.open(tmp_path / "foreign.avi", "w") as container:  # where B-frames lie before what is shown before them
        video = container.add_stream("libx264", rate=RATE)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for index in range(30):
            level = np.full((48, 64, 3), 30 + 20 * (index % 10), np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(level, format="rgb24")))
        container.mux(video.encode(None))
    make(tmp_path / "clip.mp4", frames=30)
    restyle(tmp_path / "clip.mp4", tmp_path / "own.avi")
    with av.open(tmp_path / "own.avi") as container:
        decoded = [packet.dts for packet in container.demux(video=0) if packet.dts is not None]
        assert not container.streams.video[0].codec_context.has_b_frames
    assert decoded == list(range(30))
    for source, levels in (("foreign.avi", [225, 205, 185]), ("own.avi", [30, 50, 70])):
        restyle(tmp_path / source, tmp_path / "whole.mp4")
        times, found, _ = look_at(tmp_path / "whole.mp4")
        assert times == pytest.approx([Fraction(index, RATE) for index in range(30)], abs=0.001)
        assert np.abs(np.array(found[:3]) - levels).max() <= 8  # neighbours are 20 apart
        restyle(tmp_path / source, tmp_path / "part.mp4", encoding=Encoding(part=Part.of("0:01", "0:02")))
        assert np.abs(np.array(look_at(tmp_path / "part.mp4")[1]) - found[12:24]).max() <= 8


@pytest.mark.parametrize("codec", ["mpeg4", "mpeg2video"])
def test_a_part_of_an_avi_begins_where_it_is_told(restyle, tmp_path, codec):
    with av.open(tmp_path / "clip.avi", "w") as container:
        video = container.add_stream(codec, rate=25, options={"bf": "2", "g": "12"})
        video.width, video.height, video.pix_fmt, video.bit_rate = 64, 48, "yuv420p", 4_000_000
        for index in range(60):
            level = np.full((48, 64, 3), 20 + 3 * index, np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(level, format="rgb24")))
        container.mux(video.encode(None))
    restyle(tmp_path / "clip.avi", tmp_path / "whole.mkv", encoding=Encoding(per_frame=True, crf=1))
    restyle(
        tmp_path / "clip.avi", tmp_path / "part.mkv", encoding=Encoding(per_frame=True, crf=1, part=Part.of("1", "2"))
    )
    whole, part = look_at(tmp_path / "whole.mkv")[1], look_at(tmp_path / "part.mkv")[1]
    assert np.abs(np.array(part) - whole[25:50]).max() <= 1


def test_frames_that_fall_together_at_the_rate_of_an_avi_are_said(restyle, said, tmp_path):
    make(tmp_path / "clip.mp4", frames=20, gap=4)
    restyle(tmp_path / "clip.mp4", tmp_path / "one.avi")
    with av.open(tmp_path / "one.avi") as container:
        written = sum(packet.size > 0 for packet in container.demux(video=0))
    assert 10 < written < 20
    assert (
        said[-1] == f"AVI has one rate: {20 - written} frames that fall together are left out; -o film.mkv keeps them"
    )


@pytest.mark.usefixtures("heeds_ctrl_c")
def test_ctrl_c_while_a_whole_film_is_finished_changes_nothing(restyle, tmp_path, monkeypatch):
    close = FilmWriter.close

    def interrupted(writer):
        signal.raise_signal(signal.SIGINT)
        close(writer)

    monkeypatch.setattr(FilmWriter, "close", interrupted)
    make(tmp_path / "clip.mp4", frames=5)
    made = restyle(tmp_path / "clip.mp4", tmp_path / "styled.mp4")
    assert (made.stopped, made.frames) == (False, 5)
    assert sorted(os.listdir(tmp_path)) == ["clip.mp4", "styled.mp4"]


def test_a_film_that_is_damaged_further_on_leaves_what_was_done(restyle, tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(1, 8):
        Image.new("RGB", (64, 48), (10 * number,) * 3).save(tmp_path / f"in/{number}.png")
    (tmp_path / "in/6.png").write_text("no picture")
    with pytest.raises(ImpastoError, match=r"6\.png.*; .*film\.part\.mkv holds the first 5 frames$"):
        restyle(tmp_path / "in/%d.png", tmp_path / "film.mkv")
    assert len(look_at(tmp_path / "film.part.mkv")[0]) == 5
    assert not (tmp_path / "film.mkv").exists()


def test_pictures_of_a_longer_film_that_go_on_are_said_and_kept(restyle, said, tmp_path):
    make(tmp_path / "clip.mp4", frames=8)
    restyle(tmp_path / "clip.mp4", tmp_path / "out/%d.png")
    (tmp_path / "out/10.png").touch()
    said.clear()
    restyle(tmp_path / "clip.mp4", tmp_path / "out/%d.png", encoding=Encoding(part=Part.of(None, "0.25")))
    assert len(os.listdir(tmp_path / "out")) == 9
    assert said[-1] == "5 pictures from 4.png on were there before, and go on after these"


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


def test_a_film_on_stdin_is_called_stdin(run, refused, model, work_folder, monkeypatch):
    make(Path("clip.mp4"), frames=2)

    def given() -> None:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(Path("clip.mp4").read_bytes())))

    given()
    status, out, err = run(model, "-", "-o", "film.mp4", "--size", "33")
    said = "apply-style: stdin: libx264 takes even sizes only: 32x24 pixels in place of 33x25\n"
    assert (status, out, err.endswith(said)) == (0, "film.mp4\n", True)

    def full(*files: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    given()
    monkeypatch.setattr(shutil, "copyfileobj", full)
    kept = f"film of stdin in {tempfile.gettempdir()}: No space left on device; TMPDIR names another folder"
    assert kept in refused(model, "-", "-o", "more.mp4")
