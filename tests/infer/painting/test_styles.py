"""Several styles in one file, each a flat colour: chosen, blended, and each in its place, against exact numbers."""

from fractions import Fraction

import numpy as np
import pytest
from impasto import ImpastoError, Stylizer, film
from impasto.contract.blend import shares_of, style_of
from impasto.engine import devices, session
from impasto.engine.devices import Provider
from impasto.painting import painter
from impasto.painting.look import Look
from impasto.painting.tiles import TiledModel
from impasto.pictures.picture import Picture
from negative import ATLAS, COLOURS, INFO

SEA, SUN, MOSS = (np.array(colour) for colour in COLOURS.values())
SKY = np.zeros((20, 30), np.uint8)
SKY[:10] = 255


@pytest.fixture(scope="module")
def stylizer(atlas) -> Stylizer:
    return Stylizer(atlas, device="cpu")


def flat(colour, photo, strength=1.0):
    return np.round(photo + strength * (np.asarray(colour) - photo)).astype(np.uint8)


@pytest.mark.parametrize(
    ("style", "colour"),
    [
        (None, SEA),
        ("sea", SEA),
        ("moss", MOSS),
        ({"sun": 3}, SUN),
        ({"sea": 0, "sun": 1e-300}, SUN),
        ({"sun": 1e308, "moss": 1e308}, (SUN + MOSS) / 2),
        ({"sea": 0.9, "sun": 0.3}, 0.75 * SEA + 0.25 * SUN),
        ({"sea": Fraction(1, 2), "sun": True, "moss": np.float32(0.5)}, (SEA + 2 * SUN + MOSS) / 4),
    ],
)
@pytest.mark.parametrize("strength", [1, 0.5, 0])
def test_a_style_or_a_blend(stylizer, photo, style, colour, strength):
    np.testing.assert_array_equal(stylizer(photo, strength, style=style), flat(colour, photo, strength))


def test_a_batch_and_the_other_dials(stylizer, photo):
    batch = np.stack([photo, photo[::-1]])
    np.testing.assert_array_equal(stylizer(batch, style="sun"), flat(SUN, batch))
    np.testing.assert_array_equal(stylizer(photo, 1, stroke=0.5, style="sun"), flat(SUN, photo))
    mask = {"mask": np.full((20, 30), 255, np.uint8), "keep_colors": True}
    assert (stylizer(photo, style="sun", **mask) != stylizer(photo, style="sea", **mask)).any()


@pytest.mark.parametrize(
    ("style", "error", "said"),
    [
        ("see", ImpastoError, "atlas has no style 'see': it has sea, sun, moss"),
        ("", ImpastoError, "atlas has no style '': it has sea, sun, moss"),
        ({"sea": 1, 3: 1}, ImpastoError, "atlas has no style 3: it has sea, sun, moss"),
        ({"sea": -0.1, "sun": 1}, ValueError, "the weight of sea must be a finite number of at least 0, not -0.1"),
        ({"sea": float("nan")}, ValueError, "the weight of sea must be a finite number of at least 0, not nan"),
        ({"sea": float("inf")}, ValueError, "the weight of sea must be a finite number of at least 0, not inf"),
        ({"sea": 10**400}, ValueError, "the weight of sea must be a finite number of at least 0, not inf"),
        ({"sea": 0, "sun": 0.0}, ValueError, "of the weights of styles at least one must be above 0"),
        ({}, ValueError, "of the weights of styles at least one must be above 0"),
        ({"sea": "1"}, TypeError, "the weight of sea must be a number, not str"),
        (["sea"], TypeError, "style must be a name or weights by name, not list"),
        (1, TypeError, "style must be a name or weights by name, not int"),
    ],
)
def test_styles_that_will_not_do(stylizer, photo, tmp_path, style, error, said):
    with pytest.raises(error) as caught:
        stylizer(photo, style=style)
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)
    with pytest.raises(error):  # before anything is read
        film(stylizer, tmp_path / "missing.mp4", tmp_path / "film.mp4", style=style)


def test_a_model_of_one_style_knows_its_own_name(model, photo):
    one = Stylizer(model, device="cpu")
    np.testing.assert_array_equal(one(photo, style="negative"), 255 - photo)
    np.testing.assert_array_equal(one(photo, style={"negative": 0.1}), 255 - photo)
    half = one(photo, mask={"negative": SKY})
    np.testing.assert_array_equal(half, one(photo, mask=SKY))
    with pytest.raises(ImpastoError, match=r"^negative has no style 'sea': it has negative$"):
        one(photo, style="sea")


def test_each_style_goes_where_its_mask_is(stylizer, photo):
    painted = stylizer(photo, mask={"sun": SKY, "moss": ~SKY})
    np.testing.assert_array_equal(painted[:8], flat(SUN, photo[:8]))
    np.testing.assert_array_equal(painted[12:], flat(MOSS, photo[12:]))
    edge = painted[9:11].astype(int)  # between the two, of which there is as much as there should be
    assert (edge >= np.minimum(SUN, MOSS) - 1).all()
    assert (edge <= np.maximum(SUN, MOSS) + 1).all()
    np.testing.assert_array_equal(stylizer(photo, mask={"moss": SKY}), stylizer(photo, mask=SKY, style="moss"))


def test_masks_share_what_is_white_in_several_and_leave_the_rest(stylizer, photo):
    white, grey = (np.full((20, 30), level, np.uint8) for level in (255, 51))
    share = 0.5 * SEA + 0.5 * MOSS
    assert np.abs(stylizer(photo, mask={"sea": white, "moss": white}) - flat(share, photo).astype(int)).max() <= 1
    fifths = 0.6 * photo + 0.2 * SEA + 0.2 * MOSS
    assert np.abs(stylizer(photo, mask={"sea": grey, "moss": grey}) - fifths).max() <= 1
    six = (5 * SEA + MOSS) / 6
    assert np.abs(stylizer(photo, mask={"sea": white, "moss": grey}) - six).max() <= 1
    half = stylizer(photo, 0.5, mask={"sea": SKY, "sun": np.zeros((40, 60), np.uint8)})
    np.testing.assert_array_equal(half[:8], flat(SEA, photo[:8], 0.5))
    np.testing.assert_array_equal(half[12:], photo[12:])


def test_masks_by_style_go_with_the_other_dials(stylizer, photo):
    masks, large = {"sun": SKY, "moss": ~SKY}, np.random.default_rng(0).integers(0, 256, (80, 120, 3), dtype=np.uint8)
    for dials in ({"stroke": 0.5}, {"stroke": 2}, {"keep_colors": True}, {"strength": 0.5}):
        both = stylizer(large, mask=masks, **dials)
        for name, rows in (("sun", slice(20)), ("moss", slice(60, None))):
            np.testing.assert_array_equal(both[rows], stylizer(large, style=name, **dials)[rows], f"{dials}")
    np.testing.assert_array_equal(stylizer(photo, 0, mask=masks), photo)
    picture = Picture(photo, wide=photo.astype(np.uint16) * 257)
    look = Look(mask={"sun": SKY, "moss": ~SKY}, invert_mask=True)
    painted = stylizer.restyle(picture, look)
    np.testing.assert_array_equal(painted.rgb[:8], flat(MOSS, photo[:8]))
    np.testing.assert_array_equal(painted.wide[12:], flat(SUN, photo[12:]).astype(np.uint16) * 257)


@pytest.mark.parametrize(
    ("dials", "error", "said"),
    [
        ({"mask": {"sun": SKY}, "style": "sun"}, ValueError, "and leave style out"),
        ({"mask": {}}, ValueError, "name one at least"),
        ({"mask": {"see": SKY}}, ImpastoError, "atlas has no style 'see': it has sea, sun, moss"),
        ({"mask": {"sun": None}}, TypeError, "mask must be a path"),
        ({"mask": {"sun": SKY, "sea": SKY[:, :9]}}, ImpastoError, "does not have the shape of the photo"),
        ({"mask": {"sun": SKY, "sea": SKY.astype(float)}}, ValueError, "a mask must be a bool or uint8 array"),
        (
            {"mask": {"sun": np.dstack([SKY > 9] * 3)}},
            ValueError,
            r"uint8 array \[H, W\], not bool \[.*, 3\]",
        ),
    ],
)
def test_masks_by_style_that_will_not_do(stylizer, photo, dials, error, said):
    with pytest.raises(error, match=said):
        stylizer(photo, **dials)


def test_tiles_are_painted_in_the_style(atlas, monkeypatch):
    asked = []
    call = TiledModel.__call__

    def seen(self, *photo, style, **more):
        asked.append(style)
        return call(self, *photo, style=style, **more)

    monkeypatch.setattr(TiledModel, "__call__", seen)
    photo = np.random.default_rng(0).integers(0, 256, (1500, 1400, 3), dtype=np.uint8)
    stylizer = Stylizer(atlas, device="cpu", memory="240MB")
    assert stylizer.in_tiles(1500, 1400, Look())
    np.testing.assert_array_equal(stylizer(photo), flat(SEA, photo))
    np.testing.assert_array_equal(stylizer(photo, style={"sun": 1, "moss": 3}), flat((SUN + 3 * MOSS) / 4, photo))
    assert asked == [(1, 0, 0), (0, 0.25, 0.75)]


def test_devices_that_take_no_defaults_are_given_every_dial(atlas, photo, monkeypatch):
    opened = []

    def on_cpu(model, device, threads=None):
        opened.append(session.open_session(model, "cpu", threads)[0])
        return opened[-1], device, ""

    monkeypatch.setattr(painter, "open_session", on_cpu)
    monkeypatch.setitem(devices.PROVIDERS, "openvino", Provider("OpenVINO", "none", takes_defaults=False))
    stylizer = Stylizer(atlas, device="openvino")
    assert [value.name for value in opened[0].get_inputs()] == ["image", "strength", "style"]
    assert not opened[0].get_overridable_initializers()
    np.testing.assert_array_equal(stylizer(photo), flat(SEA, photo))
    np.testing.assert_array_equal(stylizer(photo, style="moss"), flat(MOSS, photo))


def test_frames_are_steadied_once_in_all_styles(stylizer, photo):
    from impasto.painting.steadier import Steadier

    steadier = Steadier()
    look = Look(mask={"sun": SKY, "moss": ~SKY})
    for _ in range(2):  # of a film that stands still
        painted = stylizer.restyle(Picture(photo), look, steadier=steadier.turn()).rgb
        np.testing.assert_array_equal(painted[:6], flat(SUN, photo[:6]))
        np.testing.assert_array_equal(painted[14:], flat(MOSS, photo[14:]))


def test_what_a_blend_says_of_itself():
    shares = shares_of(ATLAS, {"sea": 1, "sun": 3})
    blend = style_of(ATLAS, shares)
    assert (blend.name, blend.title) == ("atlas", "Sun 75 %, Sea 25 %")
    assert blend.credit == "who saw the sun; who saw the sea"
    assert blend.style_license == INFO.style_license  # all the same
    assert (blend.content_loss, blend.style_loss, blend.preview, blend.styles) == (0, 0, b"", ())
    assert (blend.contract, blend.steps, blend.vgg) == (INFO.contract, INFO.steps, INFO.vgg)
    assert style_of(ATLAS, shares_of(ATLAS, "moss")) == ATLAS.styles[2]
    assert style_of(INFO, shares_of(INFO, None)) == INFO
