"""What a GPU does, in one command and about ten minutes: training, painting, film; and how far it is from the CPU.

    python -m benchmarks.gpu MODEL STYLE PHOTOS HELD_OUT FILM [--device cuda] [--minutes 3] [--out gpu.md]

PHOTOS is what ``train-style --content`` takes, HELD_OUT a folder of photos never trained on. It writes Markdown:

* training by default, for so many minutes with mixed precision and without: steps a second, and the figures of
  `benchmarks.quality` of seven photos held out (256 px).
* painting at each size: milliseconds, the median of five, on the device and on the CPU beside it; the file as exported
  and with float16 within (``export-style --precision fp16``); with the upload and the download that a caller sees, and
  without, by IO binding to buffers that stay on the device (of CUDA; others keep them in main memory). And the
  largest difference between the two, in levels of 255.
* film: frames a second, whole, on the device and on the CPU.
* memory of the device at the end, if nvidia-smi tells.

``--device cpu`` tries all of it without a GPU.
"""

import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated
from unittest import mock

import numpy as np
import onnxruntime
import typer
from impasto import ImpastoError, Stylizer
from impasto.contract import IMAGE, STYLIZED, locate, read_model
from impasto.internal import Device, check_writable, open_session, run, whole_file
from impasto_train.base.starts import starts
from impasto_train.commandline.options import Options
from impasto_train.commandline.variant import VariantOptions
from impasto_train.export.variants.make import described, edited
from impasto_train.photos.content import open_content, read_style
from impasto_train.training import trainer as trainers
from impasto_train.training.setup import build_objective, pick_device

from .film import frames_of, seconds_of
from .pictures import photo_files, square
from .quality import Judge
from .report import Row, markdown
from .training import PHOTOS as HELD
from .training import SIZE as HELD_SIZE
from .training import scores

ROUNDS = 5
SHOWN = ("R", "S", "J", "W", "L")

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def trainings(style: Path, photos: str, held_out: Path, device: str, minutes: float) -> list[Row]:
    """A training of so many minutes by default, in each precision that the device has."""
    crops = [square(file, HELD_SIZE) for file in photo_files([held_out])[:HELD]]
    judge, picture = Judge.of(style), read_style(style, Options(style=style).style_size)
    place, content = pick_device(device), open_content(photos).train
    base, _ = starts(Options.from_)
    rows = []
    for mixed in (True, False) if trainers.mixed_precision(place) else (False,):
        with mock.patch.object(trainers, "mixed_precision", lambda device, mixed=mixed: mixed):
            options = Options(style=style, content=photos, minutes=minutes)
            objective = build_objective(options, picture, place, lambda line: None)
            timed = trainers.Trainer(objective, content, options, 10**6)
            timed.begin(picture, base)
            steps = max(8, round(60 * minutes / timed.seconds_per_step()))
            trained = trainers.Trainer(objective, content, options, steps)
            trained.begin(picture, base)
            seconds = sum(record.seconds for record in trained.run())
        found = scores(trained, judge, crops)
        precision = "bfloat16 where that is safe" if mixed else "float32"
        figures = {key: found[key] for key in SHOWN}
        rows.append({"training": precision, "steps": steps, "steps a second": steps / seconds, **figures})
    return rows


def paintings(model: str, device: Device, sizes: Sequence[int]) -> list[Row]:
    """Milliseconds of each size, on the device and on the CPU, in alternation."""
    info, exported = read_model(locate(model))
    half = edited(exported, described(info, VariantOptions(model=model, precision="fp16")), None, [])
    forms = {"as exported": exported, "float16": half}
    rows: list[Row] = []
    for name, data in forms.items():
        sessions = [open_session(data, place)[0] for place in (device, "cpu")]
        for side in sizes:
            pixels = np.random.default_rng(0).integers(0, 256, (1, side, side, 3), dtype=np.uint8)
            took: list[list[float]] = [[], []]
            for _ in range(ROUNDS + 1):  # the first warms up
                results = []
                for session, seconds in zip(sessions, took, strict=True):
                    start = time.perf_counter()
                    results.append(session.run(None, {IMAGE: pixels})[0].astype(int))
                    seconds.append(time.perf_counter() - start)
            there, here = (1000 * statistics.median(seconds[1:]) for seconds in took)
            apart = int(np.abs(results[0] - results[1]).max())
            rows.append(
                {
                    "file": name,
                    "side": side,
                    f"ms, {device}": there,
                    "ms, bound": bound(sessions[0], pixels, "cuda" if device == "cuda" else "cpu"),
                    "ms, cpu": here,
                    "times": here / there,
                    "apart": apart,
                }
            )
    return rows


def bound(session: onnxruntime.InferenceSession, pixels: np.ndarray, memory: str) -> float:
    """Milliseconds of a pass whose image and painting stay in ``memory``, ``cuda`` or ``cpu``."""
    binding = session.io_binding()
    photo, painted = (onnxruntime.OrtValue.ortvalue_from_numpy(pixels.copy(), memory, 0) for _ in range(2))
    binding.bind_ortvalue_input(IMAGE, photo)
    binding.bind_ortvalue_output(STYLIZED, painted)
    took = []
    for _ in range(ROUNDS + 1):  # the first warms up
        binding.synchronize_inputs()
        start = time.perf_counter()
        session.run_with_iobinding(binding)
        binding.synchronize_outputs()
        took.append(time.perf_counter() - start)
    return 1000 * statistics.median(took[1:])


def films(model: str, clip: Path, device: Device) -> list[Row]:
    """Frames a second of a film, whole."""
    frames = frames_of(clip)
    return [
        {"film": place, "frames": frames, "frames a second": frames / seconds_of(Stylizer(model, device=place), clip)}
        for place in dict.fromkeys((device, "cpu"))
    ]


def memory() -> list[Row]:
    """Megabytes of NVIDIA's GPUs in use; nothing where there are none."""
    if shutil.which("nvidia-smi") is None:
        return []
    query = ["nvidia-smi", "--query-gpu=name,memory.used,memory.total", "--format=csv,noheader"]
    done = subprocess.run(query, capture_output=True, text=True, check=False)
    if done.returncode:  # it is there, and its driver is not
        return []
    rows = [line.split(", ") for line in done.stdout.splitlines()]
    return [{"GPU": name, "memory in use": used, "of": total} for name, used, total in rows]


@app.command()
def gpu(
    model: Annotated[str, typer.Argument(help="A model file or the name of a shipped style.")],
    style: Annotated[Path, typer.Argument(help="The style picture to train on.", exists=True)],
    photos: Annotated[str, typer.Argument(help="Photos to train on: what --content takes.")],
    held_out: Annotated[Path, typer.Argument(help="A folder of photos never trained on.", exists=True)],
    clip: Annotated[Path, typer.Argument(help="A film.", exists=True)],
    device: Annotated[Device, typer.Option(help="What apply-style --device takes; to try it all, cpu.")] = "cuda",
    minutes: Annotated[float, typer.Option(help="Of each training.", min=0.01)] = 3.0,
    sizes: Annotated[str, typer.Option(help="Sides in pixels.")] = "512,1024,2048,4096",
    out: Annotated[Path | None, typer.Option(help="Write the tables here too, as Markdown.")] = None,
) -> None:
    """Print the tables that the docs have."""
    if not all(side.isdecimal() and int(side) for side in sizes.split(",")):
        raise ImpastoError(f"--sizes {sizes}: give sides in pixels, as in 512,1024")
    if out:
        check_writable(out)
    learns = device if device in ("cuda", "cpu") else "auto"
    tables: tuple[Callable[[], list[Row]], ...] = (
        lambda: paintings(model, device, [int(side) for side in sizes.split(",")]),
        lambda: films(model, clip, device),
        lambda: trainings(style, photos, held_out, learns, minutes),
        memory,
    )
    text = ""
    for measured in tables:  # each is told at once: what comes after it may fail
        rows = measured()
        table = markdown(rows) if rows else ""
        print(table, end="", flush=True)
        text += table
        if out:
            with whole_file(out) as path:
                path.write_text(text)


if __name__ == "__main__":
    sys.exit(run(app, "benchmarks.gpu"))
