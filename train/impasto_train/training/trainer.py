"""The training loop: it yields one small record a step and knows nothing of bars, logs or files."""

import copy
import math
import time
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from impasto import ImpastoError
from torch import Tensor

from ..commandline.options import Options
from ..loss.evaluate import means
from ..loss.grid import grid_energy
from ..loss.objective import Objective
from ..loss.steady import unsteadiness
from ..loss.tones import tone_distance
from ..network.muon import optimizers, set_rate
from ..network.recolor import BATCH_SIZE, SIZE, STEPS, learn_colors, match_colors
from ..network.stylenet import StyleNet
from ..photos.content import training_batch
from ..photos.picture import Photo
from ..photos.prefetch import prefetch
from ..photos.tensors import to_tensor
from .group import ALONE, Group
from .watch import Watch

AVERAGE_DECAY = 0.99  # of the averaged weights: about the last hundred steps
TRIED = 2  # photos on which the starts to choose from are compared
MATCHED = 24  # photos over which what is painted is brought to the painting's colours
HARSHEST = 1.05  # times the painting's local contrast: else, where strokes are stronger than tones, they get harsh
QUICKER = 4.0  # times the learning rate, from learned kernels, for what is a style's own: scales, shifts and biases
WARM_UP_STEPS = 20  # of the learning rate: the averages behind the first updates are of few gradients


@dataclass(frozen=True)
class Record:
    """One step: its number from 1, the terms of its batch, its unsteadiness, its learning rate and its seconds; and its
    style's name where several are learned."""

    step: int
    content: float
    style: float
    l1: float
    total: float
    unsteadiness: float
    learning_rate: float
    seconds: float
    of: str = ""


def mixed_precision(device: torch.device) -> bool:
    """Whether training on ``device`` uses bfloat16 where that is safe: on CUDA, if the GPU has it."""
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Of step ``step`` (from 0): a short linear warm-up, then half a cosine down to zero."""
    return peak * min(1, (step + 1) / WARM_UP_STEPS) * 0.5 * (1 + math.cos(math.pi * step / steps))


class Trainer:
    """Teaches a `StyleNet` to minimise an `Objective` over photos.

    Every step is a function of the state below, the options and the step's number, so a loaded state goes
    on exactly as the run that saved it would have (bit for bit on a CPU with as many threads).

    In a `Group` every process has a trainer of its own, and what is random is drawn for each photo of the joined batch,
    so that the step is the one that a single process would take with all of it.
    """

    def __init__(
        self, objective: Objective, photos: tuple[Photo, ...], options: Options, steps: int, group: Group = ALONE
    ) -> None:
        self.group = group
        self.objective, self.photos, self.options, self.steps = objective, photos, options, steps
        self.device: torch.device = objective.device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(options.seed)
            network = StyleNet()
        self.network = network.to(self.device).to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.network).requires_grad_(False)
        self.quicker = 1.0
        """Times the learning rate, for scales, shifts and biases."""
        self.optimizers = self._optimizers()
        self.watch = Watch(options)
        self.step = 0
        self.earlier = 0
        """Steps of the runs that this one goes on from, one after the other."""
        self.stop = False
        """Set to end `run` after the present step."""
        self._finished: tuple[dict[str, Tensor], StyleNet] = {}, self.average
        """What `finished` gave last, and the averaged weights that it made it of."""

    def begin(self, style: np.ndarray, candidates: Sequence[dict[str, Tensor]] = ()) -> None:
        """Make the network ready to be trained, in the colours of ``style``, uint8 ``[H, W, 3]``.

        Args:
            candidates: weights of a `StyleNet` each, to start from those with the least S over a few photos, by Gram
                matrices: of little crops these tell better than covariances what whole photos will look like. If
                there are none, a fresh network is brought near the photo.

        Raises:
            ImpastoError: they are of another network than this version's.
        """
        if candidates:
            self._begin_from(candidates, style)
            self.quicker = QUICKER
            self.optimizers = self._optimizers()
        else:
            self._begin_fresh(style)
        self.group.copy([*self.network.parameters(), *self.average.parameters()])

    def _optimizers(self) -> list[torch.optim.Optimizer]:
        return optimizers(self.network.parameters(), self.quicker)

    def _begin_fresh(self, style: np.ndarray) -> None:
        size, steps = min(SIZE, self.options.size), min(STEPS, self.steps)

        def batch(step: int) -> np.ndarray:
            step += 10**9  # crops that no step of the training itself will see
            return training_batch(self.photos, step=step, batch_size=BATCH_SIZE, size=size, seed=self.options.seed)

        batches = (to_tensor(pictures, self.device) for pictures in prefetch(batch, range(steps)))
        learn_colors(self.network, to_tensor(style[None], self.device), batches, steps)
        self.average.load_state_dict(self.network.state_dict())

    def _begin_from(self, candidates: Sequence[dict[str, Tensor]], style: np.ndarray) -> None:
        pictures = training_batch(
            self.photos, step=10**9, batch_size=TRIED, size=self.options.size, seed=self.options.seed
        )
        photos = to_tensor(pictures, self.device)
        content, best = self.objective.content(photos), math.inf
        for weights in candidates:
            try:
                self.network.start_from(weights)
            except (RuntimeError, AttributeError) as error:
                raise ImpastoError("cannot start from those weights: another version of Impasto made them") from error
            try:
                painted = match_colors(self.network, to_tensor(style[None], self.device), photos)
            except torch.linalg.LinAlgError:  # what they paint is not a number
                continue
            with torch.no_grad():
                found = self.objective(painted.clamp(0, 1), photos, content, comparable=True).style.mean().item()
            if found < best:
                best = found
                self.average.load_state_dict(self.network.state_dict())
        if math.isinf(best):
            raise ImpastoError("cannot start from those weights: what they paint is not a number")
        self.network.load_state_dict(self.average.state_dict())

    @property
    def joined_batch(self) -> int:
        """Crops a step, those of all processes together."""
        return self.options.batch_size * self.group.size

    @property
    def rows(self) -> range:
        """Those of the joined batch that are this process's."""
        first = self.options.batch_size * self.group.rank
        return range(first, first + self.options.batch_size)

    def run(self) -> Generator[Record]:
        """Train from the present step to the last, yielding a record after each.

        Raises:
            ImpastoError: the training went wrong (see `Watch`); the state is that of before the step.
        """
        options = self.options

        def batch(step: int) -> np.ndarray:
            return training_batch(
                self.photos,
                step=step,
                batch_size=self.joined_batch,
                size=options.size + options.surround,
                seed=options.seed,
                rows=self.rows,
            )

        if self.group.any(self.stop):
            return
        workers = 1 if self.device.type == "cpu" else 4  # a GPU is faster than one thread can decode
        start = time.perf_counter()
        for pictures in prefetch(batch, range(self.step, self.steps), workers=workers):
            rate = learning_rate(self.step, self.steps, options.learning_rate)
            terms = self._update(to_tensor(pictures, self.device), rate)
            self.step += 1
            yield Record(self.step, *terms, rate, time.perf_counter() - start)
            if self.group.any(self.stop):
                return
            start = time.perf_counter()  # what the subscribers took is not the step's; waiting for photos is

    def finished(self) -> StyleNet:
        """The averaged weights as they are exported, at any step: in the painting's colours."""
        average = self.average.state_dict()
        before, network = self._finished
        if all(name in before and torch.equal(before[name], average[name]) for name in average):
            return network  # of the last preview
        network = copy.deepcopy(self.average)
        pictures = training_batch(
            self.photos, step=10**9 + 1, batch_size=MATCHED, size=self.options.size, seed=self.options.seed
        )
        with suppress(torch.linalg.LinAlgError):  # what it paints is blank, or no number: `Watch` will tell
            match_colors(network, self.objective.painting, to_tensor(pictures, self.device), HARSHEST)
        self._finished = copy.deepcopy(average), network
        return network

    def _update(self, photos: Tensor, rate: float) -> tuple[float, float, float, float, float]:
        # A CPU is no faster with several crops at once. One by one, and summed in float64, they give the same weights
        # to the last bit however the joined batch is shared out; else rounding errors grow until pictures differ.
        at_once = 1 if self.device.type == "cpu" else len(photos)
        parts = [
            self._gradients(photos[i : i + at_once], self.rows[i : i + at_once]) for i in range(0, len(photos), at_once)
        ]
        found = [torch.stack(same).mean(0) for same in zip(*parts, strict=True)] if len(parts) > 1 else parts[0]
        self.group.average(found)
        *gradients, summary = found
        for parameter, gradient in zip(self.network.parameters(), gradients, strict=True):
            parameter.grad = gradient.to(parameter.dtype)
        size = torch.nn.utils.get_total_norm(gradients)
        # one wait for the device
        r, s, l1, j, unsteady, contrast, gradient_size = torch.cat([summary, size[None]]).tolist()
        self.watch.check(self.step + 1, j, gradient_size, contrast)
        for optimizer in self.optimizers:
            set_rate(optimizer, rate)
            optimizer.step()
        # follows fast at first, when the weights of the start are worth little
        decay = min(AVERAGE_DECAY, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(list(self.average.parameters()), list(self.network.parameters()), 1 - decay)
        return r, s, l1, j, unsteady

    def _gradients(self, photo: Tensor, rows: range) -> list[Tensor]:
        """What the crops of ``rows`` teach: each parameter's gradient; last R, S, L1, J, unsteadiness and contrast."""
        first = self.step * self.joined_batch

        def random(purpose: int) -> list[np.random.Generator]:
            return [np.random.default_rng([self.options.seed, first + row, purpose]) for row in rows]

        # bfloat16 has the range of float32, so neither features nor gradients overflow and nothing is scaled
        with torch.autocast(self.device.type, torch.bfloat16, enabled=mixed_precision(self.device)):
            whole, whole_painted = photo, self.network(photo)
            photo, painted = (judged(pictures, self.options.size, random(4)) for pictures in (whole, whole_painted))
            content = self.objective.content(photo)
            terms = self.objective(painted, photo, content)
            unsteady = torch.zeros((), device=self.device)
            if self.options.steady:
                unsteady = unsteadiness(self.network, whole, whole_painted, random(2)) / self.objective.contrast
        total = terms.total.mean() + self.options.steady * unsteady
        if self.options.tones:
            total = total + self.options.tones * tone_distance(painted, photo, self.objective.painting).mean()
        if self.options.grid:
            total = total + self.options.grid * grid_energy(painted)
        gradients = torch.autograd.grad(total, list(self.network.parameters()))
        contrast = painted.detach().std(dim=(-2, -1)).mean()  # within channels: a flat red is blank too
        summary = torch.stack([*means(terms), unsteady.detach(), contrast])
        precise = torch.float64 if self.device.type == "cpu" else torch.float32
        return [found.to(precise) for found in (*gradients, summary)]

    def state(self) -> dict[str, Any]:
        """All that changes during training, for `load_state`."""
        return {
            "step": self.step,
            "earlier": self.earlier,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "watch": self.watch.state(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave.

        Raises:
            ImpastoError: it is of another network than this version's.
        """
        try:
            self.network.load_state_dict(state["network"])
            self.average.load_state_dict(state["average"])
            for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(saved)
            self.watch.load_state(state["watch"])
            self.step, self.earlier = int(state["step"]), int(state.get("earlier", 0))
        except (RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
            said = "cannot resume: the checkpoint was made by another version of Impasto; begin a run --from its folder"
            raise ImpastoError(said) from error

    def seconds_per_step(self, unhurried: int = 6, seconds: float = 3.0) -> float:
        """Measure by training a little and forgetting it.

        The mean over ``seconds`` of steps after ``unhurried`` ones, for which the photos were ready; where steps take
        long, so that photos always are, after a third of as many ``seconds``.
        """
        before = copy.deepcopy(self.state())
        steps = self.run()
        took: list[float] = []
        timed: list[float] = []
        for measured, most, long in ((took, unhurried, seconds / 3), (timed, self.steps, seconds)):
            while len(measured) < most and self.step < self.steps and self.group.share(sum(measured)) < long:
                measured.append(next(steps).seconds)
        steps.close()
        self.load_state(before)
        for optimizer in self.optimizers:
            optimizer.state.clear()
        took = timed or took
        return self.group.share(sum(took) / len(took))


def judged(pictures: Tensor, size: int, random: Sequence[np.random.Generator]) -> Tensor:
    """A square of ``size`` px at a random place in each picture, ``[N, C, H, W]``.

    A network can tell where a picture ends, and some styles are most easily had by painting their motifs along that
    end. Where the square ends it can tell only when that is the picture's end too.

    Args:
        random: each picture's own generator, which the place is drawn from.
    """
    if size == pictures.shape[-1]:
        return pictures
    cut = []
    for index, generator in enumerate(random):
        top, left = generator.integers(0, pictures.shape[-1] - size + 1, 2)
        cut.append(pictures[index : index + 1, :, top : top + size, left : left + size])
    return torch.cat(cut)
