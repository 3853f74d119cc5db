"""The command, from its arguments to its files, its two streams and its exit status."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import impasto_models
import numpy as np
import pillow_heif
import pytest
from impasto import Stylizer, _cli, _device, _pictures, _places, describe
from impasto._formats import FORMATS
from impasto._pictures import read_picture
from PIL import Image


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """An empty folder to work in; no GPU is looked for."""
    monkeypatch.setattr(_device, "_has_driver", lambda: False)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


@pytest.fixture
def photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


@pytest.fixture
def png(photo) -> str:
    """A photo in the working folder, by its relative path."""
    Image.fromarray(photo).save("photo.png")
    return "photo.png"


@pytest.fixture
def run(monkeypatch, capsys):
    """Call the command in this process: ``status, stdout, stderr = run("model.onnx", "photo.png")``."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["apply-style", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            _cli.main()
        return caught.value.code, *capsys.readouterr()

    return call


@pytest.fixture
def refused(run):
    """Call the command with something wrong: checks exit 2, one line on stderr and no new file; gives the line."""

    def call(*arguments: object) -> str:
        before = files()
        status, out, err = run(*arguments)
        assert (status, out) == (2, "")
        assert files() == before
        assert err.startswith("apply-style: ")
        assert err.count("\n") == 1
        return err.removeprefix("apply-style: ").rstrip("\n")

    return call


def files() -> dict[str, bytes]:
    """Everything in the working folder."""
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


# -- results ---------------------------------------------------------------------------------------


def test_the_result_lies_beside_the_photo(run, model, png, photo, folder):
    assert run(model, png) == (0, "photo-negative.png\n", "apply-style: negative on the CPU\n")
    assert sorted(os.listdir()) == ["photo-negative.png", "photo.png"]
    np.testing.assert_array_equal(read_picture("photo-negative.png").rgb, 255 - photo)
    os.mkdir("elsewhere")
    os.rename(png, "elsewhere/photo.png")
    place = folder / "elsewhere" / "photo-negative.png"
    assert run(model, folder / "elsewhere" / "photo.png")[:2] == (0, f"{place}\n")
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


def test_a_photo_of_another_suffix_keeps_its_format(run, model, photo):
    Image.fromarray(photo).save("really-png.jpg", format="PNG")
    Image.fromarray(photo).save("bare", format="PNG")
    assert run(model, "really-png.jpg", "bare")[:2] == (0, "really-png-negative.jpg\nbare-negative\n")
    for name in ("really-png-negative.jpg", "bare-negative"):
        assert read_picture(name).format == "PNG"


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
    assert refused(model, png) == "photo-negative.png exists; --overwrite replaces it"
    assert run(model, png, "--overwrite")[0] == 0
    np.testing.assert_array_equal(read_picture("photo-negative.png").rgb, 255 - photo)


def test_a_shipped_style_by_its_name(run, refused, make_model, png, monkeypatch):
    monkeypatch.setattr(impasto_models, "_FOLDER", make_model("great_wave").parent)
    status, out, err = run("great_wave", png)
    assert (status, out, err) == (0, "photo-great_wave.png\n", "apply-style: great_wave on the CPU\n")
    assert refused("starry", png) == "starry is neither a file nor a shipped style (great_wave)"


def test_auto_says_why_a_gpu_is_not_used(run, model, png, monkeypatch):
    monkeypatch.setattr(_device, "_has_driver", lambda: True)
    monkeypatch.setattr(_device, "_try_cuda", lambda data: (None, "libraries are missing"))
    status, _, err = run(model, png)
    assert (status, err) == (0, "apply-style: negative on the CPU, not on CUDA: libraries are missing\n")


def test_info(run, refused, model, png):
    status, out, err = run(model, "--info")
    assert (status, err) == (0, "")
    rows = [re.fullmatch(r"(\w+(?: \w+)*) {2,}(.*)", row) for row in out.splitlines()]
    found = {row[1]: row[2] for row in rows}
    assert found["name"] == "negative"
    assert found["title"] == "Negativ, 陰画"
    assert found["style weight"] == "2.0"
    assert found["preview"] == "6 bytes"
    assert found["digest"] == describe(model).digest
    assert len(found) == 26
    assert len({row.start(2) for row in rows}) == 1
    assert "no photos" in refused(model, "--info", png)


def test_info_does_not_let_a_model_talk_to_the_terminal(run, make_model):
    out = run(make_model(title="red \x1b[31m\nname  other"), "--info")[1]
    assert "\x1b" not in out
    assert "red ?[31m?name  other" in out
    assert len(out.splitlines()) == 26


# -- several pictures ------------------------------------------------------------------------------


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
    assert sorted(os.listdir()) == [
        "last-negative.webp", "last.webp", "photo-negative.png", "photo.png", "text.jpg"
    ]  # fmt: skip


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


def test_a_folder_into_another_keeps_its_tree(run, refused, model, album, png):
    assert run(model, album, png, "-r", "-o", "out/")[0] == 0
    made = sorted(str(path) for path in Path("out").rglob("*.*"))
    assert made == ["out/day/two-negative.jpg", "out/one-negative.png", "out/photo-negative.png"]
    os.mkdir("empty")
    assert refused(model, "empty", "-r") == "empty holds no photos"


def test_a_pattern(run, refused, model, png, photo):
    assert run(model, png, "-o", "new/{style} of {stem}{suffix}")[:2] == (0, "new/negative of photo.png\n")
    assert run(model, png, "-o", "{stem}.webp")[0] == 0
    assert read_picture("photo.webp").format == "WEBP"
    for pattern in ("{name}.png", "{stem.real}.png", "{stem!r}.png", "{stem:9}.png", "{0}.png", "{.png", "{}.png"):
        assert "is no pattern" in refused(model, png, "-o", pattern)
    assert "nor with one of .jpg" in refused(model, png, "-o", "{stem}")
    Image.fromarray(photo).save("other.png")
    assert "would both be written to" in refused(model, png, "other.png", "-o", "{style}{suffix}")


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
    assert sheet.shape == (12 + 28 + 2 * (20 + 12), 12 + 3 * (30 + 12), 3)
    for column, wanted in enumerate((photo, 255 - photo, 255 - photo)):
        left = 12 + 42 * column
        np.testing.assert_array_equal(sheet[40:60, left : left + 30], wanted)
        np.testing.assert_array_equal(sheet[72:92, left : left + 12], wanted[:, :12])
    titles = sheet[12:40]
    assert (titles[:, :42] == 255).all()
    assert titles[:, 54:].min() < 100
    assert "sheet.png exists" in refused(models, png, "--sheet", "sheet.png")
    assert "over a photo" in refused(models, png, "--sheet", png, "--overwrite")
    assert "with none of .jpg" in refused(models, png, "--sheet", "sheet")
    assert "leave -o out" in refused(models, png, "--sheet", "other.png", "-o", "x.png")


# -- dials -----------------------------------------------------------------------------------------


def test_the_dials_of_the_command_are_those_of_stylizer(run, model, png, photo):
    mask = np.zeros((20, 30), np.uint8)
    mask[:, :15] = 255
    Image.fromarray(mask).save("mask.png")
    dials = ["--strength", "0.7", "--stroke", "2", "--keep-colors", "--mask", "mask.png"]
    assert run(model, png, *dials)[0] == 0
    wanted = Stylizer(model, device="cpu")(photo, 0.7, stroke=2, keep_colors=True, mask=mask)
    np.testing.assert_array_equal(read_picture("photo-negative.png").rgb, wanted)


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


# -- wrong calls and wrong inputs ------------------------------------------------------------------


def test_pictures_that_cannot_be_read(refused, model, png, monkeypatch):
    assert refused(model, "missing.png") == "cannot read missing.png: no such file"
    os.mkdir("folder.png")
    assert refused(model, "folder.png") == "cannot read folder.png: it is a folder"
    Path("empty.jpg").write_bytes(b"")
    assert "not a picture" in refused(model, "empty.jpg")
    Path("text.jpg").write_text("no picture")
    assert "not a picture" in refused(model, "text.jpg")
    for name in ("cut.jpg", "cut.png", "cut.gif", "cut.webp"):
        Image.open(png).save(name)
        Path(name).write_bytes(Path(name).read_bytes()[:-200])
        assert f"cannot read {name}: truncated or damaged" in refused(model, name)
    monkeypatch.setattr(_pictures, "MAX_PIXELS", 20 * 30 - 1)
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
        ["--stroke", "0.4"], ["--stroke", "nan"], ["--size", "0"], ["--size", "-1"], ["--quality", "0"],
        ["--quality", "101"], ["--mask", "missing.png"],
    ],
)  # fmt: skip
def test_wrong_dials(options, refused, model, png):
    assert options[0] in refused(model, png, *options) or options[1] in refused(model, png, *options)


def test_a_mask_of_another_shape(refused, model, png):
    Image.new("L", (10, 30)).save("mask.png")
    assert "does not have the shape of the photo" in refused(model, png, "--mask", "mask.png")


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


@pytest.mark.parametrize("strength", ["-0.1", "1.01", "nan", "inf", "strong", ""])
def test_a_wrong_strength(strength, refused, model, png):
    assert "--strength" in refused(model, png, "--strength", strength)


def test_wrong_calls(refused, model, png):
    assert "MODEL" in refused()
    assert "no photo given" in refused(model)
    assert "--colour" in refused(model, png, "--colour", "blue")
    assert "tpu" in refused(model, png, "--device", "tpu")
    assert "-o" in refused(model, png, "-o")


def test_cuda_that_cannot_be_had(refused, model, png):
    assert refused(model, png, "--device", "cuda").startswith("cannot run on CUDA: ")


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
    monkeypatch.setattr(_places, "check_writable", lambda result: None)
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


# -- as a process ----------------------------------------------------------------------------------


def process(*arguments: object, **options) -> subprocess.CompletedProcess[str]:
    program = "from impasto._cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True, text=True, encoding="utf-8", timeout=120, check=False, **options,
    )  # fmt: skip


def test_as_a_process(model, png, photo):
    done = process(model, png, "--device", "cpu")
    assert (done.returncode, done.stdout) == (0, "photo-negative.png\n")
    assert done.stderr == "apply-style: negative on the CPU\n"
    np.testing.assert_array_equal(read_picture("photo-negative.png").rgb, Stylizer(model)(photo))
    Image.fromarray(photo).save("odd.tif")
    odd = Path("odd.tif").read_bytes().replace(b"\x15\x01\x03\0\x01\0\0\0\x03", b"\x15\x01\x03\0\x01\0\0\0\x63")
    Path("odd.tif").write_bytes(odd)  # 99 samples a pixel, which Pillow logs before it raises
    done = process(model, "odd.tif")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    done = process(model, "missing.png")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "apply-style: cannot read missing.png: no such file\n"


def test_a_terminal_that_cannot_show_a_title(model):
    done = process(model, "--info", env=os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert (done.returncode, done.stderr) == (0, "")
    assert r"Negativ, \u9670\u753b" in done.stdout


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_help_and_version_answer_before_anything_heavy(flag, tmp_path):
    """Modules that raise when imported stand in for the heavy ones."""
    heavy = ("numpy", "PIL", "onnxruntime", "onnx", "torch")
    for name in heavy:
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('{name} was imported')")
    done = process(flag, env=os.environ | {"PYTHONPATH": str(tmp_path)})
    assert (done.returncode, done.stderr) == (0, "")
    if flag == "--help":
        options = ("--output", "--strength", "--device", "--info", "--overwrite", "--version")
        assert all(option in done.stdout for option in options)
    else:
        assert done.stdout.startswith("apply-style ")


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes that close early on this system")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_goes_away(unbuffered, model):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as gone:
        code = "from impasto._cli import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code, str(model), "--info"],
            stdout=gone, stderr=subprocess.PIPE, timeout=120, check=False,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, b"")


def test_from_stdin_to_stdout(model, photo):
    program = "from impasto._cli import main; main()"
    data = io.BytesIO()
    Image.fromarray(photo).save(data, "PNG")

    def call(*arguments):
        return subprocess.run([sys.executable, "-c", program, *arguments], input=data.getvalue(), capture_output=True)

    done = call(model, "-")
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(read_picture(io.BytesIO(done.stdout)).rgb, 255 - photo)
    done = call(model, "-", "-o", "result.jpg", "--json")
    assert json.loads(done.stdout)["photo"] == "-"
    assert read_picture("result.jpg").format == "JPEG"
    assert b"no name to take into a folder" in call(model, "-", "-o", "out/").stderr
    Image.fromarray(photo).save("photo.png")
    done = call(model, "photo.png", "-o", "-", "--json")
    np.testing.assert_array_equal(read_picture(io.BytesIO(done.stdout)).rgb, 255 - photo)
    assert json.loads(done.stderr.splitlines()[-1])["result"] == "-"
    done = call(model, "photo.png", "photo.png", "-o", "-")
    assert (done.returncode, done.stdout) == (2, b"")
