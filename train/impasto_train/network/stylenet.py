"""The feed-forward network that learns to paint: one pass from photo to picture.

The plan of Johnson, Alahi and Fei-Fei (2016, "Perceptual losses for real-time style transfer"): encode,
residual blocks, decode, with instance normalisation (Ulyanov, Vedaldi and Lempitsky 2016) and padding by
reflection. Six things make it small and fast and keep its pictures clean (figures in ``docs/research.md``):

* 2x2 pixels are folded into channels, and most residual blocks work at an eighth of the resolution;
* what halves a resolution has room to blur it first (see `Conv`), as the base does, so that fine detail flickers less;
* on the way back each resolution is added to what went in at it, so that edges stay where they were;
* it comes back by nearest-neighbour upsampling and convolution (Odena, Dumoulin and Olah 2016,
  "Deconvolution and checkerboard artifacts"), so a flat area cannot come out as a grid of dots;
* each of those pairs runs as one convolution before the upsampling (see `UpConv`), with less to compute and to keep;
* at an eighth of the resolution padding is by replication: reflected eight times over, an edge grows a line of its own.
"""

import copy

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

MULTIPLE = 8
"""Height and width that the layers work on are multiples of this; `StyleNet` pads and crops by itself."""

SMALLEST = 16
"""Least height and width in pixels that the reflection padding at an eighth of the resolution allows."""

RANGE = 0.55
"""How far from mid-grey a painting may reach: a little past black and white, so that both are within reach."""


def fold(pixels: Tensor) -> Tensor:
    """Each 2x2 pixels into one, channels of the upper row first: ``[N, C, 2H, 2W]`` to ``[N, 4C, H, W]``."""
    n, c, height, width = pixels.shape
    split = pixels.reshape(n, c, height // 2, 2, width // 2, 2)
    return split.permute(0, 3, 5, 1, 2, 4).reshape(n, 4 * c, height // 2, width // 2)


def unfold(folded: Tensor) -> Tensor:
    """Undo `fold`: ``[N, 4C, H, W]`` to ``[N, C, 2H, 2W]``."""
    n, c, height, width = folded.shape
    split = folded.reshape(n, 2, 2, c // 4, height, width)
    return split.permute(0, 3, 4, 1, 5, 2).reshape(n, c // 4, 2 * height, 2 * width)


class Conv(nn.Module):
    """Convolution with padding, by reflection as a rule: ``[N, C, H, W]`` to ``[N, K, H/stride, W/stride]``.

    Of 3x3, and with a stride of two of 5x5: that is room to blur away what is too fine for the lower resolution, which
    would come through as something coarser and flicker (Zhang 2019, "Making convolutional networks shift-invariant
    again").
    """

    def __init__(
        self, channels_in: int, channels_out: int, *, stride: int = 1, bias: bool = False, replicate: bool = False
    ) -> None:
        super().__init__()
        reach = stride
        self.pad = nn.ReplicationPad2d(reach) if replicate else nn.ReflectionPad2d(reach)
        self.conv = nn.Conv2d(channels_in, channels_out, 2 * reach + 1, stride=stride, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.pad(x))


class Crop(nn.Module):
    """Without the outermost pixels: ``[N, C, H, W]`` to ``[N, C, H - 2, W - 2]``."""

    def forward(self, x: Tensor) -> Tensor:
        return x[..., 1:-1, 1:-1]


class UpConv(nn.Module):
    """Nearest-neighbour upsampling by two, then a 3x3 convolution: ``[N, C, H, W]`` to ``[N, K, 2H, 2W]``.

    Computed before the upsampling. An output pixel sees a 3x3 neighbourhood of the upsampled picture, which is a 2x2
    one of the input with some weights added up, and the four output pixels around a corner of input pixels see the
    same one. So the pair equals one 2x2 convolution to 4K channels whose kernels are those sums, unfolded by a pixel
    shuffle and cropped (tested against the plain pair). Reflection at the upsampled edge is replication of the input's
    edge.

    Args:
        folded: leave out the pixel shuffle and give ``[N, 4K, H, W]``, as `fold` would. Its four pixels share an input
            pixel, not a corner: they see a 3x3 neighbourhood of it between them.
    """

    def __init__(self, channels_in: int, channels_out: int, *, bias: bool = False, folded: bool = False) -> None:
        super().__init__()
        self.pad = nn.ReplicationPad2d(1)
        self.weight = nn.Parameter(torch.empty(channels_out, channels_in, 3, 3))
        self.bias = nn.Parameter(torch.zeros(channels_out)) if bias else None
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)  # what nn.Conv2d starts from
        # [phase, tap of the folded kernel, tap of the 3x3 kernel]: which taps fall on the same input pixel
        around_pixel = [[[1.0, 0, 0], [0, 1, 1], [0, 0, 0]], [[0.0, 0, 0], [1, 1, 0], [0, 0, 1]]]
        around_corner = [[[1.0, 1, 0], [0, 0, 1]], [[1.0, 0, 0], [0, 1, 1]]]
        self.register_buffer("taps", torch.tensor(around_pixel if folded else around_corner), persistent=False)
        # torch's pixel shuffle counts the four pixels within each channel, `fold` the channels within each pixel
        self.order = "abk" if folded else "kab"
        self.shuffle = nn.Sequential() if folded else nn.Sequential(nn.PixelShuffle(2), Crop())

    def kernel(self) -> tuple[Tensor, Tensor | None]:
        """The equal convolution's weight, ``[4K, C, 2, 2]`` or ``[4K, C, 3, 3]``, and bias ``[4K]``."""
        weight = torch.einsum(f"ayv,bxw,kcvw->{self.order}cyx", self.taps, self.taps, self.weight).flatten(0, 2)
        if self.bias is None:
            return weight, None
        return weight, self.bias.repeat(4) if self.order == "abk" else self.bias.repeat_interleave(4)

    @torch.no_grad()
    def unfolded(self, kernel: Tensor) -> Tensor:
        """The weight ``[K, C, 3, 3]`` that gives ``kernel``, as `kernel` does, by least squares."""
        n, c = self.weight.shape[:2]
        basis = torch.einsum("ayv,bxw->abyxvw", self.taps, self.taps).flatten(0, 3).flatten(1).double()
        phases = kernel.unflatten(0, (2, 2, n) if self.order == "abk" else (n, 2, 2))
        wanted = phases.permute(0, 1, 4, 5, 2, 3) if self.order == "abk" else phases.permute(1, 2, 4, 5, 0, 3)
        found = torch.linalg.lstsq(basis, wanted.reshape(len(basis), n * c).double()).solution
        return found.reshape(3, 3, n, c).permute(2, 3, 0, 1).to(kernel.dtype).contiguous()

    def fixed(self) -> nn.Module:
        """The same layer with its kernel computed once and for all, for export."""
        weight, bias = self.kernel()
        conv = nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2], bias=bias is not None)
        conv.load_state_dict({"weight": weight} if bias is None else {"weight": weight, "bias": bias})
        return nn.Sequential(self.pad, conv, self.shuffle)

    def forward(self, x: Tensor) -> Tensor:
        return self.shuffle(F.conv2d(self.pad(x), *self.kernel()))


class Norm(nn.InstanceNorm2d):
    """Instance normalisation with a learned scale and shift a channel."""

    def __init__(self, channels: int) -> None:
        # torch's own eps of 1e-5 blows the rounding errors of nearly flat pictures up further
        super().__init__(channels, affine=True, eps=1e-2)


class ResidualBlock(nn.Module):
    """Two convolutions, normalised and added to their input; nothing after the sum (Gross and Wilber 2016)."""

    def __init__(self, channels: int, *, replicate: bool = False) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            Conv(channels, channels, bias=True, replicate=replicate),
            nn.ReLU(inplace=True),
            Conv(channels, channels, replicate=replicate),
            Norm(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class StyleNet(nn.Module):
    """Paints a photo in the one style it was trained for.

    Args:
        channels: at half, a quarter and an eighth of the resolution.
        blocks: residual blocks at a quarter (half of them on the way in, the others on the way back) and at an
            eighth.
    """

    def __init__(self, channels: tuple[int, int, int] = (16, 32, 64), blocks: tuple[int, int] = (2, 4)) -> None:
        super().__init__()
        half, quarter, eighth = channels
        before, deep = (blocks[0] + 1) // 2, blocks[1]
        self.to_half = nn.Sequential(Conv(12, half), Norm(half), nn.ReLU())
        self.to_quarter = nn.Sequential(
            Conv(half, quarter, stride=2), Norm(quarter), nn.ReLU(), *(ResidualBlock(quarter) for _ in range(before))
        )
        self.to_eighth = nn.Sequential(Conv(quarter, eighth, stride=2), Norm(eighth), nn.ReLU())
        self.body = nn.Sequential(*(ResidualBlock(eighth, replicate=True) for _ in range(deep)))
        self.from_eighth = nn.Sequential(UpConv(eighth, quarter), Norm(quarter))
        self.at_quarter = nn.Sequential(*(ResidualBlock(quarter) for _ in range(blocks[0] - before)))
        self.from_quarter = nn.Sequential(UpConv(quarter, half), Norm(half))
        self.at_half = nn.Sequential(nn.ReLU(), Conv(half, half), Norm(half), nn.ReLU())
        self.from_half = UpConv(half, 3, bias=True, folded=True)

    def layers(self, folded: Tensor) -> Tensor:
        """All that is learned.

        Args:
            folded: float ``[N, 12, H, W]``, a photo in -0.5..0.5 as `fold` gives it, H and W multiples of 4 and
                at least 8.

        Returns:
            float of the same shape, any range: the painting before the last tanh.
        """
        half = self.to_half(folded)
        quarter = self.to_quarter(half)
        eighth = self.body(self.to_eighth(quarter))
        quarter = self.at_quarter(quarter + self.from_eighth(eighth))
        return self.from_half(self.at_half(half + self.from_quarter(quarter)))

    def forward(self, photo: Tensor) -> Tensor:
        """Paint ``photo``.

        Args:
            photo: float ``[N, 3, H, W]``, RGB in 0..1, any height and width from 1 up.

        Returns:
            float ``[N, 3, H, W]``, RGB; up to 0.05 outside 0..1 (see `RANGE`).
        """
        return 0.5 + RANGE * torch.tanh(self.before_tanh(photo))

    def before_tanh(self, photo: Tensor) -> Tensor:
        """The painting of ``photo`` before its range is bounded: what `forward` takes the tanh of."""
        height, width = photo.shape[-2:]
        x = F.pad(photo, (0, padding(width), 0, padding(height)), mode="replicate")
        x = unfold(self.layers(fold(x - 0.5)).float())  # autocast's 8 bits would band
        return x[..., :height, :width]

    def start_from(self, weights: dict[str, Tensor]) -> None:
        """Take over ``weights``, also those of earlier trainings, whose kernels that halve a resolution are of 3x3.

        With zeros around them these compute the same.

        Raises:
            RuntimeError: they are of another network.
        """
        own = self.state_dict()
        self.load_state_dict({name: _widened(weight, own.get(name)) for name, weight in weights.items()})

    def for_export(self) -> "StyleNet":
        """A copy on the CPU that computes the same with nothing left to fold at run time."""
        network = copy.deepcopy(self).cpu().to(memory_format=torch.contiguous_format).eval()
        for parent, name, layer in [(m, n, c) for m in network.modules() for n, c in m.named_children()]:
            if isinstance(layer, UpConv):
                setattr(parent, name, layer.fixed())
        return network


def _widened(weight: Tensor, like: Tensor | None) -> Tensor:
    """A kernel with zeros around it up to the size of ``like``; anything else as it is."""
    if like is None or not weight.ndim == like.ndim == 4 or weight.shape[-1] >= like.shape[-1]:
        return weight
    return F.pad(weight, ((like.shape[-1] - weight.shape[-1]) // 2,) * 4)


def is_kernel(name: str, parameter: Tensor | np.ndarray) -> bool:
    """Whether styles that are learned together share the parameter ``name`` of a `StyleNet`, or of its export."""
    return parameter.ndim > 1 and not name.startswith("from_half.")


def padding(length: int) -> int:
    """Pixels to add to a side of ``length`` pixels so that the layers of `StyleNet` can work on it."""
    return max(SMALLEST, -(-length // MULTIPLE) * MULTIPLE) - length
