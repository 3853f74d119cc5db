"""How a style is applied: the dials, checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Literal

from ..common.defaults import AS_LARGE_AS, LARGE, STRENGTHS, STROKES
from ..common.errors import ImpastoError
from ..contract.blend import Style, shares_of
from ..contract.info import StyleInfo

if TYPE_CHECKING:
    import numpy as np

    from ..pictures.reading import Source

    Mask = Source | np.ndarray


@dataclass(frozen=True, eq=False)
class Look:
    """How a style is applied: the dials of `Stylizer.__call__`, checked."""

    strength: float = 1.0
    stroke: float | Literal["auto"] = "auto"
    keep_colors: bool = False
    mask: "np.ndarray | dict[str, np.ndarray] | None" = None
    """uint8 ``[H, W]``; or one for each of several styles, by their names."""
    invert_mask: bool = False
    """Whether the style goes where the mask is black."""
    style: tuple[float, ...] | None = None
    """The share of each style of the model, as `shares_of` gives it; None for its first."""

    @classmethod
    def of(
        cls,
        info: StyleInfo,
        strength: float,
        stroke: float | Literal["auto"],
        keep_colors: bool,
        mask: "Mask | Mapping[str, Mask] | None",
        style: Style | None,
    ) -> "Look":
        """The dials as `Stylizer.__call__` takes them, checked; it says what is raised.

        Args:
            info: what the model says of itself.
        """
        check_dial("strength", strength, *STRENGTHS)
        if stroke != "auto":
            check_dial("stroke", stroke, *STROKES)
        if not isinstance(mask, Mapping):
            read = None if mask is None else _read(mask)
            return cls(strength, stroke, keep_colors, read, style=shares_of(info, style))
        if style is not None or not mask:
            raise ValueError("masks by style say which styles are painted: name one at least, and leave style out")
        shares = {name: shares_of(info, name) for name in mask}
        masks = {name: _read(each) for name, each in mask.items()}
        if len(masks) > 1:
            return cls(strength, stroke, keep_colors, masks)
        ((name, alone),) = masks.items()
        return cls(strength, stroke, keep_colors, alone, style=shares[name])

    @property
    def masks(self) -> "dict[str, np.ndarray]":
        """Where the styles go, uint8 ``[H, W]``, white; a mask of all that is painted has no name."""
        masks = self.mask if isinstance(self.mask, dict) else {} if self.mask is None else {"": self.mask}
        return {name: ~mask if self.invert_mask else mask for name, mask in masks.items()}

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

    def check_mask(self, height: int, width: int, photo: str = "the photo") -> None:
        """Raise `ImpastoError`, which names ``photo``, if a mask is of another shape, whatever its size, than it."""
        for tall, wide in (mask.shape for mask in self.masks.values()):
            if abs(wide * height - tall * width) > max(wide, tall, width, height) * 2:  # rounding of a resize apart
                said = f"the mask of {wide}x{tall} pixels does not have the shape of {photo}, {width}x{height}"
                raise ImpastoError(said)


def check_dial(name: str, value: float, least: float, most: float) -> None:
    """Raise what `Stylizer.__call__` says of a dial that is not a number from ``least`` to ``most``."""
    if not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, not {type(value).__name__}")
    if not least <= value <= most:  # NaN too
        raise ValueError(f"{name} must be {least:g} to {most:g}, not {value}")


def _read(mask: "Mask") -> "np.ndarray":
    """A mask of any kind as uint8 ``[H, W]``."""
    import numpy as np

    from . import dials

    if not isinstance(mask, np.ndarray):
        return dials.read_mask(mask)
    if mask.dtype not in (bool, np.uint8) or mask.ndim != 2 or 0 in mask.shape:
        raise ValueError(f"a mask must be a bool or uint8 array [H, W], not {mask.dtype} {list(mask.shape)}")
    return mask.astype(np.uint8) * np.uint8(255) if mask.dtype == bool else mask
