"""The photos trained on and the style picture.

In: a folder, a zip, 'coco' or 'demo'. Out: crops as uint8 arrays, and those as tensors.
"""
