"""What a good picture is: ``J(x) = α·R(x) + β·S(x) + λ·L1(x)`` over features of a frozen VGG16.

Two departures from the formula ``R = 1/(2m) Σ‖Fᵢ(x) − Fᵢ(c)‖²``, ``S = 1/(2n) Σ‖Gⱼ(x) − Gⱼ(s)‖²``, both
undone by ``normalize=False``:

1. every squared distance is divided by the energy of its target, ‖Fᵢ(c)‖² or ‖Gⱼ(s)‖², so that α and β mean
   the same for every style and every set of weights;
2. the constants 1/(2m) and 1/(2n) are folded into α and β, so that R and S are plain sums over layers.

Instead of the squared distance, one minus the cosine similarity can be taken (``distance="cosine"``).
"""

from dataclasses import dataclass
from typing import get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..commandline.options import Distance, L1On
from .vgg import VGG16

CONTENT_LAYERS = ("relu3_3",)
STYLE_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
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


class Objective(nn.Module):
    """J for one style picture.

    Args:
        vgg: hands out at least `CONTENT_LAYERS` and `STYLE_LAYERS`.
        style: the style picture, float ``[1, 3, H, W]``, RGB in 0..1, on the device of ``vgg``.
        content_weight: α. style_weight: β. l1_weight: λ. All at least 0.
        l1_on: as `l1`'s ``on``.
        normalize, distance: see the top of this module.
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
    ) -> None:
        super().__init__()
        self.vgg = vgg
        self.content_weight, self.style_weight, self.l1_weight = content_weight, style_weight, l1_weight
        self.l1_on: L1On = l1_on
        self.normalize = normalize
        self.distance: Distance = distance
        self.device = style.device
        with torch.no_grad():
            found = vgg(style)
            self.grams = {layer: gram(found[layer]) for layer in STYLE_LAYERS}

    @torch.no_grad()
    def content(self, photo: Tensor) -> Features:
        """Targets of R: the features of ``photo``, float ``[N, 3, H, W]``, RGB in 0..1."""
        found = self.vgg(photo, deepest=CONTENT_LAYERS[-1])
        return {layer: found[layer] for layer in CONTENT_LAYERS}

    def measure(self, comparable: bool) -> tuple[bool, Distance]:
        """Whether R and S are normalised, and their distance; those of all runs' figures if ``comparable``."""
        return (True, "l2") if comparable else (self.normalize, self.distance)

    def forward(self, x: Tensor, photo: Tensor, content: Features, *, comparable: bool = False) -> Terms:
        """J of each stylised picture.

        Args:
            x, photo: float ``[N, 3, H, W]``, RGB in 0..1.
            content: what `content` gave for ``photo``.
            comparable: R and S by normalised squared distances whatever the objective's own are, for figures that
                must compare across runs.
        """
        normalize, distance = self.measure(comparable)
        found = self.vgg(x)
        grams = {layer: gram(found[layer]) for layer in STYLE_LAYERS}
        r = mean_distance(found, content, normalize=normalize, distance=distance)
        s = mean_distance(grams, self.grams, normalize=normalize, distance=distance)
        variation = l1(x, photo, self.l1_on)
        total = self.content_weight * r + self.style_weight * s + self.l1_weight * variation
        return Terms(r, s, variation, total)
