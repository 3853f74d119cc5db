"""β without guesswork: the weight at which every style picture pulls as hard as any other.

The style term of a photo that merely has the painting's colours is 2 for some pictures and 8 for others, pale ones
above all; at one weight for all, the former stay photos or the latter lose every object. So the default weight is in
inverse proportion to it. Six paintings, each trained with a weight that had been found by eye, agreed on the factor
(``docs/research.md``).
"""

import torch
from torch import Tensor

from .objective import Objective, mean_distance
from .recolor import recolored

BALANCE = 4.3
"""What β·S of photos in the painting's colours comes to, in units of the R of a picture of nothing."""


@torch.no_grad()
def balanced_weight(objective: Objective, style: Tensor, photos: Tensor) -> float:
    """The β that suits a style picture.

    Args:
        objective: of that picture; its own β plays no part.
        style: the picture, float ``[1, 3, H, W]``, RGB in 0..1.
        photos: float ``[N, 3, H, W]``, RGB in 0..1, on the same device.

    Returns:
        β, rounded to three digits.
    """
    strokes, nothing = [], []
    for photo in photos.split(1):
        content = objective.content(photo)
        strokes.append(objective(recolored(photo, style), photo, content).style)
        empty = {layer: torch.zeros_like(found) for layer, found in content.items()}
        nothing.append(mean_distance(empty, content, normalize=objective.normalize))
    unit = torch.cat(nothing).mean()
    return float(f"{float(BALANCE * unit / torch.cat(strokes).mean().clamp_min(1e-12)):.3g}")
