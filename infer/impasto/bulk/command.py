"""``bulk-style``: restyle a whole collection from the command line.

Only typer and the standard library are imported here, so that ``--help`` and a wrong call answer at once.
"""

import sys
from dataclasses import dataclass
from typing import Annotated

import typer

from ..common.console import run
from ..common.extras import need
from ..common.options import KeepColors, Quality, Size, Strength, Strip, Stroke, Style, as_stroke, command
from ..contract.blend import asked_for, style_of
from ..contract.styles import locate, names_of

COMMAND = "bulk-style"
NEEDED = ("ray", "pandas", "pyarrow", "fsspec")

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def main() -> None:
    """Entry point of the command: runs it on ``sys.argv`` and exits."""
    sys.exit(run(app, COMMAND))


@dataclass(frozen=True)
class Options:
    """One call of the command, in the order of its ``--help``."""

    model: Annotated[str, typer.Argument(metavar="MODEL", help="A .onnx file or the name of a shipped style.")]
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Folder or URL of the photos.")]
    dest: Annotated[str, typer.Argument(metavar="DEST", help="Folder or URL of the results.")]
    style: Style = None
    strength: Strength = 1.0
    stroke: Stroke = "auto"
    keep_colors: KeepColors = False
    size: Size = None
    quality: Quality = None
    strip: Strip = False
    actors: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Copies of the model at work; by default one a GPU, or one a core."),
    ] = None
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Paint again what is done already.")] = False


@command(
    app,
    "Restyle all pictures of a folder, or of a store as s3://bucket/photos, into another, by Ray: on this "
    "machine, or on the cluster that RAY_ADDRESS names. A second call does what is missing. DEST/manifest.parquet has "
    "a row a picture.",
)
def bulk_style(options: Options) -> int:
    """Restyle what is missing."""
    need("ray", NEEDED)

    from tqdm import tqdm

    from ..painting.look import Look
    from ..painting.painter import Painter
    from . import pipeline
    from .manifest import FILE, Manifest
    from .stores import Place, check_disjoint, photos, result_name

    # opened here too: a model that is refused must not be so in each of the actors
    painter = Painter(locate(options.model), "cpu", pipeline.MEMORY, threads=1)
    shares = asked_for(painter.info, options.style)
    places = Place(options.source), Place(options.dest)
    check_disjoint(*places)
    names, results = photos(places[0], names_of([painter.info]))
    there = places[1].swept()
    manifest = Manifest(places[1])
    style = style_of(painter.info, shares).name
    pairs = [(photo, result_name(photo, style)) for photo in names]
    if not options.overwrite:
        done = manifest.done() & there
        pairs = [(photo, result) for photo, result in pairs if result not in done]
    places[1].check_writable(FILE)
    left = f" ({results} results among them left out)" if results else ""
    print(f"{len(names)} photos{left}, {len(pairs)} to do", file=sys.stderr)
    if not pairs:
        return 0
    look = Look(options.strength, as_stroke(options.stroke), options.keep_colors, style=shares)
    job = pipeline.Job(*places, look, options.size, options.quality, options.strip, options.actors)
    seen = failed = 0
    try:
        # disable=None: no bar where stderr is not a terminal
        with pipeline.own_words(), tqdm(total=len(pairs), unit="picture", disable=None, leave=False) as progress:
            for rows in pipeline.restyle(job, painter.model, pairs, lambda line: tqdm.write(line, file=sys.stderr)):
                manifest.add(rows)
                seen, failed = seen + len(rows), failed + sum(row["error"] is not None for row in rows)
                progress.update(len(rows))
    finally:
        manifest.close()
    lost = len(pairs) - seen
    counts = f"{seen - failed} painted, {failed} failed" + (f", {lost} lost" if lost else "")
    where = f": see the errors in {options.dest.rstrip('/')}/{FILE}" if failed or lost else ""
    print(counts + where, file=sys.stderr)
    return 1 if failed or lost else 0
