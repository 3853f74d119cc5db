"""``make demo``: the whole way at once.

In: nothing. Out: a picture that a program paints, a model of it, a photo before and after.
"""
