"""What a good picture is: J = α·R + β·S + λ·L1, and the terms added to it.

In: paintings, photos and a style picture as tensors. Out: a number to minimise.
"""
