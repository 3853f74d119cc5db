"""The warping error, on films of known motion and flicker."""

import numpy as np
import pytest
from impasto import ImpastoError
from impasto_train.photos.content import centre_crop, demo_photo
from PIL import Image

cv2 = pytest.importorskip("cv2")

from benchmarks.warping import flows, warping_error  # noqa: E402

STEP = 1, 3  # px down and to the right, from frame to frame


def panned(count: int) -> list[np.ndarray]:
    """Views of one photo, each by `STEP` further than the one before."""
    photo = centre_crop(demo_photo("astronaut.png"), 512) // 2 + 60  # so that flicker does not clip
    return [photo[50 + STEP[0] * i :, 50 + STEP[1] * i :][:240, :320] for i in range(count)]


def flickering(frames: list[np.ndarray], size: int) -> list[np.ndarray]:
    return [frame + np.uint8(size * (i % 2)) for i, frame in enumerate(frames)]


def test_what_has_only_moved_has_no_error():
    frames = panned(4)
    motion = flows(frames)
    for flow in motion:
        np.testing.assert_allclose(np.median(flow.back[flow.seen], axis=0), STEP[::-1], atol=0.05)
        assert flow.seen.mean() > 0.9
    assert warping_error(frames, motion) < 1.5
    assert warping_error(frames, [type(flow)(flow.back * 0, flow.seen) for flow in motion]) > 8


def test_flicker_of_a_painting_is_its_error():
    frames = panned(4)
    motion = flows(frames)
    flat = [np.full_like(frame, 100) for frame in frames]
    assert warping_error(flat, motion) < 1e-4
    assert warping_error(flickering(flat, 7), motion) == pytest.approx(7)
    grain = [
        np.random.default_rng(i).normal(128, 10, frame.shape).clip(0, 255).astype(np.uint8)
        for i, frame in enumerate(frames)
    ]
    still = [type(flow)(flow.back * 0, flow.seen) for flow in motion]
    assert warping_error(grain, still) == pytest.approx(10 * 2**0.5, rel=0.02)


def test_what_comes_into_view_does_not_count():
    background = np.asarray(Image.fromarray(panned(1)[0]))
    board = np.random.default_rng(0).integers(0, 255, (10, 8, 3), np.uint8)
    board = np.asarray(Image.fromarray(board).resize((80, 100), Image.Resampling.BICUBIC))
    frames = []
    for x in (60, 84):
        frame = background.copy()
        frame[70:170, x : x + 80] = board
        frames.append(frame)
    (flow,) = flows(frames)
    uncovered = np.zeros(background.shape[:2], bool)
    uncovered[76:164, 60 + 4 : 84 - 4] = True
    assert flow.seen[uncovered].mean() < 0.1
    assert flow.seen.mean() > 0.8
    # a painting that differs there alone
    painted = [np.full_like(background, 100), np.where(uncovered[..., None], np.uint8(200), np.uint8(100))]
    painted[1] = np.repeat(painted[1], 3, axis=2)
    everywhere = type(flow)(flow.back, np.ones_like(flow.seen))
    assert warping_error(painted, [flow]) < 0.3 * warping_error(painted, [everywhere])


def test_cuts_do_not_count():
    frames = panned(3)
    other = centre_crop(demo_photo("chelsea.png"), 300)[:240]
    other = np.asarray(Image.fromarray(other).resize((320, 240)))
    motion = flows([*frames, other])
    assert [flow.is_cut for flow in motion] == [False, False, True]
    assert warping_error([*frames, other], motion) == warping_error(frames, motion[:2])
    with pytest.raises(ImpastoError, match="enough in common"):
        warping_error([frames[2], other], motion[2:])
