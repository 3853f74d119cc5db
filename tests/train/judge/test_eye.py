"""The figures of `judge.eye` on pictures for which they are known, and by plain arithmetic."""

import numpy as np
import pytest
import torch
from impasto_train.downloads.vgg_weights import load_vgg_weights
from impasto_train.judge import eye
from impasto_train.loss.vgg import VGG16
from impasto_train.photos.content import centre_crop, demo_photo
from impasto_train.photos.tensors import to_tensor
from PIL import Image, ImageFilter

DISTANCES = ("W", "L", "P", "structure")
CONTRASTS = ("contrast 8", "contrast 32", "contrast 64")


def painted(seed: int = 0, height: int = 384, width: int = 448) -> np.ndarray:
    """Patches of all sizes in colours that go together: more red than green, more green than blue."""
    random = np.random.default_rng(seed)
    found = np.zeros((height, width, 3))
    for cell in (4, 16, 64):
        coarse = random.integers(0, 256, (height // cell, width // cell, 3), dtype=np.uint8)
        found += np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)) / 3.0
    return (found * (0.9, 0.6, 0.3) + (10, 20, 60)).round().astype(np.uint8)


@pytest.fixture(scope="module")
def style(tmp_path_factory):
    path = tmp_path_factory.mktemp("style") / "painting.png"
    Image.fromarray(painted()).save(path)
    return path


@pytest.fixture(scope="module")
def see(style, narrow_vgg_weights):
    """The figures of a picture painted from a photo, as seen through a narrow network."""
    vgg = VGG16(narrow_vgg_weights, eye.LAYERS)
    judge = eye.Eye(vgg, style)
    return lambda picture, photo: judge(picture, photo, eye.look(vgg, picture), eye.look(vgg, photo))


def blurred(picture: np.ndarray, radius: float) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(radius)))


def veiled(picture: np.ndarray, grey: float) -> np.ndarray:
    """``picture`` under so much of a grey veil."""
    return (picture * (1 - grey) + 128 * grey).round().astype(np.uint8)


def test_the_painting_itself_is_perfect(see):
    found = see(painted(), painted())
    assert [found[key] for key in DISTANCES] == [0, 0, 0, 0]
    assert [found[key] for key in (*CONTRASTS, "spread 1", "spread 2")] == pytest.approx([1] * 5)


def test_blur_is_seen(see):
    found = [see(blurred(painted(), radius), painted()) for radius in (0, 1.5, 4)]
    for key in ("W", "L", "structure"):
        values = [one[key] for one in found]
        assert values == sorted(set(values)), key
    for key in CONTRASTS:
        values = [one[key] for one in found]
        assert values == sorted(set(values), reverse=True), key
    assert found[-1]["contrast 8"] < 0.5
    assert found[-1]["contrast 64"] > 0.6  # what is large is still there


def test_a_grey_veil_is_seen_and_takes_its_share(see):
    half, most = (see(veiled(painted(), grey), painted()) for grey in (0.5, 0.8))
    for key in ("W", "L", "P"):
        assert 0 < half[key] < most[key], key
    for key in (*CONTRASTS, "spread 1", "spread 2"):
        assert half[key] == pytest.approx(0.5, rel=0.02), key
        assert most[key] == pytest.approx(0.2, rel=0.05), key
    own, under_half = (eye.local_contrasts(one) for one in (painted(), veiled(painted(), 0.5)))
    assert eye.contrast_distance(under_half, own) == pytest.approx(0.5, rel=0.02)  # each quantile has half its height
    assert half["L"] <= eye.contrast_distance(under_half, own)  # another size of the painting may be nearer


def test_exchanged_colours_are_seen_but_not_as_another_contrast(see):
    found = see(np.ascontiguousarray(painted()[..., ::-1]), painted())
    assert found["W"] > 0.05
    assert found["P"] > 0.05
    assert found["L"] == pytest.approx(0, abs=1e-12)
    assert [found[key] for key in CONTRASTS] == pytest.approx([1] * 3)
    other = see(painted(1), painted())
    assert found["W"] > 2 * other["W"]  # other patches, the same hand


def test_a_size_of_stroke_is_as_good_as_another(see, style):
    for side in (256, 512):
        found = see(eye.painting(style, side), eye.painting(style, side))
        assert (found["W"], found["L"]) == (0, 0)


def test_w_and_l_are_those_of_the_definition(see, style, narrow_vgg_weights):
    """Against the words of the docstring in plain numpy: sorts and sums, one direction and one window at a time."""
    vgg = VGG16(narrow_vgg_weights, eye.LAYERS)
    picture = centre_crop(demo_photo("coffee.png"), 384)
    random = torch.Generator().manual_seed(0)
    lines = {}
    for layer in eye.TEXTURE_LAYERS:
        drawn = torch.randn(64, vgg.get_buffer(f"{layer}_bias").numel(), generator=random).double().numpy()
        lines[layer] = drawn / np.sqrt((drawn**2).sum(1, keepdims=True))
    kept = {}

    def heights(pixels):
        found = {}
        for layer, activations in eye.look(vgg, pixels).items():
            if layer in lines:
                points = activations.double().numpy()[0].reshape(activations.shape[1], -1)
                count = points.shape[1]
                if count > 16384:
                    if count not in kept:
                        kept[count] = torch.randperm(count, generator=torch.Generator().manual_seed(1)).numpy()[:16384]
                    points = points[:, kept[count]]
                ranks = np.floor(np.linspace(0.001, 0.999, 500) * (points.shape[1] - 1)).astype(int)
                found[layer] = np.array([np.sort(line @ points)[ranks] for line in lines[layer]])
        return found

    def deviations(pixels, window):
        rows, columns = (range(0, length - window + 1, window // 2) for length in pixels.shape[:2])
        return np.array(
            [(pixels[y : y + window, x : x + window] / 255).std(axis=(0, 1)).mean() for y in rows for x in columns]
        )

    ours, textures, contrast = heights(picture), [], []
    for side in (256, 384, 512):
        with Image.open(style) as whole:
            size = [round(length * side / min(whole.size)) for length in whole.size]
            own = np.asarray(whole.resize(size, Image.Resampling.BICUBIC))
        theirs = heights(own)
        textures.append(
            sum(((ours[layer] - theirs[layer]) ** 2).mean() / theirs[layer].var(1, ddof=1).mean() for layer in lines)
        )
        pairs = [(deviations(picture, window), deviations(own, window)) for window in (8, 32, 64)]
        percents = np.arange(1, 100)
        contrast.append(
            np.mean(
                [np.abs(np.percentile(a, percents) - np.percentile(b, percents)).mean() / b.mean() for a, b in pairs]
            )
        )
    found = see(picture, picture)
    assert found["W"] == pytest.approx(min(textures), rel=2e-3)  # a rank at a whole number may fall to its neighbour
    assert found["L"] == pytest.approx(min(contrast), rel=1e-9)


def test_the_distance_of_a_shifted_and_of_a_stretched_cloud():
    random = torch.Generator().manual_seed(2)
    points, along = torch.randn(5, 4000, generator=random), eye.directions(5, random)
    assert torch.allclose(along.norm(dim=1), torch.ones(64))
    own = eye.quantiles(points, along)
    shift = torch.tensor([1.0, -2.0, 0.5, 0.0, 3.0])
    expected = (along @ shift).square().mean() / own.var(dim=1).mean()
    assert eye.distance(eye.quantiles(points + shift[:, None], along), own) == pytest.approx(expected.item(), rel=1e-4)
    stretched = eye.distance(eye.quantiles(3 * points, along), own)
    assert stretched == pytest.approx((2**2 * own.square().mean() / own.var(dim=1).mean()).item(), rel=1e-4)


def test_contrast_within_windows():
    picture = np.zeros((64, 80, 3), np.uint8)
    picture[::2] = (255, 0, 102)  # stripes: half of the distance between their colours
    found = eye.local_contrast(picture, 8)
    assert found.shape == (15, 19)
    np.testing.assert_allclose(found, (0.5 + 0 + 0.2) / 3)
    np.testing.assert_allclose(eye.local_contrast(np.full((64, 64, 3), 77, np.uint8), 32), 0, atol=1e-7)


def test_paint_is_looked_for_where_the_photo_is_flat(see):
    photo = painted(3)
    photo[:, :224] = 90
    busy = veiled(painted(), 1.0)
    busy[:, 224:] = painted()[:, 224:]
    calm = painted()
    calm[:, 224:] = 128
    assert see(busy, photo)["F"] == pytest.approx(0, abs=1e-5)
    assert see(calm, photo)["F"] == pytest.approx(1, abs=0.2)  # this half of the painting is as busy as all of it


def test_oklab_of_known_colours():
    found = eye.oklab(np.array([[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 0, 255]], np.uint8))
    # of white by definition; of red and blue as CSS Color 4 has them
    expected = [[0, 0, 0], [1, 0, 0], [0.62796, 0.22486, 0.12585], [0.45201, -0.03246, -0.31153]]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_spread_along_the_main_axes():
    colours = np.array([[100 + x, 100 + y, 50] for x in (-60, 60) for y in (-20, 20)], np.uint8)
    picture = np.tile(colours, (500, 1)).reshape(40, 50, 3)
    axes = eye.main_axes(picture)
    np.testing.assert_allclose(np.abs(axes), [[1, 0, 0], [0, 1, 0]], atol=1e-9)
    np.testing.assert_allclose(eye.deviations(picture, axes), [60, 20], rtol=1e-3)


def test_structure_of_known_features():
    def features(*positions):
        return torch.tensor(positions, dtype=torch.float32).T[None, :, None]

    two_alike = features((1, 0, 0), (1, 0, 0), (0, 1, 0))
    all_unlike = features((1, 0, 0), (0, 1, 0), (0, 0, 1))
    # columns (0, 0, 1), (0, 0, 1), (½, ½, 0) against (0, ½, ½), (½, 0, ½), (½, ½, 0)
    assert eye.structure(two_alike, all_unlike) == pytest.approx(2 / 3)
    in_others = features((0, 7, 0), (0, 2, 0), (0, 0, 3))  # other channels, other strengths, alike at the same places
    assert eye.structure(two_alike, in_others) == pytest.approx(0, abs=1e-6)
    assert eye.structure(features((1, 0), (1, 0)), features((0, 1), (0, 1))) == 0  # plain pictures


def test_structure_knows_a_photo_in_other_colours():
    vgg = VGG16(load_vgg_weights(), [eye.STRUCTURE_LAYER])
    photo, other = (centre_crop(demo_photo(name), 192) for name in ("astronaut.png", "chelsea.png"))
    with torch.no_grad():
        wanted, recoloured, unrelated = (
            vgg(to_tensor(np.ascontiguousarray(one)[None]))[eye.STRUCTURE_LAYER]
            for one in (photo, photo[..., [1, 2, 0]], other)
        )
    assert eye.structure(recoloured, wanted) < 0.35 * eye.structure(unrelated, wanted)
