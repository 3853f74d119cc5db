"""What ``apply-style`` prints about models and devices, in place of restyling."""

import re
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import impasto_models

from ..contract.info import StyleInfo
from ..contract.styles import describe

# of a file of several styles: what the file says itself, and what each style
OF_FILE = ("contract", "name", "title", "precision", "io", "layout", "dial", "fixed_size", "made_from", "digest")
OF_STYLE = ("title", "credit", "style_license", "license", "content_loss", "style_loss", "preview")


def print_checks(paths: Sequence[Path]) -> None:
    """Compare models with the contract, and print what holds.

    Raises:
        ImpastoError: what does not.
    """
    from ..engine.check import check_apart

    for path in paths:
        holds = check_apart(path)
        print("\n  ".join([f"{path} keeps version {describe(path).contract} of the contract", *holds]))


def print_shipped() -> None:
    """Print the names of the shipped styles; below a file of several, those that are in it."""
    rows: list[tuple[str, StyleInfo]] = []
    for name in impasto_models.files():
        info = describe(impasto_models.path(name))
        rows += [(name, info), *((f"  {one.name}", one) for one in info.styles)]
    width = max((len(name) for name, _ in rows), default=0)
    for name, info in rows:
        credit = f" ({info.credit})" if info.credit and not info.styles else ""  # of a file, its first style's
        print(_safe(f"{name:{width}}  {info.title}{credit}"))


def print_devices() -> None:
    """Print what ``--device`` finds here."""
    from ..engine.session import list_devices

    lines = {"cpu": "there", **list_devices()}
    width = max(map(len, lines))
    for device, line in lines.items():
        print(f"{device:{width}}  {line}")


def print_info(info: StyleInfo) -> None:
    """Print what a model says about itself, and about each of its styles if there are several."""
    if not info.styles:
        _print_fields(info, [each.name for each in fields(info)])
        return
    _print_fields(info, OF_FILE)
    for one in info.styles:
        print(f"\n{one.name}")
        _print_fields(one, OF_STYLE, "  ")


def _print_fields(info: StyleInfo, names: Sequence[str], indent: str = "") -> None:
    said = {name.replace("_", " "): _in_words(name, getattr(info, name)) for name in names}
    width = max(map(len, said))
    for name, text in said.items():
        if text:
            print(f"{indent}{name:{width}}  {_safe(text)}")


def _in_words(name: str, value: object) -> str:
    """What a model says of one thing, for people; empty where it says nothing."""
    if name in ("content_loss", "style_loss") and not value:
        return "not measured"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, bytes):
        return f"{len(value):,} bytes" if value else ""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, tuple):
        return ""
    return f"{value[:12]}..." if isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) else str(value)


def _safe(text: str) -> str:
    # a model may come from anywhere, and a terminal obeys control characters
    return "".join(character if character.isprintable() else "?" for character in text)
