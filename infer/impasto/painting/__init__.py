"""Pixels through a model.

In: a model's file, and photos as arrays or images. Out: paintings of the same size, whole or in tiles.
"""
