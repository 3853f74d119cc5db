"""The grid: the regular pattern that upsampling leaves, as energy at frequencies that no painter favours.

Odena, Dumoulin and Olah (2016, "Deconvolution and checkerboard artifacts") say where the finest of it comes from: it
is too faint for VGG16 to mind, but shows when a picture is enlarged or compressed. The coarsest is a lattice of strokes
on what was flat: VGG16 likes it, as it has the right Gram matrices, but no painter is so regular. Either may lie in a
few places only, as dots within a star. In the spectrum of a whole picture those are as broad as the place is small and
do not stand out; so pictures are looked at whole and through windows.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

PERIODS = (16, 8, 4)  # px; the longest for which a picture has enough frequencies is used
WINDOWS = (96, 48)  # px
IN_WINDOWS = 2.0  # weight of these beside the whole: more takes contrast from short trainings
AROUND = 6  # frequencies to either side that an energy is compared with
SEEN = 1 / 255  # deviation of a noise that nobody sees: in windows it is added to all, or flat places would count most
USUAL = 1.0  # logarithm of a ratio that chance, or what is seen, brings about


def grid_energy(pictures: Tensor) -> Tensor:
    """How much energy stands out at the multiples of the grid's frequency, all over and in places.

    Args:
        pictures: float ``[N, 3, H, W]``, RGB in 0..1; under 48 px a side there are too few frequencies, and it is 0.

    Returns:
        float32 scalar, from 0 (no grid): the sum, over the frequencies whose periods divide 16 px down and across, of
        the logarithm of their energy over that around them, as far as it is above `USUAL`, mean over the pictures; and
        the same of their windows, `IN_WINDOWS` times.
    """
    weights = pictures.new_tensor([0.2126, 0.7152, 0.0722])
    luminance = torch.einsum("nchw,c->nhw", pictures, weights).float()
    within = [windows(luminance, side) for side in WINDOWS if side < min(luminance.shape[1:])]
    return _standing_out(luminance) + IN_WINDOWS * sum(_standing_out(squares, SEEN) for squares in within)


def windows(pictures: Tensor, side: int) -> Tensor:
    """Squares of ``side`` px that overlap by half: ``[N, H, W]`` to ``[M, side, side]``."""
    squares = F.unfold(pictures[:, None], side, stride=side // 2)
    return squares.transpose(1, 2).reshape(-1, side, side)


def _standing_out(luminance: Tensor, noise: float = 0.0) -> Tensor:
    """`grid_energy` of ``[N, H, W]``, without windows, as if there were a noise of such a deviation."""
    smallest, device = min(luminance.shape[1:]), luminance.device
    period = next((period for period in PERIODS if smallest >= period * 2 * AROUND), None)
    if period is None:
        return torch.zeros((), device=device)
    height, width = (side - side % period for side in luminance.shape[1:])
    luminance = luminance[:, :height, :width]
    weight = torch.outer(*(torch.hann_window(side, device=device) for side in (height, width)))
    energy = torch.fft.fft2((luminance - luminance.mean((-2, -1), keepdim=True)) * weight).abs().square()
    down, across = torch.tensor(_frequencies(period), device=device).T
    near = torch.arange(-AROUND, AROUND + 1, device=device)
    rows = (down[:, None] * height // period + near) % height
    columns = (across[:, None] * width // period + near) % width
    patch = energy[:, rows[:, :, None], columns[:, None, :]]
    peak = patch[..., AROUND - 1 : AROUND + 2, AROUND - 1 : AROUND + 2].mean((-2, -1))
    around = patch.detach().flatten(2).median(dim=2).values
    unseen = noise**2 * weight.square().sum() + 1e-9
    return (((peak + unseen) / (around + unseen)).log() - USUAL).clamp_min(0).sum(1).mean()


def _frequencies(period: int) -> list[tuple[int, int]]:
    """Multiples down and across, in units of 1/``period``; the others are these mirrored, as pictures are real."""
    half = period // 2
    multiples = [(y, x) for y in range(-half + 1, half + 1) for x in range(half + 1)]
    return [(y, x) for y, x in multiples if x or y > 0]
