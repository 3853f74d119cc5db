"""Restyle a photo with OpenVINO.

    pip install openvino pillow
    python restyle.py great_wave.onnx photo.jpg restyled.png

OpenVINO leaves optional inputs out: for the strength, take what ``export-style great_wave --dial required`` writes:

    python restyle.py great_wave-dial.onnx photo.jpg restyled.png 0.5
"""

import sys

import numpy as np
import openvino
from PIL import Image, ImageOps

model, photo, result, *strength = sys.argv[1:]
exact = {"INFERENCE_PRECISION_HINT": "f32"}  # else bfloat16, on processors that have it: another picture
compiled = openvino.Core().compile_model(model, "CPU", exact)
with Image.open(photo) as image:
    pixels = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
feeds = {"image": pixels[None]}
if strength:
    feeds["strength"] = np.array(strength[0], np.float32)
Image.fromarray(compiled(feeds)["stylized"][0]).save(result)
