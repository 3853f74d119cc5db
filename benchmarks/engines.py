"""Exported models in the engines that other people's apps use, beside onnxruntime on the CPU.

    python -m benchmarks.engines MODEL [MODEL ...] [--sizes 1x2,61x83,333x517] [--markdown] [--json FILE]

Every engine that is installed is given the file as it was exported and what ``export-style`` makes for it. The
differences are in levels of 255 over all models and sizes, and over strengths 1, 0.5 and 0 where the dial is fed;
``dial`` says what becomes of it in the file as exported, where it is optional. The time is that of one photo of the
last size at strength 1 on one thread, the median of five
after three that are not counted. For all of them:

    pip install openvino opencv-python-headless
    npm install --prefix benchmarks/js --ignore-scripts

onnxruntime-web is run under Node, by WebAssembly on one thread.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from impasto import ImpastoError, StyleInfo
from impasto.contract import locate, read_model
from impasto.internal import one_line, run
from impasto_train.commandline.variant import VariantOptions
from impasto_train.export.variants.make import described, edited
from impasto_train.photos.content import centre_crop, demo_photo

from .report import markdown, save
from .runtimes import EXPORTED, Job, Runtime, runtimes, takes_dial, versions

PHOTO = "coffee.png"
STRENGTHS = (1.0, 0.5, 0.0)
REPEATS = 5

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def in_form(model: str, form: str, folder: Path) -> tuple[Path, StyleInfo]:
    """The file of ``model`` in ``form``, options of ``export-style``, and what it says about itself."""
    path = locate(model)
    info, data = read_model(path)
    if form == EXPORTED:
        return path, info
    words = form.split()
    given: dict[str, Any] = {key.removeprefix("--"): value for key, value in zip(words[::2], words[1::2], strict=True)}
    if "for" in given:
        given["for_"] = given.pop("for")
    options = VariantOptions(model=model, **given)
    made = folder / f"{info.name}-{'-'.join(options.changes)}.onnx"
    about = described(info, options)
    made.write_bytes(edited(data, about, options.sides, [], options.preset))
    return made, about


def photo(size: tuple[int, int]) -> np.ndarray:
    """The photo cut to a height and width: uint8 ``[1, H, W, 3]``."""
    square = centre_crop(demo_photo(PHOTO), max(16, *size))
    return np.ascontiguousarray(square[None, : size[0], : size[1]])


def sides(text: str) -> tuple[int, int]:
    """Height and width from text as ``61x83``."""
    height, _, width = text.partition("x")
    if not (height.isdigit() and width.isdigit() and int(height) and int(width)):
        raise ImpastoError(f"--sizes: {text} is no height and width: give them as 61x83,333x517")
    return int(height), int(width)


def compare(
    runtime: Runtime, reference: Runtime, form: str, models: Sequence[str], sizes: Sequence[tuple[int, int]]
) -> dict[str, Any]:
    """Run ``models`` in ``form`` in an engine and as they are in the reference: a row of the table."""
    row = {"engine": runtime.name, "file": form or "as exported"}
    apart, times = [], []
    with tempfile.TemporaryDirectory() as name:
        for model in models:
            path, info = in_form(model, form, Path(name))
            shapes = [sides(info.fixed_size)] if info.fixed_size else sizes
            dialled = STRENGTHS if info.dial == "required" else (None,)
            jobs = [Job(photo(shape), strength) for strength in dialled for shape in shapes]
            exported = locate(model)
            wanted = reference.run(exported, read_model(exported)[0], jobs, 1)
            try:
                made = runtime.run(path, info, jobs, REPEATS)
            except Exception as error:  # each engine has classes of its own, and what it says is what is wanted
                said = one_line(error).rpartition("error: ")[2][:90]
                return {**row, "worst": "-", "mean": "-", "ms": "-", "note": f"cannot: {said}"}
            apart += [np.abs(one.picture.astype(int) - two.picture) for one, two in zip(wanted, made, strict=True)]
            times.append(made[len(shapes) - 1].milliseconds)
    mean = float(np.mean([each.mean() for each in apart]))
    worst = max(int(each.max()) for each in apart)
    return {**row, "worst": worst, "mean": f"{mean:.4f}", "ms": round(float(np.median(times))), "note": ""}


@app.command()
def engines(
    models: Annotated[list[str], typer.Argument(help="Model files or names.")],
    sizes: Annotated[str, typer.Option(help="Heights and widths in pixels.")] = "1x2,61x83,333x517",
    only: Annotated[str, typer.Option(help="Only engines whose names hold this.")] = "",
    form: Annotated[str, typer.Option(help='Run one form alone, as export-style is told: "--precision fp16".')] = "",
    in_markdown: Annotated[bool, typer.Option("--markdown", help="Print a table of Markdown's.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Print how far the models are from onnxruntime's pictures in each engine, and how long they take."""
    shapes = [sides(text) for text in sizes.split(",")]
    everyone = runtimes()
    rows = []
    for runtime in everyone:
        if only not in runtime.name:
            continue
        if runtime.absent:
            print(f"{runtime.name}: left out, {runtime.absent}")
            continue
        path = locate(models[0])
        dial = takes_dial(runtime, path, read_model(path)[0], photo((61, 83)))
        for each in [form] if form else runtime.forms:
            row = compare(runtime, everyone[0], each, models, shapes)
            fed = "fed" if "required" in each else "none" if "none" in each or "--for" in each else dial
            rows.append({**{key: row[key] for key in ("engine", "file")}, "dial": fed, **row})
    print(versions())
    if rows and in_markdown:
        print(markdown(rows), end="")
    elif rows:
        save(rows, json_file, None, lambda axis: None)


if __name__ == "__main__":
    sys.exit(run(app, "benchmarks.engines"))
