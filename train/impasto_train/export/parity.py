"""Comparison of onnxruntime, on what was written, with torch."""

import numpy as np
import onnxruntime
import torch
from impasto.contract import IMAGE, STRENGTH, STYLIZED

from ..network.stylenet import SMALLEST
from .shipped import Shipped

WORST_DIFFERENCE = 1  # levels of 255: rounding may fall to either side

# odd sides, sides under the network's least, a batch
CHECKED_SHAPES = ((1, 1, 2, 3), (1, 7, 5, 3), (1, 64, 64, 3), (1, 333, 517, 3), (2, 41, 30, 3))

CHECKED_STRENGTHS = (0.0, 0.5, 1.0)


def largest_difference(data: bytes, shipped: Shipped) -> int:
    """Between onnxruntime on the CPU and torch over `CHECKED_SHAPES` and strengths, in levels of 255.

    Of pictures under `SMALLEST` px a side only the form counts, and that strength 0 gives the photo: an eighth of them
    is a position or two, and norms over so few make levels of rounding errors: 3 of a sound style, of 2x3 px.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # it warns of every input that has a default
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    worst = 0
    for shape in CHECKED_SHAPES:
        # noise beside a gradient, so that flat and busy areas are both in it
        image = random.integers(0, 256, shape, dtype=np.uint8)
        image[:, :, shape[2] // 2 :] = np.linspace(0, 255, shape[1], dtype=np.uint8)[None, :, None, None]
        for strength in CHECKED_STRENGTHS:
            feed = {IMAGE: image, STRENGTH: np.array(strength, np.float32)}
            stylized = session.run([STYLIZED], feed)[0]
            with torch.no_grad():
                reference = shipped(torch.from_numpy(image), torch.tensor(strength)).numpy()
            if stylized.shape != reference.shape or stylized.dtype != reference.dtype:
                return 255
            if min(shape[1:3]) >= SMALLEST:
                worst = max(worst, int(np.abs(stylized.astype(int) - reference.astype(int)).max()))
            if strength == 0 and not np.array_equal(stylized, image):
                return 255
    return worst
