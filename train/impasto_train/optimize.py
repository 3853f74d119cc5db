"""The slow path: minimise J over the pixels of one picture (Gatys, Ecker and Bethge 2016).

What a `StyleNet` does in one pass; the reference that its pictures are measured against.
"""

from collections.abc import Generator

import torch
from torch import Tensor

from .objective import Objective

HISTORY = 20  # of L-BFGS: more costs memory and gains little here


def optimize(objective: Objective, photo: Tensor, steps: int) -> Generator[tuple[Tensor, float]]:
    """L-BFGS (Liu and Nocedal 1989) from the photo itself, with a line search.

    Args:
        photo: float ``[1, 3, H, W]``, RGB in 0..1.

    Yields:
        after each of ``steps`` iterations the picture so far, like ``photo`` and clamped to 0..1, and the J from
        which the iteration began.
    """
    x = photo.clone(memory_format=torch.contiguous_format).requires_grad_(True)  # as L-BFGS flattens it
    content = objective.content(photo)
    lbfgs = torch.optim.LBFGS([x], max_iter=1, history_size=HISTORY, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        lbfgs.zero_grad()
        total = objective(x, photo, content).total.sum()
        total.backward()
        return total

    for _ in range(steps):
        loss = lbfgs.step(closure)
        yield x.detach().clamp(0, 1), float(loss.detach())
