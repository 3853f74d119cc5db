"""Making the paintings of a film's frames steady: each is mixed with the one before, moved as the film has moved.

A network answers to noise and to shifts of a part of a pixel, so that strokes of neighbouring frames differ even where
nothing has happened. Where the frame before, moved by what `motion` finds, shows the same as this one, its painting is
as good as this one's, and the mean of both flickers less. Where it does not, at what has come into view or at a cut,
nothing of it is taken, so that it leaves no trace.
"""

from concurrent.futures import Future

import numpy as np
from PIL import Image

from .dials import boxed
from .motion import following, moved, moved_small, smaller

SHARE = 0.7  # of the painting before, where the frames show the same
SAME = 10.0  # of `ROOTS`, by which frames differ that show about the same: of mid grey, about as many levels of 255
AROUND = 2  # pixels to every side, of the smaller frames, in which they are compared
# levels of 255 in steps of one size beside a camera's noise, which grows as the root of what it sees: else dark on
# dark would pass for the same
ROOTS = 16 * np.sqrt(np.arange(256, dtype=np.float32))
LEAST = 0.3  # of a frame that shows the same: with less it is one of another scene


class Steadier:
    """Steadies the frames of a film: `turn` for each in their order, or all in one thread by calling this.

    Args:
        strength: of the style, 0 to 1: a picture that is mostly its photo is left mostly as it is.
    """

    def __init__(self, strength: float = 1.0) -> None:
        self._share = SHARE * strength
        self._last: Turn | None = None

    def turn(self) -> "Turn":
        """What steadies the next frame. Frames may be painted at once: each waits for what it needs of the one before.

        Each must be begun no later than those after it, and be closed, or those wait for ever.
        """
        self._last = Turn(self._share, self._last)
        return self._last

    def __call__(self, frame: np.ndarray, painted: np.ndarray) -> np.ndarray:
        """A steadier ``painted`` of the next frame: `Turn.__call__`."""
        return self.turn()(frame, painted)


class Turn:
    """One frame's turn in a `Steadier`. Of the past it keeps one frame, and that until it is done."""

    def __init__(self, share: float, before: "Turn | None") -> None:
        self._share, self._before = share, before
        self._seen: Future[np.ndarray] = Future()
        self._steady: Future[np.ndarray] = Future()

    def __call__(self, frame: np.ndarray, painted: np.ndarray) -> np.ndarray:
        """A steadier ``painted``, which the network made of ``frame``; all uint8 ``[H, W, 3]``.

        Raises:
            CancelledError: the frame before was closed without having been painted.
        """
        small = smaller(frame)
        self._seen.set_result(small)
        steady = painted if self._before is None else self._steadied(self._before, small, painted)
        self._before = None
        self._steady.set_result(steady)
        return steady

    def close(self) -> None:
        """Let nobody wait for this frame any longer, painted or not."""
        self._before = None
        self._seen.cancel()
        self._steady.cancel()

    def _steadied(self, before: "Turn", small: np.ndarray, painted: np.ndarray) -> np.ndarray:
        """``painted``, mixed with the painting before. What has moved is found while that is still being steadied."""
        small_before = before._seen.result()
        if small_before.shape != small.shape or min(small.shape[:2]) < 2:
            return painted
        mesh = following(small_before, small)
        weight = self._weight(_roots(small), moved_small(_roots(small_before), mesh.shift))
        steady_before = before._steady.result()
        if weight is None or steady_before.shape != painted.shape:
            return painted
        return _mixed(painted, moved(steady_before, mesh.scaled(painted.shape)), weight)

    def _weight(self, frame: np.ndarray, before: np.ndarray) -> np.ndarray | None:
        """How much of the painting before to take, 0 to 1, ``[h, w]`` float32; None for a frame of another scene.

        Args:
            frame, before: float32 ``[3, h, w]``, of `ROOTS`, the second moved to where the first is.
        """
        apart = boxed(np.abs(frame - before).mean(0), AROUND)
        same = np.exp(-np.square(apart / SAME))
        return None if same.mean() < LEAST else self._share * same


def _roots(frame: np.ndarray) -> np.ndarray:
    """`ROOTS` of uint8 ``[h, w, 3]``, ``[3, h, w]``."""
    return ROOTS[frame.transpose(2, 0, 1)]


def _mixed(painted: np.ndarray, before: np.ndarray, weight: np.ndarray) -> np.ndarray:
    images = Image.fromarray(before), Image.fromarray(painted)
    mask = Image.fromarray(np.round(255 * weight).astype(np.uint8))
    return np.asarray(Image.composite(*images, mask.resize(images[0].size, Image.Resampling.BILINEAR)))
