"""The terms of J as plain figures: means over photos."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from ..photos.tensors import to_tensor
from .objective import Objective, Terms


def means(terms: Terms) -> list[Tensor]:
    """Content, style, L1 and total of a batch as four detached scalars."""
    return [term.detach().mean() for term in (terms.content, terms.style, terms.l1, terms.total)]


@torch.no_grad()
def evaluate(
    paint: Callable[[Tensor], Tensor], objective: Objective, photos: Sequence[np.ndarray], *, comparable: bool = True
) -> Terms:
    """Mean terms over painted photos.

    Args:
        paint: from float ``[1, 3, H, W]`` RGB in 0..1 to the same; clamped here to 0..1.
        photos: uint8 ``[H, W, 3]`` each, at least one.
        comparable: as for `Objective.forward`.

    Returns:
        `Terms` of scalars.
    """
    device = objective.device
    rows = []
    for pixels in photos:
        photo = to_tensor(pixels[None], device)
        terms = objective(paint(photo).clamp(0, 1), photo, objective.content(photo), comparable=comparable)
        rows.append(torch.stack(means(terms)))
    return Terms(*torch.stack(rows).mean(0))
