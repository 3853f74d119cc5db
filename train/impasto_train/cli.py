"""The command ``train-style``; its options are the fields of `Options`."""

from pathlib import Path
from typing import Any

import typer
from impasto import ImpastoError
from impasto.internal import need

from .commandline.derive import NEEDED, derived, explain, finish, say, spelled
from .commandline.options import Options, spelling

# these may differ from those that the run began with
ALSO_RESUMING = {"overwrite", "vgg_weights", "device", "devices"}


def main() -> None:
    """Run ``train-style`` and exit with its status."""
    finish(app, "train-style")


def train_style(resume: Path | None = None, **given: Any) -> None:
    """Learn the style of one picture and write it as one ONNX file."""
    if resume is not None and given.keys() - ALSO_RESUMING:
        other = sorted(given.keys() - ALSO_RESUMING)[0]
        further = f"; to train beyond its end, begin a run --from {resume}" if other in ("minutes", "steps") else ""
        raise ImpastoError(f"--resume goes on with the run's own options: leave out {spelling(other)}{further}")
    options = Options(**given) if resume is None else None
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
            model = pipeline.start(options, say)
    except Lost as lost:  # its own status: the reason is printed by the process that failed
        say(f"train-style: {lost}")
        raise typer.Exit(LOST) from lost
    except (MemoryError, RuntimeError) as error:
        raise explain(error, "lower --size, --batch-size or --style-size") or error from error
    if model:  # none from a process that is not the first of its group
        print(model)


app = derived("train-style", Options, train_style, short={"out": "-o"}, resume=(Path, "Go on with this run folder."))
