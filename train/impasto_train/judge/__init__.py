"""The yardstick that is not trained for: what the eye sees of a painted picture, and R and S do not.

In: a painted picture, its photo and the style picture. Out: figures by name.
"""
