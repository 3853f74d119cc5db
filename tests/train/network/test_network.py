"""The network: any size, its folded upsampling against the plain pair, and flat areas that stay flat."""

import pytest
import torch
import torch.nn.functional as F
from impasto_train.network.stylenet import SMALLEST, StyleNet, UpConv, fold, padding, unfold
from torch import nn


def test_fold_puts_the_four_pixels_one_after_another():
    pixels = torch.arange(2 * 3 * 4 * 6.0).reshape(2, 3, 4, 6)
    folded = fold(pixels)
    assert folded.shape == (2, 12, 2, 3)
    four = [pixels[1, :, y, x] for y in (2, 3) for x in (4, 5)]
    assert torch.equal(folded[1, :, 1, 2], torch.cat(four))
    assert torch.equal(unfold(folded), pixels)


def test_kernels_of_3x3_compute_the_same_in_this_version():
    torch.manual_seed(0)
    network, x, kernel = StyleNet((4, 6, 8), (1, 1)), torch.randn(2, 4, 12, 16), torch.randn(6, 4, 3, 3)
    layer = network.to_quarter[0]
    assert layer.conv.kernel_size == (5, 5)
    network.start_from(network.state_dict() | {"to_quarter.0.conv.weight": kernel})
    plain = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), kernel, stride=2)
    assert torch.allclose(layer(x), plain, atol=1e-5)


def test_weights_of_this_version_are_taken_over_as_they_are():
    weights, network = StyleNet((4, 6, 8), (1, 1)).state_dict(), StyleNet((4, 6, 8), (1, 1))
    network.start_from(weights)
    assert all(torch.equal(found, weights[name]) for name, found in network.state_dict().items())


@pytest.mark.parametrize("shape", [(), (6,), (6, 4, 7, 7), (6, 5, 3, 3)])
def test_what_is_no_kernel_of_this_network_is_refused(shape):
    network = StyleNet((4, 6, 8), (1, 1))
    with pytest.raises(RuntimeError, match="size mismatch"):
        network.start_from(network.state_dict() | {"to_quarter.0.conv.weight": torch.ones(shape)})


def test_upconv_is_nearest_upsampling_then_convolution():
    torch.manual_seed(0)
    layer = UpConv(5, 4, bias=True)
    nn.init.normal_(layer.bias)
    x = torch.randn(2, 5, 6, 7)
    padded = F.pad(F.interpolate(x, scale_factor=2, mode="nearest"), (1, 1, 1, 1), mode="reflect")
    plain = F.conv2d(padded, layer.weight, layer.bias)
    assert torch.allclose(layer(x), plain, atol=1e-5)
    assert torch.allclose(layer.fixed()(x), plain, atol=1e-5)
    folded = UpConv(5, 4, bias=True, folded=True)
    folded.load_state_dict(layer.state_dict())
    assert torch.allclose(folded(x), fold(plain), atol=1e-5)
    assert torch.allclose(folded.fixed()(x), fold(plain), atol=1e-5)


def test_upconv_paints_a_flat_area_without_a_grid():
    layer = UpConv(3, 3)
    painted = layer(torch.ones(1, 3, 8, 8))
    assert torch.allclose(painted, painted[..., :1, :1].expand_as(painted), atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 5), (8, 8), (33, 50)])
def test_any_size_in_the_same_size_out(shape):
    with torch.no_grad():
        painted = StyleNet((4, 6, 8), (1, 1))(torch.rand(2, 3, *shape))
    assert painted.shape == (2, 3, *shape)
    assert torch.isfinite(painted).all()
    assert painted.min() >= -0.05
    assert painted.max() <= 1.05


def test_small_pictures_are_extended_by_their_edge():
    torch.manual_seed(0)
    network = StyleNet((4, 6, 8), (1, 1))
    photo = torch.rand(1, 3, 5, 6)
    extended = F.pad(photo, (0, 10, 0, 11), mode="replicate")
    with torch.no_grad():
        assert torch.equal(network(photo), network(extended)[..., :5, :6])


def test_padding_reaches_the_least_size_and_a_multiple():
    for length in range(1, 40):
        padded = length + padding(length)
        assert padded >= SMALLEST
        assert padded % 8 == 0
        assert padding(length) < SMALLEST


def test_a_copy_for_export_computes_the_same():
    torch.manual_seed(0)
    network = StyleNet((4, 6, 8), (1, 1))
    photo = torch.rand(1, 3, 21, 30)
    with torch.no_grad():
        assert torch.allclose(network.for_export()(photo), network(photo), atol=1e-5)


def test_pictures_of_a_batch_do_not_see_each_other():
    torch.manual_seed(0)
    network = StyleNet((4, 6, 8), (1, 1))
    photos = torch.rand(2, 3, 24, 16)
    with torch.no_grad():
        assert torch.allclose(network(photos)[1:], network(photos[1:]), atol=1e-5)
