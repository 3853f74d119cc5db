"""``optimize-image``: the slow path that the network replaces.

In: one photo and a style picture. Out: one painting, after hundreds of steps on its pixels.
"""
