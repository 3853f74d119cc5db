"""The dial: the input ``strength`` as callers turn it, and the strength that the network was trained to take.

The network's own strength does most of its work early: at 0.3 a picture is already 60 to 95 % as far from its photo as
at 1. So a table of straight pieces comes first in the file, measured on photos such that the mean change from the photo
is in proportion to the dial. 0 and 1 stay 0 and 1 to the last bit.

    python -m impasto_train.export.dial PHOTOS MODEL ...

measures the dial of exported files anew, on photos as ``--content`` names them, and rewrites them without any training.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import onnx
import onnxruntime
import typer
from impasto import ImpastoError
from impasto.contract import IMAGE, STRENGTH, STYLIZED, read_checked, seal
from impasto.internal import run, whole_file
from onnx import helper, numpy_helper

from ..photos.content import ContentSet, centre_crop, open_content
from ..training.run_folder import RunFolder

PIECES = 10  # of the table, each as long on the dial
GRAIN = 4096  # the table holds multiples of 1/GRAIN: they add up without rounding, in any order, and so to 1
MEASURED = np.linspace(0, 1, 5)  # strengths of the network at which its change is measured
PHOTOS, SIZE = 16, 256  # that it is measured on, at most; and the side of their crops in px
RISES = "dial_rises"
DIALLED = "dial_strength"  # what comes of it, the network's own strength

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def calibrated(model: onnx.ModelProto, photos: Sequence[np.ndarray]) -> onnx.ModelProto:
    """``model`` with a dial measured on ``photos``, uint8 ``[H, W, 3]`` each, in place of one that it had.

    The dial of a model that changes nothing, or that is given no photos, is the network's own strength.
    """
    model = with_rises(model, rises_of(MEASURED))
    changes = changes_at(model, photos) if photos else MEASURED
    return with_rises(model, rises_of(changes)) if changes[-1] > 0 else model


def photos_to_measure(content: ContentSet) -> list[np.ndarray]:
    """Crops for `calibrated`: photos that were held out first, then others if those are few."""
    return [centre_crop(photo, SIZE) for photo in (*content.held_out, *content.train)[:PHOTOS]]


def changes_at(model: onnx.ModelProto, photos: Sequence[np.ndarray]) -> np.ndarray:
    """Mean absolute change of ``photos`` at each of `MEASURED`, in levels of 255."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # it warns of every input that has a default
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def change(photo: np.ndarray, strength: float) -> float:
        feed = {IMAGE: photo[None], STRENGTH: np.array(strength, np.float32)}
        return float(np.abs(session.run([STYLIZED], feed)[0].astype(int) - photo).mean())

    # at 0 it is the photo
    return np.array([0.0] + [np.mean([change(photo, strength) for photo in photos]) for strength in MEASURED[1:]])


def rises_of(changes: np.ndarray) -> np.ndarray:
    """How much the network's strength rises in each of `PIECES` pieces of the dial, float32, 1 in all.

    Args:
        changes: from the photo at the strengths of `MEASURED`, in any unit; where it falls, it counts as level.
    """
    grown = np.maximum.accumulate(changes)
    ends = np.interp(np.linspace(0, grown[-1], PIECES + 1), grown, MEASURED)
    ends[[0, -1]] = 0, 1
    return (np.diff(np.rint(ends * GRAIN)) / GRAIN).astype(np.float32)


def with_rises(model: onnx.ModelProto, rises: np.ndarray) -> onnx.ModelProto:
    """``model`` with a dial of ``rises``, float32 ``[PIECES]``, in front of all that takes its strength."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    graph = model.graph
    held = {tensor.name: tensor for tensor in graph.initializer}
    if RISES in held:
        held[RISES].CopyFrom(numpy_helper.from_array(rises, RISES))
        return model
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name == STRENGTH:
                node.input[index] = DIALLED
    constants = {
        "dial_pieces": np.array(PIECES, np.float32),
        "dial_starts": np.arange(PIECES, dtype=np.float32),
        "dial_none": np.array(0, np.float32),
        "dial_whole": np.array(1, np.float32),
        RISES: rises,
    }
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    steps: list[tuple[str, list[str], str, dict[str, Any]]] = [
        ("Mul", [STRENGTH, "dial_pieces"], "dial_turned", {}),
        ("Sub", ["dial_turned", "dial_starts"], "dial_past", {}),
        ("Clip", ["dial_past", "dial_none", "dial_whole"], "dial_done", {}),  # of each piece, the part that is done
        ("Mul", ["dial_done", RISES], "dial_risen", {}),
        ("ReduceSum", ["dial_risen"], DIALLED, {"keepdims": 0}),
    ]
    dial = [helper.make_node(kind, takes, [out], name=f"node_{out}", **more) for kind, takes, out, more in steps]
    nodes = [*dial, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return model


def own_strength(model: onnx.ModelProto, strength: float) -> float:
    """What the network of ``model`` is given when the dial is at ``strength``."""
    (rises,) = (numpy_helper.to_array(tensor) for tensor in model.graph.initializer if tensor.name == RISES)
    return float((strength * PIECES - np.arange(PIECES)).clip(0, 1) @ rises)


@app.command()
def rewrite(
    content: Annotated[str, typer.Argument(metavar="PHOTOS", help="What train-style's --content takes.")],
    models: Annotated[list[Path], typer.Argument(help="Files that train-style exported.")],
) -> None:
    """Measure the dial of exported models anew, and rewrite the files."""
    photos = photos_to_measure(open_content(content))
    for path in models:
        info, data = read_checked(path)
        if info.made_from:
            raise ImpastoError(f"{path} is a variant: rewrite the model that it was made from, and make it again")
        if info.styles:
            raise ImpastoError(f"{path} holds {len(info.styles)} styles, each with its dial: give models of one style")
        changed = calibrated(onnx.load_from_string(data), photos)
        onnx.checker.check_model(changed, full_check=True)
        rewritten, run_folder = seal(changed.SerializeToString()), RunFolder(path.with_suffix(".run"))
        if run_folder.has_exported(path):  # it stays the run's own, which `train-style --resume` may replace
            run_folder.note_exported(rewritten)
        with whole_file(path) as temporary:
            temporary.write_bytes(rewritten)
        shown = ", ".join(f"{own_strength(changed, tenth / 10):.2f}" for tenth in range(1, 10))
        typer.echo(f"{path}: the network's strength at each tenth of the dial is {shown}")


if __name__ == "__main__":
    sys.exit(run(app, "impasto_train.export.dial"))
