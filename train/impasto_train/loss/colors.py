"""A photo in the painting's colours, in closed form."""

import torch
from torch import Tensor


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
    matrix, shift = color_map(photos.flatten(2), style.flatten(2))
    return (matrix @ photos.flatten(2) + shift).view_as(photos).clamp(0, 1)


def color_map(pixels: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
    """Matrix ``[N, 3, 3]`` and shift ``[N, 3, 1]`` that take colours ``[N, 3, P]`` to those of ``[1, 3, Q]``."""
    # a few numbers, on the CPU: not every device of torch's can decompose a matrix
    style_mean, style_spread = (statistic.cpu() for statistic in _statistics(style))
    mean, spread = (statistic.cpu() for statistic in _statistics(pixels))
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
