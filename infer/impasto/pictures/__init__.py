"""A file to pixels, and back.

In: a picture file of any of `FORMATS`. Out: a `Picture`, upright, sRGB, 8 bits, with what is needed to write it back.
"""

from ..common.lazy import TYPE_CHECKING, lazy

if TYPE_CHECKING:
    from .formats import FORMATS, format_of
    from .picture import Picture, shrunk, to_pil
    from .reading import from_pil, read_picture
    from .writing import save_picture, write_picture

__all__ = [
    "FORMATS",
    "Picture",
    "format_of",
    "from_pil",
    "read_picture",
    "save_picture",
    "shrunk",
    "to_pil",
    "write_picture",
]

__getattr__, __dir__ = lazy(
    globals(),
    {
        "FORMATS": ".formats",
        "Picture": ".picture",
        "format_of": ".formats",
        "from_pil": ".reading",
        "read_picture": ".reading",
        "save_picture": ".writing",
        "shrunk": ".picture",
        "to_pil": ".picture",
        "write_picture": ".writing",
    },
)
