"""The command ``train-style``; its options are the fields of `Options`."""

import dataclasses
import importlib.util
import inspect
import sys
import types
import typing
from pathlib import Path
from typing import Annotated, Any

import typer
from impasto import ImpastoError
from impasto._console import run
from impasto._extras import pip_line

from .options import Options, spelling

NEEDED = ("torch", "torchvision", "onnx", "onnxscript", "safetensors", "skimage", "tqdm")
ALSO_RESUMING = {"overwrite", "vgg_weights", "device"}  # where a run goes on may differ from where it began

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def main() -> None:
    """Run ``train-style`` and exit with its status."""
    sys.exit(run(app, "train-style"))


def say(line: str) -> None:
    """Print a line of progress where it does not mix with anyone's output."""
    print(line, file=sys.stderr, flush=True)


def train_style(**given: Any) -> None:
    """Learn the style of one picture and write it as one ONNX file."""
    resumed = given.pop("resume")
    if given.pop("version"):
        from impasto import __version__

        print(f"impasto {__version__}")
        return
    given = {name: value for name, value in given.items() if value is not None}
    if resumed is not None and given.keys() - ALSO_RESUMING:
        other = sorted(given.keys() - ALSO_RESUMING)[0]
        raise ImpastoError(f"--resume goes on with the run's own options: leave out {spelling(other)}")
    options = None if resumed is not None else Options(**given)
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        how = pip_line("train")
        raise ImpastoError(f"training needs more packages ({missing[0]} is not installed): {how}")
    from . import pipeline  # after all checks that need no torch: it takes seconds to import

    try:
        print(pipeline.resume(resumed, say, **given) if options is None else pipeline.start(options, say))
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and "alloc" not in str(error):  # torch's have no class of their own
            raise
        raise ImpastoError("not enough memory: lower --size, --batch-size or --style-size") from error


def _signature() -> inspect.Signature:
    # Every default is None here, so that what was given is told from what was not; Options has the defaults.
    parameters = []
    hints = typing.get_type_hints(Options)
    for field in dataclasses.fields(Options):
        kind = hints[field.name]
        shown = field.metadata["shown"] or (False if field.default in (None, "") else str(field.default))
        names = [spelling(field.name)]
        if kind is bool:
            if field.default:
                names = [f"{names[0]}/--no-{names[0][2:]}"]
                shown = names[0].split("/")[0][2:]
            else:
                shown = False
        detail = typer.Option(*names, help=field.metadata["help"], show_default=shown)
        parameters.append(_parameter(field.name, kind, detail))
    parameters.append(_parameter("resume", Path, typer.Option("--resume", help="Go on with this run folder.")))
    parameters.append(_parameter("version", bool, typer.Option("--version", help="Print the version.")))
    return inspect.Signature(parameters)


def _parameter(name: str, kind: Any, detail: Any) -> inspect.Parameter:
    if not isinstance(kind, types.UnionType):
        kind = kind | None
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, detail]
    )


train_style.__signature__ = _signature()  # type: ignore[attr-defined]  # what typer reads
train_style.__annotations__ = {name: p.annotation for name, p in _signature().parameters.items()}
app.command()(train_style)
