"""Winograd's way to convolve, against the direct one."""

import pytest
import torch
import torch.nn.functional as F
from impasto_train.loss.winograd import Kernels
from torch import Tensor


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


# whole tiles; a part of one; less than one; more tiles than are taken at once
@pytest.mark.parametrize("shape", [(1, 8, 16, 16), (2, 5, 7, 10), (1, 3, 1, 2), (2, 4, 70, 66)])
def test_the_convolution_is_the_direct_one(shape: tuple[int, ...]) -> None:
    x, weight = drawn(*shape), drawn(6, shape[1], 3, 3)

    found = Kernels(weight).convolve(x.requires_grad_())

    torch.testing.assert_close(found, F.conv2d(x, weight, padding=1), rtol=0, atol=1e-3)
    assert found.is_contiguous(memory_format=torch.channels_last)
    found.add_(1)  # as any result may be


def test_so_is_its_slope() -> None:
    x, weight, slope = drawn(1, 5, 10, 9), drawn(7, 5, 3, 3), drawn(1, 7, 10, 9)
    ours, direct = x.clone().requires_grad_(), x.clone().requires_grad_()

    Kernels(weight).convolve(ours).backward(slope)
    F.conv2d(direct, weight, padding=1).backward(slope)

    assert ours.grad is not None
    assert direct.grad is not None
    torch.testing.assert_close(ours.grad, direct.grad, rtol=0, atol=1e-3)
