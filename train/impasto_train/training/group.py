"""Several processes that train one network, each painting its own part of every step's photos (data parallelism).

They are started by ``accelerate launch`` or by `launch.launch`, and communicate through Hugging Face Accelerate: NCCL
between GPUs, gloo between processes on CPUs. All hold the same weights, and all take the same steps, as the gradients
are those of the joined batch; the first one also shows, writes and exports.
"""

import datetime
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from impasto import ImpastoError
from impasto.internal import need, one_line
from torch import Tensor

PATIENCE = datetime.timedelta(hours=1)  # of the others while the first process fetches photos and VGG16's weights
LOST = 75  # exit status of a process that ended because another one had (EX_TEMPFAIL)
# set by every launcher of torch's
_LAUNCHER_SETS = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


class Lost(ImpastoError):
    """Another process of the group has ended: that process prints the reason."""


class Group:
    """A group of one: what a training on one device has."""

    rank, size = 0, 1

    @property
    def first(self) -> bool:
        """Whether this is the process that shows, writes and exports."""
        return self.rank == 0

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its mean over all processes."""

    def copy(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by that of the first process."""

    def share(self, number: float) -> float:
        """``number`` as the first process has it."""
        return number

    def any(self, flag: bool) -> bool:
        """Whether ``flag`` is set in any process."""
        return flag

    @contextmanager
    def first_goes_first(self) -> Iterator[None]:
        """The others of each machine wait until its first process is done: it may have to download what they need."""
        yield


ALONE = Group()


def size_here() -> int:
    """The number of processes that this one's launcher has started; 1 without a launcher."""
    if not all(os.environ.get(name) for name in _LAUNCHER_SETS):
        return 1
    return int(os.environ["WORLD_SIZE"])


@contextmanager
def joined(device: torch.device) -> Iterator[Group]:
    """The group that this process belongs to, until the end of the block.

    Raises:
        ImpastoError: Accelerate is not installed, or the others cannot be reached.
    """
    if size_here() == 1:
        yield ALONE
        return
    need("devices", ("accelerate",), "training on several devices")
    group = _Accelerated(device)
    yield group
    # not where something went wrong: NCCL would wait for the others, which wait for us
    group.leave()


class _Accelerated(Group):
    def __init__(self, device: torch.device) -> None:
        import accelerate

        with _lost_if_another_ends():
            self.state = accelerate.PartialState(cpu=device.type == "cpu", timeout=PATIENCE)
        self.device = device
        self.rank, self.size = self.state.process_index, self.state.num_processes
        if self.size != size_here():
            raise ImpastoError(f"Accelerate knows no group of processes on {device.type}: leave --devices out")

    def leave(self) -> None:
        self.state.destroy_process_group()

    def average(self, tensors: Sequence[Tensor]) -> None:
        from accelerate.utils import reduce

        # one message for all: each costs its own time on the way
        flat = torch.cat([tensor.detach().flatten() for tensor in tensors])
        with _lost_if_another_ends():
            flat = reduce(flat, "mean")
        self._into(tensors, flat)

    def copy(self, tensors: Sequence[Tensor]) -> None:
        from accelerate.utils import broadcast

        flat = torch.cat([tensor.detach().flatten() for tensor in tensors])
        with _lost_if_another_ends():
            broadcast(flat)
        self._into(tensors, flat)

    @torch.no_grad()
    def _into(self, tensors: Sequence[Tensor], flat: Tensor) -> None:
        for tensor, values in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(values.view(tensor.shape))

    def share(self, number: float) -> float:
        tensor = torch.tensor([number], dtype=torch.float64, device=self.device)
        self.copy([tensor])
        return tensor.item()

    def any(self, flag: bool) -> bool:
        tensor = torch.tensor([float(flag)], device=self.device)
        self.average([tensor])
        return tensor.item() > 0

    @contextmanager
    def first_goes_first(self) -> Iterator[None]:
        with _lost_if_another_ends():
            if not self.state.is_local_main_process:
                self.state.wait_for_everyone()
        yield
        with _lost_if_another_ends():
            if self.state.is_local_main_process:
                self.state.wait_for_everyone()


@contextmanager
def _lost_if_another_ends() -> Iterator[None]:
    try:
        yield
    except (torch.OutOfMemoryError, NotImplementedError):
        raise  # a fault of our own
    except RuntimeError as error:  # gloo's, NCCL's and the store's have no class in common
        reason = one_line(error)[:300]
        raise Lost(f"another process of this training has ended or cannot be reached ({reason})") from error
