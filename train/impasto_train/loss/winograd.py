"""Convolutions of 3x3 with fixed kernels in half the time: Winograd's minimal filtering.

Lavin and Gray (2016, "Fast algorithms for convolutional neural networks"), F(4x4, 3x3): each tile of 6x6 is transformed
so that its 4x4 results cost 36 multiplications a channel in place of 144. PyTorch's own convolution on a CPU is the
direct one. The transforms cost something too, so it pays where there are many channels.
"""

from functools import cache, cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

TILE, RESULT = 6, 4  # px a side: what a tile takes in, and what it gives
AT_ONCE = 256  # tiles: more of them do not stay in a processor's cache

# Lavin and Gray's matrices, for the points 0, 1, -1, 2, -2 and infinity
_INTO = [[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0]]
_INTO += [[0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]]
_KERNEL = [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]  # over 24
_BACK = [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]


class Kernels:
    """The kernels of a 3x3 convolution with a padding of one pixel of zeros, transformed once for each direction.

    Args:
        weight: float32 ``[O, I, 3, 3]`` on the CPU; not learned.
    """

    def __init__(self, weight: Tensor) -> None:
        self.weight = weight

    @cached_property
    def forward(self) -> Tensor:
        return _transformed(self.weight)

    @cached_property
    def backward(self) -> Tensor:  # four times as large as the weight, and whoever only looks never needs it
        return _transformed(self.weight.transpose(0, 1).flip(2, 3))

    def convolve(self, x: Tensor) -> Tensor:
        """From float32 ``[N, I, H, W]`` to ``[N, O, H, W]``, channels last in memory.

        Differs from the direct way by some 1e-5 of the largest value. Slopes go to ``x`` alone.
        """
        found: Tensor = _Convolution.apply(x, self)
        return found


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, kernels: Kernels) -> Tensor:
        ctx.kernels = kernels
        return _convolved(x, kernels.forward)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return _convolved(gradients[0], ctx.kernels.backward), None


@cache
def _both_ways(into: bool) -> Tensor:
    """The transform of both axes at once, of tiles or of results laid out in a line."""
    matrix = torch.tensor(_INTO if into else _BACK, dtype=torch.float32)
    return torch.kron(matrix, matrix)


def _transformed(weight: Tensor) -> Tensor:
    """From ``[O, I, 3, 3]`` to ``[36, I, O]``."""
    matrix = torch.tensor(_KERNEL, dtype=torch.float64) / 24
    tiles = (matrix @ weight.double() @ matrix.T).float()
    return tiles.permute(2, 3, 1, 0).flatten(0, 1).contiguous()


def _convolved(x: Tensor, kernels: Tensor) -> Tensor:
    count, channels, height, width = x.shape
    rows, columns, out = -(-height // RESULT), -(-width // RESULT), kernels.shape[2]
    beyond = (0, 0, 1, 1 + RESULT * columns - width, 1, 1 + RESULT * rows - height)
    padded = F.pad(x.permute(0, 2, 3, 1), beyond)
    tiles = padded.unfold(1, TILE, RESULT).unfold(2, TILE, RESULT).permute(4, 5, 0, 1, 2, 3)
    last = torch.channels_last
    found = torch.empty((count, out, RESULT * rows, RESULT * columns), memory_format=last)
    results = found.permute(0, 2, 3, 1).view(count, rows, RESULT, columns, RESULT, out).permute(2, 4, 0, 1, 3, 5)
    step = max(1, AT_ONCE // (count * columns))
    for first in range(0, rows, step):
        some = tiles[:, :, :, first : first + step]
        products = (_both_ways(True) @ some.reshape(TILE**2, -1)).view(TILE**2, -1, channels) @ kernels
        painted = _both_ways(False) @ products.view(TILE**2, -1)
        results[:, :, :, first : first + step] = painted.view(RESULT, RESULT, *some.shape[2:5], out)
    if found.shape[-2:] == x.shape[-2:]:
        return found  # neither this nor the other is a view, so that it may be changed in place
    return found[..., :height, :width].clone(memory_format=last)
