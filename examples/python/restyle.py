"""Restyle a photo with onnxruntime and Pillow alone.

pip install onnxruntime pillow
python restyle.py great_wave.onnx photo.jpg restyled.png [STRENGTH]
"""

import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

model, photo, result, strength = (*sys.argv[1:], 1)[:4]
options = onnxruntime.SessionOptions()
options.log_severity_level = 3  # it warns that `strength` may be overridden, which is what it is for
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
with Image.open(photo) as image:
    pixels = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
feeds = {"image": pixels[None], "strength": np.array(strength, np.float32)}
(stylized,) = session.run(["stylized"], feeds)
Image.fromarray(stylized[0]).save(result)
