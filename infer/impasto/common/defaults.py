"""Defaults and ranges of the dials and options. Imports nothing, so that ``--help`` answers at once."""

STRENGTHS, STROKES = (0, 1), (0.5, 8)  # from, to

LARGE, AS_LARGE_AS = 3_000_000, 1024 * 768
"""Pixels of a photo from which its strokes are by themselves as large, beside it, as in one of so many pixels."""

MEMORY = "auto"
"""About the most memory that painting a picture may take: half of what is free, at least 1 GB."""

MAX_PIXELS = 500_000_000
"""A file that states more pixels is refused as a decompression bomb."""

QUALITY = 95
"""Of lossy formats, 1 to 100."""

FPS, RATES = 25, (0.01, 1000)
"""Frames a second of numbered pictures; from, to."""

CODEC, CRF, CRFS = "libx264", 18, (0, 63)
"""Encoder of films and its constant rate factor: the lower, the better and larger."""
