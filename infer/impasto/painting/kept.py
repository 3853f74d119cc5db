"""What is kept between the steps of painting a large picture: in memory, or in a file that has no name."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import IO

import numpy as np

from ..common.errors import ImpastoError

KEPT = 2  # bytes of a value: half precision, which is finer than the painting's 8 bits


class Map:
    """The values of one step over a picture, of which rows are written and read.

    Args:
        height: of the map, in its own rows.
        channels, width: of the map.
        file: where to keep it; None: in memory.
    """

    def __init__(self, height: int, channels: int, width: int, file: IO[bytes] | None = None) -> None:
        self.height, self.row, self.file = height, (channels, width), file
        self.values = np.empty((0 if file else height, *self.row), np.float16)

    def write(self, top: int, values: np.ndarray) -> None:
        """Keep ``values``, float16 ``[1, C, h, w]``, as the rows from ``top`` on."""
        rows = values[0].transpose(1, 0, 2)
        if self.file is None:
            self.values[top : top + len(rows)] = rows
        else:
            self.file.seek(self._offset(top))
            self.file.write(np.ascontiguousarray(rows).data)

    def read(self, top: int, stop: int) -> np.ndarray:
        """The rows ``top`` to ``stop``, float16 ``[1, C, h, w]``."""
        if self.file is None:
            rows = self.values[top:stop]
        else:
            self.file.seek(self._offset(top))
            rows = np.frombuffer(self.file.read(self._offset(stop - top)), np.float16).reshape(-1, *self.row)
        return np.ascontiguousarray(rows.transpose(1, 0, 2)[None])

    def close(self) -> None:
        """Give the memory or the room on the disk back."""
        self.values = self.values[:0].copy()
        if self.file is not None:
            self.file.close()

    def _offset(self, rows: int) -> int:
        return rows * self.row[0] * self.row[1] * KEPT


def room_on_disk(needed: int) -> Path:
    """The folder for files of ``needed`` bytes together.

    Raises:
        ImpastoError: there is not as much room.
    """
    # /tmp is often memory
    usual = Path("/var/tmp") if os.access("/var/tmp", os.W_OK) else Path(tempfile.gettempdir())
    folder = Path(os.environ["TMPDIR"]) if os.environ.get("TMPDIR") else usual
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ImpastoError(
            f"painting a picture of this size within --memory needs {needed / 1e9:.1f} GB on the disk of {folder}, "
            f"which has {free / 1e9:.1f} GB free: make room, set TMPDIR to another folder, or allow more --memory"
        )
    return folder
