"""Tones: light and dark, and one hue beside another, should stay where the photo has them.

R compares the drawing alone, so the cheapest painting gives every light the painting's light colour and every dark its
dark one, whatever they were: red and green alike, and what is half light in pieces of both. Seen from afar, a painter's
picture is the photo in the colours of the palette.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from .colors import recolored

WINDOW = 16  # px: finer than that, strokes are free


def tone_distance(x: Tensor, photo: Tensor, style: Tensor) -> Tensor:
    """How far each picture is, seen from afar, from its photo in the painting's colours.

    The mean squared difference of means over windows of `WINDOW` px, in units of the painting's variance; the photo in
    the painting's colours is `recolored`.

    Args:
        x, photo: float ``[N, 3, H, W]``, RGB in 0..1.
        style: the painting, float ``[1, 3, h, w]``, RGB in 0..1.

    Returns:
        float32 ``[N]``: 0 for the photo in the painting's colours; about 1 for their mean colour everywhere.
    """
    with torch.no_grad():
        wanted = recolored(photo.float(), style.float())
        variance = style.float().var(dim=(-2, -1), correction=0).mean().clamp_min(1e-4)
    window = min(WINDOW, *x.shape[-2:])
    afar, wanted = (F.avg_pool2d(pictures, window, max(1, window // 2)) for pictures in (x.float(), wanted))
    return (afar - wanted).square().flatten(1).mean(1) / variance
