"""Restyling pictures with an exported model: the dials, and what may be given for a photo."""

import copy
import math
import os
from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Real
from typing import TYPE_CHECKING, Literal, overload

from ..common.defaults import AS_LARGE_AS, LARGE, MEMORY, STRENGTHS, STROKES
from ..common.errors import ImpastoError
from ..contract.info import StyleInfo
from ..contract.styles import locate
from ..engine.devices import Device
from .memory import in_bytes
from .painter import Painter

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from ..pictures.picture import Picture
    from ..pictures.reading import Source
    from .steadier import Turn
    from .tiles import Report


@dataclass(frozen=True, eq=False)
class Look:
    """How a style is applied: the dials of `Stylizer.__call__`, checked; ``mask`` is uint8 ``[H, W]``."""

    strength: float = 1.0
    stroke: float | Literal["auto"] = "auto"
    keep_colors: bool = False
    mask: "np.ndarray | None" = None
    invert_mask: bool = False
    """Whether the style goes where the mask is black."""

    @classmethod
    def of(
        cls,
        strength: float,
        stroke: float | Literal["auto"],
        keep_colors: bool,
        mask: "Source | np.ndarray | None",
    ) -> "Look":
        """The dials as `Stylizer.__call__` takes them, checked; it says what is raised."""
        check_dial("strength", strength, *STRENGTHS)
        if stroke != "auto":
            check_dial("stroke", stroke, *STROKES)
        return cls(strength, stroke, keep_colors, _mask(mask))

    def stroke_for(self, height: int, width: int) -> float:
        """The ``stroke`` of a photo of this size: of a large one, by itself, what makes strokes as large in it as in a
        photo of 1024 px."""
        if self.stroke != "auto":
            return self.stroke
        pixels = height * width
        return min((pixels / AS_LARGE_AS) ** 0.5, STROKES[1]) if pixels > LARGE else 1.0

    def seen(self, height: int, width: int) -> tuple[int, int]:
        """Height and width at which the network sees a photo of this size."""
        stroke = self.stroke_for(height, width)
        return max(1, round(height / stroke)), max(1, round(width / stroke))

    def check_mask(self, height: int, width: int) -> None:
        """Raise `ImpastoError` if the mask is of another shape, whatever its size, than a photo of this size."""
        tall, wide = (height, width) if self.mask is None else self.mask.shape
        if abs(wide * height - tall * width) > max(wide, tall, width, height) * 2:  # rounding of a resize apart
            said = f"the mask of {wide}x{tall} pixels does not have the shape of the photo, {width}x{height}"
            raise ImpastoError(said)


class Stylizer:
    """A style, ready to be applied: ``Stylizer("great_wave.onnx")(photo)``.

    Safe to call from several threads at once. It keeps about the working memory of the largest picture it has
    seen for the next one.

    Args:
        model: path of a model that Impasto made, or the name of a shipped style.
        device: ``cpu``; ``cuda`` (a GPU of NVIDIA), ``webgpu`` (any GPU, by the extra of that name),
            ``openvino``, ``tensorrt-rtx``, ``directml`` or ``coreml``, which fail where they are not available; or
            ``auto``: the first of ``cuda``, ``webgpu`` and ``cpu`` that is.
        memory: bytes, or text as ``2GB``: about the most that painting a picture may take, the picture itself
            included; ``auto`` is half of what is free, at least 1 GB. One that would take more is painted in tiles:
            slower, on the CPU unless on ``cuda``, and the same to a level of 255 but for a pixel in a thousand.
        threads: of the CPU to work with; None for as many as it has cores.

    Raises:
        ImpastoError: no such model, or not one that works, or the device is not available.
        ValueError: no such device, no amount of memory, or less than one thread.
    """

    info: StyleInfo
    """What the model says about itself."""
    device: Device
    """What it runs on: any but ``auto``."""
    not_on: str
    """Which GPUs ``auto`` found but could not use, and why: ``not on CUDA: ...``; empty otherwise."""

    def __init__(
        self,
        model: str | os.PathLike[str],
        *,
        device: Device = "auto",
        memory: int | str = MEMORY,
        threads: int | None = None,
    ) -> None:
        self._paint = Painter(locate(model), device, in_bytes(memory), threads)
        self.info, self.device, self.not_on = self._paint.info, self._paint.device, self._paint.not_on

    @property
    def memory(self) -> int:
        """Bytes that painting a picture may take, about."""
        return self._paint.memory

    def in_tiles(self, height: int, width: int, look: Look) -> bool:
        """Whether a photo of this size is too large for `memory`, and so is painted in tiles."""
        return look.strength != 0 and self._paint.in_tiles(math.prod(look.seen(height, width)))

    @cached_property
    def for_several(self) -> "Stylizer":
        """The same for pictures that are painted at once: on the CPU with one thread for each."""
        if self.device != "cpu":
            return self
        other = copy.copy(self)
        other._paint = self._paint.on_one_thread()
        return other

    def __repr__(self) -> str:
        return f"<Stylizer {self.info.name} on {self.device}>"

    @overload
    def __call__(
        self,
        photo: "Source",
        strength: float = 1.0,
        *,
        stroke: float | Literal["auto"] = "auto",
        keep_colors: bool = False,
        mask: "Source | np.ndarray | None" = None,
    ) -> "Image.Image": ...
    @overload
    def __call__(
        self,
        photo: "np.ndarray",
        strength: float = 1.0,
        *,
        stroke: float | Literal["auto"] = "auto",
        keep_colors: bool = False,
        mask: "Source | np.ndarray | None" = None,
    ) -> "np.ndarray": ...
    def __call__(self, photo, strength=1.0, *, stroke="auto", keep_colors=False, mask=None):
        """Restyle a picture.

        Args:
            photo: a path, a file's bytes or a file open in binary mode (only the first frame of an animation);
                Pillow's image of any mode; or an array, uint8 ``[H, W, C]`` or ``[N, H, W, C]``, sRGB, of 3
                channels or 4 (the last being alpha).
            strength: 0 (the photo itself) to 1 (the full style).
            stroke: 0.5 to 8, the size of the brushwork beside what the style has by itself, in pixels. The network
                works on the photo at 1 / ``stroke`` of its size; the result has the photo's. ``auto`` is 1 up to 3
                megapixels; beyond, strokes are as large, beside the picture, as in one of 1024 by 768.
            keep_colors: take the style's lightness alone, and hue and chroma of the photo.
            mask: where the style goes: white for the style, black for the photo, with a soft edge. As ``photo``,
                of which the alpha counts where any of it is transparent, or an array ``[h, w]``, uint8 or bool;
                of the photo's shape, any size.

        Returns:
            For an array one of the same shape; otherwise an upright sRGB image of mode RGB, or RGBA
            where there is transparency, with the photo's metadata and sRGB's profile in ``info``, under the names that
            Pillow gives them and its ``save`` takes: ``icc_profile``, ``exif``, ``xmp``, ``dpi``. Alpha comes back as
            it was.

        Raises:
            ImpastoError: a file that is not a readable picture, a picture too large for the memory, or a mask of
                another shape than the photo.
            TypeError: none of these kinds of photo or mask, or a dial that is not a number.
            ValueError: an array of another shape, or a dial out of its range.
        """
        import numpy as np

        from ..pictures.picture import described
        from ..pictures.reading import to_picture

        look = Look.of(strength, stroke, keep_colors, mask)
        if isinstance(photo, np.ndarray):
            return self._array(photo, look)
        return described(self.restyle(to_picture(photo), look))

    def restyle(
        self,
        picture: "Picture",
        look: "Look",
        report: "Report" = lambda frames: None,
        steadier: "Turn | None" = None,
    ) -> "Picture":
        """`__call__` for a picture with its metadata and all its bits, and for its later frames.

        Args:
            report: gets the number of frames that are done, after each and, in one painted in tiles, after each tile:
                2.25 is a quarter of the third.
            steadier: what steadies the picture as a frame of a film; None for a picture by itself.
        """
        from ..pictures.pixels import narrowed

        photo = picture.rgb if picture.wide is None else picture.wide
        alpha = None if picture.alpha is None else picture.alpha[None]
        painted = self._painted(photo[None], alpha, look, report, steadier)[0]
        wide = None if picture.wide is None else painted
        report(1)
        later: list[Picture] = []
        for frame in picture.later:
            later.append(self.restyle(frame, look, lambda share: report(1 + len(later) + share)))
        return replace(picture, rgb=narrowed(painted), wide=wide, later=tuple(later))

    def _array(self, photo: "np.ndarray", look: "Look") -> "np.ndarray":
        """`__call__` for arrays."""
        import numpy as np

        if photo.dtype != np.uint8:
            raise TypeError(f"an array must be uint8 (0..255), not {photo.dtype}")
        if photo.ndim not in (3, 4) or photo.shape[-1] not in (3, 4) or 0 in photo.shape:
            shape = list(photo.shape)
            raise ValueError(f"an array must be [H, W, C] or [N, H, W, C] with C 3 or 4, not {shape}")
        batch = photo if photo.ndim == 4 else photo[None]
        rgb, alpha = np.ascontiguousarray(batch[..., :3]), batch[..., 3] if batch.shape[-1] == 4 else None
        result = self._painted(rgb, alpha, look).reshape(*photo.shape[:-1], 3)
        return result if photo.shape[-1] == 3 else np.concatenate([result, photo[..., 3:]], axis=-1)

    def _painted(
        self,
        rgb: "np.ndarray",
        alpha: "np.ndarray | None",
        look: "Look",
        report: "Report" = lambda share: None,
        steadier: "Turn | None" = None,
    ) -> "np.ndarray":
        """``rgb``, uint8 or uint16 ``[N, H, W, 3]``, to the same; ``alpha`` is uint8 ``[N, H, W]``.

        The network paints in 8 bits; all that is done around it, in those of ``rgb``.
        """
        import numpy as np

        if look.strength == 0:  # whatever the other dials say
            return rgb.copy()
        height, width = rgb.shape[1:3]
        look.check_mask(height, width)
        size = look.seen(height, width)
        whole = size == (height, width) and rgb.dtype == np.uint8
        if whole and alpha is None and not look.keep_colors and look.mask is None and steadier is None:
            return self._paint(rgb, look.strength, report)
        from ..pictures.pixels import narrowed
        from . import dials

        seen = narrowed(rgb)
        if alpha is not None:
            seen = np.stack([dials.filled(*pair) for pair in zip(seen, alpha, strict=True)])
        if size != (height, width):
            seen = np.stack([dials.resized(photo, *size) for photo in seen])
        painted = list(self._paint(seen, look.strength, report))
        if steadier is not None:
            painted = [steadier(*pair) for pair in zip(seen, painted, strict=True)]
        if not whole:
            triples = zip(rgb, seen, painted, strict=True)
            painted = [dials.brought_up(*triple, look.strength) for triple in triples]
        if look.keep_colors:
            painted = [dials.with_colors_of(*pair) for pair in zip(rgb, painted, strict=True)]
        if look.mask is not None:
            mask = ~look.mask if look.invert_mask else look.mask
            painted = [dials.blended(*pair, mask) for pair in zip(rgb, painted, strict=True)]
        return np.stack(painted)


def check_dial(name: str, value: float, least: float, most: float) -> None:
    """Raise what `Stylizer.__call__` says of a dial that is not a number from ``least`` to ``most``."""
    if not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, not {type(value).__name__}")
    if not least <= value <= most:  # NaN too
        raise ValueError(f"{name} must be {least:g} to {most:g}, not {value}")


def _mask(mask: "Source | np.ndarray | None") -> "np.ndarray | None":
    """A mask of any kind as uint8 ``[H, W]``."""
    import numpy as np

    from . import dials

    if mask is None:
        return None
    if not isinstance(mask, np.ndarray):
        return dials.read_mask(mask)
    if mask.dtype == bool:
        mask = mask.astype(np.uint8) * np.uint8(255)
    if mask.dtype != np.uint8 or mask.ndim != 2 or 0 in mask.shape:
        raise ValueError(f"a mask must be a bool or uint8 array [H, W], not {mask.dtype} {list(mask.shape)}")
    return mask
