"""β without guesswork: the weight at which every style picture pulls as hard as any other.

The style term of a photo that merely has the painting's colours is 2.6 for some pictures and 10 for others; at one
weight for all, the former stay photos or the latter lose every object. So the default weight is in inverse proportion
to it. Six paintings, each trained with a weight that had been found by eye, agreed on the factor to within a quarter
(``docs/research.md``).
"""

import numpy as np
import torch

from .objective import Objective, mean_distance
from .photos import centre_crop, demo_photo
from .recolor import recolored
from .trainer import to_tensor

BALANCE = 5.2
"""What β·S of photos in the painting's colours comes to, in units of the R of a picture of nothing."""

# always the same, so that the weight depends on the style picture alone, whatever is trained on or restyled
PHOTOS, SIZE = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg"), 256


@torch.no_grad()
def balance(objective: Objective, style: np.ndarray) -> float:
    """Give the objective the β that suits ``style``, and return it, rounded to three digits.

    Args:
        style: the objective's style picture, uint8 ``[H, W, 3]``.

    Raises:
        ImpastoError: scikit-image's photos are not there.
    """
    target = to_tensor(style[None], objective.device)
    strokes, nothing = [], []
    for name in PHOTOS:
        photo = to_tensor(centre_crop(demo_photo(name), SIZE)[None], objective.device)
        content = objective.content(photo)
        strokes.append(objective(recolored(photo, target), photo, content).style)
        empty = {layer: torch.zeros_like(found) for layer, found in content.items()}
        nothing.append(mean_distance(empty, content, normalize=objective.normalize, distance=objective.distance))
    unit, pull = torch.cat(nothing).quantile(0.5), torch.cat(strokes).quantile(0.5)
    objective.style_weight = float(f"{float(BALANCE * unit / pull.clamp_min(1e-12)):.3g}")
    return objective.style_weight
