"""Restyle photos with a network of one ONNX file: ``Stylizer("great_wave.onnx")(photo)``.

Nothing heavy is loaded before it is needed: importing this package takes neither numpy nor onnxruntime.
"""

from typing import TYPE_CHECKING, Any

from ._errors import ImpastoError

if TYPE_CHECKING:
    from ._contract import StyleInfo
    from ._styles import describe
    from ._stylizer import Stylizer

    __version__: str

__all__ = ["ImpastoError", "StyleInfo", "Stylizer", "__version__", "describe"]


def __getattr__(name: str) -> Any:
    value: Any
    if name == "__version__":
        from importlib.metadata import version

        value = version("impasto")
    elif name == "Stylizer":
        from ._stylizer import Stylizer as value
    elif name == "StyleInfo":
        from ._contract import StyleInfo as value
    elif name == "describe":
        from ._styles import describe as value
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
