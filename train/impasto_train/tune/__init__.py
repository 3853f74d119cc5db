"""``tune-style``: the search for the weight λ of the L1 term.

In: a style picture and weights to try. Out: a table, a plot, a sheet and a recommendation.
"""
