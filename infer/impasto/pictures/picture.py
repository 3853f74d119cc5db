"""What a picture is on its way from one file to another."""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from .color import srgb_profile
from .pixels import as_deep, resized, strips


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture as the network takes it, and what is needed to write it back."""

    rgb: np.ndarray
    """uint8 ``[H, W, 3]``, sRGB, upright."""
    alpha: np.ndarray | None = None
    """uint8 ``[H, W]``, 255 where opaque; None for a picture without transparency."""
    format: str = "PNG"
    """Of the file it came from: a key of `FORMATS`."""
    exif: bytes = b""
    """EXIF that fits the upright picture, with JPEG's prefix."""
    xmp: bytes = b""
    """XMP that fits the upright picture."""
    iptc: bytes = b""
    """IPTC records, of a JPEG or TIFF."""
    texts: tuple[tuple[str, str], ...] = ()
    """The texts of a PNG: keyword and text."""
    comment: bytes = b""
    """The comment of a JPEG or GIF."""
    dpi: tuple[float, float] | None = None
    """Dots per inch across and down."""
    wide: np.ndarray | None = None
    """``rgb`` as uint16 where the file holds 16 bits a channel."""
    packing: str = ""
    """The compression of a TIFF, as Pillow calls it; ``lossless`` of such a WebP."""
    later: tuple["Picture", ...] = ()
    """The frames or pages after this one."""
    duration: float | None = None
    """Milliseconds that this frame of an animation is shown."""
    loop: int | None = None
    """How many times the animation plays, 0 for ever; None where the file says nothing."""

    def stripped(self) -> "Picture":
        """Without metadata: EXIF, XMP, IPTC, texts, comment."""
        return replace(self, exif=b"", xmp=b"", iptc=b"", texts=(), comment=b"")


def within(height: int, width: int, longest: int) -> tuple[int, int]:
    """Height and width of `shrunk` of a picture of this size."""
    scale = min(1, longest / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def shrunk(picture: Picture, longest: int) -> Picture:
    """The picture with no side over ``longest`` pixels, in its own proportions."""
    height, width = picture.rgb.shape[:2]
    size = within(height, width, longest)[::-1]
    if size == (width, height):
        return picture
    image = to_pil(picture)
    if image.mode == "RGBA":  # weighted by alpha, else what cannot be seen bleeds into what can
        image = image.convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA")
    else:
        image = image.resize(size, Image.Resampling.LANCZOS)
    pixels = np.asarray(image)
    return replace(
        picture,
        rgb=np.ascontiguousarray(pixels[..., :3]),
        alpha=None if picture.alpha is None else pixels[..., 3],
        wide=None if picture.wide is None else _shrunk_wide(picture.wide, picture.alpha, size),
        later=tuple(shrunk(frame, longest) for frame in picture.later),
    )


def _shrunk_wide(wide: np.ndarray, alpha: np.ndarray | None, size: tuple[int, int]) -> np.ndarray:
    height, width = size[::-1]
    if alpha is None:
        return resized(wide, height, width)
    share = as_deep(alpha, wide.dtype)[..., None]
    weighted = np.empty_like(wide)
    for rows in strips(len(wide)):  # products of 32 bits
        weighted[rows] = wide[rows].astype(np.uint32) * share[rows] // 65535
    weighted, share = resized(weighted, height, width), resized(share, height, width)
    result = np.empty_like(weighted)
    for rows in strips(height):
        result[rows] = (weighted[rows].astype(np.float32) * 65535 / share[rows].clip(1)).clip(0, 65535)
    return result


def to_pil(picture: Picture) -> Image.Image:
    """The picture as Pillow's image: RGB, or RGBA where it has transparency."""
    if picture.alpha is None:
        return Image.fromarray(picture.rgb)
    return Image.fromarray(np.dstack([picture.rgb, picture.alpha]))


def described(picture: Picture) -> Image.Image:
    """`to_pil`, with what the file said in ``info``, as Pillow's own images have it."""
    image = to_pil(picture)
    said = (("icc_profile", srgb_profile()), ("exif", picture.exif), ("xmp", picture.xmp), ("dpi", picture.dpi))
    image.info |= {name: value for name, value in said if value}
    return image
