"""Restyle a photo with OpenCV 5 alone.

    pip install opencv-python-headless
    python restyle.py great_wave.onnx photo.jpg restyled.png

OpenCV leaves optional inputs out: for the strength, take what ``export-style great_wave --dial required`` writes:

    python restyle.py great_wave-dial.onnx photo.jpg restyled.png 0.5
"""

import sys

import cv2
import numpy as np

model, photo, result, *strength = sys.argv[1:]
net = cv2.dnn.readNetFromONNX(model)
rgb = cv2.cvtColor(cv2.imread(photo), cv2.COLOR_BGR2RGB)
net.setInput(rgb[None], "image")
if strength:
    net.setInput(np.array(strength, np.float32), "strength")
cv2.imwrite(result, cv2.cvtColor(net.forward()[0], cv2.COLOR_RGB2BGR))
