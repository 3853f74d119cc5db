"""How the weights follow the gradient."""

import pytest
import torch
from impasto_train.network.muon import optimizers, orthogonal, set_rate
from torch import nn


@pytest.mark.parametrize("shape", [(8, 8), (16, 144), (144, 16)])
def test_a_matrix_is_made_orthogonal(shape):
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(shape, generator=generator)
    u, _, vh = torch.linalg.svd(matrix, full_matrices=False)
    # only the singular values change
    sizes = u.T @ orthogonal(matrix) @ vh.T
    assert (sizes - torch.diag(sizes.diagonal())).abs().max() < 1e-3
    assert sizes.diagonal().max() < 1.25
    assert sizes.diagonal().median() > 0.65


def test_kernels_move_by_a_fixed_length_and_what_is_no_kernel_is_quicker():
    layer = nn.Conv2d(4, 6, 3)
    before = [parameter.detach().clone() for parameter in layer.parameters()]
    for parameter in layer.parameters():
        parameter.grad = torch.full_like(parameter, 1e-3)
    for optimizer in optimizers(layer.parameters(), quicker=4):
        set_rate(optimizer, 0.01)
        optimizer.step()
    kernel, bias = (now.detach() - was for now, was in zip(layer.parameters(), before, strict=True))
    # of rank one, with a singular value near 1: 0.2 times the root of the longer side, as Adam's steps are
    assert kernel.norm() == pytest.approx(0.01 * 0.2 * 36**0.5, rel=0.35)
    torch.testing.assert_close(bias, torch.full((6,), -0.01 * 4))
    assert (kernel < 0).all()


def test_a_training_begun_before_there_was_a_quicker_group_goes_on_as_it_began():
    layer = nn.Conv2d(1, 3, 1)
    nn.init.zeros_(layer.bias)
    layer.bias.grad = torch.ones(3)
    _, now = optimizers(layer.parameters())
    now.load_state_dict(torch.optim.Adam([layer.bias]).state_dict())
    set_rate(now, 0.5)
    now.step()
    torch.testing.assert_close(layer.bias.detach(), torch.full((3,), -0.5))
