"""Painting a picture in tiles, as if it had been painted whole.

What a network computes over the whole picture (the statistics of its instance norms, the photo's contrast) is computed
first, one layer after the other, from all tiles; each tile is then painted with those and with as much of its
surroundings as can be seen from it, so that neither seams nor a shift of colours can arise.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..contract.info import IMAGE, STRENGTH, STYLIZED
from ..contract.surgery import Parts, Step, take_apart

CELL = 8  # px: tiles begin at its multiples, as the coarsest resolution of the networks asks
PROBE = 512  # px, the side of the picture on which the reach of the network is measured

Open = Callable[[bytes], Any]  # a session of onnxruntime for a model
Feeds = dict[str, np.ndarray]


@dataclass(frozen=True)
class Tile:
    """A part of a picture in pixels: ``inner`` is what it stands for, ``outer`` what is read for that."""

    outer: tuple[slice, slice]
    inner: tuple[slice, slice]

    def within(self, shape: tuple[int, ...]) -> tuple[slice, slice]:
        """``inner`` in an array of ``shape`` ``[..., h, w]`` that was computed from ``outer``, at any resolution."""
        return (_scaled(self.outer[0], self.inner[0], shape[-2]), _scaled(self.outer[1], self.inner[1], shape[-1]))


def _scaled(outer: slice, inner: slice, length: int) -> slice:
    whole = outer.stop - outer.start
    shrunk = (whole + -whole % CELL) // length if length < whole else 1
    start = (inner.start - outer.start) // shrunk
    # the last tile of a row goes to the end, and so includes what the network adds at the picture's edge
    return slice(start, length if inner.stop == outer.stop else (inner.stop - outer.start) // shrunk)


def tiles(height: int, width: int, side: int, halo: int) -> Iterator[Tile]:
    """Cover a picture with tiles of ``side`` px, each with ``halo`` px around it where there are any."""
    for rows in _spans(height, side, halo):
        for columns in _spans(width, side, halo):
            yield Tile((rows[0], columns[0]), (rows[1], columns[1]))


def _spans(length: int, side: int, halo: int) -> list[tuple[slice, slice]]:
    starts = list(range(0, length, side))
    if len(starts) > 1 and length - starts[-1] < 2 * CELL:
        starts.pop()  # a sliver: the tile before takes it in
    stops = [*starts[1:], length]
    return [
        (slice(max(0, start - halo), min(length, stop + halo)), slice(start, stop))
        for start, stop in zip(starts, stops, strict=True)
    ]


class TiledModel:
    """A model taken apart, and how far it sees.

    Args:
        model: bytes of a model under the contract.
        open_model: opens a session.
    """

    def __init__(self, model: bytes, open_model: Open) -> None:
        self.parts: Parts = take_apart(model, STYLIZED)
        self.open = open_model
        self.reaches = self._reaches()
        """Pixels beyond a tile that each step depends on, and, last, the painting."""

    def __call__(self, photo: np.ndarray, strength: float, side: int) -> np.ndarray:
        """Paint ``photo``, uint8 ``[H, W, 3]``, in tiles of ``side`` px."""
        height, width = photo.shape[:2]
        feeds: Feeds = {STRENGTH: np.array(strength, np.float32)}
        for step, reach in zip(self.parts.steps, self.reaches, strict=False):
            feeds |= self._over_all(step, photo, tiles(height, width, side, reach), feeds)
        result = np.empty_like(photo)
        session = self.open(self.parts.last)
        for tile in tiles(height, width, side, self.reaches[-1]):
            painted = _run(session, STYLIZED, photo[tile.outer], feeds)[0]
            rows, columns = (
                slice(inner.start - outer.start, inner.stop - outer.start)
                for inner, outer in zip(tile.inner, tile.outer, strict=True)
            )
            result[tile.inner] = painted[rows, columns]
        return result

    def _over_all(self, step: Step, photo: np.ndarray, plan: Iterator[Tile], feeds: Feeds) -> Feeds:
        session = self.open(step.model)
        computed = ((tile, _run(session, step.output, photo[tile.outer], feeds)) for tile in plan)
        if step.kind != "norm":
            best = np.maximum if step.kind == "ReduceMax" else np.minimum
            return {step.gives[0]: best.reduce([value for _, value in computed])}
        moments = Moments()
        for tile, values in computed:
            rows, columns = tile.within(values.shape)
            moments.add(values[0, :, rows, columns])
        return dict(zip(step.gives, (moments.mean, moments.variance), strict=True))

    def _reaches(self) -> list[int]:
        """Measured, layer by layer, by what a change in the middle of a noisy picture changes."""
        photo = np.random.default_rng(0).integers(0, 256, (PROBE, PROBE, 3), dtype=np.uint8)
        feeds: Feeds = {STRENGTH: np.array(1, np.float32)}
        middle = slice(PROBE // 2, PROBE // 2 + CELL)
        changed = photo.copy()
        changed[middle, middle] = ~photo[middle, middle]
        reaches = [0]
        for step in self.parts.steps:
            if step.kind != "norm":
                reaches.append(0)
                continue
            session = self.open(step.model)
            before, after = (_run(session, step.output, picture, feeds) for picture in (photo, changed))
            moments = Moments()
            moments.add(before[0])
            feeds |= dict(zip(step.gives, (moments.mean, moments.variance), strict=True))
            different = (before != after).any((0, 1))
            scale = PROBE // different.shape[0]
            seen = np.flatnonzero(different.any(0) | different.any(1)) * scale
            reach = max(middle.start - seen.min(), seen.max() + scale - middle.stop) if seen.size else 0
            reaches.append(int(reach + -reach % CELL))
        return [*reaches[1:], max(reaches) + 2 * CELL]  # the layers after the last norm see a little further


def _run(session: Any, output: str, photo: np.ndarray, feeds: Feeds) -> np.ndarray:
    names = {value.name for value in (*session.get_inputs(), *session.get_overridable_initializers())}
    wanted = {name: value for name, value in feeds.items() if name in names}
    return session.run([output], {IMAGE: np.ascontiguousarray(photo[None]), **wanted})[0]


class Moments:
    """Mean and variance of each channel, gathered from parts (Chan, Golub and LeVeque 1979)."""

    def __init__(self) -> None:
        self.count = 0
        self._mean: Any = 0.0
        self._squares: Any = 0.0

    def add(self, values: np.ndarray) -> None:
        """Take in a part, float32 ``[C, h, w]``."""
        flat = values.reshape(len(values), -1)
        count, mean = flat.shape[1], flat.mean(1, dtype=np.float64)
        centred = flat - mean[:, None].astype(np.float32)
        squares = np.einsum("cp,cp->c", centred, centred, dtype=np.float64)
        total, apart = self.count + count, mean - self._mean
        self._mean = self._mean + apart * (count / total)
        self._squares = self._squares + squares + apart**2 * (self.count * count / total)
        self.count = total

    @property
    def mean(self) -> np.ndarray:
        """float32 ``[C]``."""
        return np.asarray(self._mean, np.float32)

    @property
    def variance(self) -> np.ndarray:
        """float32 ``[C]``, of the whole (divided by the count)."""
        return np.asarray(self._squares / self.count, np.float32)
