"""Trained styles that come with Impasto: one ``<name>.onnx`` each, in this folder; and several in `ATLAS`."""

from pathlib import Path

__all__ = ["ATLAS", "files", "names", "path"]

ATLAS = "atlas"
"""The name of the file of several styles."""

_FOLDER = Path(__file__).parent


def names() -> list[str]:
    """The names of the shipped styles, each a file of its own, sorted."""
    return [name for name in files() if name != ATLAS]


def files() -> list[str]:
    """The names of all shipped files: `names`, and `ATLAS`."""
    return sorted(file.stem for file in _FOLDER.glob("*.onnx"))


def path(name: str) -> Path:
    """Where the model of the shipped style ``name`` lies, or `ATLAS`.

    Raises:
        LookupError: there is no such style; the message names those that there are.
    """
    shipped = files()
    if name not in shipped:
        known = ", ".join(shipped) or "none so far"
        raise LookupError(f"{name} is neither a file nor a shipped style ({known})")
    return _FOLDER / f"{name}.onnx"
