"""Restyling pictures with an exported model."""

import os
import re
from dataclasses import dataclass, replace
from numbers import Real
from typing import TYPE_CHECKING, overload

from ._check import mismatch
from ._contract import IMAGE, STRENGTH, STYLIZED, StyleInfo
from ._defaults import MEMORY, STRENGTHS, STROKES
from ._device import Device, open_session
from ._errors import ImpastoError, one_line
from ._graph import read_checked
from ._styles import locate

if TYPE_CHECKING:
    import numpy as np
    import onnxruntime
    from PIL import Image

    from ._formats import Picture
    from ._tiles import TiledModel


LEAST_MEMORY = 200_000_000
UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
# Measured, in bytes: of the program and its libraries; and for each pixel, of the network at work and of a picture on
# its way through this package.
PROGRAM, NETWORK, PICTURE = 60_000_000, 83, 11
TILED = 2 * NETWORK  # of a tile, with what is gathered from it
LEAST_TILE, MOST_TILE = 150_000_000, 400_000_000  # bytes: smaller ones would be mostly edge, larger ones gain little


@dataclass(frozen=True, eq=False)
class Look:
    """How a style is applied: the dials of `Stylizer.__call__`, checked; ``mask`` is uint8 ``[H, W]``."""

    strength: float = 1.0
    stroke: float = 1.0
    keep_colors: bool = False
    mask: "np.ndarray | None" = None


class Stylizer:
    """A style, ready to be applied: ``Stylizer("great_wave.onnx")(photo)``.

    Safe to call from several threads at once. It keeps about the working memory of the largest picture it has
    seen for the next one.

    Args:
        model: path of a model that Impasto made, or the name of a shipped style.
        device: ``cpu``; ``cuda``, which fails where it cannot be had; or ``auto``: ``cuda`` if it can be had.
        memory: bytes, or text as ``2GB``: about the most that painting a picture may take, the picture itself
            included. One that would take more is painted in tiles: slower, and the same to a level of 255.
        threads: of the CPU to work with; None for as many as it has cores.

    Raises:
        ImpastoError: no such model, or not one that works, or ``cuda`` cannot be had.
        ValueError: no such device, no amount of memory, or less than one thread.
    """

    info: StyleInfo
    """What the model says about itself."""
    device: Device
    """What it runs on: ``cpu`` or ``cuda``."""

    def __init__(
        self, model: str | os.PathLike[str], *, device: Device = "auto", memory: int | str = MEMORY,
        threads: int | None = None,
    ) -> None:  # fmt: skip
        path = locate(model)
        self.memory = in_bytes(memory)
        if threads is not None and threads < 1:
            raise ValueError(f"threads must be at least 1, not {threads}")
        self.threads = threads
        self.info, self._model = read_checked(path)
        form = self.info.io, self.info.layout, self.info.fixed_size
        if form != ("uint8", "nhwc", "") or self.info.dial == "none":
            raise ImpastoError(f"{path} is a variant for other programs: use the model that it was made from")
        self._session, self.device, self.why_cpu = open_session(self._model, device, threads)
        self._tiled: TiledModel | None = None
        if mismatch(self._session, self.info):
            raise ImpastoError(f"{path} does not have the inputs and outputs that its contract promises")

    def __repr__(self) -> str:
        return f"<Stylizer {self.info.name} on {self.device}>"

    @overload
    def __call__(
        self, photo: "str | os.PathLike[str] | Image.Image", strength: float = 1.0, *, stroke: float = 1.0,
        keep_colors: bool = False, mask: "str | os.PathLike[str] | Image.Image | np.ndarray | None" = None,
    ) -> "Image.Image": ...  # fmt: skip
    @overload
    def __call__(
        self, photo: "np.ndarray", strength: float = 1.0, *, stroke: float = 1.0,
        keep_colors: bool = False, mask: "str | os.PathLike[str] | Image.Image | np.ndarray | None" = None,
    ) -> "np.ndarray": ...  # fmt: skip
    def __call__(self, photo, strength=1.0, *, stroke=1.0, keep_colors=False, mask=None):
        """Restyle a picture.

        Args:
            photo: a path (of an animation the first frame is taken); Pillow's image of any mode; or an array,
                uint8 ``[H, W, C]`` or ``[N, H, W, C]``, sRGB, of 3 channels or 4 (the last being alpha).
            strength: 0 (the photo itself) to 1 (the full style).
            stroke: 0.5 to 2, the size of the brushwork beside what the style has by itself. The network works on
                the photo at 1 / ``stroke`` of its size; the result has the photo's.
            keep_colors: take the style's lightness alone, and hue and chroma of the photo.
            mask: where the style goes: white for the style, black for the photo, with a soft edge. A path,
                Pillow's image, or an array, uint8 ``[h, w]``, of the photo's shape; any size.

        Returns:
            The like: for an array one of the same shape; otherwise an upright sRGB image of mode RGB, or RGBA
            where there is transparency. Alpha comes back as it was.

        Raises:
            ImpastoError: a file that is not a readable picture, a picture too large for the memory, or a mask of
                another shape than the photo.
            TypeError: neither a path nor an image nor a uint8 array, or a dial that is not a number.
            ValueError: an array of another shape, or a dial out of its range.
        """
        import numpy as np
        from PIL import Image

        from . import _formats, _pictures

        check_dial("strength", strength, *STRENGTHS)
        check_dial("stroke", stroke, *STROKES)
        look = Look(strength, stroke, keep_colors, _mask(mask))
        if isinstance(photo, np.ndarray):
            return self._array(photo, look)
        if isinstance(photo, str | os.PathLike):
            picture = _pictures.read_picture(photo)
        elif isinstance(photo, Image.Image):
            picture = _pictures.from_pil(photo)
        else:
            kind = type(photo).__name__
            raise TypeError(f"photo must be a path, an image of Pillow's or a uint8 array, not {kind}")
        return _formats.to_pil(self.restyle(picture, look))

    def restyle(self, picture: "Picture", look: "Look") -> "Picture":
        """`__call__` for a picture with all that its file said, and its later frames."""
        pixels = picture.rgb
        if picture.alpha is not None:
            import numpy as np

            pixels = np.dstack([pixels, picture.alpha])
        later = tuple(self.restyle(frame, look) for frame in picture.later)
        return replace(picture, rgb=self._array(pixels, look)[..., :3], later=later)

    def _array(self, photo: "np.ndarray", look: "Look") -> "np.ndarray":
        """`__call__` for arrays."""
        import numpy as np

        if photo.dtype != np.uint8:
            raise TypeError(f"an array must be uint8 (0..255), not {photo.dtype}")
        if photo.ndim not in (3, 4) or photo.shape[-1] not in (3, 4) or 0 in photo.shape:
            shape = list(photo.shape)
            raise ValueError(f"an array must be [H, W, C] or [N, H, W, C] with C 3 or 4, not {shape}")
        batch = photo if photo.ndim == 4 else photo[None]
        result = self._painted(batch, look).reshape(*photo.shape[:-1], 3)
        return result if photo.shape[-1] == 3 else np.concatenate([result, photo[..., 3:]], axis=-1)

    def _painted(self, batch: "np.ndarray", look: "Look") -> "np.ndarray":
        """uint8 ``[N, H, W, 3 or 4]`` to ``[N, H, W, 3]``."""
        import numpy as np

        rgb = np.ascontiguousarray(batch[..., :3])
        plain = batch.shape[-1] == 3 and look.stroke == 1 and not look.keep_colors and look.mask is None
        if plain or look.strength == 0:  # the photo itself, whatever the other dials say
            return self._run(rgb, look.strength)
        from . import _dials

        height, width = rgb.shape[1:3]
        seen, size = rgb, (height, width)
        if batch.shape[-1] == 4:
            seen = np.stack([_dials.filled(*one) for one in zip(rgb, batch[..., 3], strict=True)])
        if look.stroke != 1:
            size = max(1, round(height / look.stroke)), max(1, round(width / look.stroke))
            seen = np.stack([_dials.resized(one, *size) for one in seen])
        painted = [_dials.resized(one, height, width) for one in self._run(seen, look.strength)]
        if size != (height, width) and look.strength < 1:
            painted = [_dials.with_detail(*pair, size, look.strength) for pair in zip(rgb, painted, strict=True)]
        if look.keep_colors:
            painted = [_dials.with_colors_of(*pair) for pair in zip(rgb, painted, strict=True)]
        if look.mask is not None:
            painted = [_dials.blended(*pair, look.mask) for pair in zip(rgb, painted, strict=True)]
        return np.stack(painted)

    def _in_tiles(self, batch: "np.ndarray", strength: float, room: int) -> "np.ndarray":
        """`_run` in about ``room`` bytes."""
        import numpy as np

        from ._tiles import CELL, TiledModel

        if self._tiled is None:  # two threads may both make one: no harm, they are the same
            self._tiled = TiledModel(self._model, lambda part: open_session(part, self.device, self.threads)[0])
        across = round((min(MOST_TILE, max(LEAST_TILE, room)) / TILED) ** 0.5)
        side = across - 2 * self._tiled.reaches[-1]
        return np.stack([self._tiled(one, strength, side - side % CELL) for one in batch])

    def _run(self, batch: "np.ndarray", strength: float) -> "np.ndarray":
        """The network alone: uint8 ``[N, H, W, 3]`` to the same."""
        import numpy as np

        feeds = {IMAGE: batch}
        if strength != 1 or self.info.dial == "required":
            feeds[STRENGTH] = np.array(strength, np.float32)
        pixels = batch.size // 3
        room = self.memory - PROGRAM - pixels * PICTURE
        try:
            if pixels * NETWORK > room:
                result = self._in_tiles(batch, strength, room)
            elif self.device == "cpu":
                result = self._session.run([STYLIZED], feeds)[0]
            else:
                result = _run_bound(self._session, feeds, self.device)
        except Exception as error:  # onnxruntime has no class of its own for want of memory
            reason = one_line(error)
            raise ImpastoError(f"{self.info.name} failed on a batch {list(batch.shape)}: {reason}") from error
        if result.shape != batch.shape or result.dtype != np.uint8:
            wrong = f"{result.dtype} {list(result.shape)} for {list(batch.shape)}"
            raise ImpastoError(f"{self.info.name} breaks its contract: {wrong}")
        return result


def in_bytes(memory: int | str) -> int:
    """An amount of memory: bytes, or a number with one of `UNITS`.

    Raises:
        ValueError: it is none, or less than `LEAST_MEMORY`.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kMGT]i?B?|B)?", str(memory))
    if not found:
        raise ValueError(f"memory must be a number of bytes or as 2GB, not {memory!r}")
    amount = int(float(found[1]) * UNITS[(found[2] or "B").removesuffix("B")])
    if amount < LEAST_MEMORY:
        raise ValueError(f"memory must be at least {LEAST_MEMORY // 10**6}MB, not {memory!r}")
    return amount


def check_dial(name: str, value: float, least: float, most: float) -> None:
    """Raise what `Stylizer.__call__` says of a dial that is not a number from ``least`` to ``most``."""
    if not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, not {type(value).__name__}")
    if not least <= value <= most:  # NaN too
        raise ValueError(f"{name} must be {least:g} to {most:g}, not {value}")


def _mask(mask: "str | os.PathLike[str] | Image.Image | np.ndarray | None") -> "np.ndarray | None":
    """A mask of any kind as uint8 ``[H, W]``."""
    import numpy as np

    from . import _dials

    if mask is None:
        return None
    if not isinstance(mask, np.ndarray):
        return _dials.read_mask(mask)
    if mask.dtype != np.uint8 or mask.ndim != 2 or 0 in mask.shape:
        raise ValueError(f"a mask must be a uint8 array [H, W], not {mask.dtype} {list(mask.shape)}")
    return mask


def _run_bound(session: "onnxruntime.InferenceSession", feeds: "dict[str, np.ndarray]", device: str) -> "np.ndarray":
    """One upload of bytes, one pass, one download of bytes."""
    import onnxruntime

    binding = session.io_binding()
    for name, value in feeds.items():
        binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(value, device, 0))
    binding.bind_output(STYLIZED, device)
    session.run_with_iobinding(binding)
    return binding.copy_outputs_to_cpu()[0]
