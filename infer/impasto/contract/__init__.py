"""What a model file is: its contract, what it says about itself, and its graph.

In: a path, or the name of a shipped style. Out: `StyleInfo` and the file's bytes, checked to be safe to run.
"""

from ..common.lazy import TYPE_CHECKING, lazy

if TYPE_CHECKING:
    from .graph import read_checked
    from .info import CONTRACT_VERSION, IMAGE, STRENGTH, STYLE, STYLES_VERSION, STYLIZED, StyleInfo, read_model, seal
    from .styles import describe, locate

__all__ = [
    "CONTRACT_VERSION",
    "IMAGE",
    "STRENGTH",
    "STYLE",
    "STYLES_VERSION",
    "STYLIZED",
    "StyleInfo",
    "describe",
    "locate",
    "read_checked",
    "read_model",
    "seal",
]

__getattr__, __dir__ = lazy(
    globals(),
    {
        "CONTRACT_VERSION": ".info",
        "IMAGE": ".info",
        "STRENGTH": ".info",
        "STYLE": ".info",
        "STYLES_VERSION": ".info",
        "STYLIZED": ".info",
        "StyleInfo": ".info",
        "describe": ".styles",
        "locate": ".styles",
        "read_checked": ".graph",
        "read_model": ".info",
        "seal": ".info",
    },
)
