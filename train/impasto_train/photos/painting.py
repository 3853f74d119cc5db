"""A style picture of our own: an oil painting, by program, of a burning sun over hills and a rough sea.

The method is that of Hertzmann, "Painterly rendering with curved brush strokes of multiple sizes" (SIGGRAPH
1998): layers of curved strokes, from large to small, each stroke in the colour of the motif below it and
ended where that colour ends. The strokes follow the streamlines of a stream function: curl noise (Bridson
et al., "Curl-noise for procedural fluid flow", SIGGRAPH 2007) with vortices. Every stroke also lays a height
(bristles, raised edges), and a lamp at the upper left lights the height map: that is the relief.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from impasto import ImpastoError
from impasto.internal import run, whole_file
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[Any]

GRID = 512  # the motif's own resolution: with it the strokes are the same at every size of the picture
SMALLEST = 32  # a smaller picture has strokes thinner than its pixels
# Lengths and places are in widths of the picture, y downwards.
SUN_X, SUN_Y, SUN_R = 0.655, 0.30, 0.098
RAYS, TWIST = 15, 1.8  # of the sun: how many, and how far they lean (radians for each width of the picture)
VORTICES = (  # centre, reach and spin
    (SUN_X, SUN_Y, 0.30, 0.9),
    (0.19, 0.23, 0.22, -1.0),
    (0.40, 0.50, 0.10, 0.5),
    (0.95, 0.53, 0.10, -0.5),
)
# The palette.
NIGHT, PRUSSIAN, ULTRAMARINE, COBALT = (10, 13, 34), (14, 34, 78), (28, 52, 138), (44, 96, 176)
TEAL, MINT, IVORY, CREAM = (26, 132, 142), (128, 190, 178), (247, 238, 212), (252, 214, 118)
OCHRE, ORANGE, VERMILION, UMBER = (222, 160, 44), (238, 116, 26), (204, 54, 30), (38, 22, 20)


class Layer(NamedTuple):
    """One pass over the canvas with one brush."""

    width: float
    length: float
    spacing: float  # between strokes, in brush widths
    stray: float  # how far from its place a stroke takes its colours
    detail: float  # strokes only where the motif changes by about this within a brush; 0: everywhere


LAYERS = (
    Layer(0.085, 0.30, 0.80, 0.020, 0.0),
    Layer(0.052, 0.28, 0.85, 0.016, 0.0),
    Layer(0.032, 0.22, 0.80, 0.012, 0.04),
    Layer(0.020, 0.15, 0.85, 0.008, 0.08),
)
OUTLINES = (NIGHT, UMBER, UMBER, VERMILION)  # of the hills, the sea and the sun
STEP = 0.006  # between the points of a path


class Motif(NamedTuple):
    """What is painted: maps that the strokes look up, and the contours that are drawn last."""

    colour: Array  # [GRID, GRID, 3], 0 to 1
    flow: Array  # [GRID, GRID, 2], unit vectors (x, y)
    region: Array  # [GRID, GRID]: 0 sky, 1 and 2 hills, 3 sea, 4 sun
    contours: list[Array]  # paths [n, 2], of the regions from 1 on


def _noise(rng: np.random.Generator, cells: int) -> Array:
    """Smooth noise [GRID, GRID] with about ``cells`` bumps a side, between about -1 and 1."""
    coarse = Image.fromarray(rng.uniform(-1, 1, (cells + 3, cells + 3)).astype(np.float32))
    return np.asarray(coarse.resize((GRID, GRID), Image.Resampling.BICUBIC))


def _ramp(paints: list[tuple[int, int, int]], t: Array) -> Array:
    """The colours at ``t`` (0 to 1) along a row of paints that run into one another."""
    table = np.array(paints) / 255
    place = np.clip(t, 0, 1) * (len(paints) - 1)
    return np.stack([np.interp(place, np.arange(len(paints)), table[:, c]) for c in range(3)], -1)


def _over(below: Array, above: Array, cover: Array) -> Array:
    cover = np.clip(cover, 0, 1)[..., None]
    return below * (1 - cover) + above * cover


def _motif(rng: np.random.Generator) -> Motif:
    """Compose the picture: its colours, and the stream function whose level lines the strokes follow."""
    y, x = np.mgrid[0:GRID, 0:GRID] / GRID
    radius, angle = np.hypot(x - SUN_X, y - SUN_Y), np.arctan2(y - SUN_Y, x - SUN_X)

    # The sky's bands of colour are level lines of the stream function, so the strokes run along them.
    stream = 0.10 * _noise(rng, 4) + 0.035 * _noise(rng, 9) + 0.25 * y
    for vx, vy, reach, spin in VORTICES:
        stream += spin * reach * np.exp(-((x - vx) ** 2 + (y - vy) ** 2) / (2 * (0.55 * reach) ** 2))
    bands = 0.5 + 0.5 * np.sin(stream * 46)
    blues = [NIGHT, PRUSSIAN, ULTRAMARINE, COBALT, TEAL, MINT, IVORY]
    colour = _ramp(blues, 0.02 + 0.78 * bands + 0.22 * _noise(rng, 5))
    rays = 0.5 + 0.5 * np.sin(RAYS * (angle + TWIST * radius) + 1.2 * _noise(rng, 6))
    glow = np.exp(-((radius / (0.25 + 0.05 * _noise(rng, 7))) ** 2))
    fire = _ramp([VERMILION, ORANGE, OCHRE, CREAM, IVORY, IVORY], 1.0 * glow - 0.65 + 0.95 * rays)
    colour = _over(colour, fire, 6 * (0.55 * rays + 1.55 * glow - 0.95))

    # Each ridge hides what is behind it, and the strokes below it run along it.
    region, contours = np.zeros((GRID, GRID), np.int64), []

    def cover(number: int, ridge: Array, depth: Array, paints: Array) -> None:
        below = y > ridge
        region[below], colour[below], stream[below] = number, paints[below], depth[below]
        contours.append(np.stack([x[0], ridge], -1))

    ridge = 0.60 - 0.075 * np.sin(5.2 * x[0] + 0.4) + 0.015 * _noise(rng, 6)[0]
    depth = (y - ridge) * (1 + 0.4 * np.sin(6 * x))
    slope = [MINT, TEAL, PRUSSIAN, ULTRAMARINE, NIGHT]
    cover(1, ridge, depth, _ramp(slope, depth * 9 + 0.15 * _noise(rng, 8)))
    ridge = 0.665 + 0.07 * np.sin(5.6 * x[0] + 0.7) + 0.012 * _noise(rng, 7)[0]
    depth = y - ridge + 0.03 * np.sin(9 * x + 14 * y)
    furrows = 0.5 + 0.5 * np.sin(depth * 95) + 0.25 * _noise(rng, 7)
    cover(2, ridge, depth, _ramp([UMBER, VERMILION, ORANGE, OCHRE, CREAM], 0.12 + 0.75 * furrows))
    ridge = 0.775 + 0.022 * np.sin(8.5 * x[0] + 1.0) + 0.008 * _noise(rng, 9)[0]
    depth = y + 0.026 * np.sin(13 * x + 22 * y) + 0.03 * _noise(rng, 6)
    crests = 0.5 + 0.5 * np.sin(depth * 105)
    water = _ramp([NIGHT, PRUSSIAN, ULTRAMARINE, TEAL, MINT, IVORY], crests**1.5 + 0.15 * _noise(rng, 9))
    glitter = np.exp(-(((x - SUN_X - 0.03 * np.sin(40 * y)) / 0.085) ** 2))
    embers = _ramp([VERMILION, ORANGE, CREAM, IVORY], crests)
    cover(3, ridge, depth, _over(water, embers, 5 * (glitter + 0.6 * crests - 0.85)))

    along_y, along_x = np.gradient(stream)
    flow = _unit(np.stack([along_y, -along_x], -1))
    lean = angle - np.arctan(radius * TWIST)  # along the rays: where their phase does not change
    flow = _over(flow, np.stack([np.cos(lean), np.sin(lean)], -1), (region == 0) * (0.29 - radius) * 12)
    disc = radius < SUN_R
    region[disc], colour[disc] = 4, _ramp([IVORY, CREAM, CREAM, OCHRE, ORANGE], (radius / SUN_R) ** 2)[disc]
    flow[disc] = np.stack([np.cos(angle + 1.9), np.sin(angle + 1.9)], -1)[disc]  # spirals in
    turn = np.linspace(0, 2 * np.pi, 160)
    rim = np.stack([SUN_X + SUN_R * np.cos(turn), SUN_Y + SUN_R * np.sin(turn)], -1)
    return Motif(colour, _unit(flow), region, [*contours, rim])


def _unit(vectors: Array) -> Array:
    return vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-9)


def _at(field: Array, points: Array) -> Array:
    """The field's values at ``points`` [..., 2] (x, y)."""
    place = np.clip((points * GRID).astype(np.int64), 0, GRID - 1)
    return field[place[..., 1], place[..., 0]]


def _follow(motif: Motif, start: Array, steps: int, way: int, free: bool) -> list[Array]:
    """The paths along the flow (``way`` 1) or against it (-1) from every start [n, 2], start included.

    Unless ``free``, a path ends at the border of its region and where the colour is far from its start's.
    """
    paths = np.repeat(start[:, None], steps, axis=1)
    heading = way * _at(motif.flow, start)
    going, count = np.ones(len(start), bool), np.ones(len(start), np.int64)
    for i in range(1, steps):
        turn = _at(motif.flow, paths[:, i - 1])
        turn = np.where((turn * heading).sum(-1, keepdims=True) < 0, -turn, turn)  # never back on itself
        heading = _unit(0.6 * heading + 0.4 * turn)
        paths[:, i] = here = paths[:, i - 1] + STEP * heading
        near = np.abs(_at(motif.colour, here) - _at(motif.colour, start)).sum(-1) < 0.65
        going &= free | (near & (_at(motif.region, here) == _at(motif.region, start)))
        count += going
    return [path[:n] for path, n in zip(paths, count, strict=True)]


def _stroke(canvas: Array, height: Array, path: Array, width: float, paints: Array, rng: np.random.Generator) -> None:
    """Lay one stroke, in streaks of two ``paints`` [2, 3], along ``path`` [n, 2]."""
    side = len(canvas)
    path, width = path * side, width * side
    arc = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    length = float(arc[-1])
    # t and v, along (0 to 1) and across (-1 to 1), sampled finer than the pixels so that none is missed.
    t = np.linspace(0, 1, int(length * 1.6) + 2, dtype=np.float32)[:, None]
    v = np.linspace(-1, 1, int(width * 1.6) + 2, dtype=np.float32)[None]
    line = np.stack([np.interp(t[:, 0] * length, arc, path[:, i]) for i in (0, 1)], -1).astype(np.float32)
    along = _unit(np.gradient(line, axis=0))

    # The brush: how full each bristle is, with which paint, and where it touches down and lifts off.
    hairs = rng.integers(9, 15)
    profiles = [np.interp(v, np.linspace(-1, 1, hairs), a) for a in rng.uniform(0, 1, (4, hairs))]
    fine, streak, tip, tail = np.array(profiles, np.float32)
    bend = width / length * (1 - np.sqrt(1 - v**2))  # round ends
    begin, end = 0.5 * bend + 0.10 * tip, 1 - 0.3 * bend - 0.20 * tail
    wet = (t >= begin) & (t <= end) & ((streak > 0.22) | (t < 0.75 + 0.2 * fine))  # some run dry early
    belly = 1 - 0.35 * t**2 - 0.25 * np.exp(-t * 8)
    wander = 0.06 * np.sin(t * rng.uniform(2, 6) + rng.uniform(0, 6)) * (1 - v**2)
    offset = (v + wander) * belly * width / 2
    px = np.rint(line[:, :1] - along[:, 1:] * offset).astype(np.int64)
    py = np.rint(line[:, 1:] + along[:, :1] * offset).astype(np.int64)
    wet &= (px >= 0) & (py >= 0) & (px < side) & (py < side)
    px, py = px[wet], py[wet]

    mix = np.clip(1.6 * streak - 0.45 + 0.25 * (t - 0.5), 0, 1)[wet][:, None]
    canvas[py, px] = paints[0] + (paints[1] - paints[0]) * mix
    edge = np.exp(-(((np.abs(v) - 0.86) / 0.12) ** 2))  # paint pushed aside
    heap = np.exp(-(((end - t) * length / width / 0.15) ** 2))  # and left where the brush lifts off
    body = ((0.45 + 0.75 * fine + 0.35 * edge) * np.sqrt(1 - 0.9 * v**4)) * (1 - 0.3 * t) + 0.2 * heap
    height[py, px] = 0.45 * height[py, px] + side * (width / side) ** 0.75 * body[wet]


def _light(canvas: Array, height: Array) -> Array:
    """The canvas lit from the upper left, with the gloss of oil on the slopes that face the lamp."""
    for _ in range(2):  # soften along one axis, then along the other
        wide = np.pad(height, ((1, 1), (0, 0)), mode="edge")
        height = (0.25 * wide[:-2] + 0.5 * height + 0.25 * wide[2:]).T
    slope_y, slope_x = np.gradient(0.034 * height)
    facing = (slope_x + slope_y) / np.sqrt(1 + slope_x**2 + slope_y**2)
    gloss = np.clip(facing - 0.25, 0, 0.6)[..., None]
    lit = canvas * (1 + np.clip(facing, -0.55, 0.35)[..., None]) + 0.35 * gloss
    return np.clip(lit, 0, 1)


def _places(motif: Motif, layer: Layer, rng: np.random.Generator) -> Array:
    """Where the strokes of a layer go, [n, 2], in the order of painting."""
    gap = layer.spacing * layer.width
    ticks = np.arange(-0.5, 1 / gap + 1) * gap
    places = np.stack(np.meshgrid(ticks, ticks), -1).reshape(-1, 2)
    places = rng.permutation(places + rng.uniform(-0.5, 0.5, places.shape) * gap)
    around = places[:, None] + 0.5 * layer.width * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
    change = _at(motif.colour, around).std(1).mean(-1)
    return places[change >= layer.detail * rng.uniform(0.3, 1.5, len(places))]


Stroke = tuple[Array, float, Array]  # a path, a width and two paints


def _layers(motif: Motif, rng: np.random.Generator) -> Iterator[Stroke]:
    """The strokes of all layers in the order of painting."""
    for layer in LAYERS:
        places, free = _places(motif, layer, rng), layer is LAYERS[0]  # the ground leaves no gaps
        steps = round(layer.length / STEP / 2)
        ways = [_follow(motif, places, steps, way, free) for way in (-1, 1)]
        for back, ahead in zip(*ways, strict=True):
            path = np.concatenate([back[:0:-1], ahead])[:: rng.choice([-1, 1])]
            path = path[: int(len(path) * rng.uniform(0.7, 1))]
            width = min(layer.width * rng.uniform(0.75, 1.2), 0.4 * STEP * len(path))  # no round blots
            if width > 0.4 * layer.width:
                stray = path[len(path) // 2] + rng.normal(0, layer.stray, (2, 2))
                yield path, width, np.clip(_at(motif.colour, stray) * rng.uniform(0.88, 1.12), 0, 1)


def _outlines(motif: Motif, rng: np.random.Generator) -> Iterator[Stroke]:
    """Broken dark lines along the ridges and red ones around the sun."""
    for region, (contour, paint) in enumerate(zip(motif.contours, OUTLINES, strict=True), 1):
        for _ in range(10):
            n = int(len(contour) * rng.uniform(0.08, 0.2))
            first = rng.integers(len(contour) - n)
            path = contour[first : first + n]
            width, bright = rng.uniform(0.007, 0.015), rng.uniform(0.8, 1.2)
            if (_at(motif.region, path) <= region).all():  # else what lies before it hides it
                yield path, width, np.array([paint, paint]) / 255 * bright


def paint(size: int = 512, seed: int = 0) -> NDArray[np.uint8]:
    """Paint the picture: uint8 [size, size, 3], sRGB, 0 to 255.

    The same ``seed`` gives the same composition and strokes at every size; another seed gives other skies,
    ridges and strokes. The time goes with the square of ``size``.

    Raises:
        ImpastoError: ``size`` is below ``SMALLEST``.
    """
    if size < SMALLEST:
        raise ImpastoError(f"cannot paint a picture of {size} px: the least is {SMALLEST}")
    rng = np.random.default_rng(seed)
    motif = _motif(rng)
    side = 2 * size  # painted at twice the size: the reduction smooths the strokes' edges
    canvas = np.full((side, side, 3), np.array(UMBER) / 255, np.float32)
    height = np.zeros((side, side), np.float32)
    for stroke in (*_layers(motif, rng), *_outlines(motif, rng)):
        _stroke(canvas, height, *stroke, rng)
    lit = Image.fromarray((_light(canvas, height) * 255 + 0.5).astype(np.uint8))
    return np.asarray(lit.resize((size, size), Image.Resampling.LANCZOS))


app = typer.Typer(add_completion=False)


@app.command()
def main(
    out: Annotated[Path, typer.Argument(help="Where to write the picture (PNG).")],
    size: Annotated[int, typer.Option(help="Width and height in pixels.")] = 512,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another painting.")] = 0,
) -> None:
    """Paint our own style picture: a burning sun over hills and a rough sea, in thick oil."""
    picture = Image.fromarray(paint(size, seed))
    with whole_file(out) as part:
        picture.save(part, "PNG")


if __name__ == "__main__":
    raise SystemExit(run(app, "python -m impasto_train.photos.painting"))
