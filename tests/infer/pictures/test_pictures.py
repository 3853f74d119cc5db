"""Pictures in and out of files of every format, with all their frames."""

import os
import subprocess
import sys

import numpy as np
import pytest
from impasto import ImpastoError
from impasto.pictures.formats import FORMATS, format_of
from impasto.pictures.picture import Picture
from impasto.pictures.reading import read_picture
from impasto.pictures.writing import write_picture
from PIL import Image
from samples import film, smooth


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_comes_back_as_it_went(name, tmp_path):
    path = tmp_path / f"picture{FORMATS[name].suffixes[0]}"
    write_picture(path, Picture(smooth(), format=name))
    found = read_picture(path)
    assert (found.format, found.alpha) == (name, None)
    assert format_of(path) == name
    lossy = {"JPEG": 4, "WEBP": 12, "GIF": 12, "AVIF": 6, "HEIF": 6}.get(name, 0)
    assert np.abs(found.rgb.astype(int) - smooth()).max() <= lossy
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("name", FORMATS)
def test_transparency_is_kept_or_shown_on_white(name, tmp_path):
    path = tmp_path / f"picture{FORMATS[name].suffixes[0]}"
    alpha = np.zeros((24, 36), np.uint8)
    alpha[:, 18:] = 255
    write_picture(path, Picture(smooth(), alpha, name))
    found = read_picture(path)
    if FORMATS[name].alpha:
        np.testing.assert_array_equal(found.alpha, alpha)
    else:
        assert found.alpha is None
        assert found.rgb[:, :16].min() >= 250
    assert np.abs(found.rgb[:, 20:].astype(int) - smooth()[:, 20:]).max() <= 12


def test_jpeg_is_written_without_chroma_subsampling(rgb, tmp_path):
    path = tmp_path / "photo.jpg"
    write_picture(path, Picture(rgb, format="JPEG"))
    with Image.open(path) as image:
        assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3


def test_a_photo_with_a_second_one_behind_it_is_a_jpeg(tmp_path):
    path = tmp_path / "phone.jpg"
    first, second = Image.fromarray(smooth()), Image.new("RGB", (8, 8))
    first.save(path, format="MPO", save_all=True, append_images=[second], quality=95)
    found = read_picture(path)
    assert (found.format, found.rgb.shape) == ("JPEG", (24, 36, 3))


def test_sizes_that_a_format_cannot_hold(tmp_path):
    for name, length in (("WEBP", 16_384), ("JPEG", 65_501)):
        with pytest.raises(ImpastoError, match="at most"):
            write_picture(tmp_path / "long", Picture(np.zeros((1, length, 3), np.uint8), format=name))
    assert os.listdir(tmp_path) == []


def test_narrow_pictures(tmp_path):
    for shape in ((1, 1, 3), (1, 20_000, 3), (20_000, 1, 3)):
        path = tmp_path / "narrow.png"
        pixels = np.random.default_rng(2).integers(0, 256, shape, dtype=np.uint8)
        write_picture(path, Picture(pixels))
        np.testing.assert_array_equal(read_picture(path).rgb, pixels)


def test_quality_is_of_lossy_formats(tmp_path, rgb):
    sizes = {}
    for quality in (None, 95, 30):
        write_picture(tmp_path / "a.jpg", Picture(rgb, format="JPEG"), quality=quality)
        sizes[quality] = (tmp_path / "a.jpg").stat().st_size
        write_picture(tmp_path / "a.png", Picture(rgb), quality=quality)
        np.testing.assert_array_equal(read_picture(tmp_path / "a.png").rgb, rgb)
    assert sizes[30] < sizes[95] == sizes[None]


# -- several pictures in a file --------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png", ".avif"])
def test_animations_keep_frames_and_timing(tmp_path, suffix):
    path, again = tmp_path / f"film{suffix}", tmp_path / f"again{suffix}"
    colours, durations = film(path)
    picture = read_picture(path)
    write_picture(again, picture)
    for found in (picture, read_picture(again)):
        frames = [found, *found.later]
        assert [frame.duration for frame in frames] == durations
        for frame, colour in zip(frames, colours, strict=True):
            assert np.abs(frame.rgb.astype(int) - colour).max() <= 4
    if suffix != ".avif":  # which plays for ever
        assert picture.loop == 2
        with Image.open(again) as image:
            assert image.info["loop"] == 2


def test_frames_of_a_gif_keep_their_transparency(tmp_path):
    frames = []
    for x in (0, 8):  # a square that moves: nothing of the first may stay in the second
        pixels = np.zeros((16, 16, 4), np.uint8)
        pixels[:8, x : x + 8] = (250, 10, 10, 255)
        frames.append(Image.fromarray(pixels))
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], disposal=2, duration=80)
    write_picture(tmp_path / "b.gif", read_picture(tmp_path / "a.gif"))
    found = read_picture(tmp_path / "b.gif")
    for frame, wanted in zip((found, *found.later), frames, strict=True):
        np.testing.assert_array_equal(frame.alpha, np.asarray(wanted)[..., 3])


def test_pages_of_a_tiff_are_kept(tmp_path):
    colours, _ = film(tmp_path / "a.tif")
    write_picture(tmp_path / "b.tif", read_picture(tmp_path / "a.tif"))
    found = read_picture(tmp_path / "b.tif")
    assert [tuple(page.rgb[0, 0]) for page in (found, *found.later)] == colours
    assert found.duration is None


PEAK = """
import resource, sys
from impasto.pictures import read_picture
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
read_picture(sys.argv[1])
before = peak()
print(read_picture(sys.argv[2]).rgb.nbytes, (peak() - before) * 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the peak is counted otherwise")
def test_a_large_picture_is_read_once_into_memory(tmp_path):
    for name, side in (("small.png", 8), ("large.png", 5000)):
        Image.new("RGB", (side, side), "teal").save(tmp_path / name, compress_level=1)
    paths = [str(tmp_path / name) for name in ("small.png", "large.png")]
    done = subprocess.run([sys.executable, "-c", PEAK, *paths], capture_output=True, text=True, check=True)
    size, peak = map(int, done.stdout.split())
    assert size == 3 * 5000**2
    assert peak < 2.6 * size  # the array, and Pillow's image with four bytes a pixel
