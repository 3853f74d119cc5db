"""The record of a search: every trial with its weights and its score, in an SQLite file of Optuna's."""

import hashlib
import json
from dataclasses import asdict, astuple, dataclass
from pathlib import Path

import numpy as np
import optuna
from impasto import ImpastoError
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import OptunaError
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError

from ..commandline.options import HEAVIEST, L1On, TuneOptions, spelling
from ..loss.objective import L1_VARIANTS
from .score import Score

HELD_OUT = 0  # the fold that stands for a training on all photos, judged on the held-out ones
STUDY = "tune-style"
DIRECTIONS = [StudyDirection.MINIMIZE] * 3  # W, L, structure; the rest of a score lies beside them
YARDSTICK = "W, L, structure"
"""What trainings are judged by, in the recipe: scores by something else are not to be mixed with these."""
# what comes of a file that is none of ours, or is locked, or may not be written
_FAULTS = (OptunaError, SQLAlchemyError, RuntimeError, ValueError, KeyError)
_ANY = FloatDistribution(0, HEAVIEST)
_PARAMETERS = {
    "l1": _ANY,
    "l1_on": CategoricalDistribution(L1_VARIANTS),
    "content_weight": _ANY,
    "style_weight": _ANY,
    "fold": IntDistribution(HELD_OUT, 10**6),
    "folds": IntDistribution(HELD_OUT, 10**6),
}


@dataclass(frozen=True)
class Point:
    """One set of weights: λ and what it is of, α and β."""

    l1: float
    l1_on: L1On
    content_weight: float
    style_weight: float

    @property
    def name(self) -> str:
        """As it is shown to people."""
        return f"λ {self.l1:g}" + (f" on {self.l1_on}" if self.l1 else "")


@dataclass(frozen=True)
class Trial:
    """A training that was judged; ``score`` is None if it went wrong, as ``error`` says."""

    point: Point
    fold: int
    folds: int
    score: Score | None
    error: str = ""


class TrialStore:
    """All trials of a search, in an SQLite file of Optuna's; each is added whole, once it has been judged.

    Args:
        recipe: what all its trials must have in common, as text by name.

    Raises:
        ImpastoError: the file cannot be read or written, or its trials are of another recipe.
    """

    def __init__(self, path: Path, recipe: dict[str, str]) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.path = path
        try:
            self.study = optuna.create_study(
                storage=_url(path), study_name=STUDY, load_if_exists=True, directions=DIRECTIONS
            )
            stored_recipe = self.study.user_attrs.get("recipe", recipe)
            if stored_recipe == recipe:
                _check(self.study)
                self.study.set_user_attr("recipe", recipe)  # fails now, and not after a training, if it must
        except _FAULTS as error:
            raise ImpastoError(f"cannot use the record {path}: {_first_line(error)}") from error
        other = [name for name in recipe if stored_recipe.get(name) != recipe[name]]
        if other:
            raise ImpastoError(f"{path} is of a search with another {other[0]}: give another --out")

    def add(self, trial: Trial) -> None:
        """Keep a trial.

        Raises:
            ImpastoError: it cannot be written.
        """
        numbers = asdict(trial.point) | {"fold": trial.fold, "folds": trial.folds}
        score = trial.score
        try:
            self.study.add_trial(
                create_trial(
                    params=numbers,
                    distributions=_PARAMETERS,
                    user_attrs={"error": trial.error},
                    state=TrialState.COMPLETE if score else TrialState.FAIL,
                    values=list(astuple(score)[:3]) if score else None,
                    system_attrs={},
                    intermediate_values=dict(enumerate(astuple(score)[3:])) if score else {},
                )
            )
        except _FAULTS as error:
            raise ImpastoError(f"cannot write the record {self.path}: {_first_line(error)}") from error

    def trials(self) -> list[Trial]:
        """All trials so far."""
        return [_trial(trial) for trial in self.study.get_trials(deepcopy=False)]


def stored(path: Path) -> list[Trial]:
    """The trials of a record, whatever its recipe.

    Raises:
        ImpastoError: there is none, or it is of trainings that were judged by something else.
    """
    try:
        if not path.is_file():
            raise ValueError("no such file")
        study = optuna.load_study(storage=_url(path), study_name=STUDY)
        _check(study)
    except _FAULTS as error:
        raise ImpastoError(f"cannot read {path}: {_first_line(error)}") from error
    return [_trial(trial) for trial in study.get_trials(deepcopy=False)]


def _check(study: optuna.Study) -> None:
    if study.directions != DIRECTIONS:
        raise ValueError(f"its trainings were not judged by {YARDSTICK}")


def _trial(frozen: FrozenTrial) -> Trial:
    numbers = dict(frozen.params)
    fold, folds = numbers.pop("fold"), numbers.pop("folds")
    score = None
    if frozen.state == TrialState.COMPLETE:
        beside = frozen.intermediate_values
        score = Score(*frozen.values, *(beside[place] for place in sorted(beside)))
    return Trial(Point(**numbers), fold, folds, score, frozen.user_attrs.get("error", ""))


def _url(path: Path) -> str:
    return URL.create("sqlite", database=str(path)).render_as_string()


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).splitlines()[0]


def recipe(options: TuneOptions, style: np.ndarray, digests: dict[str, str]) -> dict[str, str]:
    """What all trials of a record must have in common; see `TrialStore`.

    Args:
        digests: of what other options stand for, by their spelling.
    """
    names = (
        "steps",
        "size",
        "surround",
        "style_size",
        "batch_size",
        "steady",
        "tones",
        "grid",
        "learning_rate",
        "distance",
        "style_loss",
        "content_on",
        "normalize",
        "seed",
    )
    shared = {spelling(name): json.dumps(getattr(options, name)) for name in names}
    picture = hashlib.sha256(style.tobytes() + str(style.shape).encode()).hexdigest()[:16]
    return {
        "yardstick": YARDSTICK,
        "--style": picture,
        **{name: digest[:16] for name, digest in digests.items()},
        **shared,
    }
