"""The grid: the faint regular pattern that upsampling leaves, as energy at frequencies that no painter favours.

Odena, Dumoulin and Olah (2016, "Deconvolution and checkerboard artifacts") say where it comes from. Too faint for VGG16
to mind, it shows when a picture is enlarged or compressed.
"""

import torch
from torch import Tensor

PERIOD = 4  # px, the longest in question: what 8 px apart there is belongs to the strokes
AROUND = 6  # frequencies to either side that an energy is compared with


def grid(pictures: Tensor) -> Tensor:
    """Mean, over the frequencies whose periods are 2 and 4 px, of the logarithm of their energy over that around them.

    Args:
        pictures: float ``[N, 3, H, W]``, RGB in 0..1; under 48 px a side there are too few frequencies, and it is 0.

    Returns:
        float32 scalar, from 0 (no grid).
    """
    height, width = (side - side % PERIOD for side in pictures.shape[-2:])
    if min(height, width) < PERIOD * 2 * AROUND:
        return pictures.new_zeros(())
    weights = pictures.new_tensor([0.2126, 0.7152, 0.0722])
    luminance = torch.einsum("nchw,c->nhw", pictures[..., :height, :width].float(), weights)
    window = torch.outer(*(torch.hann_window(side, device=pictures.device) for side in (height, width)))
    energy = torch.fft.fft2((luminance - luminance.mean((-2, -1), keepdim=True)) * window).abs().square()
    near = torch.arange(-AROUND, AROUND + 1, device=pictures.device)
    found = []
    # the others are these mirrored: the picture is real
    for down, across in ((0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (1, 3), (2, 0), (2, 1), (2, 2)):
        rows = (near + down * height // PERIOD) % height
        columns = (near + across * width // PERIOD) % width
        patch = energy[:, rows[:, None], columns]
        peak = patch[:, AROUND - 1 : AROUND + 2, AROUND - 1 : AROUND + 2].mean((1, 2))
        usual = patch.detach().flatten(1).median(dim=1).values
        found.append((peak.clamp_min(1e-9) / usual.clamp_min(1e-9)).log().clamp_min(0))
    return torch.stack(found).mean()
