"""The command ``tune-style``; its options are the fields of `TuneOptions`."""

from typing import Any

from impasto import ImpastoError
from impasto.internal import need

from ..commandline.derive import NEEDED, derived, explain, finish, say
from ..commandline.options import TuneOptions


def main() -> None:
    """Run ``tune-style`` and exit with its status."""
    finish(app, "tune-style")


def tune_style(**given: Any) -> None:
    """Choose the weight of the L1 term for a style by short trainings and cross-validation."""
    options = TuneOptions(**given)
    model = options.folder / f"{options.style.stem}.onnx"
    if options.train and model.exists():
        raise ImpastoError(f"--train: {model} exists: move it away to train it again")
    need("tune", (*NEEDED, "optuna", "matplotlib"), "tuning")
    from .. import pipeline
    from . import report
    from .search import Search, training_options

    try:
        search = Search(options, say)
        search.run()
        trials = search.record.trials()
        best = report.write(trials, options.folds, options.folder, search.pictures)
        if best is None:
            return
        print(best.sentence)
        if options.train and not search.stop:
            print(pipeline.start(training_options(options, best.point), say))
    except (MemoryError, RuntimeError) as error:
        raise explain(error, "lower --size, --batch-size or --style-size") or error from error


app = derived("tune-style", TuneOptions, tune_style, short={"out": "-o"})


if __name__ == "__main__":
    main()
