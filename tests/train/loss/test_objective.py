"""The objective against closed forms, and against a second implementation written from the formula."""

import numpy as np
import pytest
import torch
from impasto_train.loss.objective import (
    CONTENT_LAYERS,
    HALF_SHARE,
    STYLE_LAYERS,
    Objective,
    cosine_distance,
    drawing_distance,
    gram,
    l1,
    mean_distance,
    moments,
    squared_distance,
    statistics,
)
from impasto_train.loss.vgg import VGG16


def test_gram_of_constant_channels():
    # channels 2 and 3 everywhere: every product sums to c·d·H·W, divided by C·H·W
    features = torch.stack([torch.full((4, 5), 2.0), torch.full((4, 5), 3.0)])[None]
    assert torch.allclose(gram(features), torch.tensor([[[4.0, 6.0], [6.0, 9.0]]]) / 2)


def test_gram_of_channels_that_never_meet_is_diagonal():
    features = torch.zeros(1, 2, 2, 2)
    features[0, 0, 0, 0], features[0, 1, 1, 1] = 4.0, 2.0
    assert torch.allclose(gram(features), torch.tensor([[[16.0, 0.0], [0.0, 4.0]]]) / 8)


def test_gram_is_float32_where_half_precision_would_overflow():
    features = torch.full((1, 4, 64, 64), 300.0, dtype=torch.float16)  # 300² is beyond float16 already
    with torch.autocast("cpu", torch.bfloat16):
        found = gram(features)
    assert found.dtype == torch.float32
    assert torch.allclose(found, torch.full((1, 4, 4), 300.0**2 / 4))


def test_moments_closed_form():
    # channel 0 is 1, 3, 1, 3 and channel 1 its double the other way round: variances 1 and 4, covariance -2
    features = torch.tensor([[[[1.0, 3.0], [1.0, 3.0]], [[6.0, 2.0], [6.0, 2.0]]]])
    mean, covariance = moments(features)
    assert mean.tolist() == [[2.0, 4.0]]
    assert covariance.tolist() == [[[1.0, -2.0], [-2.0, 4.0]]]


def test_moments_are_float32_where_half_precision_would_overflow():
    features = torch.tensor([0.0, 600.0], dtype=torch.float16).expand(1, 4, 64, 2)
    with torch.autocast("cpu", torch.bfloat16):
        mean, covariance = moments(features)
    assert mean.dtype == covariance.dtype == torch.float32
    assert torch.allclose(covariance, torch.full((1, 4, 4), 300.0**2))


def test_a_pale_picture_is_further_off_by_its_moments_than_by_gram_matrices():
    # activations about a high mean at a fraction of their contrast: their Gram matrix is nearly the same
    painting = 3 + torch.rand(1, 6, 16, 16, generator=torch.Generator().manual_seed(0))
    distances = {}
    for kind in ("gram", "moments"):
        targets = statistics(dict.fromkeys(STYLE_LAYERS, painting), kind)
        distances[kind] = []
        for contrast in (1.0, 0.7, 0.4):
            pale = dict.fromkeys(STYLE_LAYERS, painting.mean((2, 3), keepdim=True).lerp(painting, contrast))
            distances[kind].append(float(mean_distance(statistics(pale, kind), targets, normalize=True)) / 4)
    assert distances["moments"] == pytest.approx([0, (1 - 0.7**2) ** 2, (1 - 0.4**2) ** 2], abs=1e-5)
    assert max(distances["gram"]) < 1e-3


def test_the_drawing_is_that_of_a_darker_and_paler_picture_too():
    photo = torch.rand(2, 5, 8, 8, generator=torch.Generator().manual_seed(0))
    tones = torch.tensor([0.5, 3.0, 1.0, 0.7, 2.0]).view(1, 5, 1, 1)
    found = drawing_distance(torch.cat([photo[:1], photo[1:] * tones + tones]), photo)
    assert found.tolist() == pytest.approx([0, 0], abs=1e-4)


def test_drawing_distance_closed_form():
    # two channels of variance 1 and 4; every position is as long as the others
    photo = torch.tensor([[1.0, -1, 1, -1], [2, 2, -2, -2]]).view(1, 2, 2, 2)
    assert drawing_distance(-photo, photo).item() == pytest.approx(4, rel=1e-3)  # the negative
    assert drawing_distance(torch.zeros_like(photo), photo).item() == pytest.approx(2)  # nothing
    # the first channel kept and the second lost: of each position's direction, 1/√5 and 2/√5, the first part is left
    kept = photo * torch.tensor([1.0, 0.0]).view(1, 2, 1, 1)
    assert drawing_distance(kept, photo).item() == pytest.approx(2 * (1 - 1 / 5**0.5), rel=1e-3)


def test_positions_count_for_the_drawing_by_what_is_drawn_there():
    # turned round where the photo has 1 and -1, kept where it has 3 and -3: a quarter of the lengths
    photo = torch.tensor([3.0, -3.0, 1.0, -1.0]).view(1, 1, 2, 2)
    x = torch.tensor([3.0, -3.0, -1.0, 1.0]).view(1, 1, 2, 2)
    assert drawing_distance(x, photo).item() == pytest.approx(4 / 4, rel=1e-3)


def test_the_drawing_of_a_blank_photo_is_finite_and_so_is_its_slope():
    x = torch.rand(1, 3, 4, 4, requires_grad=True)
    found = drawing_distance(x, torch.ones(1, 3, 4, 4))
    found.sum().backward()
    assert torch.isfinite(found).all()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()


def test_squared_distance_closed_form_per_picture():
    x = torch.tensor([[1.0, 2.0], [5.0, 5.0]])
    target = torch.tensor([[1.0, 4.0]])
    assert squared_distance(x, target, normalize=False).tolist() == [4.0, 17.0]
    assert squared_distance(x, target, normalize=True).tolist() == pytest.approx([4 / 17, 1.0])


def test_distance_to_a_black_target_is_finite():
    zero = torch.zeros(1, 4)
    assert squared_distance(zero, zero, normalize=True).item() == 0
    assert torch.isfinite(squared_distance(zero + 1, zero, normalize=True)).all()


def test_formula_constants_are_folded_away_only_when_normalized():
    found = {"a": torch.tensor([[3.0]]), "b": torch.tensor([[1.0]])}
    targets = {"a": torch.tensor([[1.0]]), "b": torch.tensor([[2.0]])}
    # 1/(2m) Σ: (4 + 1) / 4; divided by energies 1 and 4: 4 + 1/4
    assert mean_distance(found, targets, normalize=False).item() == 1.25
    assert mean_distance(found, targets, normalize=True).item() == 4.25


def test_cosine_distance_closed_form_per_picture():
    x = torch.tensor([[3.0, 0.0], [0.0, 2.0], [-1.0, -1.0], [0.0, 0.0]]).view(4, 1, 2)
    target = torch.tensor([[[1.0, 1.0]]])  # at 45, 45 and 180 degrees; no angle at all
    half = 1 - 0.5**0.5
    assert cosine_distance(x, target).tolist() == pytest.approx([half, half, 2, 1], abs=1e-6)
    assert cosine_distance(5 * x, target / 7).tolist() == pytest.approx([half, half, 2, 1], abs=1e-6)  # of no size


def test_cosine_distances_of_layers_add_up():
    found = {"a": torch.tensor([[1.0, 0.0]]), "b": torch.tensor([[2.0, 2.0]])}
    targets = {"a": torch.tensor([[0.0, 3.0]]), "b": torch.tensor([[1.0, 1.0]])}
    assert mean_distance(found, targets, normalize=True, distance="cosine").item() == pytest.approx(1)
    assert mean_distance(found, targets, normalize=False, distance="cosine").item() == pytest.approx(1 / 4)


def test_l1_closed_forms():
    photo = torch.full((1, 3, 2, 2), 0.25)
    x = torch.full((1, 3, 2, 2), 0.75)
    assert l1(x, photo, "image").item() == 0.25
    assert l1(x, photo, "residual").item() == 0.5
    assert l1(x, photo, "gradient").item() == 0
    ramp = torch.tensor([[0.0, 0.5], [0.25, 0.75]]).expand(1, 3, 2, 2)  # 0.5 along rows, 0.25 along columns
    assert l1(ramp, photo, "gradient").item() == 0.75
    with pytest.raises(ValueError, match="not sideways"):
        l1(x, photo, "sideways")


def reference_terms(layers, layers_photo, layers_style, x, photo, weights, normalize, l1_on):
    """J from its formula in float64 numpy, sharing no code with the module."""

    def gram_of(features):
        channels, height, width = features.shape
        product = np.einsum("ahw,bhw->ab", features, features)
        return product / (channels * height * width)

    def total(pairs):
        if normalize:
            return sum(((a - b) ** 2).sum() / (b**2).sum() for a, b in pairs)
        return sum(((a - b) ** 2).sum() for a, b in pairs) / (2 * len(pairs))

    r = total([(layers[name], layers_photo[name]) for name in CONTENT_LAYERS])
    s = total([(gram_of(layers[name]), gram_of(layers_style[name])) for name in STYLE_LAYERS])
    variation = {
        "image": np.abs(x - 0.5).mean(),
        "residual": np.abs(x - photo).mean(),
        "gradient": np.abs(np.diff(x, axis=2)).mean() + np.abs(np.diff(x, axis=1)).mean(),
    }[l1_on]
    alpha, beta, lam = weights
    return r, s, variation, alpha * r + beta * s + lam * variation


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("l1_on", ["image", "residual", "gradient"])
def test_objective_against_a_second_implementation(narrow_vgg_weights, normalize, l1_on):
    vgg = VGG16(narrow_vgg_weights, {*CONTENT_LAYERS, *STYLE_LAYERS})
    generator = torch.Generator().manual_seed(3)
    style, photo, x = (torch.rand(1, 3, side, 40, generator=generator) for side in (24, 32, 32))
    objective = Objective(
        vgg, style, content_weight=1.5, style_weight=0.7, l1_weight=0.2, l1_on=l1_on, normalize=normalize
    )
    terms = objective(x, photo, objective.content(photo))

    def arrays(picture):
        return {name: found[0].double().numpy() for name, found in vgg(picture).items()}

    wanted = reference_terms(
        arrays(x),
        arrays(photo),
        arrays(style),
        x[0].double().numpy(),
        photo[0].numpy(),
        (1.5, 0.7, 0.2),
        normalize,
        l1_on,
    )
    found = [float(term) for term in (terms.content, terms.style, terms.l1, terms.total)]
    assert found == pytest.approx(wanted, rel=1e-4)


def test_the_cosine_objective_and_its_comparable_figures(narrow_vgg_weights):
    vgg = VGG16(narrow_vgg_weights, {*CONTENT_LAYERS, *STYLE_LAYERS})
    style, photo, x = (torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(i)) for i in range(3))
    weights = {"content_weight": 1, "style_weight": 2, "l1_weight": 0}
    cosine, squared = Objective(vgg, style, distance="cosine", **weights), Objective(vgg, style, **weights)
    terms = cosine(x, photo, cosine.content(photo))
    found, aim, painting = vgg(x), vgg(photo), vgg(style)

    def angles(pairs):
        pairs = [(a.flatten().double(), b.flatten().double()) for a, b in pairs]
        return sum(1 - float(a @ b / (a.norm() * b.norm())) for a, b in pairs)

    content = angles((found[name], aim[name]) for name in CONTENT_LAYERS)
    strokes = angles((gram(found[name]), gram(painting[name])) for name in STYLE_LAYERS)
    assert float(terms.content) == pytest.approx(content, abs=1e-5)
    assert float(terms.style) == pytest.approx(strokes, abs=1e-5)
    same = cosine(x, photo, cosine.content(photo), comparable=True)
    assert float(same.total) == pytest.approx(float(squared(x, photo, squared.content(photo)).total))


def test_the_photo_itself_has_no_content_loss_and_the_style_no_style_loss(narrow_vgg_weights):
    vgg = VGG16(narrow_vgg_weights, {*CONTENT_LAYERS, *STYLE_LAYERS})
    picture = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    objective = Objective(vgg, picture, content_weight=1, style_weight=1, l1_weight=0)
    terms = objective(picture, picture, objective.content(picture))
    assert float(terms.content) == 0
    assert float(terms.style) == 0


def test_what_is_seen_at_half_size_has_its_share(narrow_vgg_weights):
    vgg = VGG16(narrow_vgg_weights, {*CONTENT_LAYERS, *STYLE_LAYERS})
    style, photo, x = (torch.rand(1, 3, 32, 40, generator=torch.Generator().manual_seed(i)) for i in range(3))
    both = Objective(vgg, style, content_weight=1, style_weight=1, l1_weight=0, style_loss="moments")
    halved = [torch.nn.functional.avg_pool2d(picture, 2) for picture in (style, x)]
    wanted = []
    for painting, picture in ((style, x), halved):
        aims, found = (statistics(vgg(one), "moments") for one in (painting, picture))
        wanted.append(float(mean_distance(found, aims, normalize=True)))
    terms = both(x, photo, both.content(photo))
    assert float(terms.style) == pytest.approx(wanted[0] + HALF_SHARE * (wanted[1] - wanted[0]), rel=1e-5)
    assert float(both(style, style, both.content(style)).style) == 0
    small = x[..., :12, :12]  # too small to be halved: judged at its own size
    assert torch.isfinite(both(small, small, both.content(small)).total).all()


def test_figures_that_compare_are_of_gram_matrices_and_activations(narrow_vgg_weights):
    vgg = VGG16(narrow_vgg_weights, {*CONTENT_LAYERS, *STYLE_LAYERS})
    style, photo, x = (torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(i)) for i in range(3))
    weights = {"content_weight": 1, "style_weight": 2, "l1_weight": 1}
    gram_one = Objective(vgg, style, **weights)
    other = Objective(vgg, style, **weights, style_loss="moments", content_on="drawing")
    wanted = gram_one(x, photo, gram_one.content(photo)).total
    assert torch.equal(other(x, photo, other.content(photo), comparable=True).total, wanted)
    assert not torch.isclose(other(x, photo, other.content(photo)).total, wanted)


def test_batches_are_scored_picture_by_picture(narrow_vgg_weights):
    vgg = VGG16(narrow_vgg_weights, {*CONTENT_LAYERS, *STYLE_LAYERS})
    style, a, b = (torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(i)) for i in range(3))
    objective = Objective(vgg, style, content_weight=1, style_weight=2, l1_weight=1)
    photos = torch.cat([a, b])
    both = objective(photos.flip(0), photos, objective.content(photos)).total
    alone = [objective(x, c, objective.content(c)).total for x, c in ((b, a), (a, b))]
    assert torch.allclose(both, torch.cat(alone), rtol=1e-5)
