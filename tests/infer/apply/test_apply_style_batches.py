"""``apply-style`` on several pictures, in several styles."""

import io
import json
import os
import re
import sys
from functools import partial
from pathlib import Path

import impasto_models
import numpy as np
import pytest
from impasto import Stylizer
from impasto.apply import batch, sheet
from impasto.pictures.reading import read_picture
from PIL import Image

pytestmark = pytest.mark.usefixtures("work_folder")


def test_a_batch_goes_on_past_bad_pictures(run, model, png):
    Path("text.jpg").write_text("no picture")
    Image.open(png).save("last.webp", lossless=True)
    status, out, err = run(model, "text.jpg", png, "missing.png", "last.webp")
    assert status == 1
    assert out.splitlines() == ["photo-negative.png", "last-negative.webp"]
    lines = err.splitlines()
    assert len(lines) == 3
    assert lines[0] == "apply-style: negative on the CPU"
    assert lines[1].startswith("apply-style: cannot read text.jpg: not a picture")
    assert lines[2] == "apply-style: cannot read missing.png: no such file"
    assert sorted(os.listdir()) == ["last-negative.webp", "last.webp", "photo-negative.png", "photo.png", "text.jpg"]


def test_a_batch_of_good_pictures(run, model, png):
    Image.open(png).save("other.bmp")
    status, out, err = run(model, png, "other.bmp")
    assert (status, out.splitlines()) == (0, ["photo-negative.png", "other-negative.bmp"])
    assert err == "apply-style: negative on the CPU\n"


@pytest.fixture
def album(png):
    """A folder of photos, one of them in a folder of its own, one hidden and one that is none."""
    os.makedirs("album/day")
    os.mkdir("album/.cache")
    for name in ("album/one.png", "album/day/two.jpg", "album/.cache/three.png"):
        Image.open(png).save(name)
    Path("album/notes.txt").write_text("no picture")
    return "album"


def test_a_folder(run, refused, model, album):
    assert "it is a folder" in refused(model, album)
    assert run(model, album, "-r")[:2] == (0, "album/day/two-negative.jpg\nalbum/one-negative.png\n")
    # a second run finds the same photos, not the results
    assert "album/day/two-negative.jpg exists" in refused(model, album, "-r")
    assert run(model, album, "-r", "--overwrite")[1].count("\n") == 2


def test_a_folder_begun_is_gone_on_with(run, refused, model, make_model, album):
    assert run(model, album, "-r", "--skip-existing")[1].count("\n") == 2
    made = Path("album/one-negative.png")
    made.write_bytes(b"mine")
    Path("album/day/two-negative.jpg").unlink()
    assert run(model, album, "-r", "--skip-existing")[:2] == (0, "album/day/two-negative.jpg\n")
    assert made.read_bytes() == b"mine"
    nothing = (0, "", "apply-style: every result exists: nothing is left to do\n")
    assert run(model, album, "-r", "--skip-existing") == nothing
    other = make_model("other")  # a style that is missing for each
    both = run(f"{model},{other}", album, "-r", "--skip-existing")
    assert both[1].splitlines() == ["album/day/two-other.jpg", "album/one-other.png"]
    assert "exclude each other" in refused(model, album, "-r", "--skip-existing", "--overwrite")
    assert "leave --skip-existing out" in refused(model, album, "-r", "--skip-existing", "--sheet", "sheet.png")


def test_results_in_a_shipped_style_are_not_photos(run, model, album, png):
    Image.open(png).save("album/one-the_scream.png")
    Image.open(png).save("album/of-the_scream.png")  # there is no photo named of.png: a photo itself
    made = run(model, album, "-r")[1].splitlines()
    assert made == ["album/day/two-negative.jpg", "album/of-the_scream-negative.png", "album/one-negative.png"]


def test_results_of_another_call_are_not_photos_wherever_they_lie(run, model, album):
    assert run(model, album, "-r", "-o", "album/out/")[0] == 0
    made = ["album/day/two-negative.jpg", "album/one-negative.png"]
    assert run(model, album, "-r")[1].splitlines() == made
    assert run(model, album, "-r", "-o", "album/{style} {stem}{suffix}")[1].splitlines() == [
        "album/negative two.jpg",
        "album/negative one.png",
    ]


@pytest.mark.parametrize(
    ("out", "made"),
    [
        ("album/out/", ["album/out/day/two-negative.jpg", "album/out/one-negative.png"]),
        ("album/{stem}, painted{suffix}", ["album/two, painted.jpg", "album/one, painted.png"]),
        ("album/{style}/{stem}{suffix}", ["album/negative/two.jpg", "album/negative/one.png"]),
    ],
)
def test_results_within_the_folder_are_not_photos(run, refused, model, album, out, made):
    nothing = (0, "", "apply-style: every result exists: nothing is left to do\n")
    words = [model, album, "-r", "-o", out]
    assert run(*words)[:2] == (0, "".join(f"{result}\n" for result in made))
    assert run(*words, "--skip-existing") == nothing
    assert run(*words, "--overwrite")[1].splitlines() == made
    assert f"{made[0]} exists" in refused(*words)
    named = run(model, made[0], "-o", "named/")[1]  # one that is named is a photo all the same
    assert named.count("\n") == 1


def test_a_photo_is_not_taken_for_a_result(run, refused, model, album, png):
    Image.open(png).save("album/day/one.png")
    assert "over a photo" in refused(model, album, "-r", "-o", "album/{stem}.png", "--overwrite")
    assert "over a photo" in refused(model, "-r", "album/day", "-o", "album/day/{stem}{suffix}", "--overwrite")


def test_films_of_a_folder_are_taken_too(run, model, album):
    Path("album/clip.mp4").write_text("no film")
    status, out, err = run(model, album, "-r")
    assert (status, out.count("\n")) == (1, 2)
    assert "cannot read album/clip.mp4" in err


def test_ctrl_c_tells_of_what_failed_and_what_is_done(run, model, album, monkeypatch):
    Path("album/aa.jpg").write_text("no picture")
    from impasto.painting.stylizer import Stylizer as Real

    restyle, calls = Real.restyle, []

    def stopped(self, picture, look, *more):
        calls.append(picture)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return restyle(self, picture, look, *more)

    monkeypatch.setattr(Real, "restyle", stopped)
    status, out, err = run(model, album, "-r")
    assert (status, out) == (130, "album/day/two-negative.jpg\n")
    assert "cannot read album/aa.jpg" in err
    assert err.endswith("apply-style: stopped\n")


def test_a_folder_into_another_keeps_its_tree(run, refused, model, album, png):
    assert run(model, album, png, "-r", "-o", "out/")[0] == 0
    made = sorted(str(path) for path in Path("out").rglob("*.*"))
    assert made == ["out/day/two-negative.jpg", "out/one-negative.png", "out/photo-negative.png"]
    os.mkdir("empty")
    assert refused(model, "empty", "-r") == "empty holds no photos or films"


def test_a_pattern(run, refused, model, png, photo):
    assert run(model, png, "-o", "new/{style} of {stem}{suffix}")[:2] == (0, "new/negative of photo.png\n")
    assert run(model, png, "-o", "{stem}.webp")[0] == 0
    assert read_picture("photo.webp").format == "WEBP"
    for pattern in ("{name}.png", "{stem.real}.png", "{stem!r}.png", "{stem:9}.png", "{0}.png", "{.png", "{}.png"):
        assert "is no pattern" in refused(model, png, "-o", pattern)
    assert "nor with one of .jpg" in refused(model, png, "-o", "{stem}")
    Image.fromarray(photo).save("other.png")
    assert "would both be written to" in refused(model, png, "other.png", "-o", "{style}{suffix}")


def test_one_format_for_a_tree(run, refused, model, album, png):
    nothing = (0, "", "apply-style: every result exists: nothing is left to do\n")
    made = ["out/day/two-negative.webp", "out/one-negative.webp"]
    assert run(model, album, "-r", "-o", "out/", "--format", "webp")[1].split() == made
    assert {read_picture(name).format for name in made} == {"WEBP"}
    made = ["album/day/two-negative.jpeg", "album/one-negative.jpeg"]
    assert run(model, album, "-r", "--format", "jpeg")[1].split() == made
    for same in ("jpeg", ".JPEG"):
        assert run(model, album, "-r", "--format", same, "--skip-existing") == nothing  # nor are they photos
    assert run(model, png, "-o", "{style} {stem}{suffix}", "--format", "tif")[1] == "negative photo.tif\n"
    assert read_picture("negative photo.tif").format == "TIFF"
    for words in (["-o", "x.png"], ["-o", "new {stem}.png"], ["--sheet", "sheet.png"]):
        assert "leave --format jpg out" in refused(model, png, *words, "--format", "jpg")
        assert run(model, png, *words, "--format", "png")[0] == 0  # they agree
    assert "gofer is none of jpg png webp" in refused(model, png, "--format", "gofer")


def test_results_in_another_format_are_not_photos(run, model, album):
    made = run(model, album, "-r", "-o", "album/out/", "--format", "webp")[1]
    assert run(model, album, "-r", "-o", "album/out/", "--format", "tif")[1] == made.replace("webp", "tif")


def test_a_pattern_with_the_folder(run, model, album, png):
    made = ["out/day/two.jpg", "out/one.png", "out/photo.png"]
    assert run(model, album, png, "-r", "-o", "out/{folder}/{stem}{suffix}")[1].split() == made
    assert run(model, album, "-r", "-o", "{style}/{folder}/{stem}{suffix}")[1].split() == [
        "negative/day/two.jpg",
        "negative/one.png",
    ]


def test_several_styles(run, refused, make_model, png, photo):
    models = ",".join(str(make_model(name)) for name in ("one", "two"))
    assert run(models, png)[:2] == (0, "photo-one.png\nphoto-two.png\n")
    np.testing.assert_array_equal(read_picture("photo-two.png").rgb, 255 - photo)
    assert "one file for 2 styles" in refused(models, png, "-o", "result.png")
    assert "missing.onnx" in refused(f"{models},missing.onnx", png)


def test_a_record_of_each_picture(run, model, png):
    Path("text.jpg").write_text("no picture")
    status, out, err = run(model, png, "text.jpg", "--json")
    records = [json.loads(line) for line in out.splitlines()]
    assert status == 1
    assert [record["photo"] for record in records] == ["photo.png", "text.jpg"]
    good, bad = records
    assert (good["style"], good["result"], good["error"]) == ("negative", "photo-negative.png", None)
    assert (good["width"], good["height"]) == (30, 20)
    assert good["seconds"] >= 0
    assert bad["result"] is None
    assert bad["error"].startswith("cannot read text.jpg: not a picture")
    assert bad["error"] in err


def test_the_shipped_styles_are_listed(run, make_model, monkeypatch):
    make_model("great_wave", title="The Great \x1b Wave", credit="Hokusai")
    monkeypatch.setattr(impasto_models, "_FOLDER", make_model("sea", title="Sea", credit="").parent)
    assert run("--list") == (0, "great_wave  The Great ? Wave (Hokusai)\nsea         Sea\n", "")


def test_a_contact_sheet(run, refused, make_model, png, photo):
    models = ",".join(str(make_model(name, title=name * 20)) for name in ("one", "two"))
    Image.fromarray(photo[:, :12]).save("narrow.png")
    assert run(models, png, "narrow.png", "--sheet", "sheet.png")[:2] == (0, "sheet.png\n")
    assert sorted(os.listdir()) == ["narrow.png", "photo.png", "sheet.png"]
    sheet = read_picture("sheet.png").rgb
    assert sheet.shape == (12 + 2 * (20 + 28 + 12), 12 + 3 * (30 + 12), 3)
    for column, wanted in enumerate((photo, 255 - photo, 255 - photo)):
        left = 12 + 42 * column
        np.testing.assert_array_equal(sheet[12:32, left : left + 30], wanted)
        np.testing.assert_array_equal(sheet[72:92, left : left + 12], wanted[:, :12])
        for name in (sheet[32:60, left : left + 30], sheet[92:120, left : left + 30]):  # below each picture
            assert name.min() < 100
    assert "sheet.png exists" in refused(models, png, "--sheet", "sheet.png")
    assert "over a photo" in refused(models, png, "--sheet", png, "--overwrite")
    Path("inner").mkdir()
    Image.fromarray(photo).save("inner/a.png")
    for more in ([], ["--overwrite"]):  # the sheet is in the folder that it is made of, the second time too
        assert run(models, "-r", "inner", "--sheet", "inner/sheet.jpg", *more)[:2] == (0, "inner/sheet.jpg\n")
    assert "clip.mp4 is a film" in refused(models, png, "clip.mp4", "--sheet", "other.png")
    assert "more than 10 pixels" in refused(models, png, "--max-pixels", "10", "--sheet", "other.png")
    assert "leave --json out" in refused(models, png, "--json", "--sheet", "other.png")
    for quality in ("5", "95"):
        assert run(models, png, "--quality", quality, "--sheet", f"{quality}.jpg")[0] == 0
    assert os.path.getsize("5.jpg") < os.path.getsize("95.jpg")
    assert "with none of .jpg" in refused(models, png, "--sheet", "sheet")
    assert "leave -o out" in refused(models, png, "--sheet", "other.png", "-o", "x.png")
    for words in (
        ["--from", "1"],
        ["--to", "2"],
        ["--fps", "5"],
        ["--codec", "mpeg4"],
        ["--crf", "9"],
        ["--per-frame"],
    ):
        said = f"--sheet is for pictures: leave {words[0]} out, which is of films"
        assert refused(models, png, "--sheet", "other.png", *words) == said


def test_a_contact_sheet_goes_on_past_bad_pictures(run, refused, model, png, photo):
    Path("text.jpg").write_text("no picture")
    status, out, err = run(model, "text.jpg", png, "missing.png", "--sheet", "sheet.png")
    assert (status, out) == (1, "sheet.png\n")
    first, second = err.splitlines()
    assert first.startswith("apply-style: cannot read text.jpg: not a picture")
    assert second == "apply-style: cannot read missing.png: no such file"
    sheet = read_picture("sheet.png").rgb
    assert sheet.shape == (12 + 3 * (20 + 28 + 12), 12 + 2 * (30 + 12), 3)
    for top, wanted in ((12, None), (72, photo), (132, None)):
        place = sheet[top : top + 20, 12:42]
        if wanted is None:
            assert place.min() < 100 < 250 < place.max()  # a name on paper
            assert (sheet[top : top + 20, 54:] == 255).all()
        else:
            np.testing.assert_array_equal(place, wanted)
    status, out, err = run(model, "text.jpg", "missing.png", "--sheet", "none.png")
    assert (status, out, err.count("\n")) == (1, "", 2)
    assert not os.path.exists("none.png")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_of_a_sheet_and_of_the_frames_of_a_picture(run, model, png, monkeypatch):
    frames = [Image.new("RGB", (20, 16), (level, 50, 0)) for level in (0, 100, 200)]
    frames[0].save("film.gif", save_all=True, append_images=frames[1:], duration=100)
    monkeypatch.setattr(batch, "PATIENCE", 0)
    monkeypatch.setattr(batch, "tqdm", partial(batch.tqdm, mininterval=0))
    monkeypatch.setattr(sheet, "tqdm", partial(sheet.tqdm, mininterval=0))
    for words, unit, count in (([png, "film.gif", "--sheet", "sheet.png"], "photo", 2), (["film.gif"], "frame", 3)):
        monkeypatch.setattr(sys, "stderr", Terminal())
        assert run(model, *words)[0] == 0
        bars = re.findall(rf"(\d+)%\|.*?\| (\d+)/{count} \[\d+:\d+<(\d+:\d+|\?), +\S+{unit}", sys.stderr.getvalue())
        assert [(int(percent), int(done)) for percent, done, _ in bars][1:] == [
            (round(100 * done / count), done) for done in range(1, count + 1)
        ]
        assert bars[-1][2] == "00:00"  # left


def test_progress_of_one_picture_in_tiles(run, model, photo, monkeypatch):
    Image.fromarray(photo).resize((2100, 1400)).save("large.png")
    monkeypatch.setattr(batch, "PATIENCE", 0)
    monkeypatch.setattr(batch, "tqdm", partial(batch.tqdm, mininterval=0, miniters=0))
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert run(model, "large.png", "--memory", "300MB")[0] == 0
    bars = re.findall(r"(\d+)%\|[^|]*\| \[\d+:\d+<(\d+:\d+|\?)\]", sys.stderr.getvalue())
    # after each of four tiles, and at the end
    assert [int(percent) for percent, _ in bars] == [0, 25, 50, 75, 100, 100]
    assert bars[-1][1] == "00:00"  # left
    monkeypatch.setattr(sys, "stderr", io.StringIO())  # piped
    assert run(model, "large.png", "--memory", "300MB", "--overwrite")[0] == 0
    assert "%" not in sys.stderr.getvalue()


def test_a_mask_for_each_photo(run, refused, model, photo):
    os.mkdir("masks")
    wanted = {}
    for index, name in enumerate(("a", "b")):
        Image.fromarray(np.roll(photo, index)).save(f"{name}.png")
        mask = np.zeros((20, 30), np.uint8)
        mask[:, 15 * index : 15 * index + 15] = 255
        Image.fromarray(mask).save(f"masks/{name}.png")
        wanted[name] = Stylizer(model, device="cpu")(np.roll(photo, index), mask=mask)
    assert run(model, "a.png", "b.png", "--mask", "masks/{stem}.png")[0] == 0
    for name, picture in wanted.items():
        np.testing.assert_array_equal(read_picture(f"{name}-negative.png").rgb, picture)
    assert run(model, "a.png", "b.png", "--mask", "masks/{stem}.png", "--invert-mask", "-o", "inverted/")[0] == 0
    for index, name in enumerate(("a", "b")):
        mask = 255 - np.asarray(Image.open(f"masks/{name}.png"))
        inverted = Stylizer(model, device="cpu")(np.roll(photo, index), mask=mask)
        np.testing.assert_array_equal(read_picture(f"inverted/{name}-negative.png").rgb, inverted)
    new = ["-o", "new/"]
    Image.fromarray(photo).save("c.png")
    missing = refused(model, "a.png", "c.png", *new, "--mask", "masks/{stem}.png")
    assert f"c.png has no mask {Path('masks/c.png')}" in missing
    for pattern in ("{style}.png", "{stem", "{}.png", "{stem!r}.png"):
        assert f"--mask {pattern} is no pattern" in refused(model, "a.png", *new, "--mask", pattern)
    assert "one --mask" in refused(model, "a.png", "--sheet", "sheet.png", "--mask", "masks/{stem}.png")
    Path("masks/b.png").write_bytes(b"no picture")
    status, out, err = run(model, "a.png", "b.png", *new, "--mask", "masks/{stem}.png")
    assert (status, out.split()) == (1, [str(Path("new/a-negative.png"))])
    assert "b.png" in err
