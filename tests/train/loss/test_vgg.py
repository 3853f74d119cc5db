"""The frozen VGG16 against torchvision's own module."""

import pytest
import torch
import torchvision
from impasto_train.downloads.vgg_weights import VGGWeights
from impasto_train.loss.vgg import CONVOLUTIONS, VGG16


def test_every_layer_equals_torchvisions():
    torch.manual_seed(0)
    reference = torchvision.models.vgg16().features.eval()
    # inplace layers would change what the layer before them gave
    reference.apply(lambda layer: setattr(layer, "inplace", False))
    tensors = {f"features.{name}": tensor for name, tensor in reference.state_dict().items()}
    weights = VGGWeights(tensors, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "")
    vgg = VGG16(weights, CONVOLUTIONS)
    picture = torch.rand(2, 3, 35, 48)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (weights.mean, weights.std))
    x = (picture - mean) / std
    wanted = {}
    with torch.no_grad():
        for index, layer in enumerate(reference):
            x = layer(x)
            wanted[index] = x
        found = vgg(picture)
    assert list(found) == list(CONVOLUTIONS)
    for name, index in CONVOLUTIONS.items():
        assert torch.allclose(found[name], wanted[index + 1], rtol=1e-4, atol=1e-4), name


def test_it_is_frozen_and_lets_gradients_through(narrow_vgg_weights):
    vgg = VGG16(narrow_vgg_weights, ["relu1_2"])
    assert not list(vgg.parameters())
    picture = torch.rand(1, 3, 8, 8, requires_grad=True)
    vgg(picture)["relu1_2"].sum().backward()
    assert picture.grad.abs().sum() > 0


def test_nothing_deeper_than_asked_is_computed(narrow_vgg_weights):
    vgg = VGG16(narrow_vgg_weights, ["relu1_2", "relu3_3"])
    assert list(vgg(torch.rand(1, 3, 16, 16), deepest="relu2_2")) == ["relu1_2"]


def test_wrong_layers_and_sizes_are_refused(narrow_vgg_weights):
    with pytest.raises(ValueError, match="no layer relu9_9"):
        VGG16(narrow_vgg_weights, ["relu9_9"])
    with pytest.raises(ValueError, match="too small"):
        VGG16(narrow_vgg_weights, ["relu4_3"])(torch.rand(1, 3, 7, 7))
