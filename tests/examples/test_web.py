"""The web page, built and driven in a real browser without a window, beside `Stylizer`."""

import json
import subprocess
import sys
from pathlib import Path

import av
import impasto_models
import numpy as np
import onnx
import pytest
from impasto import Stylizer, describe
from impasto.contract.info import read_model
from impasto_train.commandline.variant import VariantOptions
from impasto_train.export.variants.make import described, edited
from impasto_train.photos.content import centre_crop, demo_photo
from PIL import Image

from benchmarks import web as benchmark

WEB = Path(__file__).parents[2] / "examples" / "web"
WAVE, SCREAM = ("The Great Wave off Kanagawa", "great_wave"), ("The Scream", "the_scream")
HALVES = {one.name: 0.5 for one in describe("atlas").styles[:2]}  # what "Blend" begins with


@pytest.fixture(scope="module")
def browser(chromium) -> str:
    """The path of a browser, with the page built for it."""
    for words in ([sys.executable, WEB / "styles.py"], ["npm", "--prefix", WEB, "run", "build"]):
        done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
    return chromium


@pytest.fixture
def walk(browser, tmp_path):
    """Walk through the page: ``seen = walk("restyle", photo=path)``; the pictures are saved into ``tmp_path``."""

    def drive(name: str, **job: object) -> dict:
        file = tmp_path / "job.json"
        file.write_text(json.dumps({"executable": browser, "folder": tmp_path, **job}, default=str))
        words = ["node", WEB / "tests" / "drive.mjs", name, file]
        done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False, timeout=240)
        assert done.returncode == 0, done.stdout + done.stderr
        seen = json.loads(done.stdout.splitlines()[-1])
        # nothing leaves the browser
        assert [url for url in seen["requests"] if not url.startswith((seen["address"], "blob:", "data:"))] == []
        assert [line for line in seen["said"] if line != "No available adapters."] == []  # of WebGPU, without a GPU
        return seen

    return drive


@pytest.fixture
def photo(tmp_path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(centre_crop(demo_photo("chelsea.png"), 150)[:97]).save(path)
    return path


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB")).astype(int)


def assert_close(found: np.ndarray, wanted: object) -> None:
    apart = np.abs(found - np.asarray(wanted).astype(int))
    assert apart.max() <= 2
    assert apart.mean() < 0.5


def assert_near(found: np.ndarray, wanted: object) -> None:
    """`assert_close` of an enlarged painting: sharpening multiplies a level, and Pillow clamps at places of its own."""
    apart = np.abs(found - np.asarray(wanted).astype(int))
    assert (apart > 6).mean() < 0.001
    assert apart.mean() < 0.5


def caption(model: Path) -> str:
    info = describe(model)
    return f"{info.title}, {info.credit} · {info.style_license}"


def variant(folder: Path, name: str, **options: str) -> Path:
    """What ``export-style NAME`` would write."""
    info, data = read_model(impasto_models.path(name))
    wanted = VariantOptions(model=name, **options)
    path = folder / f"{name}-variant.onnx"
    path.write_bytes(edited(data, described(info, wanted), wanted.sides, []))
    return path


def test_a_photo_in_two_styles_and_back(walk, photo, tmp_path):
    seen = walk("restyle", photo=photo, styles=[[title, f"{name}.png"] for title, name in (WAVE, SCREAM)])
    assert seen["names"] == ["photo-great_wave.png", "photo-the_scream.png"]
    assert all(status.startswith("Painted in ") for status in seen["statuses"][:4])
    assert seen["isolated"]  # or there would be no threads
    with Image.open(photo) as image:
        for _, name in (WAVE, SCREAM):
            assert_close(pixels(tmp_path / f"{name}.png"), Stylizer(name, device="cpu")(image))
        assert_close(pixels(tmp_path / "strength-50.png"), Stylizer("the_scream", device="cpu")(image, 0.5))
    assert np.array_equal(pixels(tmp_path / "strength-0.png"), pixels(photo))


@pytest.mark.slow
def test_strokes_colours_and_jpeg_as_in_python(walk, photo, tmp_path):
    large = tmp_path / "large.png"
    Image.open(photo).resize((2050, 1500)).save(large)
    seen = walk("look", photo=photo, large=large, style=WAVE[0])
    style = Stylizer("great_wave", device="cpu")
    dials = {
        "stroke-2": {"stroke": 2},
        "stroke-0.5": {"stroke": 0.5},
        "strength": {"stroke": 0.5, "strength": 0.5},
        "colors": {"stroke": 1, "keep_colors": True},
    }
    for name, given in dials.items():
        assert_near(pixels(tmp_path / f"{name}.png"), style(photo, **given))
    with Image.open(tmp_path / "colors.jpg") as image:
        assert (seen["name"], image.format) == ("photo-great_wave.jpg", "JPEG")
        assert np.abs(np.asarray(image).astype(int) - pixels(tmp_path / "colors.png")).mean() < 4
    assert_near(pixels(tmp_path / "auto.png"), style(large))
    assert [status.endswith("s, strokes 2.0 times as large") for status in seen["statuses"]] == [*[False] * 4, True]


@pytest.mark.slow
def test_a_graphics_processor_paints_the_same(walk, tmp_path):
    path = tmp_path / "small.png"
    Image.fromarray(centre_crop(demo_photo("chelsea.png"), 48)[:37]).save(path)
    assert walk("webgpu", photo=path)["engines"] == ["wasm", "wasm", "webgpu"]
    with Image.open(path) as image:
        assert_close(pixels(tmp_path / "webgpu.png"), Stylizer(impasto_models.names()[0], device="cpu")(image))


def test_photos_upright_and_on_white(walk, photo, tmp_path):
    with Image.open(photo) as image:
        exif = Image.Exif()
        exif[0x0112] = 6
        image.save(tmp_path / "turned.png", exif=exif)
        image.putalpha(Image.linear_gradient("L").resize(image.size).point(lambda value: 255 if value > 90 else 0))
        image.save(tmp_path / "cut.png")
    seen = walk("photos", photos=[tmp_path / "turned.png", tmp_path / "cut.png"])
    assert seen["facts"] == ["97 × 150 px", "150 × 97 px, on white where it was transparent"]
    first = impasto_models.names()[0]
    upright = np.rot90(pixels(photo), -1).astype(np.uint8)
    assert_close(pixels(tmp_path / "0.png"), Stylizer(first, device="cpu")(np.ascontiguousarray(upright)))
    with Image.open(tmp_path / "cut.png") as image:
        white = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    assert_close(pixels(tmp_path / "1.png"), Stylizer(first, device="cpu")(white))


def test_bad_files_are_told_in_words(walk, photo, tmp_path, model):
    notes, cut = tmp_path / "notes.txt", tmp_path / "cut.png"
    notes.write_text("not a picture")
    cut.write_bytes(photo.read_bytes()[:60])
    foreign, broken, newer = (tmp_path / f"{name}.onnx" for name in ("foreign", "broken", "newer"))
    stranger = onnx.load(model)
    del stranger.metadata_props[:]
    foreign.write_bytes(stranger.SerializeToString())
    data = bytearray(impasto_models.path("great_wave").read_bytes())
    data[900_000] ^= 1
    broken.write_bytes(data)
    newer.write_bytes(impasto_models.path("great_wave").read_bytes()[:700_000])
    other = variant(tmp_path, "poppy_field", io="float32")
    seen = walk("badFiles", photo=photo, pictures=[notes, cut], models=[notes, foreign, broken, newer, other])
    unreadable = "{} is not a picture that this browser can read. Choose a JPEG, PNG, WebP, GIF or AVIF file."
    damaged = "{} is damaged: its bytes are not those that were exported. Get it again."
    assert seen["notices"] == [
        unreadable.format("notes.txt"),
        unreadable.format("cut.png"),
        "notes.txt is not a model: a model is an .onnx file that Impasto exported.",
        "foreign.onnx is an ONNX file, but not one that Impasto made: train one with train-style.",
        damaged.format("broken.onnx"),
        damaged.format("newer.onnx"),
        "poppy_field-variant.onnx is a variant for other programs: open the model that it was made from.",
    ]
    assert seen["styles"] == len(impasto_models.files())
    assert seen["status"].startswith("Painted in ")


def test_models_of_ones_own(walk, photo, tmp_path):
    shipped = impasto_models.path("starry_night")
    undialled = variant(tmp_path, "poppy_field", dial="none")
    atlas = impasto_models.path("atlas")
    seen = walk("ownModels", photo=photo, models=[shipped, undialled, atlas])
    assert [each["dial"] for each in seen["seen"]] == [True, False, True]
    assert [each["caption"] for each in seen["seen"][:2]] == [caption(shipped), caption(undialled)]
    with Image.open(photo) as image:
        # the strength is optional in this file, and onnxruntime-web takes none that is
        assert_close(pixels(tmp_path / "0.png"), Stylizer(shipped, device="cpu")(image, 0.5))
        assert_close(pixels(tmp_path / "1.png"), Stylizer("poppy_field", device="cpu")(image))
        assert_close(pixels(tmp_path / "2.png"), Stylizer(atlas, device="cpu")(image, 0.5, style=HALVES))


def test_a_blend_of_two_styles(walk, photo, tmp_path):
    seen = walk("blend", photo=photo, titles=[title for title, _ in (WAVE, SCREAM)])
    assert seen["early"] == []  # the file is loaded when it is wanted
    assert seen["names"] == ["photo-great_wave-60-the_scream-40.png", "photo-great_wave.png", "photo-the_scream.png"]
    credits = "Katsushika Hokusai, about 1831; Edvard Munch, 1893 · Public domain"
    assert seen["caption"] == f"{WAVE[0]} 60 %, {SCREAM[0]} 40 %, {credits}"
    atlas, mix = Stylizer("atlas", device="cpu"), {"great_wave": 0.6, "the_scream": 0.4}
    with Image.open(photo) as image:
        for name, style in (("blend", mix), ("left", "great_wave"), ("right", "the_scream")):
            assert_close(pixels(tmp_path / f"{name}.png"), atlas(image, style=style))
        look = atlas(image, 0.5, style=mix, stroke=2, keep_colors=True)
    assert_near(pixels(tmp_path / "look.png"), look)
    assert seen["tabbed"] == ["Open a model of your own (.onnx)", "Style on the left", "Style on the right", "Blend"]
    assert seen["value"] == f"{WAVE[0]} 1 %, {SCREAM[0]} 99 %"  # the arrow key moved it
    assert 'group "Blend"' in seen["tree"]
    assert (seen["width"], seen["save"] <= 844) == (390, True)  # on a phone


def test_without_a_network_once_it_is_loaded(walk, photo, tmp_path):
    seen = walk("offline", photo=photo, style="Blend")
    assert all(status.startswith("Painted in ") for status in seen["statuses"])
    with Image.open(photo) as image:
        assert_close(pixels(tmp_path / "offline.png"), Stylizer("atlas", device="cpu")(image, style=HALVES))


def test_an_installed_page_takes_photos_from_other_apps_without_a_network(walk, photo, tmp_path):
    first = tmp_path / "first.png"
    Image.fromarray(centre_crop(demo_photo("coffee.png"), 64)).save(first)
    seen = walk("shared", photo=photo, first=first)
    assert (seen["errors"], seen["manifest"]) == ([], True)
    # all that a browser has against it is that the test's has no profile to install it in
    assert [error["errorId"] for error in seen["installabilityErrors"]] == ["in-incognito"]
    assert seen["status"].startswith("Painted in ")
    assert seen["name"] == f"from an app-{impasto_models.names()[0]}.png"
    with Image.open(photo) as image:
        assert_close(pixels(tmp_path / "shared.png"), Stylizer(impasto_models.names()[0], device="cpu")(image))
    assert "empty" in seen["after"]  # it is taken once


def test_a_browser_without_webassembly(walk):
    seen = walk("withoutWebAssembly")
    assert seen["text"].startswith("This browser has no WebAssembly")
    assert seen["choices"] == 0


def test_a_photo_too_large_for_the_memory(walk, tmp_path):
    path = tmp_path / "large.png"
    Image.new("RGB", (500, 400), (90, 120, 60)).save(path)
    seen = walk("tooLarge", photo=path)
    assert seen["facts"].endswith("px, made smaller")
    height, width, _ = pixels(tmp_path / "smaller.png").shape
    assert width * height < 500 * 400 * 0.6
    assert width / height == pytest.approx(500 / 400, rel=0.01)


def test_what_is_asked_for_last_is_painted(walk, photo, tmp_path):
    other = tmp_path / "other.png"
    Image.fromarray(centre_crop(demo_photo("coffee.png"), 120)).save(other)
    seen = walk("lastWins", photos=[photo, other], style=WAVE[0])
    assert seen["caption"].startswith(WAVE[0])
    with Image.open(other) as image:
        assert_close(pixels(tmp_path / "last.png"), Stylizer("great_wave", device="cpu")(image))


def test_a_style_chosen_while_a_broken_file_is_opened_is_painted(walk, photo, tmp_path):
    broken = tmp_path / "cut.png"
    broken.write_bytes(photo.read_bytes()[:60])
    seen = walk("notOpened", photo=photo, broken=broken, style=SCREAM[0])
    assert seen["notice"].startswith("cut.png is not a picture")
    assert seen["name"] == "photo-the_scream.png"
    with Image.open(photo) as image:
        assert_close(pixels(tmp_path / "still.png"), Stylizer("the_scream", device="cpu")(image))


def test_a_long_painting_can_be_stopped(walk, photo, tmp_path):
    large = tmp_path / "large.png"
    Image.fromarray(centre_crop(demo_photo("coffee.png"), 1600)).save(large)
    seen = walk("stop", photo=large, small=photo)
    assert (seen["stopped"], seen["saveable"]) == ("Stopped.", False)
    assert seen["after"].startswith("Painted in ")


def test_a_photo_whose_opening_was_stopped_is_not_painted(walk, photo, tmp_path):
    other = tmp_path / "other.png"
    Image.fromarray(centre_crop(demo_photo("coffee.png"), 120)).save(other)
    seen = walk("stopOpening", photo=photo, other=other, style=SCREAM[0])
    assert (seen["stopped"], seen["name"]) == ("Stopped.", "photo-the_scream.png")
    with Image.open(photo) as image:
        assert_close(pixels(tmp_path / "stopped.png"), Stylizer("the_scream", device="cpu")(image))


def test_the_camera(walk, tmp_path):
    seen = walk("camera")
    assert seen["name"].startswith("camera-")
    height, width, _ = pixels(tmp_path / "camera.png").shape
    assert seen["facts"] == f"{width} × {height} px"


@pytest.mark.slow
def test_the_camera_is_painted_live(walk, tmp_path):
    seen = walk("live", styles=[[title, f"{name}.png"] for title, name in (("Blend", "blend"), WAVE, SCREAM)])
    blend, *captions = seen["captions"]
    assert captions == [caption(impasto_models.path(name)) for _, name in (WAVE, SCREAM)]
    assert blend.count("50 %") == 2
    photo, *painted = (pixels(tmp_path / f"{name}.png") for name in ("photo", WAVE[1], SCREAM[1]))
    # Chromium's camera is a green picture, and what moves in it is small
    for one, other in ((photo, painted[0]), (photo, painted[1]), painted):
        assert np.abs(np.median(one, axis=(0, 1)) - np.median(other, axis=(0, 1))).max() > 30
    assert seen["size"].endswith(" a second")
    assert seen["film"].startswith("camera-the_scream.")
    with av.open(tmp_path / "film") as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(frames) > 5
    assert frames[0].shape == photo.shape
    assert seen["status"].startswith("Painted in ")
    assert seen["facts"] == "1920 × 1080 px"  # what is painted live has fewer


def test_the_camera_is_let_go_of_where_painting_it_is_stopped(walk, photo):
    seen = walk("liveStopped", photo=photo)
    assert (seen["stopped"], seen["live"], seen["camera"]) == ("Stopped.", False, False)
    assert seen["status"].startswith("Painted in ")


def test_keyboard_and_screen_reader(walk):
    seen = walk("keyboard")
    assert seen["before"][:3] == ["Choose a photo", "Use the camera", "Take this cat"]
    infos = [describe(impasto_models.path(name)) for name in impasto_models.names()]
    assert seen["caption"] == caption(impasto_models.path(infos[1].name))
    dials = ["Open a model of your own (.onnx)", "Strength", "Stroke", "Keep colours"]
    assert seen["after"] == [*dials, "Save as PNG", "Save as JPEG"]
    assert seen["split"] == "photo on the left 0 per cent"
    for words in ('group "Style"', f'radio "{infos[0].title}', 'slider "Strength"', 'slider "Before and after"'):
        assert words in seen["tree"]
    assert "status: Painted in " in seen["tree"]


def test_a_phone_shows_all_at_once(walk, photo):
    sizes = walk("phone", photo=photo)["sizes"]
    assert (sizes["scrollWidth"], sizes["scrollHeight"]) == (390, 844)
    assert sizes["save"]["bottom"] <= 844
    assert sizes["picture"]["width"] > 340


@pytest.mark.slow
def test_the_benchmark_prints_the_page_beside_onnxruntime(browser, capsys, tmp_path):
    figures = tmp_path / "figures.json"
    benchmark.web("poppy_field", side=64, threads=1, rounds=1, json_file=figures)
    printed = capsys.readouterr().out
    native, page = json.loads(figures.read_text())
    assert (native["times"], page["side"]) == (1, 64)
    assert page["times"] == pytest.approx(page["ms"] / native["ms"])
    for name in ("onnxruntime, CPU, 1 threads", "the page, WASM, 1 threads"):
        assert name in printed
