"""Whether short trainings rank weights as longer ones do.

    python -m benchmarks.ranking SHORT LONG [--json FILE] [--plot FILE]

SHORT and LONG are folders of `tune-style` for the same style and the same weights, with different ``--steps``.
Spearman's rank correlation of the overall distance by which `tune-style` ranks and of the detail kept, on the held-out
photos, over the points that both have.
"""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from impasto import ImpastoError
from impasto.internal import run
from impasto_train.tune.record import HELD_OUT, Point, stored
from impasto_train.tune.score import Score
from scipy.stats import rankdata, spearmanr

from .report import save

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def scores(folder: Path) -> dict[Point, Score]:
    """Of every point that was trained on all photos."""
    trials = stored(folder / "record.db")
    return {trial.point: trial.score for trial in trials if trial.fold == HELD_OUT and trial.score}


@app.command()
def ranking(
    short: Annotated[Path, typer.Argument(help="A folder of tune-style.")],
    long: Annotated[Path, typer.Argument(help="Another, of the same search with more --steps.")],
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
    plot_file: Annotated[Path | None, typer.Option("--plot", help="Draw them here, .png or .svg.")] = None,
) -> None:
    """Print the scores of both and their rank correlation."""
    a, b = scores(short), scores(long)
    shared = sorted(a.keys() & b.keys(), key=lambda point: (point.l1_on, point.l1))
    if len(shared) < 3:
        raise ImpastoError(f"{short} and {long} share {len(shared)} points: three are the least to rank")
    measures = {"overall": lambda score: score.overall, "detail": lambda score: score.detail}
    rows: list[dict[str, Any]] = []
    for point in shared:
        found = {
            f"{name}, {of}": measure(scored[point])
            for name, measure in measures.items()
            for of, scored in (("short", a), ("long", b))
        }
        rows.append({"weights": point.name, **found})
    pairs = {name: [[row[f"{name}, {of}"] for row in rows] for of in ("short", "long")] for name in measures}
    correlation: dict[str, Any] = {"weights": "rank correlation"}
    for name, pair in pairs.items():
        correlation |= {f"{name}, short": "", f"{name}, long": float(spearmanr(*pair).statistic)}
    rows.append(correlation)

    def draw(axis: Any) -> None:
        places = [rankdata(one) for one in pairs["overall"]]  # the distances themselves would heap the names up
        axis.scatter(*places)
        for point, *place in zip(shared, *places, strict=True):
            axis.annotate(point.name, place, xytext=(5, 5), textcoords="offset points", fontsize="small")
        axis.set(xlabel="rank after the short trainings", ylabel="after the long ones", xlim=(0, len(shared) + 4))

    save(rows, json_file, plot_file, draw)


if __name__ == "__main__":
    sys.exit(run(app, "benchmarks.ranking"))
