"""A file of several styles in use: painted in tiles, checked, and taken apart by ``export-style``."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from impasto import ImpastoError, Stylizer, describe
from impasto.engine.check import check
from impasto.engine.session import open_session
from impasto.painting.tiles import TiledModel, padded
from impasto_train.export.join import join
from impasto_train.export.variants import command

BLEND = {"second": 0.25, "third": 0.75}


@pytest.fixture(scope="module")
def atlas(joined, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("atlas") / "atlas.onnx"
    path.write_bytes(joined)
    return path


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """Noise, a ramp and a flat area."""
    pixels = np.random.default_rng(0).integers(0, 256, (173, 121, 3), dtype=np.uint8)
    pixels[:, :40] = np.linspace(0, 255, 173, dtype=np.uint8)[:, None, None]
    pixels[90:, 60:] = (90, 140, 200)
    return pixels


def apart(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.abs(one.astype(int) - other).max())


@pytest.mark.parametrize("style", [None, "second", BLEND])
@pytest.mark.parametrize("strength", [1.0, 0.4])
@pytest.mark.parametrize("required", [False, True])
def test_tiles_give_what_the_whole_gives(atlas, variant, photo, style, strength, required):
    path = variant(atlas, dial="required") if required else atlas
    shares = {None: (1, 0, 0), "second": (0, 1, 0)}.get(style if isinstance(style, str | None) else "", (0, 0.25, 0.75))
    tiled = TiledModel(path.read_bytes(), lambda part: open_session(part, "cpu")[0], (1, 0, 0))
    found = tiled(photo, strength, 64 * padded(121), style=shares if style else None)
    whole = Stylizer(path, device="cpu")(photo, strength, style=style)
    difference = np.abs(found.astype(int) - whole)
    assert difference.max() <= (3 if style == BLEND else 2)
    assert np.quantile(difference, 0.999) <= 2
    assert np.quantile(difference, 0.99) <= 1
    assert apart(whole, Stylizer(path, device="cpu")(photo, strength, style="first")) > 20 or style is None


def test_the_file_passes_the_check(atlas):
    lines = check(atlas)
    assert lines[2].endswith("strength: optional; style [3]: optional")
    assert lines[3:] == ["paints a picture of 7x13 in each of its 3 styles", "strength 0 gives the photo back"]


@pytest.mark.parametrize(
    "form", [{"dial": "required"}, {"precision": "fp16-weights"}, {"io": "float32"}, {"size": "16x24"}]
)
def test_forms_of_all_styles(atlas, variant, photo, form, capsys):
    path = variant(atlas, **form)
    info = describe(path)
    assert (info.contract, [one.name for one in info.styles]) == (2, ["first", "second", "third"])
    assert info.made_from == describe(atlas).digest
    assert "paints a picture of" in "\n".join(check(path))
    assert "mean difference 0.0" in capsys.readouterr().out
    if "dial" in form:
        assert [value.name for value in onnx.load(path).graph.input] == ["image", "strength", "style"]
        assert not {"strength", "style"} & {tensor.name for tensor in onnx.load(path).graph.initializer}
    if "dial" in form or "precision" in form:
        one, other = Stylizer(atlas, device="cpu"), Stylizer(path, device="cpu")
        for style in (None, "third", BLEND):
            assert apart(one(photo, 0.7, style=style), other(photo, 0.7, style=style)) <= 2


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"dial": "none"}, "--dial none"),
        ({"precision": "fp16"}, "--precision fp16"),
        ({"precision": "int8", "io": "float32"}, "--precision int8"),
        ({"for_": "coreml"}, "--for coreml"),
    ],
)
def test_forms_of_one_style(atlas, variant, tmp_path, form, said):
    with pytest.raises(ImpastoError) as caught:
        variant(atlas, **form)
    assert str(caught.value) == f"{said} is for a model of one style, and {atlas} has 3: give --style first"
    assert not (tmp_path / "variant.onnx").exists()
    if form.get("precision") != "int8":  # which cannot follow what random weights paint
        assert describe(variant(atlas, style="second", **form)).name == "second"


def test_a_style_is_taken_out_as_it_went_in(atlas, single, joined, variant, photo):
    path = variant(atlas, style="second")
    found = describe(path)
    assert replace(found, digest=single[1][0].digest) == single[1][0]
    one, other = Stylizer(path, device="cpu"), Stylizer(atlas, device="cpu")
    assert apart(one(photo, 0.6), other(photo, 0.6, style="second")) <= 1
    again = [single[0], (found, path.read_bytes()), single[2]]  # it is no variant, and may be joined again
    assert join(again, "atlas", "Atlas") == joined


def test_a_style_in_another_form_names_the_file_it_is_from(atlas, variant):
    found = describe(variant(atlas, style="second", dial="required", layout="nchw"))
    assert (found.name, found.contract, found.dial, found.made_from) == (
        "second",
        1,
        "required",
        describe(atlas).digest,
    )


def test_a_blend_is_a_style_of_its_own(atlas, variant, photo, tmp_path, monkeypatch, capsys):
    path = variant(atlas, style="second:0.25, third:0.75, first:0")
    found = describe(path)
    assert (found.name, found.title, found.contract) == ("variant", "Third 75 %, Second 25 %", 1)
    assert (found.content_loss, found.style_loss, found.preview, found.made_from) == (0, 0, b"", "")
    assert "paints a picture of" in "\n".join(check(path))
    wanted = Stylizer(atlas, device="cpu")(photo, 0.5, style=BLEND)
    assert apart(Stylizer(path, device="cpu")(photo, 0.5), wanted) <= 1
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    command.export_style(model=str(atlas), style="second:0.25,third:0.75")
    assert capsys.readouterr().out.startswith("second-third.onnx: mean difference 0.0")
    assert describe("second-third.onnx").name == "second-third"
    command.export_style(model=str(atlas), style="second,third", out=Path("my blend.onnx"))
    assert describe("my blend.onnx").name == "my_blend"
    command.export_style(model=str(atlas), style="third", layout="nchw")
    assert describe("third-nchw.onnx").name == "third"


@pytest.mark.parametrize(
    ("style", "said"),
    [
        ("fourth", "atlas has no style 'fourth': it has first, second, third"),
        ("", "--style : the name of a style is missing, as in great_wave:0.6,the_scream:0.4"),
        ("first,", "--style first,: the name of a style is missing"),
        ("first:much", "--style first:much: 'much' is not a weight, as in first:0.5"),
        ("first,first:2", "--style first,first:2: first comes twice"),
        (
            "first:-1,second",
            "--style first:-1,second: the weight of first must be a finite number of at least 0, not -1",
        ),
        ("first:0", "--style first:0: of the weights of styles at least one must be above 0"),
    ],
)
def test_styles_that_cannot_be_taken_out(atlas, variant, tmp_path, style, said):
    with pytest.raises(ImpastoError) as caught:
        variant(atlas, style=style)
    assert str(caught.value).startswith(said)
    assert not list(tmp_path.glob("*.onnx"))


def test_of_one_style_nothing_is_taken_out(original, variant):
    name = describe(original).name
    with pytest.raises(ImpastoError, match="is of one style: there is nothing to take out of it"):
        variant(original, style=name)
    assert describe(variant(original, style=name, dial="required")).dial == "required"
    with pytest.raises(ImpastoError, match=f"{name} has no style 'other': it has {name}"):
        variant(original, style="other", dial="required", overwrite=True)
