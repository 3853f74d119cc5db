"""Stroke size, kept colours, masks and the edges of transparency, against what can be worked out by hand."""

import numpy as np
import pytest
from impasto import ImpastoError, Stylizer
from impasto.painting.dials import blended, brought_up, filled, read_mask, resized, together, with_colors_of
from impasto.painting.look import Look
from impasto.painting.painter import Painter
from PIL import Image


@pytest.fixture
def photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (24, 36, 3), dtype=np.uint8)


@pytest.fixture
def stylizer(model) -> Stylizer:
    return Stylizer(model, device="cpu")


def oklab(rgb):
    """Straight from the definition, in double precision."""
    x = np.asarray(rgb, float) / 255
    x = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    r, g, b = np.moveaxis(x, -1, 0)
    cones = (
        np.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b),
        np.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b),
        np.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b),
    )
    lab = (0.2104542553, 0.7936177850, -0.0040720468), (1.9779984951, -2.4285922050, 0.4505937099)
    weights = (*lab, (0.0259040371, 0.7827717662, -0.8086757660))
    return np.stack([sum(w * cone for w, cone in zip(row, cones, strict=True)) for row in weights], -1)


def test_a_picture_keeps_its_own_colours_under_its_own_lightness(photo):
    assert np.abs(with_colors_of(photo, photo).astype(int) - photo).max() <= 1


def test_lightness_is_the_painting_s_and_hue_the_photo_s(photo):
    painted = photo[::-1, ::-1]
    found, wanted_lightness, wanted = oklab(with_colors_of(photo, painted)), oklab(painted), oklab(photo)
    assert np.abs(found[..., 0] - wanted_lightness[..., 0]).max() < 0.01
    chroma, most = (np.hypot(lab[..., 1], lab[..., 2]) for lab in (found, wanted))
    assert (chroma <= most + 0.01).all()
    seen = chroma > 0.03  # rounding to 255 levels turns the hue of greys
    hue, right = (np.arctan2(lab[..., 2], lab[..., 1])[seen] for lab in (found, wanted))
    assert np.abs(np.angle(np.exp(1j * (hue - right)))).max() < 0.15
    kept = np.abs(chroma - most) < 0.01
    assert 0.2 < kept.mean() < 1  # where there is room, all of it


def test_grey_stays_grey():
    grey = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    painted = np.random.default_rng(1).integers(0, 256, (1, 256, 3), dtype=np.uint8)
    assert np.ptp(with_colors_of(grey, painted).astype(int), axis=-1).max() <= 1


def test_what_is_seen_is_not_touched_and_what_is_not_gets_its_neighbours_colours():
    rgb = np.zeros((40, 50, 3), np.uint8)
    rgb[10:30, 10:40] = (200, 100, 50)
    alpha = np.zeros((40, 50), np.uint8)
    alpha[10:30, 10:40] = 255
    found = filled(rgb, alpha)
    assert np.abs(found.astype(int) - (200, 100, 50)).max() <= 3
    np.testing.assert_array_equal(found[10:30, 10:40], rgb[10:30, 10:40])


@pytest.mark.parametrize("alpha", [0, 255])
def test_nothing_to_fill_from_or_to_fill(photo, alpha):
    np.testing.assert_array_equal(filled(photo, np.full(photo.shape[:2], alpha, np.uint8)), photo)


def test_the_network_never_sees_what_lies_under_transparency(stylizer):
    rgb = np.full((32, 32, 4), (10, 200, 30, 255), np.uint8)
    rgb[:, 16:] = (0, 0, 0, 0)
    painted = stylizer(rgb)
    np.testing.assert_array_equal(painted[..., 3], rgb[..., 3])
    assert np.abs(painted[..., :3].astype(int) - (245, 55, 225)).max() <= 3


@pytest.mark.parametrize(("stroke", "shape"), [(2, (12, 18)), (0.5, (48, 72))])
def test_stroke_is_the_size_that_the_network_works_at(stylizer, photo, stroke, shape, monkeypatch):
    sizes = []
    run = Painter.__call__

    def seen(self, batch, *more):
        sizes.append(batch.shape[1:3])
        return run(self, batch, *more)

    monkeypatch.setattr(Painter, "__call__", seen)
    assert stylizer(photo, stroke=stroke).shape == photo.shape
    assert sizes == [shape]


@pytest.mark.parametrize("stroke", [2, 0.5])
def test_a_stroke_of_any_size_leads_back_to_the_photo(stylizer, photo, stroke):
    nearly = stylizer(photo, 0.001, stroke=stroke).astype(int)
    assert np.abs(nearly - photo).max() <= 2


def test_small_strokes_are_a_painting_reduced(stylizer, photo):
    wanted = resized(255 - resized(photo, 48, 72), 24, 36)
    np.testing.assert_array_equal(stylizer(photo, stroke=0.5), wanted)


@pytest.mark.parametrize("stroke", [2, 4, 8])
def test_large_strokes_are_not_soft(stylizer, stroke):
    """A hundred discs and a grain: against the negative at full size, which has all of the photo's edges."""
    y, x = np.mgrid[:400, :600]
    discs = ((x % 60 - 30) ** 2 + (y % 40 - 20) ** 2 < 15**2) * 150.0
    grain = np.random.default_rng(0).normal(0, 2, discs.shape)
    scene = np.repeat((50 + discs + grain)[..., None], 3, axis=-1).round().astype(np.uint8)
    size = round(400 / stroke), round(600 / stroke)
    plain = resized(255 - resized(scene, *size), 400, 600)

    def off(found):
        return np.abs(found.astype(int) - (255 - scene.astype(int))).mean()

    assert off(stylizer(scene, stroke=stroke)) < off(plain) / 2


def test_what_the_painting_does_not_follow_is_not_drawn_into_it():
    """A photo of noise under a flat painting leaves it flat; under one of its own contrast, its noise."""
    noise = np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    seen, flat = resized(noise, 20, 20), np.full((20, 20, 3), 90, np.uint8)
    np.testing.assert_array_equal(brought_up(noise, seen, flat, 1.0), np.full((80, 80, 3), 90, np.uint8))
    lightness = brought_up(noise, seen, seen, 1.0) @ (0.299, 0.587, 0.114)
    assert np.corrcoef(lightness.ravel(), (noise @ (0.299, 0.587, 0.114)).ravel())[0, 1] > 0.8


@pytest.mark.parametrize(
    ("size", "stroke"),
    [
        ((768, 1024), 1),
        ((1500, 2000), 1),
        ((3024, 4032), 3.94),
        ((4000, 6000), 5.52),
        ((900, 13_500), 3.93),
        ((9000, 12_000), 8),
    ],
)
def test_strokes_of_large_photos_by_themselves(size, stroke):
    assert Look().stroke_for(*size) == pytest.approx(stroke, abs=0.01)
    assert Look(stroke=2).stroke_for(*size) == 2


def test_a_large_photo_is_painted_as_one_of_1024_pixels(stylizer, monkeypatch):
    sizes = []
    monkeypatch.setattr(Painter, "__call__", lambda self, batch, *_: sizes.append(batch.shape[1:3]) or batch)
    assert stylizer(np.zeros((1920, 2560, 3), np.uint8)).shape == (1920, 2560, 3)
    assert sizes == [(768, 1024)]


def test_a_mask_chooses_between_photo_and_painting(stylizer, photo, tmp_path):
    mask = np.zeros((48, 72), np.uint8)
    mask[:, 36:] = 255
    painted = stylizer(photo, mask=mask)
    np.testing.assert_array_equal(painted[:, :16], photo[:, :16])
    np.testing.assert_array_equal(painted[:, 20:], 255 - photo[:, 20:])
    np.testing.assert_array_equal(stylizer(photo, mask=mask > 0), painted)
    Image.fromarray(mask).save(tmp_path / "mask.png")
    np.testing.assert_array_equal(stylizer(photo, mask=(tmp_path / "mask.png").read_bytes()), painted)
    with pytest.raises(TypeError, match="mask must be a path"):
        stylizer(photo, mask=7)
    np.testing.assert_array_equal(stylizer(photo, mask=tmp_path / "mask.png"), painted)
    clear = Image.new("LA", (72, 48), (255, 0))
    clear.paste((255, 255), (36, 0, 72, 48))
    np.testing.assert_array_equal(stylizer(photo, mask=clear), painted)


def test_a_cut_out_means_its_alpha(photo, tmp_path):
    alpha = np.zeros((24, 36), np.uint8)
    alpha[:, 18:] = 255
    Image.fromarray(np.dstack([photo, alpha])).save(tmp_path / "cut.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "cut.png"), alpha)
    grey = np.repeat(alpha[..., None], 3, axis=-1)
    opaque = Image.fromarray(np.dstack([grey, np.full_like(alpha, 255)]))  # as editors save a mask
    np.testing.assert_array_equal(read_mask(opaque), alpha)


def test_the_edge_of_a_mask_is_soft():
    black, white = np.zeros((100, 300, 3), np.uint8), np.full((100, 300, 3), 255, np.uint8)
    mask = np.zeros((100, 300), np.uint8)
    mask[:, 150:] = 255
    edge = blended(black, white, together([mask], 100, 300))[50, :, 0].astype(int)
    assert (np.diff(edge) >= 0).all()
    assert np.abs(edge[149:151].mean() - 127.5) < 2
    assert edge[150 - 5] == 0 < edge[150 - 2] < edge[150 + 1] < 255 == edge[150 + 5]


def test_a_mask_of_another_shape(stylizer, photo):
    with pytest.raises(ImpastoError, match="the mask of 10x30 pixels does not have the shape of the photo, 36x24"):
        stylizer(photo, mask=np.zeros((30, 10), np.uint8))
    with pytest.raises(ValueError, match=r"uint8 array \[H, W\], not float64"):
        stylizer(photo, mask=np.zeros((24, 36)))


def test_a_batch_takes_every_dial(stylizer, photo):
    both = np.stack([photo, photo[::-1]])
    mask = np.full((24, 36), 128, np.uint8)
    found = stylizer(both, 0.5, stroke=1.5, keep_colors=True, mask=mask)
    for one, alone in zip(found, both, strict=True):
        np.testing.assert_array_equal(one, stylizer(alone, 0.5, stroke=1.5, keep_colors=True, mask=mask))


@pytest.mark.parametrize("stroke", [0.4, 8.1, float("nan"), -1])
def test_strokes_that_will_not_do(stylizer, photo, stroke):
    with pytest.raises(ValueError, match=r"stroke must be 0.5 to 8, not"):
        stylizer(photo, stroke=stroke)


def test_a_stroke_that_is_no_number(stylizer, photo):
    with pytest.raises(TypeError, match="stroke must be a number, not str"):
        stylizer(photo, stroke="2")
