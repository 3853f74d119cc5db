"""The run folder beside a model: what a training needs to go on, and its results so far.

starry.run/
    options.json       the options, and what was settled at the start (steps, photos, weights, versions)
    style.png          the style picture at its training size; style.1.png, ... where there are several
    checkpoint.pt      the newest good state
    checkpoint.before.pt   the one before it, in case that is damaged
    log.jsonl          one line per step
    preview.png        held-out photos and how they look now
    exported.sha256    of the models that the run wrote, so that no other is replaced on resuming
"""

import hashlib
import json
import re
import shlex
import shutil
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from impasto import ImpastoError
from impasto.internal import Say, parts_of, whole_file
from PIL import Image

from ..commandline.options import Options
from .checkpoint import BEFORE, NEWEST, Checkpoints

FILES = ("options.json", NEWEST, BEFORE, "log.jsonl", "preview.png", "exported.sha256")


@dataclass(frozen=True)
class Plan:
    """What a run settled on at its start; a resumed run must find the same.

    ``styles`` are the options, for each style its own; ``steps`` those of each. ``photos`` is a digest of the names of
    the photos trained on, ``vgg`` the weights' fingerprint, ``threads`` how many torch uses: on a CPU sums depend on it
    in their last bits.
    """

    styles: tuple[Options, ...]
    steps: int
    photos: str
    vgg: str
    threads: int

    @property
    def options(self) -> Options:
        """Those of the first style."""
        return self.styles[0]


class RunFolder:
    """A run folder at ``path``, which need not exist yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = path / "log.jsonl"
        self.preview = path / "preview.png"
        self._plan = path / "options.json"
        self._checkpoints = Checkpoints(path)
        self._exported = path / "exported.sha256"

    def clear(self) -> None:
        """Remove what an earlier run left here.

        Raises:
            ImpastoError: it holds something that is not a run, or cannot be removed.
        """
        try:
            if not self.path.exists():
                return
            # A start that was cut off leaves no plan, so a run folder is recognised by the files in it.
            foreign = [p.name for p in self.path.iterdir() if not _is_ours(p.name)]
            if foreign:
                raise ImpastoError(f"{self.path} is in the way and holds {foreign[0]}: move it or choose another --out")
            shutil.rmtree(self.path)
        except OSError as error:
            raise ImpastoError(f"cannot remove {self.path}: {error.strerror or error}") from error

    def save_style(self, style: np.ndarray, number: int = 0) -> None:
        """Keep a style picture, uint8 ``[H, W, 3]``, by its number from 0."""
        with whole_file(self._style(number)) as path:
            Image.fromarray(style).save(path, "PNG")

    def load_style(self, number: int = 0) -> np.ndarray:
        """The style picture of that number, uint8 ``[H, W, 3]``."""
        try:
            with Image.open(self._style(number)) as image:
                return np.array(image.convert("RGB"))
        except (OSError, SyntaxError, ValueError) as error:
            raise ImpastoError(f"cannot resume: {self._style(number)} is missing or damaged") from error

    def _style(self, number: int) -> Path:
        return self.path / (f"style.{number}.png" if number else "style.png")

    def has_plan(self) -> bool:
        """Whether there is a run here that can go on."""
        return self._plan.is_file()

    def save_plan(self, plan: Plan) -> None:
        """Keep the plan. Written last when a run starts, so a folder with a plan is a whole run."""
        first, *also = (json.loads(options.to_json()) for options in plan.styles)
        values = {
            "options": first,
            **({"also": also} if also else {}),
            "steps": plan.steps,
            "photos": plan.photos,
            "vgg": plan.vgg,
            "torch": torch.__version__,
            "threads": plan.threads,
        }
        with whole_file(self._plan) as path:
            path.write_text(json.dumps(values, indent=2) + "\n")

    def load_plan(self) -> Plan:
        """The plan of the run.

        Raises:
            ImpastoError: this is no run folder, its plan is damaged, or an earlier version began it.
        """
        if not self.has_plan():
            raise ImpastoError(f"cannot resume {self.path}: not a run folder of train-style")
        try:
            values = json.loads(self._plan.read_text())
            unsaid = {field.name for field in fields(Options)} - values["options"].keys()
            styles = tuple(Options.from_dict(each) for each in (values["options"], *values.get("also", [])))
            plan = Plan(styles, int(values["steps"]), values["photos"], values["vgg"], int(values["threads"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ImpastoError(f"cannot resume {self.path}: its options.json is damaged") from error
        if unsaid:  # today's defaults for these would make it another training
            again = f"begin a run --from {shlex.quote(str(self.path))}"
            raise ImpastoError(f"cannot resume {self.path}: an earlier version began it; {again}")
        return plan

    def save_state(self, state: dict[str, Any]) -> None:
        """Keep a trainer's state; the one before it is kept too."""
        self._checkpoints.save(state)

    def load_state(self, say: Say = print) -> dict[str, Any]:
        """The newest state, on the CPU; the one before it, with a message, if that is missing or damaged.

        Raises:
            ImpastoError: both are.
        """
        try:
            return self._checkpoints.load(say)
        except ImpastoError as error:
            raise ImpastoError(f"cannot resume: {error}; start again with --overwrite") from error

    def load_weights(self, say: Say = print) -> tuple[list[dict[str, torch.Tensor]], int]:
        """The averaged weights of the state that `load_state` gives, of each style, where another training can start;
        and the steps behind each, with those of the runs that this one went on from.

        Raises:
            ImpastoError: this is no run folder, or its checkpoints are damaged or have none.
        """
        try:
            state = self._checkpoints.load(say)
            styles = state.get("styles", [state])
            # earlier versions had further scales and shifts for less than full strength
            weights = [{name: w for name, w in each["average"].items() if ".calm_" not in name} for each in styles]
            return weights, int(styles[0]["step"]) + int(styles[0].get("earlier", 0))
        except (ImpastoError, KeyError) as error:
            raise ImpastoError(
                f"--from {self.path}: neither base nor scratch, nor a model, nor a run folder with a checkpoint"
            ) from error

    def sweep(self, model: Path) -> None:
        """Remove what a kill in mid-write has left here and of ``model``: temporary files that were never renamed."""
        for part in (*self.path.glob(".*.part*"), *parts_of(model)):
            part.unlink(missing_ok=True)

    def trim_log(self, step: int) -> None:
        """Drop the log's lines after ``step``, which a resumed run will write again."""
        if not self.log.exists():
            return
        kept = []
        for line in self.log.read_text(errors="replace").splitlines():
            try:
                if json.loads(line)["step"] <= step:
                    kept.append(line)
            except (ValueError, KeyError, TypeError):  # half a line: the run was killed while it wrote
                continue
        with whole_file(self.log) as path:
            path.write_text("".join(f"{line}\n" for line in kept))

    def note_exported(self, data: bytes) -> None:
        """Remember ``data`` as a model that this run is about to write, beside those that it wrote before."""
        known = dict.fromkeys([*self._noted(), hashlib.sha256(data).hexdigest()])
        with whole_file(self._exported) as path:
            path.write_text("".join(f"{digest}\n" for digest in known))

    def has_exported(self, model: Path) -> bool:
        """Whether ``model`` is, byte for byte, what this run wrote."""
        try:
            return hashlib.sha256(model.read_bytes()).hexdigest() in self._noted()
        except OSError:
            return False

    def _noted(self) -> list[str]:
        try:
            return self._exported.read_text(errors="replace").split()
        except OSError:
            return []


def _is_ours(name: str) -> bool:
    return name in FILES or ".part" in name or re.fullmatch(r"style(\.\d+)?\.png", name) is not None
