"""How the weights follow the gradient. Steps are what is scarce here: each needs a pass through VGG16."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

MOMENTUM = 0.95


def optimizers(parameters: Iterable[nn.Parameter], quicker: float = 1.0) -> list[torch.optim.Optimizer]:
    """`Muon` for the convolutions, Adam for scales, shifts and biases; `set_rate` before every step.

    Args:
        quicker: how many times the learning rate that of scales, shifts and biases is.
    """
    parameters = list(parameters)
    weights = [p for p in parameters if p.ndim > 1]
    rest = [p for p in parameters if p.ndim <= 1]
    return [Muon(weights), torch.optim.Adam([{"params": rest, "quicker": quicker}])]


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Make ``rate`` the learning rate of `optimizers`, each group's times what it is to be quicker by."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("quicker", 1.0)


class Muon(torch.optim.Optimizer):
    """Momentum, made orthogonal (Jordan et al. 2024), for weights of two or more dimensions.

    A convolution's weight counts as a matrix of output channels by everything else. Scaled as Liu et al. 2025
    ("Muon is scalable for LLM training") do, so that a learning rate means about what it does to Adam.
    """

    def __init__(self, params: list[nn.Parameter], lr: float = 1e-3) -> None:
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # no closure: one pass a step
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["momentum"] = torch.zeros_like(p)
                momentum = state["momentum"].lerp_(p.grad, 1 - MOMENTUM)
                direction = p.grad.lerp(momentum, MOMENTUM).flatten(1)  # Nesterov's look ahead
                scale = 0.2 * max(direction.shape) ** 0.5
                p.sub_(group["lr"] * scale * orthogonal(direction).view_as(p))


def orthogonal(matrix: Tensor, iterations: int = 5) -> Tensor:
    """Near ``U·Vᵀ`` of the float ``[M, N]`` matrix's ``U·S·Vᵀ``: all singular values come to about 1.

    By a Newton-Schulz iteration of fifth order, with coefficients (Jordan et al. 2024) that lift small
    singular values fast and leave them between 0.7 and 1.2.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if tall else matrix) / (matrix.norm() + 1e-7)
    for _ in range(iterations):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x
