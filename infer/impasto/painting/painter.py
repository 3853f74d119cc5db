"""The network alone: a batch of pixels through a model, whole or in tiles, in about as much memory as it may take."""

import os
import re
from typing import TYPE_CHECKING

from ..common.errors import ImpastoError, one_line
from ..contract.graph import read_checked
from ..contract.info import IMAGE, STRENGTH, STYLIZED
from ..engine.check import mismatch
from ..engine.session import Device, open_session

if TYPE_CHECKING:
    import numpy as np
    import onnxruntime

    from .tiles import TiledModel

LEAST_MEMORY = 200_000_000
UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
# Measured, in bytes: of the program and its libraries; and for each pixel, of the network at work and of a picture on
# its way through this package.
PROGRAM, NETWORK, PICTURE = 60_000_000, 83, 11
TILED = 2 * NETWORK  # of a tile, with what is gathered from it
LEAST_TILE, MOST_TILE = 150_000_000, 400_000_000  # bytes: smaller ones would be mostly edge, larger ones gain little


class Painter:
    """A model that paints uint8 ``[N, H, W, 3]``, opened on a device.

    Args:
        path: of a model that Impasto made; no variant for other programs.
        memory: bytes that painting a picture may take; one that would take more is painted in tiles.
        threads: of the CPU to work with; None for as many as it has cores.

    Raises:
        ImpastoError: no such model, or not one that works, or ``cuda`` is not available.
        ValueError: no such device, or less than one thread.
    """

    def __init__(self, path: str | os.PathLike[str], device: Device, memory: int, threads: int | None = None) -> None:
        if threads is not None and threads < 1:
            raise ValueError(f"threads must be at least 1, not {threads}")
        self.memory, self.threads = memory, threads
        self.info, self.model = read_checked(path)
        form = self.info.io, self.info.layout, self.info.fixed_size
        if form != ("uint8", "nhwc", "") or self.info.dial == "none":
            raise ImpastoError(f"{path} is a variant for other programs: use the model that it was made from")
        self.session, self.device, self.why_cpu = open_session(self.model, device, threads)
        self._tiled: TiledModel | None = None
        if mismatch(self.session, self.info):
            raise ImpastoError(f"{path} does not have the inputs and outputs that its contract promises")

    def __call__(self, batch: "np.ndarray", strength: float) -> "np.ndarray":
        """Paint a batch, uint8 ``[N, H, W, 3]``, to the same.

        Args:
            strength: 0 to 1.

        Raises:
            ImpastoError: the engine failed, out of memory or otherwise.
        """
        import numpy as np

        pixels = batch.size // 3
        room = self.memory - PROGRAM - pixels * PICTURE
        try:
            result = self._in_tiles(batch, strength, room) if pixels * NETWORK > room else self._whole(batch, strength)
        except Exception as error:  # onnxruntime has no class of its own for too little memory
            reason = one_line(error)
            raise ImpastoError(f"{self.info.name} failed on a batch {list(batch.shape)}: {reason}") from error
        if result.shape != batch.shape or result.dtype != np.uint8:
            wrong = f"{result.dtype} {list(result.shape)} for {list(batch.shape)}"
            raise ImpastoError(f"{self.info.name} breaks its contract: {wrong}")
        return result

    def _whole(self, batch: "np.ndarray", strength: float) -> "np.ndarray":
        import numpy as np

        feeds = {IMAGE: batch}
        if strength != 1 or self.info.dial == "required":
            feeds[STRENGTH] = np.array(strength, np.float32)
        if self.device == "cpu":
            return self.session.run([STYLIZED], feeds)[0]
        return _run_bound(self.session, feeds, self.device)

    def _in_tiles(self, batch: "np.ndarray", strength: float, room: int) -> "np.ndarray":
        """In about ``room`` bytes."""
        import numpy as np

        from .tiles import CELL, TiledModel

        if self._tiled is None:  # two threads may both make one: no harm, they are the same
            self._tiled = TiledModel(self.model, lambda part: open_session(part, self.device, self.threads)[0])
        across = round((min(MOST_TILE, max(LEAST_TILE, room)) / TILED) ** 0.5)
        side = across - 2 * self._tiled.reaches[-1]
        return np.stack([self._tiled(picture, strength, side - side % CELL) for picture in batch])


def in_bytes(memory: int | str) -> int:
    """An amount of memory: bytes, or a number with one of `UNITS`.

    Raises:
        ValueError: it is none, or less than `LEAST_MEMORY`.
    """
    parsed = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kMGT]i?B?|B)?", str(memory))
    if not parsed:
        raise ValueError(f"memory must be a number of bytes or as 2GB, not {memory!r}")
    amount = int(float(parsed[1]) * UNITS[(parsed[2] or "B").removesuffix("B")])
    if amount < LEAST_MEMORY:
        raise ValueError(f"memory must be at least {LEAST_MEMORY // 10**6}MB, not {memory!r}")
    return amount


def _run_bound(session: "onnxruntime.InferenceSession", feeds: "dict[str, np.ndarray]", device: str) -> "np.ndarray":
    """One upload of bytes, one pass, one download of bytes."""
    import onnxruntime

    binding = session.io_binding()
    for name, value in feeds.items():
        binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(value, device, 0))
    binding.bind_output(STYLIZED, device)
    session.run_with_iobinding(binding)
    return binding.copy_outputs_to_cpu()[0]
