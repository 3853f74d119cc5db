"""``apply-style`` on a picture: where the result goes, what it keeps, and the dials."""

import os
import re
from dataclasses import fields
from pathlib import Path

import impasto_models
import numpy as np
import onnxruntime
import pillow_heif
import pytest
from impasto import Stylizer, describe
from impasto.engine import session
from impasto.painting.painter import Painter
from impasto.pictures.formats import FORMATS
from impasto.pictures.reading import read_picture
from PIL import Image

pytestmark = pytest.mark.usefixtures("work_folder")


def test_the_result_lies_beside_the_photo(run, model, png, photo, work_folder):
    assert run(model, png) == (0, "photo-negative.png\n", "apply-style: negative on the CPU\n")
    assert sorted(os.listdir()) == ["photo-negative.png", "photo.png"]
    np.testing.assert_array_equal(read_picture("photo-negative.png").rgb, 255 - photo)
    os.mkdir("elsewhere")
    os.rename(png, "elsewhere/photo.png")
    place = work_folder / "elsewhere" / "photo-negative.png"
    assert run(model, work_folder / "elsewhere" / "photo.png")[:2] == (0, f"{place}\n")
    assert place.exists()


@pytest.mark.parametrize("name", FORMATS)
def test_format_size_orientation_and_name_are_kept(name, run, model):
    pillow_heif.register_heif_opener()
    suffix = FORMATS[name].suffixes[-1].upper()
    tags = Image.Exif()
    if FORMATS[name].profile:
        tags[0x0112] = 8
    Image.new("RGB", (30, 20), (10, 200, 30)).save(f"photo{suffix}", format=name, exif=tags.tobytes())
    assert run(model, f"photo{suffix}")[0] == 0
    result = read_picture(f"photo-negative{suffix}")
    assert result.format == name
    assert result.rgb.shape == ((30, 20, 3) if FORMATS[name].profile else (20, 30, 3))
    assert np.abs(result.rgb.astype(int) - (245, 55, 225)).max() <= 6


def test_transparency_is_kept(run, model, photo):
    alpha = photo[..., 0] | 16  # what lies under less is not seen: see test_dials.py
    Image.fromarray(np.dstack([photo, alpha])).save("clear.png")
    assert run(model, "clear.png")[0] == 0
    result = read_picture("clear-negative.png")
    np.testing.assert_array_equal(result.rgb, 255 - photo)
    np.testing.assert_array_equal(result.alpha, alpha)


def test_a_photo_of_another_suffix_is_written_by_its_name(run, model, photo):
    Image.fromarray(photo).save("really-jpeg.png", format="JPEG")
    Image.fromarray(photo).save("bare", format="TIFF")
    assert run(model, "really-jpeg.png", "bare")[:2] == (0, "really-jpeg-negative.png\nbare-negative\n")
    assert read_picture("really-jpeg-negative.png").format == "PNG"
    assert read_picture("bare-negative").format == "TIFF"


def test_strength(run, model, png, photo):
    assert run(model, png, "--strength", "0")[0] == 0
    np.testing.assert_array_equal(read_picture("photo-negative.png").rgb, photo)


def test_output_to_a_file(run, model, png):
    assert run(model, png, "-o", "new/result.tif")[:2] == (0, f"{Path('new/result.tif')}\n")
    assert read_picture("new/result.tif").format == "TIFF"


def test_output_to_a_folder(run, model, png):
    assert run(model, png, "-o", "new/")[0] == 0
    os.mkdir("there")
    assert run(model, png, "-o", "there")[0] == 0
    Image.open(png).convert("L").save("other.png")
    assert run(model, png, "other.png", "-o", "third")[0] == 0
    results = {"new": 1, "there": 1, "third": 2}
    assert {name: len(os.listdir(name)) for name in results} == results
    assert sorted(os.listdir("third")) == ["other-negative.png", "photo-negative.png"]


def test_overwrite(run, refused, model, png, photo):
    Path("photo-negative.png").write_text("precious")
    assert refused(model, png) == "photo-negative.png exists: --overwrite replaces it, --skip-existing keeps it"
    assert run(model, png, "--overwrite")[0] == 0
    np.testing.assert_array_equal(read_picture("photo-negative.png").rgb, 255 - photo)


def test_a_shipped_style_by_its_name(run, refused, make_model, png, monkeypatch):
    monkeypatch.setattr(impasto_models, "_FOLDER", make_model("great_wave").parent)
    status, out, err = run("great_wave", png)
    assert (status, out, err) == (0, "photo-great_wave.png\n", "apply-style: great_wave on the CPU\n")
    assert refused("starry", png) == "starry is neither a file nor a shipped style (great_wave)"


def test_auto_says_why_a_gpu_is_not_used(run, model, png, monkeypatch):
    monkeypatch.setattr(session, "has_driver", lambda: True)
    monkeypatch.setattr(session, "_preload", lambda: ["libcudnn.so.9: cannot open shared object file"])
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    status, _, err = run(model, png)
    said = "apply-style: negative on the CPU, not on CUDA: its libraries are missing (libcudnn.so.9: "
    assert (status, err.startswith(said), err.count("\n")) == (0, True, 1)


def test_info(run, refused, model, png):
    status, out, err = run(model, "--info")
    assert (status, err) == (0, "")
    rows = [re.fullmatch(r"(\w+(?: \w+)*) {2,}(.*)", row) for row in out.splitlines()]
    found = {row[1]: row[2] for row in rows}
    assert found["name"] == "negative"
    assert found["title"] == "Negativ, 陰画"
    assert found["style weight"] == "2"
    assert found["preview"] == "6 bytes"
    style = describe(model)
    assert found["digest"] == f"{style.digest[:12]}..."
    assert found["normalize"] == ("yes" if style.normalize else "no")
    wanted = {each.name.replace("_", " ") for each in fields(style) if getattr(style, each.name) not in ("", b"", ())}
    assert set(found) == wanted
    assert "made from" not in wanted
    assert len({row.start(2) for row in rows}) == 1
    assert "no photos" in refused(model, "--info", png)
    for flag in ("--info", "--check", "--list", "--devices"):
        assert f"leave it out of {flag}" in refused(model, flag, "--json")


def test_info_does_not_let_a_model_talk_to_the_terminal(run, make_model):
    out = run(make_model(title="red \x1b[31m\nname  other"), "--info")[1]
    assert "\x1b" not in out
    assert "red ?[31m?name  other" in out
    assert [line for line in out.splitlines() if line.startswith("name ")] == ["name             negative"]


# -- dials -----------------------------------------------------------------------------------------


def test_the_dials_of_the_command_are_those_of_stylizer(run, model, png, photo):
    mask = np.zeros((20, 30), np.uint8)
    mask[:, :15] = 255
    Image.fromarray(mask).save("mask.png")
    dials = ["--strength", "0.7", "--stroke", "2", "--keep-colors", "--mask", "mask.png"]
    assert run(model, png, *dials)[0] == 0
    wanted = Stylizer(model, device="cpu")(photo, 0.7, stroke=2, keep_colors=True, mask=mask)
    np.testing.assert_array_equal(read_picture("photo-negative.png").rgb, wanted)


def test_larger_strokes_of_a_large_photo_are_said(run, model):
    Image.new("RGB", (2560, 1920)).save("large.png")
    said = "strokes 2.5 times as large, for 2560x1920 pixels: --stroke 1 keeps them small"
    device = "apply-style: negative on the CPU\n"
    assert run(model, "large.png")[2] == f"{device}apply-style: {said}\n"
    for options in (["--stroke", "1"], ["--size", "1024"]):
        assert run(model, "large.png", "--overwrite", *options)[2] == device


def test_tiles_are_said_with_what_helps(run, model, photo):
    for name in ("large.png", "larger.png"):
        Image.fromarray(photo).resize((2100, 1400)).save(name)
    said = "apply-style: painted in tiles, to stay within 0.3 GB: more --memory is faster\n"
    assert run(model, "large.png", "larger.png", "--memory", "300MB")[2].count(said) == 1
    assert said not in run(model, "large.png", "--memory", "2GB", "--overwrite")[2]


def test_what_is_done_is_said_before_it_is_done(run, model, monkeypatch, capsys):
    Image.new("RGB", (2560, 1920)).save("large.png")
    paint, said = Painter.__call__, []

    def seen(*given):
        said.append(capsys.readouterr().err)
        return paint(*given)

    monkeypatch.setattr(Painter, "__call__", seen)
    for options in ([], ["--stroke", "1", "--memory", "300MB", "--overwrite"]):
        assert run(model, "large.png", *options) == (0, "large-negative.png\n", "")
    assert [[line.split()[1] for line in lines.splitlines()] for lines in said] == [
        ["negative", "strokes"],
        ["negative", "painted"],
    ]


def test_size_is_of_the_longest_side_of_larger_photos(run, model, photo):
    Image.fromarray(photo).resize((300, 200)).save("large.png")
    Image.fromarray(photo).save("small.png")
    assert run(model, "large.png", "small.png", "--size", "90")[0] == 0
    assert read_picture("large-negative.png").rgb.shape == (60, 90, 3)
    assert read_picture("small-negative.png").rgb.shape == (20, 30, 3)


def test_quality_and_strip(run, model, photo):
    tags = Image.Exif()
    tags[0x013B] = "Ann"
    Image.fromarray(photo).save("photo.jpg", exif=tags, comment=b"by Ann")
    sizes = []
    for options in (["--quality", "30"], ["--strip"], []):
        assert run(model, "photo.jpg", "--overwrite", *options)[0] == 0
        picture = read_picture("photo-negative.jpg")
        sizes.append(Path("photo-negative.jpg").stat().st_size)
        assert (picture.exif == b"", picture.comment == b"") == (("--strip" in options),) * 2
    assert sizes[0] < sizes[1] < sizes[2]


def test_all_frames_of_an_animation(run, model):
    frames = [Image.new("RGB", (20, 16), (level, 50, 0)) for level in (0, 100, 200)]
    frames[0].save("film.gif", save_all=True, append_images=frames[1:], duration=[100, 200, 300], loop=0)
    assert run(model, "film.gif")[0] == 0
    film = read_picture("film-negative.gif")
    assert [frame.duration for frame in (film, *film.later)] == [100, 200, 300]
    for frame, level in zip((film, *film.later), (0, 100, 200), strict=True):
        assert np.abs(frame.rgb.astype(int) - (255 - level, 205, 255)).max() <= 4
