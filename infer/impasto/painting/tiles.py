"""Painting a picture in tiles, as if it had been painted whole.

What a network computes over the whole picture (the statistics of its instance norms, the photo's contrast) cuts it into
steps. Each step is computed once, tile by tile, from what the steps before left; what it leaves is kept until no later
one needs it. So neither seams nor a shift of colours can arise, and no more is computed twice than the rows beyond a
tile that its own few convolutions see. A tile is as wide as the picture.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..contract.info import IMAGE, STRENGTH, STYLE, STYLIZED
from ..contract.surgery import Parts, Step, take_apart
from .kept import KEPT, Map, room_on_disk

CELL = 8  # px: tiles begin at its multiples, as the coarsest resolution of the networks asks
SMALLEST = 2 * CELL  # rows of a tile at least: what the networks make of a smaller picture
PROBE = (256, 64, 3)  # the picture on which it is measured how far each step sees

Open = Callable[[bytes], Any]  # a session of onnxruntime for a model
Feeds = dict[str, np.ndarray]
Report = Callable[[float], object]  # gets the share that is done, 0..1


@dataclass(frozen=True)
class Tile:
    """Rows of a picture in pixels: ``inner`` are what it stands for, ``outer`` what is read for that."""

    outer: slice
    inner: slice

    def within(self, values: np.ndarray) -> np.ndarray:
        """Of ``values``, ``[N, C, h, w]`` computed from ``outer`` at any resolution, those of ``inner``."""
        scale = _length(self.outer) // values.shape[2]
        top = (self.inner.start - self.outer.start) // scale
        return values[:, :, top : top + _length(self.inner) // scale]


def _length(rows: slice) -> int:
    return rows.stop - rows.start


def padded(length: int) -> int:
    """Rows or columns that the networks make of so many."""
    return max(SMALLEST, length + -length % CELL)


def tiles(height: int, rows: int, reach: int) -> Iterator[Tile]:
    """Cover ``height`` rows, a multiple of `CELL`, with tiles of about so many ``rows``."""
    rows = max(SMALLEST, rows - rows % CELL)
    starts = list(range(0, height, rows))
    if len(starts) > 1 and height - starts[-1] < SMALLEST:
        starts.pop()  # a sliver: the tile before takes it in
    for start, stop in zip(starts, [*starts[1:], height], strict=True):
        yield Tile(slice(max(0, start - reach), min(height, stop + reach)), slice(start, stop))


@dataclass
class _Picture:
    """A photo on its way: what the steps so far have found out about it.

    Args:
        photo: uint8 ``[H, W, 3]``.
        folder: for the files of the maps; None: they are kept in memory.
    """

    photo: np.ndarray
    strength: float
    style: Sequence[float] | None = None
    folder: Path | None = None
    maps: dict[str, Map] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.height = padded(self.photo.shape[0])
        self.found: Feeds = {STRENGTH: np.array(self.strength, np.float32)}
        if self.style:
            self.found[STYLE] = np.array(self.style, np.float32)

    def feeds(self, rows: slice, names: set[str]) -> Feeds:
        """What a step takes of these ``rows`` of pixels."""
        given = {name: value for name, value in self.found.items() if name in names}
        if IMAGE in names:
            given[IMAGE] = np.ascontiguousarray(self.photo[None, rows])
        for name in names & self.maps.keys():
            scale = self.height // self.maps[name].height
            given[name] = self.maps[name].read(rows.start // scale, rows.stop // scale)
        return given

    def keep(self, name: str, tile: Tile, values: np.ndarray) -> None:
        """Keep a tile of the map ``name``, ``[1, C, h, w]``."""
        scale = _length(tile.inner) // values.shape[2]
        if name not in self.maps:
            file = tempfile.TemporaryFile(dir=self.folder) if self.folder else None  # noqa: SIM115 - the map closes it
            self.maps[name] = Map(self.height // scale, values.shape[1], values.shape[3], file)
        self.maps[name].write(tile.inner.start // scale, values)

    def forget(self, needed: set[str]) -> None:
        """Give back all maps but the ``needed``."""
        for name in self.maps.keys() - needed:
            self.maps.pop(name).close()


class TiledModel:
    """A model taken apart, how far each step sees, and how much is kept between them.

    Args:
        model: bytes of a model under the contract.
        open_model: opens a session.
        style: of a model of several styles, the share of each that is painted unless another is asked for.
    """

    def __init__(self, model: bytes, open_model: Open, style: Sequence[float] | None = None) -> None:
        self.style = style
        self.parts: Parts = take_apart(model, STYLIZED)
        self.open = open_model
        self.takes = [
            _inputs(open_model(part)) for part in (*(step.model for step in self.parts.steps), self.parts.last)
        ]
        """The inputs of each step and, last, of the painting; so of all lists here."""
        self.reaches: list[int] = []
        """Rows of pixels beyond a tile that each depends on."""
        self.kept = 0.0
        """Bytes a pixel that are kept, at most."""
        self._measure()

    def __call__(
        self,
        photo: np.ndarray,
        strength: float,
        pixels: int,
        *,
        style: Sequence[float] | None = None,
        on_disk: bool = False,
        report: Report = lambda share: None,
    ) -> np.ndarray:
        """Paint ``photo``, uint8 ``[H, W, 3]``, in tiles of about so many ``pixels``.

        Args:
            style: of a model of several styles, the share of each.
            on_disk: keep in files what is kept between the steps.
            report: called after each tile of each step.

        Raises:
            ImpastoError: there is not enough room on the disk.
        """
        height, width = map(padded, photo.shape[:2])
        folder = room_on_disk(int(self.kept * height * width)) if on_disk else None
        picture = _Picture(photo, strength, style or self.style, folder)
        count = len(self.takes)
        try:
            for number, step in enumerate(self.parts.steps):
                plan = tiles(height, pixels // width, self.reaches[number])
                for tile in self._step(number, step, picture, plan):
                    report((number + tile.inner.stop / height) / count)
                picture.forget(set().union(*self.takes[number + 1 :]))
            result, session = np.empty_like(photo), self.open(self.parts.last)
            for tile in tiles(height, pixels // width, self.reaches[-1]):
                (painted,) = session.run([STYLIZED], picture.feeds(tile.outer, self.takes[-1]))
                top = tile.inner.start - tile.outer.start
                into = result[tile.inner]  # the padding is in no picture
                into[:] = painted[0, top : top + len(into)]
                report((count - 1 + tile.inner.stop / height) / count)
            return result
        finally:
            picture.forget(set())

    def _step(self, number: int, step: Step, picture: _Picture, plan: Iterator[Tile]) -> Iterator[Tile]:
        """Take a step over a whole picture, yielding each tile that is done."""
        session, moments, extremes = self.open(step.model), Moments(), []
        for tile in plan:
            values, *kept = session.run(list(step.outputs), picture.feeds(tile.outer, self.takes[number]))
            if step.kind == "norm":
                moments.add(tile.within(values)[0])
                picture.keep(step.outputs[1], tile, tile.within(kept[0]))
            else:
                extremes.append(values)
            yield tile
        if step.kind == "norm":
            picture.found |= dict(zip(step.gives, (moments.mean, moments.variance), strict=True))
        else:
            best = np.maximum if step.kind == "ReduceMax" else np.minimum
            picture.found[step.gives[0]] = best.reduce(extremes)

    def _measure(self) -> None:
        """Find out, step by step on a small noisy picture, what a change in its middle changes."""
        photo = np.random.default_rng(0).integers(0, 256, PROBE, dtype=np.uint8)
        picture, all_rows = _Picture(photo, 1.0, self.style), slice(0, PROBE[0])
        whole = Tile(all_rows, all_rows)
        for number, step in enumerate(self.parts.steps):
            for _ in self._step(number, step, picture, iter([whole])):
                pass
            feeds = picture.feeds(all_rows, self.takes[number])
            self.reaches.append(self._reach(step, feeds) if step.kind == "norm" else 0)
            values = sum(kept.height * kept.row[0] * kept.row[1] for kept in picture.maps.values())
            self.kept = max(self.kept, KEPT * values / (PROBE[0] * PROBE[1]))
            picture.forget(set().union(*self.takes[number + 1 :]))
        # of the painting, rounding to 8 bits would hide it; the layers after the last norm see less than a block does
        self.reaches.append(max(self.reaches, default=2 * CELL))

    def _reach(self, step: Step, feeds: Feeds) -> int:
        session = self.open(step.model)
        changed = {}
        for name, value in feeds.items():
            if value.ndim == 4:  # a picture, or a map
                rows = 1 if name == IMAGE else 2
                scale = PROBE[0] // value.shape[rows]
                middle = slice(PROBE[0] // 2 // scale, (PROBE[0] // 2 + CELL) // scale)
                value = value.copy()
                part = np.moveaxis(value, rows, 0)[middle]
                part[:] = ~part if name == IMAGE else -2 * part
            changed[name] = value
        before, after = (session.run([step.outputs[0]], given)[0] for given in (feeds, changed))
        different = np.flatnonzero((before != after).any((0, 1, 3)))
        scale = PROBE[0] // before.shape[2]
        start, stop = different.min() * scale, (different.max() + 1) * scale
        reach = max(PROBE[0] // 2 - start, stop - PROBE[0] // 2 - CELL, 0)
        return int(reach + -reach % CELL)


def _inputs(session: Any) -> set[str]:
    return {value.name for value in (*session.get_inputs(), *session.get_overridable_initializers())}


class Moments:
    """Mean and variance of each channel, gathered from parts (Chan, Golub and LeVeque 1979)."""

    def __init__(self) -> None:
        self.count = 0
        self._mean: Any = 0.0
        self._squares: Any = 0.0

    def add(self, values: np.ndarray) -> None:
        """Take in a part, float32 ``[C, h, w]``."""
        flat = values.reshape(len(values), -1)
        count, mean = flat.shape[1], flat.mean(1)
        centred = flat - mean[:, None]
        off = centred.mean(1, dtype=np.float64)  # what float32 left of the mean
        mean = mean.astype(np.float64) + off
        squares = np.array([np.dot(row, row) for row in centred], np.float64) - count * off**2
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
