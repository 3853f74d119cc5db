"""Public names that are loaded when they are first asked for, so that importing a package costs nothing."""

import importlib

TYPE_CHECKING = False
"""True to type checkers, by its name; importing `typing` for it takes longer than all that ``import impasto`` does."""

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def lazy(package: "dict[str, Any]", homes: dict[str, str]) -> "tuple[Callable[[str], Any], Callable[[], list[str]]]":
    """The ``__getattr__`` and ``__dir__`` of a package (PEP 562).

    Args:
        package: the package's ``globals()``.
        homes: the module, relative to the package, of each public name: ``{"describe": ".contract.styles"}``.
    """
    name_of_package = package["__name__"]

    def get(name: str) -> "Any":
        if name not in homes:
            raise AttributeError(f"module {name_of_package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(homes[name], package["__package__"]), name)
        package[name] = value
        return value

    return get, lambda: sorted({*package, *homes})
