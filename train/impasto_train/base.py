"""The base: kernels that several styles share, from which a new style is learned in a fraction of the steps.

One network a style, all with the same kernels; what is a style's own, its head, are the scales, shifts and biases and
the last kernel, which mixes the colours (Dumoulin, Shlens and Kudlur 2017, "A learned representation for artistic
style"). A new style starts from the kernels and from the head that comes nearest to it once its colours are brought
to the new painting's (`recolor.match_colors`).
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from impasto import ImpastoError
from impasto._files import whole_file
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from .network import StyleNet, is_calm
from .optimizer import Muon, optimizers
from .trainer import Trainer

FILE = Path(__file__).with_name("base.safetensors")
KERNELS = "kernels"  # the name in the file under which the shared ones lie; every other name is a head's

Weights = dict[str, Tensor]


def fingerprint(networks: Sequence[Weights]) -> str:
    """SHA-256 (hex) of the weights of several networks, in order; also of none."""
    found = hashlib.sha256()
    for weights in networks:
        for name, tensor in sorted(weights.items()):
            found.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


def is_kernel(name: str, parameter: Tensor) -> bool:
    """Whether all styles share the parameter ``name`` of a `StyleNet`."""
    return parameter.ndim > 1 and not name.startswith("from_half.")


def load_base(path: Path = FILE) -> list[Weights]:
    """The weights of a whole `StyleNet` for each head in the file, float32.

    Raises:
        ImpastoError: it cannot be read.
    """
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ImpastoError(f"cannot read {path}: {error}") from error
    parts: dict[str, Weights] = {}
    for name, tensor in tensors.items():
        part, _, parameter = name.partition("/")
        parts.setdefault(part, {})[parameter] = tensor.float()
    kernels = parts.pop(KERNELS)
    return [kernels | head for head in parts.values()]


def save_base(networks: dict[str, StyleNet], path: Path) -> None:
    """Write networks that share their kernels, by the names of their styles, in half precision."""
    tensors = {}
    for style, network in networks.items():
        for name, parameter in network.named_parameters():
            part = KERNELS if is_kernel(name, parameter) else style
            tensors[f"{part}/{name}"] = parameter.detach().cpu().half().contiguous()
    with whole_file(path) as part_file:
        part_file.write_bytes(save(tensors))


def share_kernels(networks: Sequence[StyleNet]) -> None:
    """Make all use the first one's kernels from now on."""
    first, *others = networks
    for name, parameter in first.named_parameters():
        if is_kernel(name, parameter):
            module, _, leaf = name.rpartition(".")
            for other in others:
                setattr(other.get_submodule(module), leaf, parameter)


def join(trainers: Sequence[Trainer]) -> None:
    """Make trainers, each of its own style, teach the same kernels."""
    networks = [trainer.network for trainer in trainers]
    share_kernels(networks)
    share_kernels([trainer.average for trainer in trainers])
    shared = Muon([parameter for name, parameter in networks[0].named_parameters() if is_kernel(name, parameter)])
    for trainer in trainers:
        named = trainer.network.named_parameters()
        own = [parameter for name, parameter in named if not (is_kernel(name, parameter) or is_calm(name))]
        trainer.optimizers = [shared, *optimizers(own)]
