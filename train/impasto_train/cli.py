"""The command ``train-style``; its options are the fields of `Options`."""

from pathlib import Path
from typing import Any

from impasto import ImpastoError

from .command import NEEDED, derived, explain, finish, need, say
from .options import Options, spelling

ALSO_RESUMING = {"overwrite", "vgg_weights", "device"}  # where a run goes on may differ from where it began


def main() -> None:
    """Run ``train-style`` and exit with its status."""
    finish(app, "train-style")


def train_style(resume: Path | None = None, **given: Any) -> None:
    """Learn the style of one picture and write it as one ONNX file."""
    if resume is not None and given.keys() - ALSO_RESUMING:
        other = sorted(given.keys() - ALSO_RESUMING)[0]
        raise ImpastoError(f"--resume goes on with the run's own options: leave out {spelling(other)}")
    options = Options(**given) if resume is None else None
    need("train", NEEDED, "training")
    from . import pipeline  # after all checks that need no torch: it takes seconds to import

    try:
        if resume is not None:
            print(pipeline.resume(resume, say, **given))
        elif options:
            print(pipeline.start(options, say))
    except (MemoryError, RuntimeError) as error:
        raise explain(error, "lower --size, --batch-size or --style-size") or error from error


app = derived("train-style", Options, train_style, short={}, resume=(Path, "Go on with this run folder."))
