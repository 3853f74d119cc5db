"""The network alone: a batch of pixels through a model, whole or in tiles, in about as much memory as it may take."""

import copy
import os
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from ..common.errors import ImpastoError, one_line
from ..contract.blend import shares_of
from ..contract.graph import read_checked
from ..contract.info import IMAGE, STRENGTH, STYLE, STYLIZED
from ..contract.surgery import without_default
from ..engine.check import mismatch
from ..engine.devices import PROVIDERS, Device
from ..engine.session import open_session, plugin_turn
from .memory import large_pieces_on_their_own

if TYPE_CHECKING:
    import numpy as np
    import onnxruntime

    from .tiles import Report, TiledModel

# Measured, in bytes: of the program and its libraries; and for each pixel, of the network at work and of a picture on
# its way through this package. The network takes 80 to 106: onnxruntime asks for memory in pieces, each larger than the
# last, and how well its maps fill them depends on the picture's size.
PROGRAM, NETWORK, PICTURE = 100_000_000, 106, 11
TILED = 112  # of each pixel of a tile, measured too
LEAST_TILE, MOST_TILE = 60_000_000, 200_000_000  # bytes: smaller ones would be mostly edge, larger ones gain little
LEAST_ROWS = 32  # of a tile


def fitting(memory: int, pixels: int) -> int:
    """How many pictures of so many ``pixels`` can be painted at once in ``memory`` bytes, at least one."""
    return max(1, (memory - PROGRAM) // (pixels * (NETWORK + PICTURE)))


class Painter:
    """A model that paints uint8 ``[N, H, W, 3]``, opened on a device.

    Args:
        path: of a model that Impasto made; no variant for other programs.
        memory: bytes that painting a picture may take; one that would take more is painted in tiles.
        threads: of the CPU to work with; None for as many as it has cores.

    Raises:
        ImpastoError: no such model, or not one that works, or the device is not available.
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
        promised = self.info
        if device in PROVIDERS and not PROVIDERS[device].takes_defaults:
            self.model = without_default(self.model, STRENGTH, STYLE)
            promised = replace(promised, dial="required")
        self.session, self.device, self.not_on = open_session(self.model, device, threads)
        self._dial = promised.dial
        self._first = shares_of(self.info, None) if self.info.styles else None
        self._tiled: TiledModel | None = None  # made for the first picture that needs it
        if mismatch(self.session, promised):
            raise ImpastoError(f"{path} does not have the inputs and outputs that its contract promises")

    def on_one_thread(self) -> "Painter":
        """The same on one thread of the CPU, for pictures painted at once: more would wait for each other, busily."""
        other = copy.copy(self)
        other.threads, other._tiled = 1, None
        other.session = open_session(self.model, "cpu", 1)[0]
        return other

    def room(self, pixels: int) -> int:
        """Bytes that are left to the network while so many pixels are painted."""
        return self.memory - PROGRAM - pixels * PICTURE

    def in_tiles(self, pixels: int) -> bool:
        """Whether a batch of so many pixels is too large to be painted at once."""
        return pixels * NETWORK > self.room(pixels)

    def __call__(
        self, batch: "np.ndarray", strength: float, style: tuple[float, ...] | None, report: "Report"
    ) -> "np.ndarray":
        """Paint a batch, uint8 ``[N, H, W, 3]``, to the same.

        Args:
            strength: 0 to 1.
            style: the share of each style of the model, as `shares_of` gives it; None for its first.
            report: gets the share of each picture that is done, 0..1, if they are painted in tiles.

        Raises:
            ImpastoError: the engine failed, out of memory or otherwise, or the disk has no room for tiles.
        """
        import numpy as np

        pixels = batch.size // 3
        style = (style or self._first) if self.info.styles else None
        try:
            with nullcontext() if self.device in ("cpu", "cuda") else plugin_turn:
                if self.in_tiles(pixels):
                    result = self._in_tiles(batch, strength, style, self.room(pixels), report)
                else:
                    result = self._whole(batch, strength, style)
        except ImpastoError:  # the disk has no room: said in full
            raise
        except Exception as error:  # onnxruntime has no class of its own for too little memory
            reason = one_line(error)
            raise ImpastoError(f"{self.info.name} failed on a batch {list(batch.shape)}: {reason}") from error
        if result.shape != batch.shape or result.dtype != np.uint8:
            wrong = f"{result.dtype} {list(result.shape)} for {list(batch.shape)}"
            raise ImpastoError(f"{self.info.name} breaks its contract: {wrong}")
        return result

    def _whole(self, batch: "np.ndarray", strength: float, style: tuple[float, ...] | None) -> "np.ndarray":
        import numpy as np

        feeds = {IMAGE: batch}
        if strength != 1 or self._dial == "required":
            feeds[STRENGTH] = np.array(strength, np.float32)
        if style:
            feeds[STYLE] = np.array(style, np.float32)
        if self.device == "cuda":
            return _run_bound(self.session, feeds, self.device)
        return self.session.run([STYLIZED], feeds)[0]

    def _in_tiles(
        self, batch: "np.ndarray", strength: float, style: tuple[float, ...] | None, room: int, report: "Report"
    ) -> "np.ndarray":
        """In about ``room`` bytes."""
        import numpy as np

        from .tiles import TiledModel

        if self._tiled is None:  # two threads may both make one: no harm, they are the same
            large_pieces_on_their_own()
            # its maps are in float16 and have no shape: plugins refuse one or the other
            device: Device = "cuda" if self.device == "cuda" else "cpu"
            self._tiled = TiledModel(self.model, lambda part: open_session(part, device, self.threads)[0], self._first)
        height, width = batch.shape[1:3]
        tile = min(MOST_TILE, max(LEAST_TILE, room // 2, LEAST_ROWS * width * TILED))
        on_disk = height * width * self._tiled.kept + tile > room
        pixels = tile // TILED
        painted = [self._tiled(each, strength, pixels, style=style, on_disk=on_disk, report=report) for each in batch]
        return np.stack(painted)


def _run_bound(session: "onnxruntime.InferenceSession", feeds: "dict[str, np.ndarray]", device: str) -> "np.ndarray":
    """One upload of bytes, one pass, one download of bytes."""
    import onnxruntime

    binding = session.io_binding()
    for name, value in feeds.items():
        binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(value, device, 0))
    binding.bind_output(STYLIZED, device)
    session.run_with_iobinding(binding)
    return binding.copy_outputs_to_cpu()[0]
