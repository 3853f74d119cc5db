"""What ``--from`` names: the base, nothing, or another training."""

from pathlib import Path

from impasto.internal import Say

from ..training.run_folder import RunFolder
from .weights import Weights, load_base

SCRATCH, BASE = "scratch", "base"


def starts(name: str, say: Say = print) -> tuple[list[Weights], int]:
    """The weights to choose from when a training starts from ``name``, and how many steps of its style are behind them.

    There are none of either for `SCRATCH`, and no steps behind `BASE`, which is of no style.

    Raises:
        ImpastoError: ``name`` is nothing to start from.
    """
    if name == SCRATCH:
        return [], 0
    if name == BASE:
        return load_base(), 0
    return RunFolder(Path(name)).load_weights(say)
