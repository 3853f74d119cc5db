"""``apply-style`` with a model of several styles: which are painted, where, and what the results are named."""

import json
import os
import re
from pathlib import Path

import impasto_models
import numpy as np
import pytest
from films import make
from impasto import Stylizer, film
from impasto.contract.info import seal
from impasto.pictures import read_picture
from negative import ATLAS, COLOURS, INFO, flat_model, negative_model
from PIL import Image

pytestmark = pytest.mark.usefixtures("work_folder")
SEA, SUN, MOSS = (np.array(colour, np.uint8) for colour in COLOURS.values())


@pytest.fixture
def masks(work_folder):
    """Where the sky is and where the ground, as pictures for photos of 30x20 pixels."""
    sky = np.zeros((20, 30), np.uint8)
    sky[:10] = 255
    Image.fromarray(sky).save("sky.png")
    Image.fromarray(~sky).save("ground.png")


def painted(file: str) -> np.ndarray:
    return read_picture(file).rgb


def is_flat(pixels: np.ndarray, colour: np.ndarray) -> bool:
    return (pixels == colour).all()


@pytest.mark.parametrize(
    ("words", "name", "colour"),
    [
        ([], "photo-sea.png", SEA),
        (["--style", "moss"], "photo-moss.png", MOSS),
        (["--style", "moss:0.3"], "photo-moss.png", MOSS),
        (["--style", "sun:2,sea:0"], "photo-sun.png", SUN),
        (["--style", "sea:3, sun:1"], "photo-atlas.png", np.rint(0.75 * SEA + 0.25 * SUN)),
        (["--style", "sea,sun"], "photo-atlas.png", np.rint(0.5 * SEA + 0.5 * SUN)),
    ],
)
def test_a_style_names_its_result_and_a_blend_has_the_name_of_the_file(run, atlas, png, words, name, colour):
    status, out, _ = run(atlas, png, *words, "--json")
    assert status == 0
    record = json.loads(out)
    assert (record["result"], record["style"]) == (name, Path(name).stem.removeprefix("photo-"))
    assert is_flat(painted(name), colour)


def test_results_of_other_styles_are_not_photos(run, atlas, model, png, monkeypatch):
    os.mkdir("album")
    Path(png).rename("album/one.png")
    for words in (["--style", "sun"], ["--style", "sea,sun"], ["--style", "moss", "-o", "album/{style} {stem}.png"]):
        assert run(atlas, "album", "-r", *words)[0] == 0
    assert sorted(os.listdir("album")) == ["moss one.png", "one-atlas.png", "one-sun.png", "one.png"]
    again = run(atlas, "album", "-r", "-o", "album/{style} {stem}.png", "--overwrite")[1]
    assert again == "album/sea one.png\n"  # and none of "moss one.png"
    for name in ("moss one.png", "sea one.png"):
        os.remove(f"album/{name}")
    assert run(atlas, "album", "-r", "--sheet", "sheet.png")[0] == 0
    with Image.open("sheet.png") as sheet:
        assert sheet.size == (12 + 4 * (30 + 12), 12 + 20 + 28 + 12)  # a row, of the photo and three styles
    shipped = Path("shipped")
    shipped.mkdir()
    (shipped / "atlas.onnx").write_bytes(flat_model())
    monkeypatch.setattr(impasto_models, "_FOLDER", shipped)
    assert run(model, "album", "-r")[1] == "album/one-negative.png\n"


def test_each_style_in_its_place(run, atlas, png, photo, masks):
    words = ["--mask", "sun=sky.png", "--mask", "moss=ground.png"]
    assert run(atlas, png, *words)[:2] == (0, "photo-atlas.png\n")
    assert is_flat(painted("photo-atlas.png")[:8], SUN)
    assert is_flat(painted("photo-atlas.png")[12:], MOSS)
    assert run(atlas, png, *words, "--invert-mask", "--overwrite")[0] == 0
    assert is_flat(painted("photo-atlas.png")[:8], MOSS)
    assert run(atlas, png, "--mask", "moss=sky.png")[:2] == (0, "photo-moss.png\n")
    assert is_flat(painted("photo-moss.png")[:8], MOSS)
    np.testing.assert_array_equal(painted("photo-moss.png")[12:], photo[12:])
    assert run(atlas, png, *words, "--sheet", "sheet.png")[0] == 0
    assert painted("sheet.png").shape[1] == 12 + 2 * (30 + 12)


def test_masks_by_style_for_each_photo(run, refused, atlas, png, masks):
    words = ["--mask", "sun=ground.png", "--mask", "moss={stem}-sky.png"]
    assert refused(atlas, png, *words) == "photo.png has no mask photo-sky.png"
    Path("sky.png").rename("photo-sky.png")
    assert run(atlas, png, *words)[:2] == (0, "photo-atlas.png\n")
    assert is_flat(painted("photo-atlas.png")[:8], MOSS)
    assert is_flat(painted("photo-atlas.png")[12:], SUN)
    assert run(atlas, png, "--mask", "sun={stem}-sky.png")[:2] == (0, "photo-sun.png\n")
    assert is_flat(painted("photo-sun.png")[:8], SUN)


def test_a_mask_whose_name_holds_an_equals_sign(run, model, png, photo, masks):
    Path("sky.png").rename("a=b.png")
    assert run(model, png, "--mask", "./a=b.png")[0] == 0
    np.testing.assert_array_equal(painted("photo-negative.png")[:8], 255 - photo[:8])
    assert run(model, png, "--mask", "negative=ground.png", "--overwrite")[0] == 0
    np.testing.assert_array_equal(painted("photo-negative.png")[12:], 255 - photo[12:])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--style", "see"], "atlas has no style 'see': it has sea, sun, moss"),
        (["--style", "see:1,sun:2"], "atlas has no style 'see': it has sea, sun, moss"),
        (["--style", ""], "--style : the name of a style is missing, as in"),
        (["--style", "sea:-1,sun:1"], "--style sea:-1,sun:1: the weight of sea must be a finite number of at least 0"),
        (["--style", "sea:nan"], "--style sea:nan: the weight of sea must be a finite number of at least 0, not nan"),
        (["--style", "sea:0,sun:0"], "--style sea:0,sun:0: of the weights of styles at least one must be above 0"),
        (["--style", "sea:much"], "--style sea:much: 'much' is not a weight, as in sea:0.5"),
        (["--style", "sea:"], "--style sea:: '' is not a weight, as in sea:0.5"),
        (["--style", "sea,sea:2"], "--style sea,sea:2: sea comes twice"),
        (["--mask", "see=sky.png"], "atlas has no style 'see': it has sea, sun, moss"),
        (["--mask", "sky.png", "--mask", "ground.png"], "--mask sky.png: of several masks each needs its style"),
        (["--mask", "sea=sky.png", "--mask", "ground.png"], "--mask ground.png: of several masks each needs its style"),
        (["--mask", "sea=sky.png", "--mask", "sea=ground.png"], "--mask sea=ground.png: there are two masks for sea"),
        (["--mask", "sea=sky.png", "--style", "sea"], "--mask says for each style where it goes: leave --style out"),
        (["--mask", "sea=sky.png", "--mask", "sun=missing.png"], "cannot read missing.png: no such file"),
        (["--mask", "sea={x}.png", "--mask", "sun=sky.png"], "--mask {x}.png is no pattern; it may hold {stem}"),
        (["--mask", "sea={stem}.png", "--sheet", "sheet.png"], "--sheet takes one --mask for all photos"),
        (["--style", "sea", "-o", "photo.png"], "photo.png would be written over a photo"),
    ],
)
def test_wrong_calls(refused, atlas, png, masks, words, said):
    assert refused(atlas, png, *words).startswith(said)


def test_styles_of_one_model_alone(run, refused, atlas, model, png, masks):
    both = f"{atlas},{model}"
    said = "is of the styles in one model, and 2 models are given"
    assert refused(both, png, "--style", "sea") == f"--style {said}"
    assert refused(both, png, "--mask", "sea=sky.png") == f"--mask STYLE=PICTURE {said}"
    assert refused(model, png, "--style", "sea") == "negative has no style 'sea': it has negative"
    assert run(both, png, "--style", "negative")[0] == 2
    assert run(both, png)[1] == "photo-sea.png\nphoto-negative.png\n"
    assert run(model, png, "--style", "negative", "--overwrite")[1] == "photo-negative.png\n"


def test_a_sheet_has_each_style_unless_one_is_chosen(run, atlas, model, png):
    assert run(f"{atlas},{model}", png, "--sheet", "sheet.png")[0] == 0
    sheet = painted("sheet.png")
    assert sheet.shape[1] == 12 + 5 * (30 + 12)
    for column, colour in enumerate((SEA, SUN, MOSS), 1):
        assert is_flat(sheet[12:32, 12 + 42 * column :][:, :30], colour)
    for words, colour in ((["--style", "moss"], MOSS), (["--style", "sea,sun"], np.rint(0.5 * SEA + 0.5 * SUN))):
        assert run(atlas, png, "--sheet", "sheet.png", "--overwrite", *words)[0] == 0
        assert painted("sheet.png").shape[1] == 12 + 2 * (30 + 12)
        assert is_flat(painted("sheet.png")[12:32, 54:84], colour)


def test_info_tells_of_each_style(run, atlas):
    blocks = run(atlas, "--info")[1].split("\n\n")
    rows = [dict(re.fullmatch(r" *(\w+(?: \w+)*) {2,}(.*)", row).groups() for row in blocks[0].splitlines())]
    assert (rows[0]["contract"], rows[0]["name"], rows[0]["title"], rows[0]["dial"]) == (
        "2",
        "atlas",
        "Atlas",
        "optional",
    )
    assert "credit" not in rows[0]  # which is that of the first style
    for block, one in zip(blocks[1:], ATLAS.styles, strict=True):
        name, *lines = block.splitlines()
        found = dict(re.fullmatch(r"  (\w+(?: \w+)*) {2,}(.*)", line).groups() for line in lines)
        assert (name, found["title"], found["credit"]) == (one.name, one.title, one.credit)
        assert (found["license"], found["style license"]) == (one.license, one.style_license)
        assert (found["content loss"], found["style loss"]) == ("1.25", f"{one.style_loss:g}")


def test_scores_that_were_not_measured_are_said(run, make_model):
    out = run(make_model(content_loss=0.0), "--info")[1]
    assert re.search(r"^content loss +not measured$", out, re.MULTILINE)
    assert re.search(r"^style loss +1e-17$", out, re.MULTILINE)


def test_the_styles_of_a_shipped_file_are_listed(run, make_model, monkeypatch):
    folder = make_model("great_wave", title="Wave", credit="Hokusai").parent
    (folder / "atlas.onnx").write_bytes(flat_model())
    monkeypatch.setattr(impasto_models, "_FOLDER", folder)
    assert run("--list")[1].splitlines() == [
        "atlas       Atlas",
        "  sea       Sea (who saw the sea)",
        "  sun       Sun (who saw the sun)",
        "  moss      Moss (who saw the moss)",
        "great_wave  Wave (Hokusai)",
    ]


def test_films_take_the_style(run, atlas, tmp_path):
    make(Path("clip.mp4"), frames=3)
    assert run(atlas, "clip.mp4", "--style", "moss")[:2] == (0, "clip-moss.mp4\n")
    stylize = Stylizer(atlas, device="cpu")
    film(stylize, "clip.mp4", "blend.mp4", style={"sun": 1, "moss": 1})
    half = np.zeros((48, 64), bool)
    half[:24] = True
    film(stylize, "clip.mp4", "both.mp4", mask={"sun": half, "moss": ~half})

    import av

    def last(name: str) -> np.ndarray:
        with av.open(name) as container:
            return [*container.decode(video=0)][-1].to_ndarray(format="rgb24").astype(int)

    assert np.abs(last("clip-moss.mp4") - MOSS).max() <= 4
    assert np.abs(last("blend.mp4") - (0.5 * SUN + 0.5 * MOSS)).max() <= 4
    assert np.abs(last("both.mp4")[:20] - SUN).max() <= 6
    assert np.abs(last("both.mp4")[28:] - MOSS).max() <= 6


def test_metadata_of_several_styles_under_version_1_is_refused(refused, png):
    about = INFO.to_metadata() | {"impasto.styles": ATLAS.to_metadata()["impasto.styles"]}
    Path("odd.onnx").write_bytes(seal(negative_model(about)))
    assert "version 1 of the contract does not go with 3 styles" in refused("odd.onnx", png)
