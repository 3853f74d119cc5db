"""The network as it is shipped: with all that stands before and behind it in an app."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..network.stylenet import RANGE, StyleNet, fold, padding, unfold

FULL_CONTRAST = 4.0  # levels of 255 from which a photo is painted in full; nearer to a single colour, it fades


class Shipped(nn.Module):
    """The network with everything around it that an app should not have to do.

    The same as `StyleNet.forward` with the scaling before and after, and the photo mixed in; `nodes` writes it to the
    file.
    """

    def __init__(self, network: StyleNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, strength: Tensor) -> Tensor:
        """uint8 ``[N, H, W, 3]`` sRGB and a float32 scalar in 0..1 to uint8 of the same shape.

        ``strength`` is the painting's share of each pixel: 0 gives the photo back exactly, 1 the painting. A photo of
        one colour comes back as it is: there is nothing to paint in it, and instance norms would make the rounding
        errors of their runtime into a picture.
        """
        height, width = image.shape[1:3]
        pixels = image.permute(0, 3, 1, 2).float()
        photo = fold(F.pad(pixels, (0, padding(width), 0, padding(height)), mode="replicate"))
        painted = torch.tanh(self.network.layers(photo / 255 - 0.5))
        share = strength.clamp(0, 1) * (contrast(photo) / FULL_CONTRAST).clamp(0, 1)
        mixed = painted * (RANGE * 255 * share) + photo * (1 - share) + (127.5 * share + 0.5)
        levels = unfold(mixed.clamp(0, 255).to(torch.uint8))
        return levels[..., :height, :width].permute(0, 2, 3, 1)


def contrast(folded: Tensor) -> Tensor:
    """Of each folded picture ``[N, 12, H, W]`` the range of its most contrasting colour channel: ``[N, 1, 1, 1]``."""
    highest, lowest = (side.reshape(-1, 4, 3) for side in (folded.amax((2, 3)), folded.amin((2, 3))))
    return (highest.amax(1) - lowest.amin(1)).amax(1).reshape(-1, 1, 1, 1)
