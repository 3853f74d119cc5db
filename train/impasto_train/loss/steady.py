"""Steadiness: the network should paint a photo and the same photo, a little moved and noisy, alike.

Without it film flickers. Nothing of it needs VGG16, so it costs little time. After Gupta et al. (2017,
"Characterizing and improving stability in neural style transfer"), with a shift in place of the flow between frames.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

FARTHEST = 8  # px of a shift: one cell of the coarsest resolution, so that strokes cannot stick to its grid
NOISE = 4 / 255  # standard deviation


def unsteadiness(
    paint: Callable[[Tensor], Tensor], photo: Tensor, painted: Tensor, random: Sequence[np.random.Generator]
) -> Tensor:
    """Mean absolute difference between paintings and those of the photos moved and with noise.

    Up to the edges: what is an edge of the moved photo is none of the whole one, so a line that is painted along edges
    alone costs something too.

    Args:
        photo: float ``[N, 3, H, W]``, RGB in 0..1, H and W over `FARTHEST`.
        painted: what ``paint`` makes of ``photo``.
        random: one a photo, to draw its shift and its noise.

    Returns:
        float32 scalar, in the pixels' 0..1.
    """
    height, width = (side - FARTHEST for side in photo.shape[-2:])
    moved, still = [], []
    for index, one in enumerate(random):
        top, left = (int(shift) for shift in one.integers(0, FARTHEST + 1, 2))
        window = (slice(index, index + 1), slice(None), slice(top, top + height), slice(left, left + width))
        noise = one.standard_normal((1, 3, height, width), dtype=np.float32) * NOISE
        moved.append(photo[window] + torch.from_numpy(noise).to(photo.device))
        still.append(painted[window])
    return (paint(torch.cat(moved).clamp(0, 1)) - torch.cat(still)).abs().mean()
