"""From a trained network to the one file that is shipped, checked before it is kept."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from impasto import ImpastoError, StyleInfo, describe
from impasto.contract import STRENGTH, seal
from impasto.internal import whole_file

from ..network.stylenet import StyleNet
from .heads import with_head
from .nodes import model_of
from .parity import WORST_DIFFERENCE, largest_difference
from .shipped import Shipped

LARGEST_FILE = 2_000_000  # bytes


def export(
    network: StyleNet,
    info: StyleInfo,
    path: Path,
    about_to_write: Callable[[bytes], None] = lambda data: None,
) -> StyleInfo:
    """Write ``network`` to ``path`` under the contract, with ``info`` as its metadata.

    Args:
        about_to_write: called with the bytes of the file just before it takes its place.

    Returns:
        what `impasto.describe` reads back from the file.

    Raises:
        ImpastoError: as `serialized`, or it cannot be written; then ``path`` is left as it was.
    """
    return written(serialized(network, info), path, about_to_write)


def written(data: bytes, path: Path, about_to_write: Callable[[bytes], None]) -> StyleInfo:
    """Write a model's file whole, as `export` does, and read back what it says."""
    with whole_file(path) as temporary:
        temporary.write_bytes(data)
        about_to_write(data)
    return describe(path)


def serialized(network: StyleNet, info: StyleInfo, like: onnx.ModelProto | None = None) -> bytes:
    """The file that `export` writes.

    Args:
        like: an exported model with the kernels of ``network``, of which all but the head is to be the same to the bit.

    Raises:
        ImpastoError: the export failed, onnxruntime and torch differ by more than one level, or the file is too
            large.
    """
    versions = f"torch {torch.__version__}, onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}"
    try:
        shipped = Shipped(network.for_export())
        model = with_head(like, shipped.network) if like else model_of(shipped)
        data = seal(with_metadata(model, info).SerializeToString())
        worst = largest_difference(data, shipped)
    except Exception as error:  # three libraries at work, each with errors of its own, after a long training
        reason = " ".join(str(error).split())[:200]
        raise ImpastoError(f"the export failed ({versions}): {reason}") from error
    if len(data) > LARGEST_FILE:
        raise ImpastoError(f"the export came to {len(data)} bytes, over the {LARGEST_FILE} that a style may have")
    if worst > WORST_DIFFERENCE:
        raise ImpastoError(
            f"the export was refused: onnxruntime differs from torch by {worst} levels of 255 ({versions})"
        )
    return data


def with_metadata(model: onnx.ModelProto, info: StyleInfo) -> onnx.ModelProto:
    """What `model_of` or `with_head` gave, brought under the contract: to be sealed."""
    # An initializer of an input's name is its default value: callers may leave `strength` out.
    if STRENGTH not in {tensor.name for tensor in model.graph.initializer}:
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(1.0, np.float32), STRENGTH))
    model.graph.name = info.name
    model.producer_name, model.producer_version = "impasto", info.impasto_version
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, replace(info, digest="").to_metadata())
    onnx.checker.check_model(model, full_check=True)
    return model
