"""Which styles of a model are painted, and how much of each: what ``style`` means in calls and on command lines.

A model of one style has that one alone.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from numbers import Real
from typing import Any

from ..common.errors import ImpastoError
from .info import StyleInfo

Style = str | Mapping[str, float]
"""A style of a model by its name, or how much of each of several by theirs."""

LISTED = ("credit", "style_license", "license")  # of all styles in a blend
UNMEASURED: dict[str, Any] = {"content_loss": 0.0, "style_loss": 0.0, "preview": b""}


def shares_of(info: StyleInfo, style: Style | None) -> tuple[float, ...]:
    """How much of each style of a model is painted, in the order of the input `STYLE`; 1 in all.

    Args:
        style: None for the first style.

    Raises:
        ImpastoError: the model has no such style; the line says which it has.
        TypeError: ``style`` is neither a name nor weights by name, or a weight is not a number.
        ValueError: a weight is below 0 or not finite, or none is above 0.
    """
    names = [one.name for one in info.styles] or [info.name]
    weights = {names[0] if style is None else style: 1.0} if isinstance(style, str | None) else style
    if not isinstance(weights, Mapping):
        raise TypeError(f"style must be a name or weights by name, not {type(weights).__name__}")
    numbers = {name: _weight(name, weight, info, names) for name, weight in weights.items()}
    most = max(numbers.values(), default=0.0)
    if most == 0:
        raise ValueError("of the weights of styles at least one must be above 0")
    parts = [numbers.get(name, 0.0) / most for name in names]  # the sum of large weights might be infinite
    return tuple(part / sum(parts) for part in parts)


def _weight(name: str, weight: float, info: StyleInfo, names: Sequence[str]) -> float:
    if name not in names:
        raise ImpastoError(f"{info.name} has no style {name!r}: it has {', '.join(names)}")
    if not isinstance(weight, Real):
        raise TypeError(f"the weight of {name} must be a number, not {type(weight).__name__}")
    try:
        number = float(weight)
    except OverflowError:  # of an integer
        number = math.inf
    if not 0 <= number < math.inf:  # NaN too
        raise ValueError(f"the weight of {name} must be a finite number of at least 0, not {number}")
    return number


def parsed(text: str) -> dict[str, float]:
    """What ``--style`` says: a name, or several with their weights, as ``great_wave:0.6,the_scream:0.4``.

    A weight that is not said is 1.

    Raises:
        ImpastoError: it says neither.
    """
    weights: dict[str, float] = {}
    for part in text.split(","):
        name, colon, weight = (piece.strip() for piece in part.partition(":"))
        try:
            number = float(weight) if colon else 1.0
        except ValueError:
            raise ImpastoError(f"--style {text}: {weight!r} is not a weight, as in {name}:0.5") from None
        if not name:
            raise ImpastoError(f"--style {text}: the name of a style is missing, as in great_wave:0.6,the_scream:0.4")
        if name in weights:
            raise ImpastoError(f"--style {text}: {name} comes twice")
        weights[name] = number
    return weights


def asked_for(info: StyleInfo, text: str | None) -> tuple[float, ...]:
    """`shares_of` for what ``--style`` says; None for the first style.

    Raises:
        ImpastoError: it says nothing that the model can paint.
    """
    try:
        return shares_of(info, None if text is None else parsed(text))
    except ValueError as error:
        raise ImpastoError(f"--style {text}: {error}") from None


def style_of(info: StyleInfo, shares: Sequence[float]) -> StyleInfo:
    """What a model paints by ``shares``, as one style: one of its own, or a blend under the name of the file.

    Of a blend, credits and licences are those of all its styles. What these do not agree on is 0 or empty, and so is
    what would have to be measured.
    """
    parts = [(share, one) for share, one in zip(shares, info.styles or (info,), strict=True) if share > 0]
    parts.sort(key=lambda part: -part[0])
    if len(parts) == 1:
        return parts[0][1]
    values: dict[str, Any] = {}
    for each in fields(StyleInfo):
        said = list(dict.fromkeys(getattr(one, each.name) for _, one in parts))
        if each.name in LISTED:
            values[each.name] = "; ".join(filter(None, said))
        else:
            values[each.name] = said[0] if len(said) == 1 else type(said[0])()
    title = ", ".join(f"{one.title} {100 * share:.0f} %" for share, one in parts)
    return StyleInfo(**values | UNMEASURED | {"name": info.name, "title": title})
