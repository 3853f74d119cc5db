"""What ``apply-style`` does to films, as a call from Python."""

import os
import warnings
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..common.defaults import CRF, CRFS, FPS, RATES
from ..common.errors import ImpastoError
from ..contract.blend import Style
from ..painting.look import Look, check_dial
from ..painting.stylizer import Stylizer
from .film import restyle_film
from .film_reading import Part
from .film_writing import Encoding
from .plan import check_suffix
from .sequence import writes_over

if TYPE_CHECKING:
    from ..painting.look import Mask


def film(
    stylize: Stylizer,
    source: str | os.PathLike[str],
    result: str | os.PathLike[str],
    strength: float = 1.0,
    *,
    stroke: float | Literal["auto"] = "auto",
    keep_colors: bool = False,
    mask: "Mask | Mapping[str, Mask] | None" = None,
    style: Style | None = None,
    size: int | None = None,
    codec: str | None = None,
    crf: int = CRF,
    start: str | None = None,
    end: str | None = None,
    fps: float = FPS,
    per_frame: bool = False,
) -> None:
    """Restyle the film in the file ``source`` into the file ``result``, which is replaced if it exists.

    Either may also be numbered pictures, as ``frames/%04d.png``.

    Each frame keeps its time, and the sound is copied. What ``result`` cannot keep of ``source``, as transparency, a
    warning says. What Ctrl-C leaves is named as ``result.part.mp4``.

    Args:
        strength, stroke, keep_colors, mask, style: as in `Stylizer.__call__`.
        size: longest side in pixels to which a larger film is reduced first.
        codec: an encoder by FFmpeg's name; None for what suits the suffix.
        crf: constant rate factor of the encoder: the lower, the better and the larger.
        start, end: what of the film, times as ``1:30``; None for its beginning and its end.
        fps: frames a second of numbered pictures.
        per_frame: paint each frame by itself, in place of mixing it with the one before where nothing has changed.

    Raises:
        ImpastoError: ``source`` cannot be read, ``result`` cannot be written or is ``source``, the model does not
            have the style, or the extra ``video`` is not installed.
        TypeError, ValueError: as `Stylizer.__call__`, of the dials, of ``fps``, 0.01 to 1000, ``crf``, 0 to 63, and
            ``size``, at least 1; or ``stylize`` is no `Stylizer`.
        KeyboardInterrupt: Ctrl-C, once the frames that are done are in their file.
    """
    if not isinstance(stylize, Stylizer):
        raise TypeError(f"stylize must be a Stylizer, as Stylizer('great_wave') is, not {type(stylize).__name__}")
    source, result = Path(source), Path(result)
    check_suffix(str(result), "the result", film=True)
    if os.path.realpath(source) == os.path.realpath(result) or writes_over(source, result):
        raise ImpastoError(f"{result} would be written over the film; choose another place")
    look = Look.of(stylize.info, strength, stroke, keep_colors, mask, style)
    check_dial("fps", fps, *RATES)
    check_dial("crf", crf, *CRFS)
    if size is not None and size < 1:
        raise ValueError(f"size must be at least 1, not {size}")
    encoding = Encoding(codec, crf, size, part=Part.of(start, end), fps=Fraction(str(fps)), per_frame=per_frame)
    if restyle_film(source, result, stylize, look, encoding, _unseen, _unseen, _warn).stopped:
        raise KeyboardInterrupt


def _warn(line: str) -> None:
    warnings.warn(line, stacklevel=2)


def _unseen(*progress: int | None) -> None:
    """Takes what nobody asked to be told."""
