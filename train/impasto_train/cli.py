"""The command ``train-style``; its options are the fields of `Options`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from impasto import ImpastoError
from impasto.internal import need

from .commandline.derive import NEEDED, derived, explain, finish, say, spelled
from .commandline.options import Options, named_after, spelling

# these may differ from those that the run began with
ALSO_RESUMING = {"overwrite", "vgg_weights", "device", "devices"}


def main() -> None:
    """Run ``train-style`` and exit with its status."""
    finish(app, "train-style")


def train_style(resume: Path | None = None, **given: Any) -> None:
    """Learn the style of one picture, or of several, and write it as one ONNX file."""
    if resume is not None and given.keys() - ALSO_RESUMING:
        other = sorted(given.keys() - ALSO_RESUMING)[0]
        further = f"; to train beyond its end, begin a run --from {resume}" if other in ("minutes", "steps") else ""
        raise ImpastoError(f"--resume goes on with the run's own options: leave out {spelling(other)}{further}")
    options, also = styles_of(**given) if resume is None else (None, [])
    need("train", NEEDED, "training")
    from . import pipeline
    from .training import launch  # after all checks that need no torch: it takes seconds to import
    from .training.group import LOST, Lost

    launch.watch_launcher()
    count, device = pipeline.devices(resume) if resume is not None else (Options.devices, Options.device)
    if count := launch.to_launch(given.get("devices"), count, given.get("device", device)):
        raise SystemExit(launch.launch(spelled({"resume": resume} | given), count))  # the first of them prints all
    try:
        if resume is not None:
            model = pipeline.resume(resume, say, **given)
        elif options:
            model = pipeline.start(options, say, also)
    except Lost as lost:  # its own status: the reason is printed by the process that failed
        say(f"train-style: {lost}")
        raise typer.Exit(LOST) from lost
    except (MemoryError, RuntimeError) as error:
        raise explain(error, "lower --size, --batch-size or --style-size") or error from error
    if model:  # none from a process that is not the first of its group
        print(model)


def styles_of(style: Sequence[Path] = (), out: Path | None = None, **given: Any) -> tuple[Options, list[Path]]:
    """The options of the first style, and the pictures of the others; a folder stands for the pictures in it.

    Raises:
        ImpastoError: a folder without pictures, or two pictures of one name; and as `Options`.
    """
    paths = [path for one in style for path in (_pictures(one) if one.is_dir() else [one])]
    if len(paths) > 1 and out is None and "to" not in given:
        out = Path(f"{style[0].resolve().name if len(style) == 1 else 'styles'}.onnx")
    options = Options(style=paths[0] if paths else None, out=out, **given)  # type: ignore[arg-type]  # it says so
    names = [named_after(path) for path in paths]
    for name in names:
        if names.count(name) > 1:
            raise ImpastoError(f"two pictures are named {name}: the names are what tells styles apart, rename one")
    return options, paths[1:]


def _pictures(folder: Path) -> list[Path]:
    from impasto.pictures import format_of

    paths = sorted(path for path in folder.iterdir() if format_of(path) is not None and path.name[0] != ".")
    if not paths:
        raise ImpastoError(f"--style {folder}: there are no pictures in this folder")
    return paths


app = derived(
    "train-style",
    Options,
    train_style,
    short={"out": "-o", "style": "--add"},
    several="style",
    resume=(Path, "Go on with this run folder."),
)
