"""A command line derived from a dataclass of options (`options`), so that each default has one home."""

import dataclasses
import inspect
import sys
import types
import typing
from collections.abc import Callable
from typing import Annotated, Any

import typer
from impasto import ImpastoError
from impasto.internal import run

from .options import spelling

NEEDED = ("torch", "torchvision", "onnx", "safetensors", "skimage")


def derived(
    name: str,
    options: type,
    work: Callable[..., None],
    *,
    short: dict[str, str],
    argument: str = "",
    several: str = "",
    **more: Any,
) -> typer.Typer:
    """The command ``name``, whose options are the fields of the dataclass ``options``.

    Args:
        work: called with what was given on the command line, by keyword; its docstring is the help.
        short: further spellings, by field.
        argument: the field that is given by its place, without an option.
        several: the field that may be given several times, and comes as a list.
        more: further options that are no field, by name: type and help; ``--version`` is always there.
    """

    def command(**given: Any) -> None:
        if given.pop("version"):
            from impasto import __version__

            print(f"impasto {__version__}")
            return
        work(**{key: value for key, value in given.items() if value not in (None, [])})

    parameters = [
        _argument(field, kind)
        if field.name == argument
        else _from_field(
            field, types.GenericAlias(list, kind) if field.name == several else kind, short.get(field.name)
        )
        for field, kind in _fields(options)
    ]
    more["version"] = (bool, "Print the version.")
    for key, (kind, help) in more.items():
        parameters.append(_parameter(key, kind, typer.Option(spelling(key), help=help, show_default=False)))
    command.__doc__ = work.__doc__
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what typer reads
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name)(command)
    return app


def finish(app: typer.Typer, name: str) -> typing.NoReturn:
    """Run the command and exit with its status."""
    sys.exit(run(app, name))


def say(line: str) -> None:
    """Print a line of progress where it does not mix with anyone's output."""
    print(line, file=sys.stderr, flush=True)


def spelled(given: dict[str, Any]) -> list[str]:
    """Options as they are written on the command line, by their fields; what is None was not given."""
    words = []
    for name, value in given.items():
        if isinstance(value, bool):
            words.append(spelling(name) if value else f"--no-{spelling(name)[2:]}")
        elif value is not None:
            words += [f"{spelling(name)}={one}" for one in (value if isinstance(value, list) else [value])]
    return words


def explain(error: MemoryError | RuntimeError, remedy: str) -> ImpastoError | None:
    """The message for the user if memory ran out; None if something else failed."""
    if not isinstance(error, MemoryError) and "alloc" not in str(error):  # torch's have no class of their own
        return None
    return ImpastoError(f"not enough memory: {remedy}")


def _fields(options: type) -> list[tuple[dataclasses.Field[Any], Any]]:
    hints = typing.get_type_hints(options)
    return [(field, hints[field.name]) for field in dataclasses.fields(options)]


def _argument(field: dataclasses.Field[Any], kind: Any) -> inspect.Parameter:
    detail = typer.Argument(metavar=field.name.upper(), help=field.metadata["help"], show_default=False)
    return _parameter(field.name, kind, detail)


def _from_field(field: dataclasses.Field[Any], kind: Any, short: str | None) -> inspect.Parameter:
    # every default is None here, to see which options were given: the defaults are the dataclass's
    shown = field.metadata["shown"] or (False if field.default in (None, "") else str(field.default))
    names = [spelling(field.name)]
    if kind is bool:
        if field.default:
            names = [f"{names[0]}/--no-{names[0][2:]}"]
            shown = names[0].split("/")[0][2:]
        else:
            shown = False
    if short:
        names.append(short)
    return _parameter(field.name, kind, typer.Option(*names, help=field.metadata["help"], show_default=shown))


def _parameter(name: str, kind: Any, detail: Any) -> inspect.Parameter:
    if not isinstance(kind, types.UnionType):
        kind = kind | None
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, detail])
