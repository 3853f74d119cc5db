"""A watch over a training: it ends one that goes wrong before the weights are ruined."""

import math

from impasto import ImpastoError

from ..commandline.options import Options


class GoneWrong(ImpastoError):
    """A training failed because of its options, not because of the machine."""


class Watch:
    """Stops a training that has gone wrong while the weights from before are still good."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.smooth = self.best = math.inf
        self.blank = 0

    @property
    def worth_keeping(self) -> bool:
        """Whether the present weights are good enough to keep."""
        return self.blank == 0 and not self.smooth > 2 * self.best

    def state(self) -> dict[str, float]:
        """For `load_state`."""
        return {"smooth": self.smooth, "best": self.best, "blank": self.blank}

    def load_state(self, state: dict[str, float]) -> None:
        """Go on from what `state` gave."""
        self.smooth, self.best, self.blank = state["smooth"], state["best"], int(state["blank"])

    def check(self, step: int, total: float, gradient_size: float, contrast: float) -> None:
        """Look at step ``step``: its J, its gradient's norm and the deviation of pixels within its pictures' channels.

        Raises:
            GoneWrong: one line that names what happened and the option to change.
        """
        remedy = (
            f"try again with a lower --learning-rate than {self.options.learning_rate:g} "
            "(the last good weights are kept in the run folder)"
        )
        if not (math.isfinite(total) and math.isfinite(gradient_size)):
            raise GoneWrong(f"step {step}: the loss is no longer a number; {remedy}")
        self.smooth = total if math.isinf(self.smooth) else 0.95 * self.smooth + 0.05 * total
        self.best = min(self.best, self.smooth)
        # the smoothed loss wavers by a factor of two between easy and hard photos, not by four
        if step > 50 and self.smooth > 4 * self.best:
            raise GoneWrong(f"step {step}: the loss grows ({self.best:.3g} to {self.smooth:.3g}); {remedy}")
        self.blank = self.blank + 1 if contrast < 0.01 else 0
        if self.blank >= 20:
            raise GoneWrong(
                f"step {step}: the pictures have gone blank; lower --l1 (now {self.options.l1:g}) or "
                f"--learning-rate (now {self.options.learning_rate:g}), or raise --style-weight "
                "(the last good weights are kept in the run folder)"
            )
