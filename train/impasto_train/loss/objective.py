"""What a good picture is: ``J(x) = α·R(x) + β·S(x) + λ·L1(x)`` over features of a frozen VGG16.

By default R compares the drawing (`drawing_distance`) and S means and covariances (`moments`), of the picture and of it
at half its size. These see a lost contrast and a lost palette, which Gram matrices and plain activations hardly do
(``docs/research.md``, "Contrast and palette").

``style_loss="gram"`` and ``content_on="activations"`` give the formula ``R = 1/(2m) Σ‖Fᵢ(x) − Fᵢ(c)‖²``,
``S = 1/(2n) Σ‖Gⱼ(x) − Gⱼ(s)‖²`` (Johnson, Alahi and Fei-Fei 2016), with two departures, both undone by
``normalize=False``:

1. every squared distance is divided by the energy of its target, as ‖Fᵢ(c)‖² or ‖Gⱼ(s)‖², so that α and β mean the
   same for every style and every set of weights;
2. the constants 1/(2m) and 1/(2n) are folded into α and β, so that R and S are plain sums over layers.

Instead of the squared distance, one minus the cosine similarity can be taken (``distance="cosine"``).
"""

from dataclasses import dataclass
from typing import get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..commandline.options import ContentOn, Distance, L1On, StyleLoss
from .vgg import VGG16

CONTENT_LAYERS = ("relu3_3",)
STYLE_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
LEAST_CONTRAST = 0.02  # of a painting: one of a single colour has none, and something is divided by it
TINY = 1e-12  # in place of nothing, where it would be divided by
HALF_SHARE = 0.25  # of S that is of the picture at half its size; at a half, fine strokes go
SMALLEST = 8  # px a side, of a picture that all `STYLE_LAYERS` can be had of
L1_VARIANTS: tuple[L1On, ...] = get_args(L1On)

Features = dict[str, Tensor]


def gram(features: Tensor) -> Tensor:
    """Gram matrix ``F·Fᵀ / (C·H·W)`` of each picture (Gatys, Ecker and Bethge 2016).

    Args:
        features: ``[N, C, H, W]``, any float type.

    Returns:
        float32 ``[N, C, C]``. Always float32: sums over H·W squared activations overflow in half precision.
    """
    count, channels, height, width = features.shape
    # outside autocast, which would turn the product back into half precision
    with torch.autocast(features.device.type, enabled=False):
        flat = features.float().reshape(count, channels, height * width)
        return flat @ flat.transpose(1, 2) / (channels * height * width)


def moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and centred covariance of each picture's channels over its positions.

    The Gram matrix mixes the two, and many pairs of them have one Gram matrix, of which the flattest is had most
    cheaply (Risser, Wilmot and Barnes 2017, "Stable and controllable neural texture synthesis and style transfer
    using histogram losses"); taken apart, a lost contrast is a lost contrast.

    Args:
        features: ``[N, C, H, W]``, any float type.

    Returns:
        float32 ``[N, C]`` and ``[N, C, C]``.
    """
    # outside autocast, which would turn the product back into half precision
    with torch.autocast(features.device.type, enabled=False):
        flat = features.float().flatten(2)
        mean = flat.mean(2, keepdim=True)
        centred = flat - mean
        return mean.squeeze(2), centred @ centred.transpose(1, 2) / flat.shape[2]


def statistics(found: Features, style_loss: StyleLoss) -> Features:
    """What the style term compares, by name: float32 ``[N, ...]`` each.

    Args:
        found: activations by layer, ``[N, C, H, W]``, at least of `STYLE_LAYERS`.
        style_loss: ``gram``: each layer's `gram`; ``moments``: each layer's mean and covariance, see `moments`.
    """
    if style_loss == "gram":
        return {layer: gram(found[layer]) for layer in STYLE_LAYERS}
    taken: Features = {}
    for layer in STYLE_LAYERS:
        taken[f"{layer} mean"], taken[f"{layer} covariance"] = moments(found[layer])
    return taken


def drawing_distance(x: Tensor, target: Tensor) -> Tensor:
    """How far the drawing of each picture is from its target's: what is left when tone and contrast are taken out.

    Every channel is brought to a mean of zero and to the target's variance, so that a picture may be darker, richer or
    of other colours than the photo. Then the activations at one position are a direction, and directions are compared
    by their squared distance, 2(1 - cos): a pale face is as much of a drawing as a dark coat. Positions count by the
    length of the target's activations, so that where a photo is empty there is room for strokes.

    Args:
        x, target: ``[N, C, H, W]``, any float type.

    Returns:
        float32 ``[N]``, 0..4: 0 for the target itself, at any contrast; 2 for what has nothing of it.
    """
    x, target = x.float().flatten(2), target.float().flatten(2)
    x, target = x - x.mean(2, keepdim=True), target - target.mean(2, keepdim=True)
    wanted = target.square().mean(2, keepdim=True)
    # channels that the photo leaves dead must not be blown up where the painting has a trace of them
    there = x.square().mean(2, keepdim=True) + 1e-3 * wanted.mean(1, keepdim=True) + TINY
    x = x * (wanted.sqrt() / there.sqrt())
    length = target.norm(dim=1)
    # a position of a blank picture has no direction; the floor keeps its slope finite
    floor = 1e-6 * wanted.sum(1) + TINY
    cosine = (x * target).sum(1) / (length.clamp_min(TINY) * (x.square().sum(1) + floor).sqrt())
    return (2 * (1 - cosine) * length).sum(1) / length.sum(1).clamp_min(TINY)


def squared_distance(x: Tensor, target: Tensor, *, normalize: bool) -> Tensor:
    """``‖x − target‖²`` of each picture, divided by ``‖target‖²`` if ``normalize``.

    Args:
        x: ``[N, ...]``, any float type.
        target: ``[N, ...]``, or ``[1, ...]`` for one target that all pictures share.

    Returns:
        float32 ``[N]``.
    """
    distance = (x.float() - target.float()).square().flatten(1).sum(1)
    if normalize:
        # a black photo has no energy; the floor keeps its distance finite
        distance = distance / target.float().square().flatten(1).sum(1).clamp_min(1e-12)
    return distance


def cosine_distance(x: Tensor, target: Tensor) -> Tensor:
    """One minus the cosine of the angle between ``x`` and ``target``, each picture taken as one long vector.

    Args:
        x: ``[N, ...]``, any float type.
        target: ``[N, ...]``, or ``[1, ...]`` for one target that all pictures share.

    Returns:
        float32 ``[N]``, 0..2; 1 where either is all zeros.
    """
    return 1 - F.cosine_similarity(x.float().flatten(1), target.float().flatten(1), dim=1)


def layer_distances(found: Features, targets: Features, *, normalize: bool, distance: Distance = "l2") -> Features:
    """Distance of each picture at each layer of ``targets``: float32 ``[N]`` by layer.

    Args:
        distance: ``normalize`` makes no difference to a cosine.
    """
    if distance == "cosine":
        return {layer: cosine_distance(found[layer], target) for layer, target in targets.items()}
    return {layer: squared_distance(found[layer], target, normalize=normalize) for layer, target in targets.items()}


def mean_distance(found: Features, targets: Features, *, normalize: bool, distance: Distance = "l2") -> Tensor:
    """R or S of each picture: `layer_distances` over the layers of ``targets``.

    Returns:
        float32 ``[N]``: their sum if ``normalize``, else half their mean (the formula's 1/(2m) or 1/(2n)).
    """
    distances = layer_distances(found, targets, normalize=normalize, distance=distance)
    total = torch.stack(list(distances.values())).sum(0)
    return total if normalize else total / (2 * len(targets))


def l1(x: Tensor, photo: Tensor, on: L1On) -> Tensor:
    """Mean absolute value over pixels and channels, for each picture.

    Args:
        x: stylised pictures, ``[N, 3, H, W]``, RGB in 0..1.
        photo: the photos they were made from, same shape and range.
        on: ``image``: the formula's ‖x‖₁, taken about mid-grey, which is zero where the network sees it;
            ``residual``: x minus photo; ``gradient``: differences between neighbours to the right and below
            (anisotropic total variation: Rudin, Osher and Fatemi 1992).

    Returns:
        float32 ``[N]``; for ``gradient`` the mean over rows' differences plus the mean over columns'.
    """
    x = x.float()
    if on == "image":
        return (x - 0.5).abs().flatten(1).mean(1)
    if on == "residual":
        return (x - photo.float()).abs().flatten(1).mean(1)
    if on == "gradient":
        return x.diff(dim=-1).abs().flatten(1).mean(1) + x.diff(dim=-2).abs().flatten(1).mean(1)
    raise ValueError(f"L1 is taken on {', '.join(L1_VARIANTS)}, not {on}")


@dataclass(frozen=True)
class Terms:
    """The parts of J, unweighted, and J itself: float32 ``[N]``, or scalars once averaged."""

    content: Tensor
    style: Tensor
    l1: Tensor
    total: Tensor


@dataclass(frozen=True)
class Measure:
    """How R and S are taken; by default as they are judged, whatever they are learned by (see `Objective`)."""

    normalize: bool = True
    distance: Distance = "l2"
    style_loss: StyleLoss = "gram"
    content_on: ContentOn = "activations"

    def content(self, found: Features, targets: Features) -> Tensor:
        """R of each picture, float32 ``[N]``, from activations by layer."""
        if self.content_on == "drawing":
            return torch.stack([drawing_distance(found[layer], target) for layer, target in targets.items()]).sum(0)
        return mean_distance(found, targets, normalize=self.normalize, distance=self.distance)

    def style(self, found: Features, targets: Features) -> Tensor:
        """S of each picture, float32 ``[N]``, from `statistics`."""
        return mean_distance(found, targets, normalize=self.normalize, distance=self.distance)


class Objective(nn.Module):
    """J for one style picture.

    Args:
        vgg: hands out at least `CONTENT_LAYERS` and `STYLE_LAYERS`.
        style: the style picture, float ``[1, 3, H, W]``, RGB in 0..1, on the device of ``vgg``.
        content_weight: α. style_weight: β. l1_weight: λ. All at least 0.
        l1_on: as `l1`'s ``on``.
        normalize, distance: see the top of this module.
        style_loss: what S compares, see `statistics`.
        content_on: what R compares: ``activations`` as they are, or the ``drawing`` in them (`drawing_distance`,
            to which ``normalize`` and ``distance`` make no difference).
    """

    def __init__(
        self,
        vgg: VGG16,
        style: Tensor,
        *,
        content_weight: float,
        style_weight: float,
        l1_weight: float,
        l1_on: L1On = "residual",
        normalize: bool = True,
        distance: Distance = "l2",
        style_loss: StyleLoss = "gram",
        content_on: ContentOn = "activations",
    ) -> None:
        super().__init__()
        self.vgg = vgg
        self.content_weight, self.style_weight, self.l1_weight = content_weight, style_weight, l1_weight
        self.l1_on: L1On = l1_on
        self.normalize = normalize
        self.distance: Distance = distance
        self.style_loss: StyleLoss = style_loss
        self.content_on: ContentOn = content_on
        self.device = style.device
        with torch.no_grad():
            seen = self.look(style, style_loss)
            self.targets: dict[StyleLoss, list[Features]] = {
                kind: [statistics(found, kind) for found in seen] for kind in ("gram", style_loss)
            }
            """What S aims at, for the picture and for it at half its size."""
        self.painting = style
        self.contrast = max(float(style.std(dim=(-2, -1)).mean()), LEAST_CONTRAST)
        """Deviation of the painting's pixels within channels, their mean over channels."""

    @torch.no_grad()
    def content(self, photo: Tensor) -> Features:
        """Targets of R: the features of ``photo``, float ``[N, 3, H, W]``, RGB in 0..1."""
        found = self.vgg(photo, deepest=CONTENT_LAYERS[-1])
        return {layer: found[layer] for layer in CONTENT_LAYERS}

    def look(self, x: Tensor, style_loss: StyleLoss) -> list[Features]:
        """Activations of ``x``; for moments also those of ``x`` at half its size, if that is large enough.

        At half size VGG16 sees strokes that are twice as large.
        """
        seen = [self.vgg(x)]
        if style_loss == "moments" and min(x.shape[-2:]) >= 2 * SMALLEST:
            seen.append(self.vgg(F.avg_pool2d(x, 2)))
        return seen

    def measure(self, comparable: bool) -> "Measure":
        """How R and S are taken; as for all runs' figures if ``comparable``."""
        if comparable:
            return Measure()
        return Measure(self.normalize, self.distance, self.style_loss, self.content_on)

    def forward(self, x: Tensor, photo: Tensor, content: Features, *, comparable: bool = False) -> Terms:
        """J of each stylised picture.

        Args:
            x, photo: float ``[N, 3, H, W]``, RGB in 0..1.
            content: what `content` gave for ``photo``.
            comparable: R and S by normalised squared distances of activations and Gram matrices whatever the
                objective's own are, for figures that must compare across runs.
        """
        measure = self.measure(comparable)
        seen = self.look(x, measure.style_loss)
        r = measure.content(seen[0], content)
        pairs = list(zip(seen, self.targets[measure.style_loss], strict=False))
        parts = [measure.style(statistics(found, measure.style_loss), aims) for found, aims in pairs]
        s = parts[0].lerp(parts[-1], HALF_SHARE)
        variation = l1(x, photo, self.l1_on)
        total = self.content_weight * r + self.style_weight * s + self.l1_weight * variation
        return Terms(r, s, variation, total)
