"""Figures of how a picture is painted that no training asks for: what the eye sees, and R and S do not.

Of one painted picture, the photo it was made from and the painting. `benchmarks.quality` prints them.

* W: how unlike the painting's the textures are, from single pixels to what 92 px show. Less is better, 0 is the
  painting. Sliced Wasserstein distance of VGG16's activations at eight layers: along 64 fixed directions, the mean
  squared difference of 500 quantiles over the mean variance of the painting's, summed over the layers.
* L: how unlike the painting's the local contrast is: as much of it and as unevenly spread? Less is better, 0 is the
  painting. The deviation within windows of 8, 32 and 64 px that half overlap, mean over red, green and blue; the mean
  absolute difference of 99 quantiles over the painting's mean; averaged over the three sizes.
* P: how unlike the painting's the palette is. Less is better, 0 is the painting. Sliced Wasserstein distance of the
  pixels' colours in Oklab, as W's.
* contrast 8, 32, 64: mean deviation within windows of so many pixels over the painting's own. Near 1 is best: less is
  flat, more is harsh.
* F: paint in flat areas: mean deviation within windows of 32 px in that third of them where the photo is flattest,
  over the mean of all of the painting's. More is better up to about 1; at what the photo itself has, or below, skies
  are left bare.
* spread 1, spread 2: deviation of the colours along the painting's two main axes of colour (red, green and blue) over
  the painting's own. Near 1 is best: less is a paler or duller palette.
* structure: how far the drawing is no longer the photo's. Less is better, 0 is the photo. Distance of the
  self-similarity of relu4_2 as in Kolkin, Salavon and Shakhnarovich, "Style transfer by relaxed optimal transport and
  self-similarity" (CVPR 2019): cosine distances between all pairs of positions, divided by the sum of their column; the
  absolute differences of these, summed over a column and averaged over columns. No loss uses that layer, and none may.
  It says where things are alike and where they are not, in whatever colours: a photo with red, green and blue exchanged
  has about 0.03, one blurred by 4 px 0.08, another photo 0.15. Deeper layers tell exchanged colours and another photo
  less well apart, and relu3_2 is next to R's own layer.

W and L are the least over the painting at short sides of 256, 384 and 512 px, so that no size of stroke is preferred.
The others take it at 384 px, as the photos are: `SIDE`. No figure is enough alone, and all of them are no eye: look
(`benchmarks.sheets`).
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ..loss.vgg import VGG16
from ..photos.content import read_style
from ..photos.tensors import to_tensor

SIDES, SIDE = (256, 384, 512), 384  # px: short sides of the painting
TEXTURE_LAYERS = ("relu1_1", "relu1_2", "relu2_1", "relu2_2", "relu3_1", "relu3_3", "relu4_1", "relu4_3")
STRUCTURE_LAYER = "relu4_2"
LAYERS = (*TEXTURE_LAYERS, STRUCTURE_LAYER)
"""What a `VGG16` has to hand out to be looked through."""
DIRECTIONS, POSITIONS = 64, 16384
QUANTILES = torch.linspace(0.001, 0.999, 500)
WINDOWS, FLAT_WINDOW = (8, 32, 64), 32  # px
PERCENTILES = np.arange(1, 100) / 100

# Ottosson, "A perceptual color space for image processing" (2020): linear sRGB to the responses of cones, and the cube
# roots of those to L, a and b.
TO_CONES = np.array([
    [0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
])  # fmt: skip
TO_LAB = np.array([
    [0.2104542553, 0.7936177850, -0.0040720468],
    [1.9779984951, -2.4285922050, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.8086757660],
])  # fmt: skip


class Eye:
    """Sees pictures as one painting has them.

    Args:
        vgg: hands out at least `LAYERS`; on any device.
        style: the file of the painting.
    """

    def __init__(self, vgg: VGG16, style: Path) -> None:
        paintings = {side: painting(style, side) for side in SIDES}
        self.directions: dict[str, Tensor] = {}
        self.textures = [self._textures(look(vgg, one)) for one in paintings.values()]
        self.contrasts = [local_contrasts(one) for one in paintings.values()]
        own = paintings[SIDE]
        self.contrast = {window: float(found.mean()) for window, found in local_contrasts(own).items()}
        self.palette_directions = directions(3, torch.Generator().manual_seed(0))
        self.palette = quantiles(colours(own), self.palette_directions)
        self.axes = main_axes(own)
        self.spread = deviations(own, self.axes)

    def __call__(
        self, picture: np.ndarray, photo: np.ndarray, seen: dict[str, Tensor], wanted: dict[str, Tensor]
    ) -> dict[str, float]:
        """All figures of ``picture``, painted from ``photo``: uint8 ``[H, W, 3]`` each, 64 px a side at the least.

        Args:
            seen, wanted: what `look` gives for the picture and for the photo.
        """
        contrasts = local_contrasts(picture)
        textures, palette = self._textures(seen), quantiles(colours(picture), self.palette_directions)
        spread = deviations(picture, self.axes) / self.spread
        flat = flattest_third(local_contrasts(photo)[FLAT_WINDOW])
        return {
            "W": min(sum(distance(textures[layer], own[layer]) for layer in own) for own in self.textures),
            "L": min(contrast_distance(contrasts, own) for own in self.contrasts),
            "P": distance(palette, self.palette),
            **{f"contrast {window}": float(contrasts[window].mean()) / self.contrast[window] for window in WINDOWS},
            "F": float(contrasts[FLAT_WINDOW][flat].mean()) / self.contrast[FLAT_WINDOW],
            "spread 1": float(spread[0]),
            "spread 2": float(spread[1]),
            "structure": structure(seen[STRUCTURE_LAYER], wanted[STRUCTURE_LAYER]),
        }

    def _textures(self, seen: dict[str, Tensor]) -> dict[str, Tensor]:
        """`quantiles` of each of `TEXTURE_LAYERS`."""
        if not self.directions:
            random = torch.Generator().manual_seed(0)
            self.directions = {layer: directions(seen[layer].shape[1], random) for layer in TEXTURE_LAYERS}
        return {layer: quantiles(seen[layer][0].flatten(1), self.directions[layer]) for layer in TEXTURE_LAYERS}


@torch.no_grad()
def look(vgg: VGG16, picture: np.ndarray) -> dict[str, Tensor]:
    """Activations of ``picture``, uint8 ``[H, W, 3]``, by layer: float32 ``[1, C, H, W]`` each, on the CPU."""
    found = vgg(to_tensor(picture[None], vgg.get_buffer("mean").device))
    return {layer: found[layer].cpu() for layer in LAYERS}


def painting(style: Path, side: int) -> np.ndarray:
    """The picture ``style`` at a short side of ``side``, uint8 ``[H, W, 3]``."""
    whole = Image.fromarray(read_style(style, None))
    scale = side / min(whole.size)
    width, height = (round(length * scale) for length in whole.size)
    return np.asarray(whole.resize((width, height), Image.Resampling.BICUBIC))


# -- distances of distributions ----------------------------------------------------------------------


def directions(channels: int, random: torch.Generator) -> Tensor:
    """Unit vectors ``[DIRECTIONS, channels]``, evenly strewn."""
    return F.normalize(torch.randn(DIRECTIONS, channels, generator=random), dim=1)


def quantiles(points: Tensor, along: Tensor) -> Tensor:
    """Where ``points``, ``[C, N]``, lie along each direction, ``[D, C]``: float ``[D, 500]``, rising.

    Of more than `POSITIONS` points it takes as many, always the same.
    """
    if points.shape[1] > POSITIONS:
        points = points[:, torch.randperm(points.shape[1], generator=torch.Generator().manual_seed(1))[:POSITIONS]]
    places = (along @ points).sort(dim=1).values
    return places[:, (QUANTILES * (places.shape[1] - 1)).long()]


def distance(found: Tensor, own: Tensor) -> float:
    """Sliced Wasserstein distance of two `quantiles`, squared and over the variance of ``own``, the painting's."""
    return float((found - own).square().mean() / own.var(dim=1).mean())


# -- contrast ----------------------------------------------------------------------------------------


def local_contrasts(picture: np.ndarray) -> dict[int, np.ndarray]:
    """`local_contrast` of ``picture``, uint8 ``[H, W, 3]``, by window."""
    return {window: local_contrast(picture, window) for window in WINDOWS}


def local_contrast(picture: np.ndarray, window: int) -> np.ndarray:
    """Deviation within square windows that half overlap, mean over channels: float ``[rows, columns]``, 0..0.5.

    Args:
        picture: uint8 ``[H, W, 3]``; what is left below or right of the last window is not looked at.
        window: even, in pixels.
    """
    step = window // 2
    rows, columns = picture.shape[0] // step, picture.shape[1] // step
    tiles = picture[: rows * step, : columns * step].reshape(rows, step, columns, step, 3) / 255.0

    def in_windows(values: np.ndarray) -> np.ndarray:
        means = values.mean(axis=(1, 3))
        return (means[:-1, :-1] + means[1:, :-1] + means[:-1, 1:] + means[1:, 1:]) / 4

    variance = in_windows(tiles**2) - in_windows(tiles) ** 2
    return np.sqrt(variance.clip(0)).mean(axis=2)  # rounding takes flat windows below 0


def contrast_distance(found: dict[int, np.ndarray], own: dict[int, np.ndarray]) -> float:
    """L between two `local_contrasts`, ``own`` the painting's."""
    parts = []
    for window in WINDOWS:
        difference = np.quantile(found[window], PERCENTILES) - np.quantile(own[window], PERCENTILES)
        parts.append(np.abs(difference).mean() / own[window].mean())
    return float(np.mean(parts))


def flattest_third(contrast: np.ndarray) -> np.ndarray:
    """Which windows of a `local_contrast` have the least: bool of its shape."""
    order = np.argsort(contrast, axis=None, kind="stable")
    flat = np.zeros(contrast.size, bool)
    flat[order[: contrast.size // 3]] = True
    return flat.reshape(contrast.shape)


# -- colours -----------------------------------------------------------------------------------------


def oklab(picture: np.ndarray) -> np.ndarray:
    """Colours of ``picture``, uint8 ``[..., 3]`` sRGB, in Oklab: float ``[..., 3]``, L in 0..1, a and b about 0."""
    levels = np.arange(256) / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear[picture] @ TO_CONES.T) @ TO_LAB.T


def colours(picture: np.ndarray) -> Tensor:
    """`oklab` of all pixels of ``picture``, uint8 ``[H, W, 3]``: float32 ``[3, HW]``."""
    return torch.tensor(oklab(picture).reshape(-1, 3).T, dtype=torch.float32)


def _covariance(picture: np.ndarray) -> np.ndarray:
    return np.cov(picture.reshape(-1, 3), rowvar=False)


def main_axes(picture: np.ndarray) -> np.ndarray:
    """The two axes along which the colours of ``picture``, uint8 ``[H, W, 3]``, differ most: unit, ``[2, 3]``."""
    return np.linalg.eigh(_covariance(picture)).eigenvectors.T[:0:-1]


def deviations(picture: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Deviation of the colours of ``picture`` along ``axes``, ``[2, 3]``, in levels of 255: ``[2]``."""
    return np.sqrt(np.einsum("ij,jk,ik->i", axes, _covariance(picture), axes))


# -- the drawing -------------------------------------------------------------------------------------


def self_similarity(features: Tensor) -> Tensor:
    """Cosine distances between positions of ``features``, ``[1, C, H, W]``, each column summing to 1: ``[HW, HW]``."""
    unit = F.normalize(features[0].flatten(1), dim=0)
    distances = (1 - unit.T @ unit).clamp_min(0)
    return distances / distances.sum(dim=0).clamp_min(1e-9)  # a plain picture has no distances


def structure(found: Tensor, wanted: Tensor) -> float:
    """How far the self-similarity of the features ``found`` is from that of ``wanted``, ``[1, C, H, W]``: 0..2."""
    return float((self_similarity(found) - self_similarity(wanted)).abs().sum(dim=0).mean())
