"""The feed-forward network that learns to paint: one pass from photo to picture.

The plan of Johnson, Alahi and Fei-Fei (2016, "Perceptual losses for real-time style transfer"): encode,
residual blocks, decode, with instance normalisation (Ulyanov, Vedaldi and Lempitsky 2016) and reflection
padding. Three things make it small and keep its pictures clean:

* 2x2 pixels are folded into channels, and the residual blocks work at a quarter of the resolution;
* it comes back by nearest-neighbour upsampling and convolution (Odena, Dumoulin and Olah 2016,
  "Deconvolution and checkerboard artifacts"), so a flat area cannot come out as a grid of dots;
* each of those pairs runs as one convolution before the upsampling (see `UpConv`), at a quarter of the memory.
"""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MULTIPLE = 4
"""Height and width that the layers work on are multiples of this; `StyleNet` pads and crops by itself."""

SMALLEST = 8
"""Least height and width in pixels that the reflection padding at a quarter of the resolution allows."""


class Conv(nn.Module):
    """3x3 convolution with reflection padding: ``[N, C, H, W]`` to ``[N, K, H/stride, W/stride]``."""

    def __init__(self, channels_in: int, channels_out: int, *, stride: int = 1, bias: bool = False) -> None:
        super().__init__()
        self.pad = nn.ReflectionPad2d(1)
        self.conv = nn.Conv2d(channels_in, channels_out, 3, stride=stride, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.pad(x))


class UpConv(nn.Module):
    """Nearest-neighbour upsampling by two, then a 3x3 convolution: ``[N, C, H, W]`` to ``[N, K, 2H, 2W]``.

    Computed before the upsampling. Each of the four output pixels that share an input pixel sees a 3x3
    neighbourhood of the upsampled picture, which is a 2x2 one of the input with some weights added up. So the
    pair equals one convolution to 4K channels whose kernels are those sums, unfolded by a pixel shuffle
    (tested against the plain pair). Reflection at the upsampled edge is replication of the input's edge.
    """

    def __init__(self, channels_in: int, channels_out: int, *, bias: bool = False) -> None:
        super().__init__()
        self.pad = nn.ReplicationPad2d(1)
        self.weight = nn.Parameter(torch.empty(channels_out, channels_in, 3, 3))
        self.bias = nn.Parameter(torch.zeros(channels_out)) if bias else None
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)  # what nn.Conv2d starts from
        # [phase, tap of the folded kernel, tap of the 3x3 kernel]: which taps fall on the same input pixel
        taps = torch.tensor([[[1.0, 0, 0], [0, 1, 1], [0, 0, 0]], [[0, 0, 0], [1, 1, 0], [0, 0, 1]]])
        self.register_buffer("taps", taps, persistent=False)

    def folded(self) -> tuple[Tensor, Tensor | None]:
        """The equal convolution's weight ``[4K, C, 3, 3]`` and bias ``[4K]``, ordered for a pixel shuffle."""
        weight = torch.einsum("ayv,bxw,kcvw->kabcyx", self.taps, self.taps, self.weight).flatten(0, 2)
        return weight, None if self.bias is None else self.bias.repeat_interleave(4)

    def fixed(self) -> nn.Module:
        """The same layer with its weights folded once and for all, for export."""
        weight, bias = self.folded()
        conv = nn.Conv2d(weight.shape[1], weight.shape[0], 3, bias=bias is not None)
        conv.load_state_dict({"weight": weight} if bias is None else {"weight": weight, "bias": bias})
        return nn.Sequential(self.pad, conv, nn.PixelShuffle(2))

    def forward(self, x: Tensor) -> Tensor:
        return F.pixel_shuffle(F.conv2d(self.pad(x), *self.folded()), 2)


def norm(channels: int) -> nn.Module:
    """Instance normalisation with a learned scale and shift a channel."""
    return nn.InstanceNorm2d(channels, affine=True)


class ResidualBlock(nn.Module):
    """Two normalised convolutions added to their input; nothing after the sum (Gross and Wilber 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            Conv(channels, channels), norm(channels), nn.ReLU(inplace=True), Conv(channels, channels), norm(channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class StyleNet(nn.Module):
    """Paints a photo in the one style it was trained for.

    Args:
        channels: width of the residual blocks, which work at a quarter of the resolution; half as many
            channels work at half of it.
        blocks: how many residual blocks.
    """

    def __init__(self, channels: int = 48, blocks: int = 5) -> None:
        super().__init__()
        half = channels // 2
        self.to_half = nn.Sequential(nn.PixelUnshuffle(2), Conv(12, half), norm(half), nn.ReLU())
        self.to_quarter = nn.Sequential(Conv(half, channels, stride=2), norm(channels), nn.ReLU())
        self.body = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))
        self.from_quarter = nn.Sequential(UpConv(channels, half), norm(half))
        # what comes back is added to what went in at the same resolution, so that edges stay where they were
        self.merge = nn.Sequential(nn.ReLU(), Conv(half, half), norm(half), nn.ReLU())
        self.from_half = UpConv(half, 3, bias=True)

    def forward(self, photo: Tensor) -> Tensor:
        """Paint ``photo``.

        Args:
            photo: float ``[N, 3, H, W]``, RGB in 0..1, any height and width from 1 up.

        Returns:
            float ``[N, 3, H, W]``, RGB; up to 0.05 outside 0..1, so that black and white are within reach.
        """
        height, width = photo.shape[-2:]
        x = F.pad(photo, (0, padding(width), 0, padding(height)), mode="replicate")
        fine = self.to_half(x - 0.5)
        coarse = self.body(self.to_quarter(fine))
        x = self.from_half(self.merge(self.from_quarter(coarse) + fine)).float()  # autocast's 8 bits would band
        return 0.5 + 0.55 * torch.tanh(x[..., :height, :width])

    def for_export(self) -> "StyleNet":
        """A copy on the CPU that computes the same with nothing left to fold at run time."""
        network = copy.deepcopy(self).cpu().to(memory_format=torch.contiguous_format).eval()
        for parent, name, layer in [(m, n, c) for m in network.modules() for n, c in m.named_children()]:
            if isinstance(layer, UpConv):
                setattr(parent, name, layer.fixed())
        return network


def padding(length: int) -> int:
    """Pixels to add to a side of ``length`` pixels so that the layers of `StyleNet` can work on it."""
    return max(SMALLEST - length, -length % MULTIPLE)
