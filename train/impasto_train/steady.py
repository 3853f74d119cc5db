"""Steadiness: the network is to answer alike to a photo and to the same photo a little moved and noisy.

Without it film flickers. Nothing of it needs VGG16, so it costs little time. After Gupta et al. (2017,
"Characterizing and improving stability in neural style transfer"), with a shift in place of the flow between frames.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

FARTHEST = 8  # px of a shift: one cell of the coarsest resolution, so that strokes cannot stick to its grid
NOISE = 4 / 255  # standard deviation
MARGIN = 8  # px at the edges that are left out: what lies beyond them does change


def unsteadiness(
    paint: Callable[[Tensor], Tensor], photo: Tensor, painted: Tensor, random: np.random.Generator
) -> Tensor:
    """Mean absolute difference between a painting and that of the photo moved and with noise.

    Args:
        photo: float ``[N, 3, H, W]``, RGB in 0..1, H and W over ``FARTHEST + 2 * MARGIN``.
        painted: what ``paint`` makes of ``photo``.
        random: draws shift and noise.

    Returns:
        float32 scalar, in the pixels' 0..1.
    """
    height, width = (side - FARTHEST for side in photo.shape[-2:])
    top, left = (int(shift) for shift in random.integers(0, FARTHEST + 1, 2))
    noise = random.standard_normal((*photo.shape[:2], height, width), dtype=np.float32) * NOISE
    moved = photo[..., top : top + height, left : left + width] + torch.from_numpy(noise).to(photo.device)
    difference = paint(moved.clamp(0, 1)) - painted[..., top : top + height, left : left + width]
    return difference[..., MARGIN:-MARGIN, MARGIN:-MARGIN].abs().mean()
