"""Trained styles that come with Impasto: one ``<name>.onnx`` each, in this folder."""

from pathlib import Path

__all__ = ["names", "path"]

_FOLDER = Path(__file__).parent


def names() -> list[str]:
    """The names of the shipped styles, sorted."""
    return sorted(file.stem for file in _FOLDER.glob("*.onnx"))


def path(name: str) -> Path:
    """Where the model of the shipped style ``name`` lies.

    Raises:
        LookupError: there is no such style; the message names those that there are.
    """
    shipped = names()
    if name not in shipped:
        known = ", ".join(shipped) or "none so far"
        raise LookupError(f"{name} is neither a file nor a shipped style ({known})")
    return _FOLDER / f"{name}.onnx"
