"""The feed-forward network and how its weights move.

In: a photo as a tensor. Out: a painting; before training, one in the style picture's colours.
"""
