"""Where a training can start from.

In: 'base', 'scratch' or a run folder. Out: weights; `train_base` is how the base that ships was made.
"""
