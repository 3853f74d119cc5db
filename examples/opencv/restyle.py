"""Restyle a photo with OpenCV 5 alone.

    pip install opencv-python-headless
    export-style great_wave --io float32 --layout nchw --dial required
    python restyle.py great_wave-float32-nchw-dial.onnx photo.jpg restyled.png 0.5

OpenCV 4 takes photos of one size, and no strength:

    export-style great_wave --io float32 --layout nchw --dial none --size 480x640
    python restyle.py great_wave-float32-nchw-no_dial-480x640.onnx photo.jpg restyled.png
"""

import sys

import cv2
import numpy as np

model, photo, result, *strength = sys.argv[1:]
net = cv2.dnn.readNetFromONNX(model)
net.setInput(cv2.dnn.blobFromImage(cv2.imread(photo), 1 / 255, swapRB=True), "image")
if strength:
    net.setInput(np.array(strength, np.float32), "strength")
rgb = np.rint(net.forward()[0] * 255).astype(np.uint8).transpose(1, 2, 0)
cv2.imwrite(result, rgb[..., ::-1])
