"""The loop, and all that is kept and shown of it.

In: an objective, photos and options. Out: records, checkpoints, previews, and trained weights.
"""
