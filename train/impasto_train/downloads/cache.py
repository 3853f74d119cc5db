"""Where downloads are kept: one folder for the VGG16 weights and the COCO photos."""

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """Return ``$IMPASTO_CACHE``, or ``impasto`` in the platform's cache folder; it need not exist yet.

    Linux and others: ``$XDG_CACHE_HOME/impasto`` or ``~/.cache/impasto``; macOS:
    ``~/Library/Caches/impasto``; Windows: ``%LOCALAPPDATA%\\impasto``.
    """
    if chosen := os.environ.get("IMPASTO_CACHE"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "impasto"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "impasto"
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification tells programs to ignore a relative path here.
    return (Path(xdg) if os.path.isabs(xdg) else Path.home() / ".cache") / "impasto"
