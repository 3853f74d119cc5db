"""Restyling pictures with an exported model, and what may be given for a photo."""

import copy
import math
import os
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal, overload

from ..common.defaults import MEMORY
from ..contract.blend import Style, shares_of
from ..contract.info import StyleInfo
from ..contract.styles import locate
from ..engine.devices import Device
from .look import Look
from .memory import in_bytes
from .painter import Painter

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from ..pictures.picture import Picture
    from ..pictures.reading import Source
    from .look import Mask
    from .steadier import Turn
    from .tiles import Report


class Stylizer:
    """A style, ready to be applied: ``Stylizer("great_wave.onnx")(photo)``.

    Safe to call from several threads at once. It keeps about the working memory of the largest picture it has
    seen for the next one.

    Args:
        model: path of a model that Impasto made, or the name of a shipped style.
        device: ``cpu``; ``cuda`` (a GPU of NVIDIA), ``webgpu`` (any GPU, by the extra of that name),
            ``openvino``, ``tensorrt-rtx``, ``directml``, ``coreml`` or ``mlx``, which fail where they are not
            available; or ``auto``: the first of ``cuda``, ``webgpu`` and ``cpu`` that is.
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
        mask: "Mask | Mapping[str, Mask] | None" = None,
        style: Style | None = None,
    ) -> "Image.Image": ...
    @overload
    def __call__(
        self,
        photo: "np.ndarray",
        strength: float = 1.0,
        *,
        stroke: float | Literal["auto"] = "auto",
        keep_colors: bool = False,
        mask: "Mask | Mapping[str, Mask] | None" = None,
        style: Style | None = None,
    ) -> "np.ndarray": ...
    def __call__(self, photo, strength=1.0, *, stroke="auto", keep_colors=False, mask=None, style=None):
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
                of the photo's shape, any size. Or a mask for each of several styles of the model, by their names:
                where masks add up to more than white, the styles share the place; where to less, the photo shows.
            style: of a model of several styles the name of one, or how much of each by their names, as
                ``{"great_wave": 0.6, "the_scream": 0.4}``: what counts is each weight's share of their sum. None for
                the first style.

        Returns:
            For an array one of the same shape; otherwise an upright sRGB image of mode RGB, or RGBA
            where there is transparency, with the photo's metadata and sRGB's profile in ``info``, under the names that
            Pillow gives them and its ``save`` takes: ``icc_profile``, ``exif``, ``xmp``, ``dpi``. Alpha comes back as
            it was.

        Raises:
            ImpastoError: a file that is not a readable picture, a picture too large for the memory, a mask of
                another shape than the photo, or a style that the model does not have.
            TypeError: none of these kinds of photo, mask or style, or a dial that is not a number.
            ValueError: an array of another shape, a dial out of its range, weights of which one is negative or none
                is above 0, or both ``style`` and masks by style.
        """
        import numpy as np

        from ..pictures.picture import described
        from ..pictures.reading import to_picture

        look = Look.of(self.info, strength, stroke, keep_colors, mask, style)
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
            return self._paint(rgb, look.strength, look.style, report)
        from ..pictures.pixels import narrowed
        from . import dials

        seen = narrowed(rgb)
        if alpha is not None:
            seen = np.stack([dials.filled(*pair) for pair in zip(seen, alpha, strict=True)])
        if size != (height, width):
            seen = np.stack([dials.resized(photo, *size) for photo in seen])
        painted = self._styled(seen, look, report)
        if steadier is not None:
            painted = [steadier(*pair) for pair in zip(seen, painted, strict=True)]
        if not whole:
            triples = zip(rgb, seen, painted, strict=True)
            painted = [dials.brought_up(*triple, look.strength) for triple in triples]
        if look.keep_colors:
            painted = [dials.with_colors_of(*pair) for pair in zip(rgb, painted, strict=True)]
        if look.mask is not None:
            share = dials.together(look.masks.values(), height, width).clip(0, 255)
            painted = [dials.blended(*pair, share) for pair in zip(rgb, painted, strict=True)]
        return painted[0][None] if len(painted) == 1 else np.stack(painted)  # a large one is not copied

    def _styled(self, seen: "np.ndarray", look: "Look", report: "Report") -> "list[np.ndarray]":
        """What the network makes of ``seen``, uint8 ``[N, H, W, 3]``: in one style or blend, or each where its mask is.

        Of places in several masks each style has its share; those in none are left to the photo.
        """
        if not isinstance(look.mask, dict):
            return list(self._paint(seen, look.strength, look.style, report))
        from . import dials

        mixed, count = list(seen), len(look.mask)
        covered: np.ndarray | int = 0
        for number, (name, mask) in enumerate(look.masks.items()):
            painted = self._paint(seen, look.strength, shares_of(self.info, name), _part_of(report, number, count))
            share = dials.together([mask], *seen.shape[1:3])
            covered = covered + share
            mixed = [dials.blended(*pair, share, covered) for pair in zip(mixed, painted, strict=True)]
        return mixed


def _part_of(report: "Report", number: int, count: int) -> "Report":
    """What takes the share that is done of part ``number`` of so many."""
    return lambda share: report((number + share) / count)
