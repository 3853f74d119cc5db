"""Pictures as arrays of bytes, and as torch's tensors."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor


def to_tensor(pictures: np.ndarray, device: torch.device | str = "cpu") -> Tensor:
    """uint8 ``[N, H, W, 3]`` to float ``[N, 3, H, W]`` in 0..1 (channels last in memory)."""
    return torch.tensor(pictures, device=device).permute(0, 3, 1, 2).float() / 255


def to_pixels(pictures: Tensor) -> np.ndarray:
    """Undo `to_tensor`, clamped and rounded."""
    return (pictures.detach().clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).contiguous().cpu().numpy()


@torch.no_grad()
def painted(network: Callable[[Tensor], Tensor], photo: np.ndarray, device: torch.device) -> np.ndarray:
    """``photo``, uint8 ``[H, W, 3]``, as ``network`` on ``device`` paints it, same shape and type."""
    return to_pixels(network(to_tensor(photo[None], device)))[0]
