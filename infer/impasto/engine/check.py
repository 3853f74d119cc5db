"""Checking a model against the contract: what `Stylizer` checks, and all that ``apply-style --check`` does.

The model may be anyone's, and how much memory and time it takes cannot be told from its bytes: ``--check`` runs it in a
process of its own, ``python -m impasto.engine.check MODEL``, held to `MOST_MEMORY` (where the system can) and
`MOST_SECONDS`.
"""

import os
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from ..common.errors import ImpastoError, one_line
from ..contract.blend import shares_of
from ..contract.fields import ModelProto, OperatorSetIdProto
from ..contract.graph import read_checked
from ..contract.info import IMAGE, STRENGTH, STYLE, STYLIZED, StyleInfo
from ..contract.protobuf import walk
from .session import open_session

if TYPE_CHECKING:
    import numpy as np
    import onnxruntime

Dials = dict[str, float | tuple[float, ...]]

MOST_MEMORY = 8 << 30  # bytes of addresses; libraries for GPUs alone reserve some of them
MOST_SECONDS = 120
ODD_SIZE = (7, 13)  # px, of the noise that a model of any size is tried on
FLOAT_ERROR = 1e-5  # of numbers in 0..1: what float32 may lose on the way there and back


def mismatch(session: "onnxruntime.InferenceSession", info: StyleInfo) -> str:
    """How the tensors differ from what ``info`` says of them, by name, type and rank; empty if they do not."""
    picture = {"uint8": "tensor(uint8)", "float32": "tensor(float)", "float255": "tensor(float)"}.get(info.io, info.io)
    dials = [(STRENGTH, "tensor(float)", 0)]
    if info.styles:
        dials.append((STYLE, "tensor(float)", 1))
    inputs = session.get_inputs()
    given, optional, made = (
        [(value.name, value.type, len(value.shape)) for value in group]
        for group in (inputs, session.get_overridable_initializers(), session.get_outputs())
    )
    wanted = [(IMAGE, picture, 4), *(dials if info.dial == "required" else [])]
    if given != wanted:
        return f"its inputs are {given}, not {wanted}"
    # Other overridable values are fine: a later exporter may add dials that we need not know.
    if info.dial == "optional" and (missing := [dial for dial in dials if dial not in optional]):
        return f"it has no optional input {missing[0]}"
    both = (*inputs, *session.get_overridable_initializers())
    length = next((value.shape[0] for value in both if value.name == STYLE and len(value.shape) == 1), "no")
    if info.styles and length != len(info.styles):
        return f"its input {STYLE} takes {length} numbers, for {len(info.styles)} styles"
    if (STYLIZED, picture, 4) not in made:
        return f"its outputs are {made}, without {(STYLIZED, picture, 4)}"
    return ""


def check(path: str | os.PathLike[str]) -> list[str]:
    """What holds for the model at ``path``, a line each.

    Raises:
        ImpastoError: what does not.
    """
    info, data = read_checked(path)
    holds = [f"metadata complete, digest {info.digest[:12]}… that of the file"]
    holds.append(f"standard operators alone, opset {_opset(path, data)}")
    session = open_session(data, "cpu")[0]
    if wrong := mismatch(session, info):
        raise ImpastoError(f"{path} breaks its contract: {wrong}")
    sides = "[N, H, W, 3]" if info.layout == "nhwc" else "[N, 3, H, W]"
    size = f", {info.fixed_size} alone" if info.fixed_size else ", any size"
    style = f"; {STYLE} [{len(info.styles)}]: {info.dial}" if info.styles else ""
    holds.append(f"{IMAGE} and {STYLIZED} {info.io} {sides}{size}; {STRENGTH}: {info.dial}{style}")
    photo = _noise(info)
    shape = "x".join(map(str, _sides(info)))
    full: Dials = {} if info.dial == "none" else {STRENGTH: 1.0}
    alone = [full | {STYLE: shares_of(info, one.name)} for one in info.styles] or [full]
    painted = [_painted(session, photo, dials, path) for dials in alone]
    holds.append(f"paints a picture of {shape}" + (f" in each of its {len(alone)} styles" if info.styles else ""))
    if info.dial == "optional" and (_painted(session, photo, {}, path) != painted[0]).any():
        first = f", or {STYLE} left out is not the first" if info.styles else ""
        raise ImpastoError(f"{path} breaks its contract: {STRENGTH} left out is not {STRENGTH} 1{first}")
    if info.dial != "none":
        for dials in alone:
            _check_strength_0(path, info, _painted(session, photo, dials | {STRENGTH: 0.0}, path), photo)
        holds.append(f"{STRENGTH} 0 gives the photo back")
    return holds


def _check_strength_0(
    path: str | os.PathLike[str], info: StyleInfo, painted: "np.ndarray", photo: "np.ndarray"
) -> None:
    apart = abs(painted.astype(float) - photo).max()
    if apart > {"uint8": 0, "float32": FLOAT_ERROR, "float255": 255 * FLOAT_ERROR}[info.io]:
        raise ImpastoError(f"{path} breaks its contract: {STRENGTH} 0 is not the photo, but {apart:g} away")


def check_apart(path: str | os.PathLike[str]) -> list[str]:
    """`check` in a process of its own, which is ended when it takes too long or too much memory.

    Raises:
        ImpastoError: as `check`; also when it takes too long, or ends without a message.
    """
    words = [sys.executable, "-P", "-m", __name__, os.fspath(path)]  # -P: nothing from the present folder is run
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=MOST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ImpastoError(f"{path} takes more than {MOST_SECONDS} s to try: not a model that Impasto made") from None
    if done.returncode:
        said = done.stderr.splitlines() or [f"{path} cannot be tried: the process ended with {done.returncode}"]
        raise ImpastoError(said[-1])
    return done.stdout.splitlines()


def _main() -> int:
    """What `check_apart` starts."""
    with suppress(ImportError, ValueError, OSError, AttributeError):  # Windows, and systems without this limit
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        print("\n".join(check(sys.argv[1])))
    except (ImpastoError, MemoryError) as error:
        print(one_line(error) or f"{sys.argv[1]} takes too much memory", file=sys.stderr)
        return 2
    return 0


def _opset(path: str | os.PathLike[str], data: bytes) -> int:
    """The version of ONNX's operators that a model uses; it may use no others."""
    versions = {}
    for imported in (part for part in walk(data) if part.number == ModelProto.OPSET_IMPORT):
        parts = {part.number: part for part in walk(data, imported.start, imported.end)}
        domain, version = (parts.get(number) for number in (OperatorSetIdProto.DOMAIN, OperatorSetIdProto.VERSION))
        name = data[domain.start : domain.end].decode(errors="replace") if domain else ""
        versions[name] = data[version.start] if version else 0  # a varint below 128
    others = sorted(versions.keys() - {"", "ai.onnx"})
    if others or len(versions) != 1:
        raise ImpastoError(f"{path} breaks its contract: it may use operators of {', '.join(others) or 'none'}")
    return next(iter(versions.values()))


def _sides(info: StyleInfo) -> tuple[int, int]:
    if not info.fixed_size:
        return ODD_SIZE
    height, _, width = info.fixed_size.partition("x")
    try:
        return int(height), int(width)
    except ValueError:
        raise ImpastoError(f"fixed_size in the metadata is {info.fixed_size[:40]!r}, not as 480x640") from None


def _noise(info: StyleInfo) -> "np.ndarray":
    import numpy as np

    photo = np.random.default_rng(0).integers(0, 256, (1, *_sides(info), 3), dtype=np.uint8)
    if info.layout == "nchw":
        photo = np.ascontiguousarray(photo.transpose(0, 3, 1, 2))
    return photo if info.io == "uint8" else photo.astype(np.float32) / np.float32(255 if info.io == "float32" else 1)


def _painted(
    session: "onnxruntime.InferenceSession", photo: "np.ndarray", dials: Dials, path: str | os.PathLike[str]
) -> "np.ndarray":
    import numpy as np

    feeds = {IMAGE: photo, **{name: np.array(value, np.float32) for name, value in dials.items()}}
    try:
        painted = session.run([STYLIZED], feeds)[0]
    except Exception as error:  # of onnxruntime's, of any class
        raise ImpastoError(f"{path} fails on a picture {list(photo.shape)}: {one_line(error)}") from error
    if painted.shape != photo.shape or painted.dtype != photo.dtype:
        wrong = f"{painted.dtype} {list(painted.shape)} for {photo.dtype} {list(photo.shape)}"
        raise ImpastoError(f"{path} breaks its contract: {wrong}")
    return painted


if __name__ == "__main__":
    sys.exit(_main())
