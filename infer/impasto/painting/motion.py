"""What has moved from one frame of a film to the next, as a mesh by which a picture of the first can be moved.

After Lucas and Kanade (1981), from coarse to fine: at each corner of a grid the shift that brings the frames together
in the cells around it. Pillow moves pictures by such a mesh fast, and no further package is needed.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

LONGEST = 400  # px of the frames that are compared: each side is divided by the same whole number
CELL = 8  # px of these, between corners of the mesh
COARSEST = 3 * CELL  # px of the short side of the smallest that are compared
STEPS = 2  # at each size
STIFFNESS = 1.0  # how little corners with little to go by move: of levels of 255 a pixel, squared
FARTHEST = 2.0  # px that a corner moves in a step, at the size compared


@dataclass(frozen=True)
class Mesh:
    """Where the corners of a grid over a frame were in the frame before."""

    shift: np.ndarray
    """float32 ``[rows + 1, columns + 1, 2]``: the way back, x before y, in pixels."""
    shape: tuple[int, int]
    """Height and width of the frame; its grid has cells of about `CELL`."""

    def scaled(self, shape: tuple[int, ...]) -> "Mesh":
        """The same grid over a picture of the same, of another ``shape``."""
        height, width = shape[:2]
        scale = np.array((width / self.shape[1], height / self.shape[0]), np.float32)
        return Mesh(self.shift * scale, (height, width))

    def finer(self, shape: tuple[int, int]) -> "Mesh":
        """The same motion on the grid of a frame of ``shape``, larger than this one."""
        rows, columns = _cells(shape)
        return Mesh(_resampled(self.scaled(shape).shift, rows + 1, columns + 1), shape)


def smaller(frame: np.ndarray) -> np.ndarray:
    """A frame, uint8 ``[H, W, 3]``, in the size in which frames are compared."""
    factor = -(-max(frame.shape[:2]) // LONGEST)
    return np.asarray(Image.fromarray(frame).reduce(factor)) if factor > 1 else frame


def following(before: np.ndarray, after: np.ndarray) -> Mesh:
    """What has moved from ``before`` to ``after``, uint8 ``[h, w, 3]``."""
    pair = [Image.fromarray(frame).convert("L").convert("F") for frame in (before, after)]
    levels = [tuple(np.asarray(image) for image in pair)]
    while min(levels[-1][0].shape) >= 2 * COARSEST:
        pair = [image.reduce(2) for image in pair]
        levels.append(tuple(np.asarray(image) for image in pair))
    mesh: Mesh | None = None
    for first, second in reversed(levels):
        rows, columns = _cells(second.shape)
        still = Mesh(np.zeros((rows + 1, columns + 1, 2), np.float32), second.shape)
        mesh = _brought_together(first, second, mesh.finer(second.shape) if mesh else still)
    assert mesh is not None
    return mesh


def moved(picture: np.ndarray, mesh: Mesh) -> np.ndarray:
    """``picture``, uint8 ``[H, W, 3]``, moved to where it is in the next frame."""
    height, width = mesh.shape
    y, x = _corners(height, mesh.shift.shape[0] - 1), _corners(width, mesh.shift.shape[1] - 1)
    # from where each corner comes: what lies outside is repeated from the edge, which itself would be outside already
    to = np.stack([x[None, :] + mesh.shift[..., 0], y[:, None] + mesh.shift[..., 1]], axis=2)
    to = np.clip(to.astype(np.float64), 0, np.array((width, height)) - 0.01)
    quads = np.concatenate([to[:-1, :-1], to[1:, :-1], to[1:, 1:], to[:-1, 1:]], axis=2).tolist()
    boxes = [
        ((left, top, right, bottom), quad)
        for (top, bottom), row in zip(_sides(y), quads, strict=True)
        for (left, right), quad in zip(_sides(x), row, strict=True)
    ]
    image = Image.fromarray(picture)
    return np.asarray(image.transform(image.size, Image.Transform.MESH, boxes, Image.Resampling.BICUBIC))


def _brought_together(before: np.ndarray, after: np.ndarray, mesh: Mesh) -> Mesh:
    """``mesh`` with its corners moved so that ``before`` comes to ``after``, float32 ``[h, w]``."""
    slope_y, slope_x = np.gradient(after)
    xx, xy, yy = (_gathered(product, mesh) for product in (slope_x**2, slope_x * slope_y, slope_y**2))
    xx, yy = xx + STIFFNESS, yy + STIFFNESS
    determinant = xx * yy - xy**2
    shift = mesh.shift
    for _ in range(STEPS):
        apart = after - moved_small(before[None], shift)[0]
        x, y = _gathered(slope_x * apart, mesh), _gathered(slope_y * apart, mesh)
        step = np.stack([yy * x - xy * y, xx * y - xy * x], axis=2) / determinant[..., None]
        shift = shift + np.clip(step, -FARTHEST, FARTHEST).astype(np.float32)
    return Mesh(shift, mesh.shape)


def moved_small(planes: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """`moved` for float32 ``[C, h, w]`` by the ``shift`` of a mesh: less sharp, and faster for what is small."""
    height, width = planes.shape[1:]
    dense = _resampled(shift, height, width)
    x = np.clip(dense[..., 0] + np.arange(width, dtype=np.float32), 0, width - 1.001)
    y = np.clip(dense[..., 1] + np.arange(height, dtype=np.float32)[:, None], 0, height - 1.001)
    left, top = x.astype(np.int32), y.astype(np.int32)
    place, x, y = top * width + left, x - left, y - top
    found = np.empty_like(planes)
    for plane, result in zip(planes.reshape(len(planes), -1), found, strict=True):
        above, below = (plane[place + by] + x * (plane[place + by + 1] - plane[place + by]) for by in (0, width))
        result[:] = above + y * (below - above)
    return found


def _resampled(shift: np.ndarray, height: int, width: int) -> np.ndarray:
    """Vectors at the corners of a grid, at ``[height, width]`` places from corner to corner."""
    parts = [Image.fromarray(np.ascontiguousarray(shift[..., axis])) for axis in (0, 1)]
    box = (0.5, 0.5, parts[0].width - 0.5, parts[0].height - 0.5)  # corners are the centres of these images' pixels
    resized = [part.resize((width, height), Image.Resampling.BILINEAR, box=box) for part in parts]
    return np.stack([np.asarray(part) for part in resized], axis=2)


def _gathered(values: np.ndarray, mesh: Mesh) -> np.ndarray:
    """The mean of ``values``, ``[h, w]``, in the cells around each corner of the mesh."""
    rows, columns = mesh.shift.shape[0] - 1, mesh.shift.shape[1] - 1
    y, x = _corners(values.shape[0], rows), _corners(values.shape[1], columns)
    cells = np.add.reduceat(np.add.reduceat(values, y[:-1], axis=0), x[:-1], axis=1)
    cells = np.pad(cells / (np.diff(y)[:, None] * np.diff(x)), 1, "edge")
    return (cells[1:, 1:] + cells[1:, :-1] + cells[:-1, 1:] + cells[:-1, :-1]) / 4


def _cells(shape: tuple[int, ...]) -> tuple[int, int]:
    return max(1, round(shape[0] / CELL)), max(1, round(shape[1] / CELL))


def _corners(side: int, cells: int) -> np.ndarray:
    return np.round(np.linspace(0, side, cells + 1)).astype(int)


def _sides(corners: np.ndarray) -> list[tuple[int, int]]:
    return list(zip(corners[:-1].tolist(), corners[1:].tolist(), strict=True))
