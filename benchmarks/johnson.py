"""The network of Johnson, Alahi and Fei-Fei (2016) as most rivals ship it, to measure speed against."""

import torch
from torch import Tensor, nn


def _conv(channels_in: int, channels_out: int, kernel: int, stride: int = 1) -> nn.Module:
    return nn.Sequential(nn.ReflectionPad2d(kernel // 2), nn.Conv2d(channels_in, channels_out, kernel, stride))


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        norms = [nn.InstanceNorm2d(channels, affine=True) for _ in range(2)]
        self.layers = nn.Sequential(
            _conv(channels, channels, 3), norms[0], nn.ReLU(), _conv(channels, channels, 3), norms[1]
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class JohnsonNet(nn.Module):
    """9x9 convolution, two of stride 2, five residual blocks, two nearest upsamplings, 9x9 convolution.

    Args:
        width: channels at full resolution: 32 in the paper, with 64 and 128 below it.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        down = [(3, width, 9, 1), (width, 2 * width, 3, 2), (2 * width, 4 * width, 3, 2)]
        layers: list[nn.Module] = []
        for channels, out, kernel, stride in down:
            layers += [_conv(channels, out, kernel, stride), nn.InstanceNorm2d(out, affine=True), nn.ReLU()]
        layers += [_Residual(4 * width) for _ in range(5)]
        for channels, out in ((4 * width, 2 * width), (2 * width, width)):
            layers += [nn.Upsample(scale_factor=2), _conv(channels, out, 3), nn.InstanceNorm2d(out, affine=True)]
            layers.append(nn.ReLU())
        self.layers = nn.Sequential(*layers, _conv(width, 3, 9))

    def forward(self, photo: Tensor) -> Tensor:
        """Float ``[N, 3, H, W]``, H and W multiples of 4, to the like; weights are random."""
        return self.layers(photo)


def johnson_onnx(width: int) -> bytes:
    """`JohnsonNet` of ``width`` as an ONNX file with an input ``x``, float32 ``[1, 3, H, W]``."""
    program = torch.onnx.export(
        JohnsonNet(width).eval(), (torch.zeros(1, 3, 64, 96),), dynamo=True, verbose=False, input_names=["x"],
        dynamic_shapes=({2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC},),
    )  # fmt: skip
    assert program is not None
    return program.model_proto.SerializeToString()
