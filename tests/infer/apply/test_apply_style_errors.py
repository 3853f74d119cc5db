"""Wrong calls and wrong inputs of ``apply-style``, and places that cannot be written."""

import os
import re
from pathlib import Path

import pytest
from impasto import ImpastoError
from impasto.apply import plan
from impasto.engine import session
from impasto.engine.devices import PROVIDERS
from impasto.pictures import reading
from PIL import Image
from samples import files

pytestmark = pytest.mark.usefixtures("work_folder")


def test_pictures_that_cannot_be_read(refused, model, png, monkeypatch):
    assert refused(model, "missing.png") == "cannot read missing.png: no such file"
    os.mkdir("folder.png")
    assert refused(model, "folder.png") == "cannot read folder.png: it is a folder; -r restyles all in it"
    Path("empty.jpg").write_bytes(b"")
    assert "not a picture" in refused(model, "empty.jpg")
    Path("text.jpg").write_text("no picture")
    assert "not a picture" in refused(model, "text.jpg")
    for name in ("cut.jpg", "cut.png", "cut.gif", "cut.webp"):
        Image.open(png).save(name)
        Path(name).write_bytes(Path(name).read_bytes()[:-200])
        assert f"cannot read {name}: truncated or damaged" in refused(model, name)
    monkeypatch.setattr(reading, "MAX_PIXELS", 20 * 30 - 1)
    assert "decompression bomb" in refused(model, png)


def test_typer_does_not_judge_what_can_be_read(run, model, png, monkeypatch):
    access = os.access  # as for a user who may not read the photo; the batch has other photos
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.R_OK and access(path, mode))
    status, out, _ = run(model, png, "missing.png")
    assert (status, out) == (1, "photo-negative.png\n")


def test_models_that_cannot_be_used(refused, model, make_model, png):
    assert refused("missing.onnx", png) == "cannot read missing.onnx: no such file"
    assert refused(".", png) == "cannot read .: it is a folder"
    assert refused(png, model) == "photo.png is not an ONNX file"
    Path("damaged.onnx").write_bytes(Path(model).read_bytes().replace(b"CC0", b"CC1"))
    assert "damaged" in refused("damaged.onnx", png)
    assert "damaged" in refused("damaged.onnx", "--info")
    assert "pip install --upgrade impasto" in refused(make_model(contract=99), png)


@pytest.mark.parametrize(
    "options",
    [
        ["--stroke", "0.4"],
        ["--stroke", "nan"],
        ["--stroke", "large"],
        ["--size", "0"],
        ["--size", "-1"],
        ["--quality", "0"],
        ["--quality", "101"],
        ["--mask", "missing.png"],
    ],
)
def test_wrong_dials(options, refused, model, png):
    assert options[0] in refused(model, png, *options) or options[1] in refused(model, png, *options)


def test_a_choice_that_there_is_not(refused, model, png):
    said = refused(model, png, "--device", "tpu")
    assert "'tpu' is not one of" in said
    assert "Value error" not in said


def test_a_mask_of_another_shape(refused, model, png):
    Image.new("L", (10, 30)).save("mask.png")
    said = refused(model, png, "--mask", "mask.png")
    assert f"the mask of 10x30 pixels does not have the shape of {png}, " in said
    assert said == refused(model, png, "--mask", "mask.png", "--sheet", "sheet.png")


@pytest.mark.parametrize("strength", ["-0.1", "1.01", "nan", "inf", "strong", ""])
def test_a_wrong_strength(strength, refused, model, png):
    assert "--strength" in refused(model, png, "--strength", strength)


def test_wrong_calls(refused, model, png):
    assert "MODEL" in refused()
    assert "no photo given" in refused(model)
    assert "--colour" in refused(model, png, "--colour", "blue")
    assert "tpu" in refused(model, png, "--device", "tpu")
    assert "-o" in refused(model, png, "-o")
    assert "none is given" in refused(model, png, "--invert-mask")


def test_devices_that_cannot_be_had(refused, model, png, monkeypatch):
    monkeypatch.setattr(session, "listed", lambda device: [])
    for device, provider in PROVIDERS.items():
        assert refused(model, png, "--device", device).startswith(f"cannot run on {provider.label}: ")


def test_outputs_that_stand_in_the_way(refused, model, png, photo):
    assert "over a photo" in refused(model, png, "-o", png, "--overwrite")
    assert "over a photo" in refused(model, png, "-o", "./x/../photo.png", "--overwrite")
    Path("link.png").symlink_to(png)
    assert "over a photo" in refused(model, "link.png", "-o", png, "--overwrite")
    for folder in ("one", "two"):
        os.mkdir(folder)
        Image.fromarray(photo).save(f"{folder}/photo.png")
    both = [Path("one/photo.png"), Path("two/photo.png")]
    assert f"{both[0]} and {both[1]} would both be written to" in refused(model, *both, "-o", "out/")
    assert "is given twice" in refused(model, png, png)
    Image.fromarray(photo).save("photo-negative.png")  # a photo of the call, and the result of another
    assert "over a photo" in refused(model, png, "photo-negative.png", "--overwrite")


def test_outputs_that_do_not_fit(refused, model, png):
    assert "nor with one of .jpg .png" in refused(model, png, "-o", "result")
    assert "nor with one of .jpg .png" in refused(model, png, "-o", "result.xyz")
    assert "one file for 2 photos" in refused(model, png, "other.png", "-o", "result.png")
    assert "one file for 2 photos" in refused(model, png, "other.png", "-o", png)


def test_places_that_cannot_be_written(refused, model, png, monkeypatch):
    Path("file").write_text("not a folder")
    os.mkdir("folder.png")
    assert "file is not a folder" in refused(model, png, "-o", "file/result.png")
    assert "file is not a folder" in refused(model, png, "-o", "file/")
    os.mkdir("photo-negative.png")
    assert "it is a folder" in refused(model, png, "--overwrite")
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)  # who tests as root may write anywhere
    assert "no permission to write in" in refused(model, png, "-o", "deep/down/result.png")


def test_a_place_that_turns_out_not_to_be_writable(run, model, png, monkeypatch):
    Path("file").write_text("not a folder")
    monkeypatch.setattr(plan, "check_writable", lambda result: None)
    before = files()
    status, out, err = run(model, png, "-o", "file/result.png")
    assert (status, out, files()) == (2, "", before)
    assert err.splitlines()[-1].startswith(f"apply-style: cannot write {Path('file/result.png')}: ")


def test_ctrl_c_leaves_nothing(run, model, png, monkeypatch):
    def interrupted(self, place, **options):
        place.write(b"half a pict")
        raise KeyboardInterrupt

    monkeypatch.setattr(Image.Image, "save", interrupted)
    before = files()
    status, out, err = run(model, png)
    assert (status, out, files()) == (130, "", before)
    assert err.splitlines()[-1] == "apply-style: stopped"


def test_a_full_disk_leaves_nothing(run, model, png, monkeypatch):
    def full(self, place, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    before = files()
    status, _, err = run(model, png)
    assert (status, files()) == (2, before)
    assert err.splitlines()[-1] == "apply-style: cannot write photo-negative.png: No space left on device"


def test_names_that_are_too_long(refused, model, png):
    name = "x" * 300
    assert refused(model, png, "-o", f"{name}.png").lower().endswith("name too long")
    assert refused(model, png, "-o", f"{name}/").lower().endswith("name too long")
    assert refused(model, f"{name}.png", "-o", "a.png").lower().endswith("name too long")
    assert refused(model, png, "--sheet", f"{name}.png").lower().endswith("name too long")
    assert "cannot read" in refused(model, f"{name}.mp4", "-o", "a.mp4")


@pytest.mark.parametrize(
    ("photos", "output", "words"),
    [
        (["clip.mp4", "photo.png"], "{stem}.mp4", "is for photos and films: end it with {suffix}"),
        (["photo.png"], "%04d.png", "%04d.png is for the frames of a film: give pictures another name"),
        (["photo.png"], "{stem}/%d.jpg", "is for the frames of a film"),
    ],
)
def test_names_that_suit_films_or_pictures_alone(tmp_path, photos, output, words):
    with pytest.raises(ImpastoError, match=re.escape(words)):
        plan.plan([tmp_path / photo for photo in photos], str(tmp_path / output), ["negative"])
