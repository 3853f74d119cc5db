"""What can be done around the network: stroke size, the photo's colours, masks, and edges of transparency."""

from collections.abc import Iterable

import numpy as np
from PIL import Image, ImageFilter

from ..pictures.pixels import as_deep, resized, strips
from ..pictures.reading import Source, to_picture

SOLID = 16  # alpha from which a pixel's own colour is trusted: below it, it is rounded away or never seen
FEATHER = 0.01  # of the shorter side: the standard deviation of a mask's soft edge

SHARPER = 0.6, 150  # radius in pixels and percent of the unsharp mask before a painting is enlarged
REACH = 2  # px, of the squares of the guided filter: enough for the edge of a stroke
FLAT = 5.0  # levels: less contrast than this is not taken for something to follow
STEEPEST = 2.0
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)

# Ottosson 2020, "A perceptual color space for image processing": linear sRGB to cone responses, those to Lab
_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    np.float32,
)
_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
    np.float32,
)
_FROM_CONES, _FROM_LAB = (np.linalg.inv(matrix).astype(np.float32) for matrix in (_CONES, _LAB))


def filled(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The colours of a picture with those that cannot be seen replaced by their neighbours'.

    What lies under full transparency is often black or white; a network that sees it paints it into the edge. Averages
    over ever larger squares fill it (a pull-push pyramid: Gortler et al. 1996, "The lumigraph").

    Args:
        rgb: uint8 ``[H, W, 3]``.
        alpha: uint8 ``[H, W]``, 255 where opaque.
    """
    solid = alpha >= SOLID
    if solid.all() or not solid.any():
        return rgb
    level = Image.fromarray(np.dstack([rgb, np.where(solid, alpha, 0).astype(np.uint8)])).convert("RGBa")
    levels = [level]
    while max(level.size) > 1:
        level = level.reduce(2)
        levels.append(level)
    below = levels[-1].convert("RGBA")
    below.putalpha(255)
    for level in reversed(levels[:-1]):
        below = Image.alpha_composite(below.resize(level.size, Image.Resampling.BILINEAR), level.convert("RGBA"))
    return np.where(solid[..., None], rgb, np.asarray(below.convert("RGB")))


def with_colors_of(photo: np.ndarray, painted: np.ndarray) -> np.ndarray:
    """The lightness of ``painted`` with the hue and chroma of ``photo``, both uint8 or uint16 ``[H, W, 3]`` sRGB.

    In Oklab. Where sRGB has no such colour, the chroma is lowered until it has.
    """
    result = np.empty_like(painted)
    for rows in strips(len(photo)):
        lab = _to_oklab(photo[rows])
        lab[..., 0] = _to_oklab(painted[rows])[..., 0]
        result[rows] = _encoded(_in_gamut(lab)) * np.iinfo(result.dtype).max + 0.5
    return result


def brought_up(photo: np.ndarray, seen: np.ndarray, painted: np.ndarray, strength: float) -> np.ndarray:
    """A painting of the photo as the network saw it, fewer pixels or fewer bits, brought up to the photo.

    Enlarged, it would be soft. What the network did not see of the photo, ``photo`` less ``seen``, is added: as it is
    by 1 − ``strength``, so that a strength of nearly 0 is nearly the photo; and its lightness by ``strength`` times how
    much of the photo's contrast is there in the painting, place by place. That is the slope of the guided filter (He,
    Sun and Tang 2013, "Guided image filtering"), found in the small pictures and enlarged (He and Sun 2015).

    Args:
        photo: uint8 or uint16 ``[H, W, 3]``; so is the result.
        seen, painted: uint8 ``[h, w, 3]``.
    """
    height, width = photo.shape[:2]
    smaller = seen.size < photo.size
    slope = _slope(seen @ _LUMA, painted @ _LUMA)[..., None] if smaller else None
    if smaller:  # else the edges of strokes become as soft as they become large
        seen, painted = (_sharpened(picture) for picture in (seen, painted))
    seen, painted = (as_deep(picture, photo.dtype) for picture in (seen, painted))
    result = np.empty_like(photo)
    for rows in strips(height):
        lost = photo[rows].astype(np.float32) - resized(seen, height, width, rows)
        detail = lost * (1 - strength)
        if slope is not None:
            detail += strength * resized(slope, height, width, rows) * (lost @ _LUMA)[..., None]
        result[rows] = (resized(painted, height, width, rows) + detail + 0.5).clip(0, np.iinfo(photo.dtype).max)
    return result


def _sharpened(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.UnsharpMask(*SHARPER, threshold=0)))


def _slope(photo: np.ndarray, painted: np.ndarray) -> np.ndarray:
    """By how much the lightness of ``painted`` changes with the photo's around each pixel; both float ``[H, W]``."""
    mean, mean_painted = boxed(photo), boxed(painted)
    together = boxed(photo * painted) - mean * mean_painted
    slope = together / (boxed(photo * photo) - mean**2 + FLAT**2)
    return boxed(slope).clip(-STEEPEST, STEEPEST).astype(np.float32)


def boxed(values: np.ndarray, reach: int = REACH) -> np.ndarray:
    """Means over squares of ``2 * reach + 1`` pixels a side of ``[H, W]``, the edge repeated outside."""
    side, (height, width) = 2 * reach + 1, values.shape
    wide = np.pad(values, reach, mode="edge")
    rows = np.add.reduce([wide[start : start + height] for start in range(side)])
    return np.add.reduce([rows[:, start : start + width] for start in range(side)]) / side**2


def _to_oklab(rgb: np.ndarray) -> np.ndarray:
    """uint8 or uint16 sRGB ``[..., 3]`` to float32 Oklab."""
    most = np.iinfo(rgb.dtype).max
    levels = np.arange(most + 1, dtype=np.float32) / most
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return np.cbrt(linear[rgb] @ _CONES.T) @ _LAB.T


def _linear(lab: np.ndarray) -> np.ndarray:
    return (lab @ _FROM_LAB.T) ** 3 @ _FROM_CONES.T


def _in_gamut(lab: np.ndarray) -> np.ndarray:
    """Linear sRGB of Oklab colours ``[H, W, 3]``, those outside its gamut with as much chroma as fits."""
    linear = _linear(lab)
    outside = ((linear < -1e-4) | (linear > 1 + 1e-4)).any(-1)
    if outside.any():
        wanted = lab[outside]
        low, high = (np.full(len(wanted), end, np.float32) for end in (0, 1))
        for _ in range(8):  # halves the interval to less than a level of 255
            middle = (low + high) / 2
            tried = _linear(wanted * np.stack([np.ones_like(middle), middle, middle], -1))
            fits = ((tried >= -1e-4) & (tried <= 1 + 1e-4)).all(-1)
            low, high = np.where(fits, middle, low), np.where(fits, high, middle)
        linear[outside] = _linear(wanted * np.stack([np.ones_like(low), low, low], -1))
    return linear.clip(0, 1)


def _encoded(linear: np.ndarray) -> np.ndarray:
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def read_mask(source: Source) -> np.ndarray:
    """A mask from a picture, uint8 ``[H, W]``: its alpha where any of it is transparent, or else how bright it is.

    Raises:
        ImpastoError, TypeError: as `impasto.pictures.reading.to_picture`.
    """
    picture = to_picture(source, "mask")
    if picture.alpha is not None and picture.alpha.min() < 255:  # a cut-out; editors save opaque alpha with any picture
        return picture.alpha
    return np.asarray(Image.fromarray(picture.rgb).convert("L"))


def together(masks: Iterable[np.ndarray], height: int, width: int) -> np.ndarray:
    """How much ``masks``, uint8 ``[h, w]``, cover of a picture, their edges soft: uint16 ``[H, W]``, 255 for each."""
    covered = np.zeros((height, width), np.uint16)
    for mask in masks:
        soft = Image.fromarray(mask).resize((width, height), Image.Resampling.BILINEAR)
        covered += np.asarray(soft.filter(ImageFilter.GaussianBlur(FEATHER * min(height, width))))
    return covered


def blended(photo: np.ndarray, painted: np.ndarray, share: np.ndarray, whole: np.ndarray | None = None) -> np.ndarray:
    """``photo`` with so much of ``painted`` as ``share`` is of ``whole``, from place to place.

    Args:
        photo, painted: uint8 or uint16 ``[H, W, 3]``.
        share, whole: uint16 ``[H, W]``, ``share`` no larger than ``whole``, which is 255 unless given.
    """
    result = np.empty_like(photo)
    for rows in strips(len(photo)):
        most = 255 if whole is None else np.maximum(whole[rows], 1)  # where that is 0, the share is too
        part = (share[rows].astype(np.float32) / most)[..., None]
        result[rows] = photo[rows] + (painted[rows].astype(np.float32) - photo[rows]) * part + 0.5
    return result
