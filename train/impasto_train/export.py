"""From a trained network to the one file that is shipped, checked before it is kept."""

import contextlib
import io
import logging
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from impasto import ImpastoError, StyleInfo, describe
from impasto._contract import IMAGE, STRENGTH, STYLIZED, seal
from impasto._files import whole_file
from torch import Tensor, nn

from .network import RANGE, StyleNet, is_calm, padding

OPSET = 20
LARGEST_FILE = 2_000_000  # bytes
WORST_DIFFERENCE = 1  # levels of 255: rounding may fall to either side
# None of them is the size of the tracing; odd sides, sides under the network's least, a batch.
CHECKED_SHAPES = ((1, 1, 2, 3), (1, 7, 5, 3), (1, 64, 64, 3), (1, 333, 517, 3), (2, 41, 30, 3))
CHECKED_STRENGTHS = (0.0, 0.5, 1.0)
FADE = 0.25  # of the strength: from there down to 0 a calm painting fades into the photo
FULL_CONTRAST = 4.0  # levels of 255 from which a photo is painted in full; nearer to a single colour, it fades


class Shipped(nn.Module):
    """The network with everything around it that an app should not have to do.

    The same as `StyleNet.forward` with the scaling before and after, in the order that is fastest: pixels are
    moved while they are single bytes, and what has to be done to each value is done once, to folded ones.
    """

    def __init__(self, network: StyleNet) -> None:
        super().__init__()
        self.network = network
        calm = [parameter for name, parameter in network.named_parameters() if is_calm(name)]
        # a training that ended early has not learned to paint calmly yet: then a fade is all there is
        self.fade = FADE if any(parameter.any() for parameter in calm) else 1.0

    def forward(self, image: Tensor, strength: Tensor) -> Tensor:
        """uint8 ``[N, H, W, 3]`` sRGB and a float32 scalar in 0..1 to uint8 of the same shape.

        ``strength`` 0 gives the photo back exactly, 1 the painting; between them the painting is the calmer the
        less it is, and fades into the photo below `FADE`. A photo of one colour
        comes back as it is: there is nothing to paint in it, and instance norms would make the rounding errors of
        their runtime into a picture.
        """
        n, height, width, _ = image.shape
        y, x = (extended(side, image.device) for side in (height, width))
        full = y.shape[0], x.shape[0]
        # two simple moves: onnxruntime is slow at turning five axes at once
        # (and an index in brackets would be exported as two more)
        extended_image = image.index_select(1, y).index_select(2, x)
        rows = extended_image.reshape(-1, 2, full[1] // 2, 6).permute(0, 2, 1, 3)
        photo = rows.reshape(n, -1, 12).permute(0, 2, 1).reshape(n, 12, full[0] // 2, full[1] // 2).float()
        painted = torch.tanh(self.network.layers(photo / 255 - 0.5, strength.clamp(0, 1)))
        share = (strength / self.fade).clamp(0, 1) * (contrast(photo) / FULL_CONTRAST).clamp(0, 1)
        mixed = painted * (RANGE * 255 * share) + photo * (1 - share) + (127.5 * share + 0.5)
        rows = mixed.clamp(0, 255).to(torch.uint8).reshape(n, 12, -1).permute(0, 2, 1)
        rows = rows.reshape(-1, full[1] // 2, 2, 6).permute(0, 2, 1, 3)
        return rows.reshape(n, *full, 3)[:, :height, :width]


def contrast(folded: Tensor) -> Tensor:
    """Of each folded picture ``[N, 12, H, W]`` the range of its most contrasting colour channel: ``[N, 1, 1, 1]``."""
    highest, lowest = (side.reshape(-1, 4, 3) for side in (folded.amax((2, 3)), folded.amin((2, 3))))
    return (highest.amax(1) - lowest.amin(1)).amax(1).reshape(-1, 1, 1, 1)


def extended(length: int, device: torch.device) -> Tensor:
    """Indices, int64, that extend a side of ``length`` pixels by its edge to what the network can work on."""
    last = torch.scalar_tensor(length - 1, dtype=torch.int64, device=device)
    # a clamp would do, but is exported as an operator that OpenCV lacks for integers
    return torch.minimum(torch.arange(length + padding(length), device=device), last)


def export(
    network: StyleNet, info: StyleInfo, path: Path, about_to_write: Callable[[bytes], None] = lambda data: None
) -> StyleInfo:
    """Write ``network`` to ``path`` under the contract, with ``info`` as its metadata.

    Args:
        about_to_write: called with the bytes of the file just before it takes its place.

    Returns:
        what `impasto.describe` reads back from the file.

    Raises:
        ImpastoError: the exporter failed, onnxruntime and torch differ by more than one level, the file is too
            large, or it cannot be written; then ``path`` is left as it was.
    """
    shipped = Shipped(network.for_export())
    versions = f"torch {torch.__version__}, onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}"
    try:
        data = seal(with_metadata(trace(shipped), info).SerializeToString())
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
    with whole_file(path) as temporary:
        temporary.write_bytes(data)
        about_to_write(data)
    return describe(path)


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
                shipped, (), kwargs=example, dynamo=True, opset_version=OPSET, verbose=False,
                input_names=[IMAGE, STRENGTH], output_names=[STYLIZED],
                dynamic_shapes={"image": sides, "strength": {}},
            )  # fmt: skip
    finally:
        for logger, level in zip(silence, levels, strict=True):
            logger.setLevel(level)
    assert program is not None  # what torch.onnx.export returns for dynamo=True
    return program.model_proto


def with_metadata(model: onnx.ModelProto, info: StyleInfo) -> onnx.ModelProto:
    """What `trace` gave, brought under the contract: to be sealed."""
    # An initializer of an input's name is its default value: callers may leave `strength` out.
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


def largest_difference(data: bytes, shipped: Shipped) -> int:
    """Between onnxruntime on the CPU and torch over `CHECKED_SHAPES` and strengths, in levels of 255."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # it warns of every input that has a default
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    worst = 0
    for shape in CHECKED_SHAPES:
        # noise beside a gradient, so that flat and busy areas are both in it
        image = random.integers(0, 256, shape, dtype=np.uint8)
        image[:, :, shape[2] // 2 :] = np.linspace(0, 255, shape[1], dtype=np.uint8)[None, :, None, None]
        for strength in CHECKED_STRENGTHS:
            feed = {IMAGE: image, STRENGTH: np.array(strength, np.float32)}
            found = session.run([STYLIZED], feed)[0]
            with torch.no_grad():
                wanted = shipped(torch.from_numpy(image), torch.tensor(strength)).numpy()
            if found.shape != wanted.shape or found.dtype != wanted.dtype:
                return 255
            worst = max(worst, int(np.abs(found.astype(int) - wanted.astype(int)).max()))
            if strength == 0 and not np.array_equal(found, image):
                return 255
    return worst
