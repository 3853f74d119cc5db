"""The base: kernels that several styles share, from which a new style is learned in a fraction of the steps.

One network a style, all with the same kernels; what is a style's own, its head, are the scales, shifts and biases and
the last kernel, which mixes the colours (Dumoulin, Shlens and Kudlur 2017, "A learned representation for artistic
style"). A new style starts from the kernels and from the head that comes nearest to it once its colours are brought
to the new painting's (`network.recolor.match_colors`).
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from impasto import ImpastoError
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

FILE = Path(__file__).with_name("base.safetensors")
KERNELS = "kernels"  # the name in the file under which the shared ones lie; every other name is a head's

Weights = dict[str, Tensor]


def fingerprint(networks: Sequence[Weights]) -> str:
    """SHA-256 (hex) of the weights of several networks, in order; also of none."""
    digest = hashlib.sha256()
    for weights in networks:
        for name, tensor in sorted(weights.items()):
            digest.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


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
