"""Films that stand still: motion is found, flicker is less, and what has changed leaves no trace."""

from concurrent.futures import CancelledError, ThreadPoolExecutor

import numpy as np
import pytest
from impasto.painting.dials import boxed
from impasto.painting.motion import following, moved, smaller
from impasto.painting.steadier import SHARE, Steadier
from PIL import Image


@pytest.fixture
def view():
    """A view of one large picture of soft blobs, from so far down and to the right, in pixels and parts of one."""
    random = np.random.default_rng(0)
    blobs = Image.fromarray(random.integers(0, 255, (10, 15, 3), np.uint8))
    large = blobs.resize((480, 320), Image.Resampling.BICUBIC)

    def see(y: float, x: float) -> np.ndarray:
        box = (50 + x, 40 + y, 50 + x + 320, 40 + y + 200)
        return np.asarray(large.resize((320, 200), Image.Resampling.BICUBIC, box=box))

    return see


def grainy(frame: np.ndarray, seed: int) -> np.ndarray:
    """What a network with much flicker might paint of ``frame``."""
    noise = np.random.default_rng(seed).normal(0, 20, frame.shape)
    return np.clip(128 + (frame - 128.0) / 2 + noise, 0, 255).astype(np.uint8)


def apart(one: np.ndarray, other: np.ndarray) -> float:
    inner = slice(24, -24)
    return float(np.abs(one.astype(float) - other)[inner, inner].mean())


@pytest.mark.parametrize("shift", [(0, 0), (0.4, -0.7), (3, 5.5), (-14, 20)])
def test_motion_is_found_to_a_part_of_a_pixel(view, shift):
    before, after = view(0, 0), view(*shift)
    mesh = following(before, after)
    np.testing.assert_allclose(np.median(mesh.shift, axis=(0, 1)), shift[::-1], atol=0.1)
    assert apart(moved(before, mesh), after) < 2
    assert moved(np.full_like(before, 200), mesh).min() == 200  # up to the edges
    # the same grid over a larger picture of the same
    doubled = [
        np.asarray(Image.fromarray(frame).resize((640, 400), Image.Resampling.BICUBIC)) for frame in (before, after)
    ]
    assert smaller(doubled[0]).shape == before.shape
    assert apart(moved(doubled[0], mesh.scaled(doubled[0].shape)), doubled[1]) < 3


@pytest.mark.parametrize("step", [(0, 0), (0.3, 1.4)])
def test_paintings_flicker_less(view, step):
    frames = [view(step[0] * i, step[1] * i) for i in range(6)]
    painted = [grainy(frame, seed) for seed, frame in enumerate(frames)]
    steadier = Steadier()
    steady = [steadier(*pair) for pair in zip(frames, painted, strict=True)]
    np.testing.assert_array_equal(steady[0], painted[0])

    def flicker(film):
        return apart(moved(film[4], following(frames[4], frames[5])), film[5])

    assert flicker(steady) < 0.7 * flicker(painted)
    # and are of the same picture
    assert apart(boxed(steady[5].astype(np.float32).mean(2), 4), boxed(painted[5].astype(np.float32).mean(2), 4)) < 2


def test_frames_painted_at_once_come_out_as_one_after_another(view):
    frames = [view(0.3 * i, 1.4 * i) for i in range(6)]
    painted = [grainy(frame, seed) for seed, frame in enumerate(frames)]
    alone, together = Steadier(), Steadier()
    turns = [together.turn() for _ in frames]
    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(lambda turn, *pair: turn(*pair), turns, frames, painted))
    np.testing.assert_array_equal(found, [alone(*pair) for pair in zip(frames, painted, strict=True)])


def test_nobody_waits_for_a_frame_that_could_not_be_painted(view):
    steadier = Steadier()
    steadier.turn().close()
    with pytest.raises(CancelledError):
        steadier(view(0, 0), view(0, 0))


def test_a_cut_leaves_nothing_of_the_scene_before(view):
    steadier = Steadier()
    first, second = view(0, 0), 255 - view(0, 0)[::-1]
    steadier(first, grainy(first, 0))
    painted = grainy(second, 1)
    np.testing.assert_array_equal(steadier(second, painted), painted)


def test_what_comes_into_view_is_painted_as_it_is(view):
    frame = view(0, 0)
    with_board = frame.copy()
    with_board[60:140, 100:220] = 250 - with_board[60:140, 100:220] // 2
    black, white = np.zeros_like(frame), np.full_like(frame, 255)
    steadier = Steadier()
    steadier(frame, black)
    steady = steadier(with_board, white).astype(float)
    assert np.median(steady[70:130, 110:210]) == 255
    assert steady[70:130, 110:210].mean() > 245
    assert np.median(steady[:40]) == pytest.approx(255 * (1 - SHARE), abs=2)


def test_the_less_style_the_less_is_mixed_and_frames_of_any_size_do(view):
    steadier = Steadier(strength=0)
    for seed in range(2):
        painted = grainy(view(0, 0), seed)
        np.testing.assert_array_equal(steadier(view(0, 0), painted), painted)
    steadier = Steadier()
    for shape in ((1, 1, 3), (1, 1, 3), (2, 2, 3), (2, 2, 3), (3, 900, 3), (3, 900, 3), (401, 7, 3), (401, 7, 3)):
        grey = np.full(shape, 90, np.uint8)
        np.testing.assert_array_equal(steadier(grey, grey), grey)
