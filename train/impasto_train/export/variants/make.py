"""Making a variant and comparing it with the model that it was made from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from impasto import ImpastoError, StyleInfo
from impasto.contract import read_checked, seal
from impasto.internal import Say, asked_for, one_line, shares_of, style_of

from ...commandline.options import named_after
from ...commandline.presets import Preset
from ...commandline.variant import VariantOptions
from ...photos.content import open_content
from ...photos.picture import Photo
from ..join import taken_out
from . import compare, edges, precision
from .graph import fold_constants
from .lower import lower

MOST_MEAN = 2.0  # levels of 255: a mean difference above it can be seen
COMPARED_ON = 4  # photos
CALIBRATED_ON = 12  # photos
CALIBRATION_SHAPE = (384, 384)


@dataclass(frozen=True)
class Variant:
    """The bytes of a variant's file, and how it compares with the original."""

    data: bytes
    info: StyleInfo
    parity: compare.Parity
    smaller: float

    @property
    def summary(self) -> str:
        """One line for people."""
        parity = self.parity
        return (
            f"mean difference {parity.mean:.3f} and largest {parity.worst:g} levels of 255, "
            f"{len(self.data):,} bytes ({self.smaller:.2f} of the original), {parity.speed:.2f} times as fast"
        )


def make_variant(source: Path, options: VariantOptions, say: Say) -> Variant:
    """Make the variant of ``source`` that ``options`` ask for.

    Raises:
        ImpastoError: not a model of train-style's, or itself a variant, or without such a style or of too many; no
            photos; or the variant paints another picture (see `MOST_MEAN`).
    """
    info, data = read_checked(source)
    if info.made_from:
        raise ImpastoError(f"{source} is a variant itself: give the model that it was made from")
    styles = [shares_of(info, one.name) for one in info.styles] or [shares_of(info, None)]
    if options.style is not None:
        styles = [asked_for(info, options.style)]
        if not (info.styles or options.changes):
            raise ImpastoError(f"{source} is of one style: there is nothing to take out of it")
    elif info.styles and options.of_one_style:
        said = f"{options.of_one_style} is for a model of one style"
        raise ImpastoError(f"{said}, and {source} has {len(info.styles)}: give --style {info.styles[0].name}")
    content = open_content(options.content, say=say)
    photos = (*content.held_out, *content.train)[:COMPARED_ON]  # first those that int8 was not calibrated on
    about, changed = info, data
    try:
        if options.style is not None and info.styles:
            about, changed = _taken_out(info, data, styles[0], options)
        if options.changes:
            about = described(replace(about, digest=info.digest), options)
            changed = edited(changed, about, options.sides, content.train, options.preset)
        both = compare.Model(data, info), compare.Model(changed, about)
        parity = compare.compare_models(*both, photos, options.sides, styles)
    except (ImpastoError, MemoryError):
        raise
    except Exception as error:  # of onnx's and onnxruntime's, which have classes of their own for everything
        raise ImpastoError(f"{source} cannot be changed so: {one_line(error)[:200]}") from error
    if parity.mean > MOST_MEAN:
        raise ImpastoError(
            f"refused: the picture suffers, by {parity.mean:.1f} levels of 255 on average "
            f"(at most {MOST_MEAN:g}): choose another --precision"
        )
    return Variant(changed, about, parity, len(changed) / len(data))


def _taken_out(
    info: StyleInfo, data: bytes, shares: tuple[float, ...], options: VariantOptions
) -> tuple[StyleInfo, bytes]:
    """A style, or a blend, of a model of several as a model of its own."""
    about = style_of(info, shares)
    if len(options.styles) > 1:
        about = replace(about, name=named_after(options.out or Path("-".join(options.styles))))
    return about, taken_out(data, about, np.array(shares, np.float32))


def described(info: StyleInfo, options: VariantOptions) -> StyleInfo:
    """What the variant of a model that says ``info`` says about itself."""
    return replace(
        info,
        precision=options.precision,
        io=options.io,
        layout=options.layout,
        dial=options.dial,
        fixed_size=options.size or "",
        made_from=info.digest,
    )


def edited(
    data: bytes,
    info: StyleInfo,
    sides: tuple[int, int] | None,
    photos: Sequence[Photo],
    preset: Preset | None = None,
) -> bytes:
    """The model ``data`` brought to what ``info`` says and the engine of ``preset`` takes, sealed."""
    model = onnx.load_from_string(data)
    graph = model.graph
    edges.set_dial(graph, info.dial)
    if (info.io, info.layout) != ("uint8", "nhwc"):
        edges.set_form(graph, info.io, info.layout)
    if sides:
        edges.set_size(graph, sides)
    if sides or info.dial == "none":
        fold_constants(model)
    if info.precision == "fp16":
        precision.half(graph)
    elif info.precision == "fp16-weights":
        precision.half_weights(graph)
    elif info.precision == "int8":
        model = precision.quantized(model, _calibration(photos, sides, info), unsigned=preset is not None)
    if preset:
        lower(model, preset)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, info.to_metadata())
    onnx.checker.check_model(model, full_check=True)
    return seal(model.SerializeToString())


def _calibration(
    photos: Sequence[Photo], sides: tuple[int, int] | None, info: StyleInfo
) -> Iterator[dict[str, np.ndarray]]:
    for photo in compare.crops(photos[:CALIBRATED_ON], sides or CALIBRATION_SHAPE):
        for strength in compare.strengths(info):
            yield compare.feeds(photo, strength, info)
