"""β without guesswork: the weight at which every style picture pulls as hard as any other.

The style term of a photo that merely has the painting's colours is 2.6 for some pictures and 10 for others; at one
weight for all, the former stay photos or the latter lose every object. So the default weight is in inverse proportion
to it. Six paintings, each trained with a weight that had been found by eye, agreed on the factor: times that weight, S
came to 4.7 to 6.3 of Gram matrices (``docs/research.md``). Of means and covariances it is 8,
beside `loss.tones`, which pull towards the photo; without these 6.5 is enough.
"""

import numpy as np
import torch

from ..photos.content import centre_crop, demo_photo
from ..photos.tensors import to_tensor
from .colors import recolored
from .objective import Objective

BALANCE = {"gram": 5.2, "moments": 8.0}
"""What β·S of photos in the painting's colours comes to, in units of the R of a picture of nothing, by style loss."""

# always the same, so that the weight depends on the style picture and its size alone, not on what is restyled
PHOTOS, SIZE = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg"), 256


@torch.no_grad()
def suitable_weight(objective: Objective, style: np.ndarray) -> float:
    """The β that suits ``style``, rounded to three digits; the objective's own β plays no part.

    Args:
        style: the objective's style picture, uint8 ``[H, W, 3]``.

    Raises:
        ImpastoError: scikit-image's photos are not there.
    """
    measure = objective.measure(comparable=False)
    target = to_tensor(style[None], objective.device)
    strokes, nothing = [], []
    for name in PHOTOS:
        photo = to_tensor(centre_crop(demo_photo(name), SIZE)[None], objective.device)
        content = objective.content(photo)
        strokes.append(objective(recolored(photo, target), photo, content).style)
        empty = {layer: torch.zeros_like(found) for layer, found in content.items()}
        nothing.append(measure.content(empty, content))
    unit, pull = torch.cat(nothing).quantile(0.5), torch.cat(strokes).quantile(0.5)
    return float(f"{float(BALANCE[measure.style_loss] * unit / pull.clamp_min(1e-12)):.3g}")
