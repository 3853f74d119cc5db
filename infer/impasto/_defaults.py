"""What the dials are unless told otherwise, and how far they go. Imports nothing, so that ``--help`` is at once."""

STRENGTHS, STROKES = (0, 1), (0.5, 2)  # from, to

MEMORY = "1.2GB"
"""About the most that painting a picture may take."""

MAX_PIXELS = 500_000_000
"""A file that promises more pixels is taken for a decompression bomb."""

QUALITY = 95
"""Of lossy formats, 1 to 100."""

CODEC, CRF = "libx264", 18
"""Encoder of films and its constant rate factor: the lower, the better and larger."""
