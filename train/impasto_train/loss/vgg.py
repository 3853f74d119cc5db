"""The frozen VGG16 that the objective looks through (Simonyan and Zisserman 2014)."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..downloads.vgg_weights import VGGWeights
from .winograd import Kernels

# torchvision's `vgg16().features`, by index: the convolutions, and the pooling before each later block.
CONVOLUTIONS = {
    "relu1_1": 0,
    "relu1_2": 2,
    "relu2_1": 5,
    "relu2_2": 7,
    "relu3_1": 10,
    "relu3_2": 12,
    "relu3_3": 14,
    "relu4_1": 17,
    "relu4_2": 19,
    "relu4_3": 21,
    "relu5_1": 24,
    "relu5_2": 26,
    "relu5_3": 28,
}
MANY = 128 * 256  # channels in times channels out from which Winograd's way is faster on a CPU


class VGG16(nn.Module):
    """Activations of VGG16 for RGB pictures in 0..1, with the preprocessing that its weights need.

    Args:
        weights: the 13 convolutions and their preprocessing (see `vgg_weights.load_vgg_weights`).
        layers: names of the activations to hand out, ``relu1_1`` to ``relu5_3``; nothing deeper is computed.

    Raises:
        ValueError: a layer that VGG16 does not have.
    """

    def __init__(self, weights: VGGWeights, layers: Iterable[str]) -> None:
        super().__init__()
        unknown = set(layers) - CONVOLUTIONS.keys()
        if unknown:
            raise ValueError(f"VGG16 has no layer {sorted(unknown)[0]}: there are {', '.join(CONVOLUTIONS)}")
        self.layers = [name for name in CONVOLUTIONS if name in set(layers)]
        self.fingerprint = weights.fingerprint
        self._kernels: dict[str, Kernels] = {}  # by layer, once they are needed
        self.register_buffer("mean", torch.tensor(weights.mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(weights.std).view(1, 3, 1, 1))
        for name, index in CONVOLUTIONS.items():
            for kind in ("weight", "bias"):
                tensor = weights.tensors[f"features.{index}.{kind}"]
                # channels last is a quarter faster on a CPU, and what tensor cores want
                layout = torch.channels_last if kind == "weight" else torch.contiguous_format
                self.register_buffer(f"{name}_{kind}", tensor.to(memory_format=layout))

    def forward(self, x: Tensor, deepest: str | None = None) -> dict[str, Tensor]:
        """Activations of ``x``, float ``[N, 3, H, W]`` RGB in 0..1, by layer name.

        Layer ``relu<b>_<k>`` is ``[N, C, H / 2^(b-1), W / 2^(b-1)]``, non-negative. With ``deepest``, the
        layers after that one are neither computed nor returned.

        Raises:
            ValueError: a picture too small for the pooling layers (16 px a side are enough for relu5).
        """
        last = deepest or self.layers[-1]
        if min(x.shape[-2:]) < 2 ** (int(last[4]) - 1):
            raise ValueError(f"a picture of {x.shape[-1]}x{x.shape[-2]} pixels is too small for {last}")
        x = ((x - self.get_buffer("mean")) / self.get_buffer("std")).contiguous(memory_format=torch.channels_last)
        activations = {}
        for name in CONVOLUTIONS:
            if name.endswith("_1") and name != "relu1_1":
                x = F.max_pool2d(x, 2)
            x = self._convolve(name, x).relu_()
            if name in self.layers:
                activations[name] = x
            if name == last:
                break
        return activations

    def _convolve(self, name: str, x: Tensor) -> Tensor:
        weight, bias = self.get_buffer(f"{name}_weight"), self.get_buffer(f"{name}_bias")
        if x.device.type != "cpu" or weight.shape[0] * weight.shape[1] < MANY:
            return F.conv2d(x, weight, bias, padding=1)
        if name not in self._kernels:
            self._kernels[name] = Kernels(weight)
        return self._kernels[name].convolve(x).add_(bias[:, None, None])
