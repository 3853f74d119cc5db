"""Trainers of several styles that take turns, a step each, and share the kernels that they train.

What is a style's own, its head, stays its own. With one trainer this is that training and no more.
"""

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

from impasto import ImpastoError

from ..network.muon import Muon, optimizers
from ..network.stylenet import StyleNet, is_kernel
from .trainer import Record, Trainer
from .watch import GoneWrong


class Turns:
    """Trainers, one a style, each of as many steps, trained as one.

    Args:
        trainers: that have begun, all from the same kernels; or about to `load_state`.
        frozen: keep the kernels as they are, and train the heads alone.
    """

    def __init__(self, trainers: Sequence[Trainer], *, frozen: bool = False) -> None:
        self.trainers = trainers
        self.stop = False
        """Set to end `run` after the present step."""
        if len(trainers) > 1:
            _share_kernels([trainer.network for trainer in trainers])
            _share_kernels([trainer.average for trainer in trainers])
        if len(trainers) > 1 or frozen:
            named = trainers[0].network.named_parameters()
            kernels = [parameter for name, parameter in named if is_kernel(name, parameter)]
            shared = [] if frozen else [Muon(kernels)]
            quicker = trainers[0].quicker  # others may have begun from the first, whose kernels had learned nothing yet
            for trainer in trainers:
                own = [p for name, p in trainer.network.named_parameters() if not is_kernel(name, p)]
                trainer.optimizers = [*shared, *optimizers(own, quicker)]

    @property
    def step(self) -> int:
        """Steps of all together that are done."""
        return sum(trainer.step for trainer in self.trainers)

    @property
    def steps(self) -> int:
        """Steps of all together."""
        return sum(trainer.steps for trainer in self.trainers)

    @property
    def worth_keeping(self) -> bool:
        """Whether the present weights are good enough to keep."""
        return all(trainer.watch.worth_keeping for trainer in self.trainers)

    def run(self) -> Generator[Record]:
        """Train from the present step to the last, yielding a record after each, with its number among all of them.

        Raises:
            ImpastoError: the training went wrong (see `Watch`); the state is that of before the step.
        """
        runs = [trainer.run() for trainer in self.trainers]
        several = len(runs) > 1
        while self.step < self.steps:
            # the next in turn has the fewest steps behind it, also after a stop in the middle of a round
            turn = min(range(len(runs)), key=lambda place: self.trainers[place].step)
            trainer = self.trainers[turn]
            trainer.stop = self.stop
            try:
                record = next(runs[turn], None)
            except GoneWrong as error:
                raise GoneWrong(f"{trainer.options.style_name}: {error}" if several else str(error)) from error
            if record is None:
                break
            yield replace(record, step=self.step, of=trainer.options.style_name) if several else record
        for run in runs:
            run.close()

    def state(self) -> dict[str, Any]:
        """All that changes during training, for `load_state`."""
        states = [trainer.state() for trainer in self.trainers]
        return states[0] if len(states) == 1 else {"step": self.step, "styles": states}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave.

        Raises:
            ImpastoError: it is of another network than this version's.
        """
        states = state.get("styles", [state])
        if len(states) != len(self.trainers):
            raise ImpastoError("cannot resume: the checkpoint is of another number of styles")
        for trainer, own in zip(self.trainers, states, strict=True):
            trainer.load_state(own)


def _share_kernels(networks: Sequence[StyleNet]) -> None:
    """Make all use the first one's kernels from now on."""
    first, *others = networks
    for name, parameter in first.named_parameters():
        if is_kernel(name, parameter):
            module, _, leaf = name.rpartition(".")
            for other in others:
                setattr(other.get_submodule(module), leaf, parameter)
