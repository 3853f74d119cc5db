"""Several networks that share their kernels, to one file."""

from collections.abc import Callable, Sequence
from pathlib import Path

import onnx
from impasto import ImpastoError, StyleInfo

from ..network.stylenet import StyleNet
from .join import join
from .to_onnx import LARGEST_FILE, serialized, written

LARGEST_HEAD = 100_000  # bytes that a further style may add, its preview included


def export_several(
    styles: Sequence[tuple[StyleNet, StyleInfo]],
    path: Path,
    about_to_write: Callable[[bytes], None],
    *,
    name: str,
    title: str,
    held: Sequence[tuple[StyleInfo, bytes]] = (),
) -> StyleInfo:
    """Write networks to ``path`` as one file, under version 2 of the contract.

    Args:
        styles: each with its metadata.
        about_to_write: as `export.to_onnx.export`.
        name, title: of the file.
        held: models of one style each, of the same kernels, that come first in the file; those of ``styles`` of the
            same name take their place.

    Returns:
        what `impasto.describe` reads back from the file.

    Raises:
        ImpastoError: as `export.to_onnx.serialized` and `join`, or it cannot be written; then ``path`` is left as it
            was.
    """
    models = {info.name: (info, alone) for info, alone in held}
    like = onnx.load_from_string(held[0][1]) if held else None
    for network, info in styles:
        models[info.name] = info, serialized(network, info, like)
    data = join([*models.values()], name, title)
    if len(data) > LARGEST_FILE + LARGEST_HEAD * (len(models) - 1):
        raise ImpastoError(f"the export came to {len(data)} bytes, over what {len(models)} styles may have")
    return written(data, path, about_to_write)
