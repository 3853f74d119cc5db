"""Warping error: how far the neighbouring frames of a painted film are apart along the motion of the film itself.

The measure of Ruder et al. (2016, "Artistic style transfer for videos") and Lai et al. (2018, "Learning blind video
temporal consistency"): the frame before is warped by the optical flow of the film that was painted, and the squared
difference is taken where a pixel is seen in both frames and the flow can be trusted. Their rules, of Sundaram et al.
(2010): not where going back and forth by the flow does not return, which is how what was hidden shows, and not where
the flow changes sharply, as it does along what moves. Here the flow is OpenCV's DIS (Kroeger et al., 2016), and the
error is the root of the mean, in levels of 255, so that it goes with the size of the flicker.

    pip install opencv-python-headless
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from impasto import ImpastoError

LEAST_SEEN = 0.2  # share of the pixels: flow that holds for less is that of a cut


@dataclass(frozen=True)
class Flow:
    """What has moved from one frame to the next."""

    back: np.ndarray
    """float32 ``[H, W, 2]``: from each pixel of the second frame to where it was in the first, x before y."""
    seen: np.ndarray
    """bool ``[H, W]``: pixels of the second frame that are in the first too, and not at a boundary of motions."""

    @property
    def is_cut(self) -> bool:
        """Whether the frames have too little in common to be compared."""
        return float(self.seen.mean()) < LEAST_SEEN


def flows(frames: Iterable[np.ndarray]) -> list[Flow]:
    """The flow between neighbouring frames, uint8 ``[H, W, 3]``, of at least 12 px a side.

    Raises:
        ImpastoError: OpenCV is not installed.
    """
    cv2 = _opencv()
    grey = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames)
    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    found = []
    for before, after in pairwise(grey):
        # copied, as OpenCV gives its own array and writes into it again
        forth, back = dis.calc(before, after, None).copy(), dis.calc(after, before, None).copy()
        found.append(Flow(back, _seen(forth, back)))
    return found


def _seen(forth: np.ndarray, back: np.ndarray) -> np.ndarray:
    there = warped(forth, back)
    y, x = _places(back)
    inside = (x >= 0) & (y >= 0) & (x <= back.shape[1] - 1) & (y <= back.shape[0] - 1)
    returns = _squared(there + back) <= 0.01 * (_squared(there) + _squared(back)) + 0.5
    change = sum(_squared(np.gradient(back, axis=axis)) for axis in (0, 1))
    return inside & returns & (change <= 0.01 * _squared(back) + 0.002)


def _squared(vectors: np.ndarray) -> np.ndarray:
    return (vectors**2).sum(-1)


def _places(back: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns that ``back`` leads to, float32."""
    y, x = np.mgrid[: back.shape[0], : back.shape[1]].astype(np.float32)
    return y + back[..., 1], x + back[..., 0]


def warped(before: np.ndarray, back: np.ndarray) -> np.ndarray:
    """``before``, ``[H, W, C]``, as seen in the next frame, float32: each pixel from where ``back`` leads."""
    cv2 = _opencv()
    y, x = _places(back)
    return cv2.remap(before.astype(np.float32), x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def warping_error(painted: Iterable[np.ndarray], motion: list[Flow]) -> float:
    """Root of the mean square over a film's pairs of frames, channels and pixels seen, in levels of 255.

    Args:
        painted: frames, uint8 ``[H, W, 3]``.
        motion: what `flows` gave for the film that was painted. Cuts are left out.

    Raises:
        ImpastoError: all are cuts.
    """
    errors = [
        float(np.square(after[flow.seen] - warped(before, flow.back)[flow.seen]).mean())
        for (before, after), flow in zip(pairwise(painted), motion, strict=True)
        if not flow.is_cut
    ]
    if not errors:
        raise ImpastoError("no two neighbouring frames of the film have enough in common")
    return float(np.mean(errors)) ** 0.5


def _opencv() -> Any:
    try:
        import cv2
    except ImportError as error:
        raise ImpastoError("the flow of a film needs one more package: pip install opencv-python-headless") from error
    return cv2
