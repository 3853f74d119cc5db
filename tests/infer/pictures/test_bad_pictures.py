"""Files that cannot be read as a picture, and places where none can be written."""

import io
import os
import sys
import warnings

import numpy as np
import pytest
from impasto import ImpastoError
from impasto.common.extras import pip_line
from impasto.pictures import reading
from impasto.pictures.formats import FORMATS
from impasto.pictures.picture import Picture
from impasto.pictures.reading import from_pil, read_picture, to_picture
from impasto.pictures.writing import write_picture
from PIL import Image
from samples import bomb, film


def line(source) -> str:
    """The one line that `read_picture` refuses a file with."""
    with pytest.raises(ImpastoError) as caught:
        read_picture(source)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_missing_and_folder(tmp_path):
    missing = tmp_path / "nothing.jpg"
    assert line(missing) == f"cannot read {missing}: no such file"
    assert line(tmp_path) == f"cannot read {tmp_path}: it is a folder"


@pytest.mark.parametrize("data", [b"", b"text named .jpg", bytes(500), b"%!PS-Adobe-3.0 EPSF-3.0\n"])
def test_not_a_picture(data, tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    assert line(path).startswith(f"cannot read {path}: not a picture")


@pytest.mark.parametrize("name", FORMATS)
def test_truncated_anywhere(name, rgb, tmp_path):
    path = tmp_path / f"cut{FORMATS[name].suffixes[0]}"
    write_picture(path, Picture(rgb, format=name))
    data = path.read_bytes()
    for share in (0.02, 0.3, 0.6, 0.9):
        path.write_bytes(data[: int(len(data) * share)])
        assert str(path) in line(path)
    path.write_bytes(data)
    assert read_picture(path).rgb.shape == rgb.shape


@pytest.mark.parametrize(("width", "height"), [(65_000, 65_000), (50_000, 30_000)])
def test_a_decompression_bomb(width, height, tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb(width, height))
    before = Image.MAX_IMAGE_PIXELS
    assert "decompression bomb" in line(path)
    assert before == Image.MAX_IMAGE_PIXELS


def test_pictures_between_the_limit_of_pillow_and_ours_are_read(tmp_path):
    path = tmp_path / "large.png"
    path.write_bytes(bomb(20_000, 20_000))  # more than Pillow allows; the bytes for it are missing
    assert "truncated" in line(path)


def test_just_above_our_limit(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb(25_000, 20_001))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert "decompression bomb" in line(path)


def test_frames_that_are_too_many_together_are_a_bomb(tmp_path, monkeypatch):
    film(tmp_path / "film.gif")
    monkeypatch.setattr(reading, "MAX_PIXELS", 24 * 16 * 3 - 1)
    assert "decompression bomb" in line(tmp_path / "film.gif")


@pytest.mark.parametrize("mode", ["F", "I"])
def test_numbers_of_no_known_range_are_refused(mode, tmp_path):
    path = tmp_path / "wide.tif"
    Image.new(mode, (4, 4), 1).save(path)
    assert "not supported" in line(path)
    with pytest.raises(ImpastoError, match="not supported"):
        from_pil(Image.new(mode, (4, 4)))


def test_heic_without_its_extra_names_the_pip_line(tmp_path, rgb, monkeypatch):
    write_picture(tmp_path / "a.heic", Picture(rgb, format="HEIF"))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    assert f"HEIC needs one more package: {pip_line('heif')}" in line(tmp_path / "a.heic")
    with pytest.raises(ImpastoError, match="HEIC needs one more package"):
        write_picture(tmp_path / "b.heic", Picture(rgb, format="HEIF"))
    assert os.listdir(tmp_path) == ["a.heic"]


def test_an_open_file_is_read_and_left_open(rgb):
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "PNG")
    file.seek(0)
    np.testing.assert_array_equal(read_picture(file).rgb, rgb)
    assert not file.closed
    assert "the picture" in line(io.BytesIO(b"nothing"))
    file.seek(0, io.SEEK_END)
    with pytest.raises(ImpastoError, match="cannot read the photo: it is empty, or a file that was read to its end"):
        to_picture(file)


def test_a_place_that_cannot_be_written(rgb, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "folder.png").mkdir()
    for path in (tmp_path / "file" / "out.png", tmp_path / "folder.png"):
        with pytest.raises(ImpastoError, match="cannot write"):
            write_picture(path, Picture(rgb))
    assert sorted(os.listdir(tmp_path)) == ["file", "folder.png"]
    assert os.listdir(tmp_path / "folder.png") == []


def test_a_failed_write_leaves_the_old_file(rgb, tmp_path, monkeypatch):
    path = tmp_path / "out.png"
    path.write_text("what was there")

    def fail(self, place, **options):
        place.write(b"half a pict")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(ImpastoError, match="No space left"):
        write_picture(path, Picture(rgb))
    assert os.listdir(tmp_path) == ["out.png"]
    assert path.read_text() == "what was there"
