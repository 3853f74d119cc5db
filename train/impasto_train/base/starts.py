"""What ``--from`` names: the base, nothing, or another training."""

from pathlib import Path

from impasto.internal import Say

from ..training.run_folder import RunFolder
from .weights import Weights, load_base

SCRATCH, BASE = "scratch", "base"


def starts(name: str, say: Say = print) -> list[Weights]:
    """The weights to choose from when a training starts from ``name``; none for `SCRATCH`.

    Raises:
        ImpastoError: ``name`` is nothing to start from.
    """
    if name == SCRATCH:
        return []
    return load_base() if name == BASE else [RunFolder(Path(name)).load_weights(say)]


def steps_behind(name: str) -> int:
    """Steps that count as a style's own when a training starts from ``name``: those of a run, as `starts` finds it."""
    return 0 if name in (SCRATCH, BASE) else RunFolder(Path(name)).steps()
