"""From a trained network to the one file that is shipped, checked before it is kept."""

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from impasto import ImpastoError, StyleInfo, describe
from impasto.contract import IMAGE, STRENGTH, STYLIZED, seal
from impasto.internal import whole_file
from torch import nn

from ..network.stylenet import StyleNet
from .dial import calibrated
from .heads import fade_of, with_head
from .parity import WORST_DIFFERENCE, largest_difference
from .shipped import Shipped

OPSET = 20
LARGEST_FILE = 2_000_000  # bytes


def export(
    network: StyleNet,
    info: StyleInfo,
    path: Path,
    photos: Sequence[np.ndarray],
    about_to_write: Callable[[bytes], None] = lambda data: None,
) -> StyleInfo:
    """Write ``network`` to ``path`` under the contract, with ``info`` as its metadata.

    Args:
        photos: uint8 ``[H, W, 3]`` each, on which its dial is measured (see `dial`).
        about_to_write: called with the bytes of the file just before it takes its place.

    Returns:
        what `impasto.describe` reads back from the file.

    Raises:
        ImpastoError: as `serialized`, or it cannot be written; then ``path`` is left as it was.
    """
    return written(serialized(network, info, photos), path, about_to_write)


def written(data: bytes, path: Path, about_to_write: Callable[[bytes], None]) -> StyleInfo:
    """Write a model's file whole, as `export` does, and read back what it says."""
    with whole_file(path) as temporary:
        temporary.write_bytes(data)
        about_to_write(data)
    return describe(path)


def serialized(
    network: StyleNet,
    info: StyleInfo,
    photos: Sequence[np.ndarray],
    like: onnx.ModelProto | None = None,
) -> bytes:
    """The file that `export` writes.

    Args:
        like: a traced or an exported model with the kernels of ``network`` and room for any head (see `heads.varied`),
            to spare the many seconds that a tracing takes.

    Raises:
        ImpastoError: the exporter failed, onnxruntime and torch differ by more than one level, or the file is too
            large.
    """
    shipped = Shipped(network.for_export(), fade_of(like) if like else None)
    versions = f"torch {torch.__version__}, onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}"
    try:
        model = with_head(like, shipped.network) if like else trace(shipped)
        data = seal(calibrated(with_metadata(model, info), photos).SerializeToString())
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


def trace(shipped: nn.Module) -> onnx.ModelProto:
    """A module with the inputs and the output of `Shipped` as ONNX, any sides and any number of pictures."""
    sides = {axis: torch.export.Dim(name, min=1) for axis, name in enumerate(("batch", "height", "width"))}
    example = {"image": torch.zeros(2, 61, 83, 3, dtype=torch.uint8), "strength": torch.tensor(1.0)}
    # The exporter reports its own progress and its dependencies' deprecations; neither concerns the user.
    silence = logging.getLogger("torch.onnx"), logging.getLogger("onnxscript")
    levels = [logger.level for logger in silence]
    try:
        for logger in silence:
            logger.setLevel(logging.ERROR)
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                shipped,
                (),
                kwargs=example,
                dynamo=True,
                opset_version=OPSET,
                verbose=False,
                input_names=[IMAGE, STRENGTH],
                output_names=[STYLIZED],
                dynamic_shapes={"image": sides, "strength": {}},
            )
    finally:
        for logger, level in zip(silence, levels, strict=True):
            logger.setLevel(level)
    assert program is not None  # what torch.onnx.export returns for dynamo=True
    return program.model_proto


def with_metadata(model: onnx.ModelProto, info: StyleInfo) -> onnx.ModelProto:
    """What `trace` or `with_head` gave, brought under the contract: to be sealed."""
    # An initializer of an input's name is its default value: callers may leave `strength` out.
    if STRENGTH not in {tensor.name for tensor in model.graph.initializer}:
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(1.0, np.float32), STRENGTH))
    # the exporter spells out how the crop comes about; what it comes to is the shape of the input
    image, stylized = (value.type.tensor_type.shape for value in (model.graph.input[0], model.graph.output[0]))
    stylized.CopyFrom(image)
    model.graph.name = info.name
    model.graph.doc_string = ""
    del model.graph.value_info[:]
    del model.graph.metadata_props[:]
    for node in model.graph.node:  # stack traces of the machine that exported it
        node.doc_string = ""
        del node.metadata_props[:]
    model.producer_name, model.producer_version = "impasto", info.impasto_version
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, replace(info, digest="").to_metadata())
    onnx.checker.check_model(model, full_check=True)
    return model
