"""A model by its path or by the name of a shipped style."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

import impasto_models

from ..common.errors import ImpastoError
from .info import StyleInfo, read_model


def locate(model: str | os.PathLike[str]) -> Path:
    """The file that ``model`` stands for.

    A plain word that names a shipped style is that style, whatever lies in the current folder; anything else,
    and any `Path`, is a path (``./great_wave`` for a file of that name).

    Raises:
        ImpastoError: an empty string, or a plain word that is neither a shipped style nor a file.
    """
    if model == "":
        raise ImpastoError("no model given: give a .onnx file or the name of a shipped style")
    if isinstance(model, str) and re.fullmatch(r"[\w-]+", model):
        if model in impasto_models.files():
            return impasto_models.path(model)
        if not os.path.exists(model):
            try:
                return impasto_models.path(model)
            except LookupError as error:  # it names the styles that there are
                raise ImpastoError(str(error)) from None
    return Path(model)


def names_of(infos: Iterable[StyleInfo]) -> set[str]:
    """What models may name their results by: their own names, and those of the styles in them."""
    return {one.name for info in infos for one in (info, *info.styles)}


def known_names(styles: Iterable[str] = ()) -> set[str]:
    """``styles`` and those of `names_of` the shipped models."""
    shipped = impasto_models.files()
    several = names_of([describe(impasto_models.ATLAS)] if impasto_models.ATLAS in shipped else [])
    return {*styles, *shipped, *several}  # the others have but the names of their files


def results_of(stems: Iterable[str], styles: Iterable[str] = ()) -> set[str]:
    """Those of the file names ``stems``, less suffix, that results of others would have, in ``styles`` or shipped ones.

    ``apply-style`` and ``bulk-style`` name them so where nobody says otherwise. A folder that holds results among its
    photos is read without them by these names.
    """
    there, ends = {*stems}, [f"-{style}" for style in known_names(styles)]
    return {stem for stem in there for end in ends if stem.endswith(end) and stem.removesuffix(end) in there}


def describe(model: str | os.PathLike[str]) -> StyleInfo:
    """What ``model``, as for `locate`, says about itself; needs neither torch nor onnx nor onnxruntime.

    Raises:
        ImpastoError: no such file or shipped style, a folder, not an ONNX file, not one made by Impasto, made for
            a newer Impasto, or damaged.
    """
    return read_model(locate(model))[0]
