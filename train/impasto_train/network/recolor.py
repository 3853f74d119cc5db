"""A start near the photo: before anything else the network learns to give a photo the painting's colours.

That takes no VGG16 and so a few seconds. A network that starts from noise finds some way to the painting's Gram
matrices first, and often one that turns light into dark or drops the objects, which the content term hardly sees and
never repairs; from here both terms fall, light stays light, and flat areas are flat.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from ..loss.colors import color_map, recolored
from .muon import optimizers
from .stylenet import RANGE, StyleNet

STEPS = 60
SIZE, BATCH_SIZE = 128, 2  # of the crops it is learned on: colours need no more
LEARNING_RATE = 2e-3
WINDOW = 32  # px
PARTS = 50  # how finely it is settled by how much colours are drawn in


@torch.no_grad()
def match_colors(network: StyleNet, style: Tensor, photos: Tensor, harshest: float = math.inf) -> Tensor:
    """Bring what ``network`` paints to the mean and the covariance of the style picture's colours, in closed form.

    The same linear map as in `recolored`, taken into the last layer's kernel and bias; so it is exact before the
    last tanh, over the photos given.

    Args:
        style: float ``[1, 3, H, W]``, RGB in 0..1, on the network's device.
        photos: float ``[N, 3, H, W]``, RGB in 0..1, on that device too.
        harshest: times the painting's own `local_contrast`: where what is painted comes to more, all colours are drawn
            towards their mean until it does not.

    Returns:
        what it now paints of ``photos``, of the same shape; up to 0.05 outside 0..1.
    """
    # one by one: a CPU is no faster with several at once, and all at once take gigabytes
    painted = torch.cat([network.before_tanh(photo[None]) for photo in photos])
    # a painting's whites and blacks would lie at infinity
    wanted = torch.atanh(((style.flatten(2) - 0.5) / RANGE).clamp(-0.95, 0.95))
    # in float64, so that what it comes to is the same to the last bit of float32 in a run that was resumed
    painted, wanted = painted.cpu().double(), wanted.cpu().double()
    matrix, shift = (found[0] for found in color_map(painted.transpose(0, 1).flatten(1)[None], wanted))
    matched = torch.einsum("ij,njhw->nihw", matrix, painted) + shift[:, None]
    mean, most = wanted.mean(2)[0, :, None], harshest * local_contrast(style.cpu().double())

    def drawn_in(share: float) -> Tensor:
        return 0.5 + RANGE * torch.tanh(mean[:, None].lerp(matched, share))

    harsh = bisect_left(range(1, PARTS + 1), True, key=lambda part: local_contrast(drawn_in(part / PARTS)) > most)
    share = max(1, harsh) / PARTS
    painted = drawn_in(share)
    matrix, shift = (share * matrix).to(photos), mean.lerp(shift, share).to(photos)
    last = network.from_half
    assert last.bias is not None
    last.weight.copy_(torch.einsum("ij,jcyx->icyx", matrix, last.weight))
    last.bias.copy_(matrix @ last.bias + shift[:, 0])
    return painted.to(photos)


def local_contrast(pictures: Tensor) -> float:
    """Mean deviation within windows of `WINDOW` px, within channels; of a smaller picture that of all of it.

    Args:
        pictures: float ``[N, 3, H, W]``, RGB in 0..1.
    """
    window = min(WINDOW, *pictures.shape[-2:])
    mean, square = F.avg_pool2d(pictures, window), F.avg_pool2d(pictures.square(), window)
    return float((square - mean.square()).clamp_min(0).sqrt().mean())


def learn_colors(network: StyleNet, style: Tensor, batches: Iterable[Tensor], steps: int = STEPS) -> None:
    """Train ``network`` in place to do as `recolored` does, by least squares, a step a batch.

    Args:
        style: float ``[1, 3, H, W]``, RGB in 0..1, on the network's device.
        batches: ``steps`` of photos, float ``[N, 3, H, W]``, RGB in 0..1, on that device too.
    """
    found = optimizers(network.parameters())
    for step, photos in enumerate(batches):
        loss = (network(photos) - recolored(photos, style)).square().mean()
        network.zero_grad()
        loss.backward()
        for optimizer in found:
            for group in optimizer.param_groups:
                group["lr"] = LEARNING_RATE * min(1, (step + 1) / 10) * max(0.05, 1 - step / steps)
            optimizer.step()
