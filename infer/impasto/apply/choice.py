"""What ``--style`` and ``--mask`` say of the models: which styles are painted, and where."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..common.errors import ImpastoError
from ..contract.blend import asked_for, shares_of, style_of
from ..contract.info import StyleInfo
from .options import Options


@dataclass(frozen=True)
class Choice:
    """What is to be painted by each model, and where."""

    models: Sequence[StyleInfo]
    shares: tuple[float, ...] | None
    """Of the styles of the only model; None where nobody chose."""
    masks: dict[str, str]
    """Files, or patterns as ``masks/{stem}.png``, by the style that goes there; ``""`` for all that is painted."""

    @classmethod
    def of(cls, options: Options, models: Sequence[StyleInfo]) -> "Choice":
        """What ``options`` say of ``models``.

        Raises:
            ImpastoError: a style that the model does not have, masks of which it is not said whose they are, or what
                is of one model with several.
        """
        masks, style = _masks(options.mask or []), options.style
        if options.invert_mask and not masks:
            raise ImpastoError("--invert-mask is of a --mask, and none is given")
        by_style = "" not in masks and len(masks) > 0
        if style is not None and by_style:
            raise ImpastoError("--mask says for each style where it goes: leave --style out")
        if len(models) > 1 and (style is not None or by_style):
            option = "--mask STYLE=PICTURE" if by_style else "--style"
            raise ImpastoError(f"{option} is of the styles in one model, and {len(models)} models are given")
        for name in masks if by_style else ():
            shares_of(models[0], name)
        if by_style and len(masks) == 1:
            ((style, file),) = masks.items()
            masks = {"": file}
        return cls(models, None if style is None else asked_for(models[0], style), masks)

    @property
    def painted(self) -> list[StyleInfo]:
        """What each model paints, as a style: it names the results."""
        if len(self.masks) > 1:
            return list(self.models)
        return [style_of(model, self.shares or shares_of(model, None)) for model in self.models]

    @property
    def of_each_photo(self) -> bool:
        """Whether there are masks for each photo."""
        return any("{" in file for file in self.masks.values())


def _masks(given: Sequence[str]) -> dict[str, str]:
    masks: dict[str, str] = {}
    for each in given:
        named = re.fullmatch(r"([\w-]+)=(.+)", each)
        name, file = named.groups() if named else ("", each)
        if len(given) > 1 and not name:
            raise ImpastoError(f"--mask {file}: of several masks each needs its style, as in great_wave={file}")
        if name in masks:
            raise ImpastoError(f"--mask {each}: there are two masks for {name}")
        masks[name] = file
    return masks
