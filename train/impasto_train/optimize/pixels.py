"""The slow path: minimise J over the pixels of one picture (Gatys, Ecker and Bethge 2016).

What a `StyleNet` does in one pass; the reference that its pictures are measured against.
"""

from collections.abc import Callable, Generator
from typing import cast

import torch
from torch import Tensor

from ..loss.objective import Objective

HISTORY = 20  # of L-BFGS: more costs memory and gains little here
ADAM_RATE = 0.02  # in the pixels' 0..1


def optimize_pixels(
    objective: Objective, photo: Tensor, steps: int, *, optimizer: str = "lbfgs", start: Tensor | None = None
) -> Generator[tuple[Tensor, float]]:
    """Move the pixels of a picture to lower J.

    Args:
        photo: float ``[1, 3, H, W]``, RGB in 0..1.
        optimizer: ``lbfgs`` (Liu and Nocedal 1989, with a line search) or ``adam`` (Kingma and Ba 2015).
        start: what to start from, like ``photo``; None for the photo itself.

    Yields:
        after each of ``steps`` iterations the picture so far, like ``photo`` and clamped to 0..1, and the J from
        which the iteration began.
    """
    # contiguous: L-BFGS flattens it
    x = (photo if start is None else start).clone(memory_format=torch.contiguous_format).requires_grad_(True)
    content = objective.content(photo)
    method: torch.optim.Optimizer = torch.optim.Adam([x], lr=ADAM_RATE)
    if optimizer == "lbfgs":
        method = torch.optim.LBFGS([x], max_iter=1, history_size=HISTORY, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        method.zero_grad()
        total = objective(x, photo, content).total.sum()
        total.backward()
        return total

    for _ in range(steps):
        # torch types what a closure gives as a number; it passes the tensor on
        loss = cast(Tensor, method.step(cast(Callable[[], float], closure)))
        yield x.detach().clamp(0, 1), float(loss.detach())
