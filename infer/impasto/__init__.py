"""Restyle photos with a network of one ONNX file: ``Stylizer("great_wave.onnx")(photo)``.

`pictures` and `contract` are public beside the names here. `engine`, `painting`, `apply` and `bulk` lead from a model
to the commands. Importing this package loads neither numpy nor onnxruntime: names are loaded when they are asked for.
"""

from .common.errors import ImpastoError
from .common.lazy import TYPE_CHECKING, lazy

if TYPE_CHECKING:
    from .apply.library import film
    from .common.version import __version__
    from .contract.info import StyleInfo
    from .contract.styles import describe
    from .painting.stylizer import Stylizer

__all__ = ["ImpastoError", "StyleInfo", "Stylizer", "__version__", "describe", "film"]

__getattr__, __dir__ = lazy(
    globals(),
    {
        "StyleInfo": ".contract.info",
        "Stylizer": ".painting.stylizer",
        "__version__": ".common.version",
        "describe": ".contract.styles",
        "film": ".apply.library",
    },
)
