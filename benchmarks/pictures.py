"""Photos that a benchmark looks at, and what a model, or somebody else, has painted of them."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from impasto import ImpastoError, Stylizer
from impasto_train.photos.content import centre_crop
from impasto_train.photos.picture import Photo
from PIL import Image

Paint = Callable[[Path, np.ndarray], np.ndarray]
"""From a photo's file and its crop, uint8 ``[H, W, 3]``, to the painted picture, likewise."""


def photo_files(sources: Iterable[Path]) -> list[Path]:
    """Files, and those of folders in the order of their names.

    Raises:
        ImpastoError: a folder that holds none.
    """
    files: list[Path] = []
    for source in sources:
        found = sorted(path for path in source.iterdir() if path.is_file()) if source.is_dir() else [source]
        if not found:
            raise ImpastoError(f"{source} holds no photos")
        files += found
    return files


def square(file: Path, size: int) -> np.ndarray:
    """The picture's short side brought to ``size`` and its centre cut out: uint8 ``[size, size, 3]``."""
    return centre_crop(Photo(file.name, file), size)


def painter(source: str) -> tuple[str, Paint]:
    """The name of a source of painted pictures, and what gives them.

    Args:
        source: a model file or the name of a shipped style, run as apps run it (uint8 in, uint8 out, by onnxruntime);
            or a folder of pictures already painted, which are called as the photos are but for the suffix.
    """
    folder = Path(source)
    if folder.is_dir():
        return folder.name, lambda file, crop: square(painted_in(folder, file.stem), crop.shape[0])
    stylizer = Stylizer(source)
    return stylizer.info.name, lambda file, crop: stylizer(crop)


def painted_in(folder: Path, stem: str) -> Path:
    """The picture in ``folder`` that is called ``stem``.

    Raises:
        ImpastoError: there is none.
    """
    known = Image.registered_extensions()
    for path in sorted(folder.glob("*")):
        if path.stem == stem and path.suffix.lower() in known:
            return path
    raise ImpastoError(f"{folder} holds no picture called {stem}")
