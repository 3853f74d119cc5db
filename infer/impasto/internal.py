"""What the training, the benchmarks and the examples of this project use of `impasto` beyond its public names.

For this project alone: it may change with any version.
"""

from .common.lazy import TYPE_CHECKING, lazy

if TYPE_CHECKING:
    from .common.ahead import ahead
    from .common.console import run
    from .common.errors import one_line
    from .common.extras import need, pip_line
    from .common.files import check_writable, parts_of, whole_file
    from .common.say import Say
    from .contract.blend import asked_for, parsed, shares_of, style_of
    from .contract.styles import results_of
    from .engine.devices import Device
    from .engine.session import has_driver, open_session
    from .painting.look import Look
    from .painting.tiles import TiledModel
    from .pictures.sheet import draw_sheet

__all__ = [
    "Device",
    "Look",
    "Say",
    "TiledModel",
    "ahead",
    "asked_for",
    "check_writable",
    "draw_sheet",
    "has_driver",
    "need",
    "one_line",
    "open_session",
    "parsed",
    "parts_of",
    "pip_line",
    "results_of",
    "run",
    "shares_of",
    "style_of",
    "whole_file",
]

__getattr__, __dir__ = lazy(
    globals(),
    {
        "Device": ".engine.devices",
        "Look": ".painting.look",
        "Say": ".common.say",
        "TiledModel": ".painting.tiles",
        "ahead": ".common.ahead",
        "asked_for": ".contract.blend",
        "check_writable": ".common.files",
        "draw_sheet": ".pictures.sheet",
        "has_driver": ".engine.session",
        "need": ".common.extras",
        "one_line": ".common.errors",
        "open_session": ".engine.session",
        "parsed": ".contract.blend",
        "parts_of": ".common.files",
        "pip_line": ".common.extras",
        "results_of": ".contract.styles",
        "run": ".common.console",
        "shares_of": ".contract.blend",
        "style_of": ".contract.blend",
        "whole_file": ".common.files",
    },
)
