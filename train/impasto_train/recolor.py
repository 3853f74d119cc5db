"""A start near the photo: before anything else the network learns to give a photo the painting's colours.

That takes no VGG16 and so a few seconds. A network that starts from noise finds some way to the painting's Gram
matrices first, and often one that turns light into dark or drops the objects, which the content term hardly sees and
never mends; from here both terms fall, light stays light, and flat areas are flat.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from .network import RANGE, StyleNet
from .optimizer import optimizers

STEPS = 60
SIZE, BATCH_SIZE = 128, 2  # of the crops it is learned on: colours need no more
LEARNING_RATE = 2e-3


def recolored(photos: Tensor, style: Tensor) -> Tensor:
    """Each photo with the mean and the covariance of the style picture's colours.

    The linear map that moves colours least (Pitié and Kokaram 2007, "The linear Monge-Kantorovitch linear colour
    mapping"); its matrix is symmetric and positive, so no colour is turned into its opposite.

    Args:
        photos: float ``[N, 3, H, W]``, RGB in 0..1.
        style: float ``[1, 3, H, W]``, RGB in 0..1, any size.

    Returns:
        float of the shape of ``photos``, clamped to 0..1.
    """
    matrix, shift = _color_map(photos.flatten(2), style.flatten(2))
    return (matrix @ photos.flatten(2) + shift).view_as(photos).clamp(0, 1)


@torch.no_grad()
def match_colors(network: StyleNet, style: Tensor, photos: Tensor) -> None:
    """Bring what ``network`` paints to the mean and the covariance of the style picture's colours, in closed form.

    The same linear map as in `recolored`, taken into the last layer's kernel and bias; so it is exact before the
    last tanh, over the photos given.

    Args:
        style: float ``[1, 3, H, W]``, RGB in 0..1, on the network's device.
        photos: float ``[N, 3, H, W]``, RGB in 0..1, on that device too.
    """
    painted = network.before_tanh(photos).transpose(0, 1).flatten(1)[None]
    # a painting's whites and blacks would lie at infinity
    wanted = torch.atanh(((style.flatten(2) - 0.5) / RANGE).clamp(-0.95, 0.95))
    matrix, shift = _color_map(painted, wanted)
    last = network.from_half
    assert last.bias is not None
    last.weight.copy_(torch.einsum("ij,jcyx->icyx", matrix[0], last.weight))
    last.bias.copy_(matrix[0] @ last.bias + shift[0, :, 0])


def _color_map(pixels: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
    """Matrix ``[N, 3, 3]`` and shift ``[N, 3, 1]`` that take colours ``[N, 3, P]`` to those of ``[1, 3, Q]``."""
    # a few numbers, on the CPU: not every device of torch's can decompose a matrix
    style_mean, style_spread = (found.cpu() for found in _statistics(style))
    mean, spread = (found.cpu() for found in _statistics(pixels))
    root = _root(spread)
    inverse = torch.linalg.inv(root)
    matrix = inverse @ _root(root @ style_spread @ root) @ inverse
    return matrix.to(pixels.device), (style_mean - matrix @ mean).to(pixels.device)


def _statistics(pixels: Tensor) -> tuple[Tensor, Tensor]:
    mean = pixels.mean(-1, keepdim=True)
    # a grey photo has colours along one line only; the floor keeps the map from stretching what is not there
    return mean, (pixels - mean) @ (pixels - mean).mT / pixels.shape[-1] + 1e-4 * torch.eye(3, device=pixels.device)


def _root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    return vectors @ torch.diag_embed(values.clamp_min(0).sqrt()) @ vectors.mT


def learn_colors(network: StyleNet, style: Tensor, batches: Iterable[Tensor], steps: int = STEPS) -> None:
    """Train ``network`` in place to do as `recolored` does, by least squares, a step a batch.

    Args:
        style: float ``[1, 3, H, W]``, RGB in 0..1, on the network's device.
        batches: ``steps`` of photos, float ``[N, 3, H, W]``, RGB in 0..1, on that device too.
    """
    found = optimizers(network.parameters())
    for step, photos in enumerate(batches):
        loss = (network(photos) - recolored(photos, style)).square().mean()
        network.zero_grad()
        loss.backward()
        for optimizer in found:
            for group in optimizer.param_groups:
                group["lr"] = LEARNING_RATE * min(1, (step + 1) / 10) * max(0.05, 1 - step / steps)
            optimizer.step()
