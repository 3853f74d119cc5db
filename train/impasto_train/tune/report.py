"""What a search found: a table, a plot, a contact sheet and one recommendation."""

import hashlib
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from impasto import ImpastoError
from impasto.internal import draw_sheet, whole_file
from PIL import Image

from .record import HELD_OUT, Point, Trial
from .score import Score

GAP, LABEL = 8, 150  # px between pictures, and for the names of the rows
PHOTOS = "photos.png"


@dataclass(frozen=True)
class Row:
    """A point, its score on the held-out photos, and its scores over the folds that are done."""

    point: Point
    score: Score
    folds: tuple[Score, ...]

    def total(self, style_weight: float) -> float:
        """Mean J = R + β·S over the folds, or on the held-out photos as long as no fold is done."""
        return statistics.fmean(score.total(style_weight) for score in self.folds or (self.score,))

    def error(self, style_weight: float) -> float:
        """Standard error of that mean over the folds."""
        if len(self.folds) < 2:
            return 0.0
        return statistics.stdev(score.total(style_weight) for score in self.folds) / len(self.folds) ** 0.5

    @property
    def detail(self) -> float:
        """Mean detail kept, over the folds or on the held-out photos."""
        return statistics.fmean(score.detail for score in self.folds or (self.score,))


@dataclass(frozen=True)
class Recommendation:
    """A point, and why."""

    point: Point
    sentence: str


def ranked(trials: Sequence[Trial], style_weight: float) -> list[Row]:
    """The points that have a score, those with the least J on the held-out photos first."""
    rows = []
    for trial in trials:
        if trial.fold == HELD_OUT and trial.score:
            folds = sorted((t for t in trials if t.point == trial.point and t.fold != HELD_OUT), key=lambda t: t.fold)
            rows.append(Row(trial.point, trial.score, tuple(fold.score for fold in folds if fold.score)))
    return sorted(rows, key=lambda row: row.score.total(style_weight))


def recommend(rows: Sequence[Row], style_weight: float, folds: int) -> Recommendation:
    """The point to take, by the rule of one standard error (Breiman et al. 1984).

    Of the points whose J over the folds is within one standard error of the least, the one that keeps most detail. The
    error is that of the difference, fold by fold: how hard a fold's photos are plays no part.

    Args:
        rows: from `ranked`, at least one.
        folds: how many a point must have to be considered; if none has so many, the first row is taken.
    """
    names = named([row.point for row in rows])
    complete = [row for row in rows if len(row.folds) == folds]
    if not complete:
        row, j = rows[0], rows[0].score.total(style_weight)
        why = f"the least J on the held-out photos, {j:.3f}; no point has all its folds yet"
        return Recommendation(row.point, f"{names[row.point]}: {why}")
    best = min(complete, key=lambda row: row.total(style_weight))

    def near(row: Row) -> bool:
        more, error = behind(row, best, style_weight)
        return more <= error

    chosen = max(filter(near, complete), key=lambda row: row.detail)
    figures = f"J over {folds} folds {chosen.total(style_weight):.3f}, detail {chosen.detail:.3f}"
    if chosen is best:
        why = "the least J, and none within a standard error of it keeps more detail"
    else:
        more, error = behind(chosen, best, style_weight)
        apart = f"{more:+.3f} ± {error:.3f} to {names[best.point]}"
        why = f"the most detail within a standard error of the least J ({apart})"
    return Recommendation(chosen.point, f"{names[chosen.point]}: {figures}: {why}")


def behind(row: Row, best: Row, style_weight: float) -> tuple[float, float]:
    """How much larger the J of ``row`` is than that of ``best``, both with all folds: mean and standard error."""
    more = [a.total(style_weight) - b.total(style_weight) for a, b in zip(row.folds, best.folds, strict=True)]
    return statistics.fmean(more), statistics.stdev(more) / len(more) ** 0.5


def named(points: Sequence[Point]) -> dict[Point, str]:
    """Names that tell the points apart: with α and β where these differ."""
    alike = len({(point.content_weight, point.style_weight) for point in points}) == 1
    return {
        point: point.name + ("" if alike else f", α {point.content_weight:g}, β {point.style_weight:g}")
        for point in points
    }


def write(
    trials: Sequence[Trial], style_weight: float, folds: int, folder: Path, pictures: Path
) -> Recommendation | None:
    """Write ``table.md``, ``plot.png`` and ``sheet.png`` into ``folder``; nothing, and None, if nothing has a score.

    Args:
        trials: of these, folds of another number than ``folds`` are left out.
        style_weight: β by which J is judged.
        pictures: the folder of `keep_row`.

    Raises:
        ImpastoError: a file cannot be written, or every training went wrong.
    """
    trials = [trial for trial in trials if trial.folds in (HELD_OUT, folds)]
    rows = ranked(trials, style_weight)
    failed = [trial for trial in trials if trial.fold == HELD_OUT and not trial.score]
    if not rows:
        if failed:
            raise ImpastoError(failed[0].error)
        return None
    chosen = recommend(rows, style_weight, folds)
    with whole_file(folder / "table.md") as path:
        path.write_text(table(rows, failed, style_weight) + f"\n{chosen.sentence}\n")
    plot(rows, folder / "plot.png")
    names = named([row.point for row in rows])
    kept = [(names[point], row_file(pictures, point)) for point in sorted(names, key=lambda p: (p.l1_on, p.l1))]
    if (pictures / PHOTOS).is_file():
        write_sheet([(name, file) for name, file in kept if file.is_file()], pictures, folder / "sheet.png")
    return chosen


def table(rows: Sequence[Row], failed: Sequence[Trial], style_weight: float) -> str:
    """All points as a table of Markdown, means and standard errors over the folds beside the held-out photos."""
    lines = [
        f"J = R + {style_weight:g}·S, without the L1 term. Detail: correlation of the luminance gradients of photo and",
        "painting; energy: that of the painting's, as a share of the photo's. Folds: mean ± standard error.",
        "",
        "| λ | on | α | β | R | S | J | detail | energy | folds | J over folds | detail over folds |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        p, s = row.point, row.score
        j = f"{row.total(style_weight):.3f}" + (f" ± {row.error(style_weight):.3f}" if len(row.folds) > 1 else "")
        over = f"{len(row.folds)} | {j} | {row.detail:.3f}" if row.folds else "0 | | "
        weights = f"{p.l1:g} | {p.l1_on if p.l1 else ''} | {p.content_weight:g} | {p.style_weight:g}"
        figures = " | ".join(f"{value:.3f}" for value in (s.r, s.s, s.total(style_weight), s.detail, s.energy))
        lines.append(f"| {weights} | {figures} | {over} |")
    for trial in failed:
        p = trial.point
        error = trial.error.replace("|", "/")
        lines.append(f"| {p.l1:g} | {p.l1_on} | {p.content_weight:g} | {p.style_weight:g} | {error} | | | | | | | |")
    return "\n".join(lines) + "\n"


def plot(rows: Sequence[Row], file: Path) -> None:
    """R against S with detail as colour; error bars are the deviation over the folds."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7, 5), layout="constrained")
    for row in rows:
        if len(row.folds) > 1:
            r, s = ([getattr(score, name) for score in row.folds] for name in ("r", "s"))
            spread = {"xerr": np.std(r, ddof=1), "yerr": np.std(s, ddof=1)}
            axis.errorbar(np.mean(r), np.mean(s), **spread, color="grey", marker="+", zorder=1)
            # which dot the cross belongs to
            axis.plot([row.score.r, np.mean(r)], [row.score.s, np.mean(s)], color="grey", linewidth=0.6, zorder=1)
    across, up = [row.score.r for row in rows], [row.score.s for row in rows]
    dots = axis.scatter(across, up, c=[row.score.detail for row in rows], cmap="viridis", zorder=2)
    names = named([row.point for row in rows])
    for row in rows:
        place = row.score.r, row.score.s
        axis.annotate(names[row.point], place, xytext=(4, 4), textcoords="offset points", fontsize=8)
    figure.colorbar(dots, label="detail kept (correlation of gradients)")
    axis.set(xlabel="R", ylabel="S", title="held-out photos (dots), folds (crosses, deviation)")
    with whole_file(file) as path:
        figure.savefig(path, format="png", dpi=120)
    plt.close(figure)


def row_file(pictures: Path, point: Point) -> Path:
    """Where the row of the contact sheet is kept that belongs to ``point``."""
    return pictures / f"{hashlib.sha256(repr(point).encode()).hexdigest()[:16]}.png"


def keep_row(pictures: Path, point: Point, painted: Sequence[np.ndarray], photos: Sequence[np.ndarray]) -> None:
    """Keep how ``photos`` came out, uint8 ``[H, W, 3]`` each and all of one size, for the contact sheet.

    Args:
        pictures: a folder for these photos alone.
    """
    for file, row in ((pictures / PHOTOS, photos), (row_file(pictures, point), painted)):
        with whole_file(file) as path:
            Image.fromarray(np.concatenate(row, axis=1)).save(path, "PNG")


def write_sheet(rows: Sequence[tuple[str, Path]], pictures: Path, file: Path) -> None:
    """Write a sheet: the photos, and below them a named row for each point, a column for each photo."""
    cells, names = [], []
    for name, strip_file in (("photos", pictures / PHOTOS), *rows):
        with Image.open(strip_file) as image:
            strip = np.asarray(image.convert("RGB"))
        cells.append(np.split(strip, strip.shape[1] // strip.shape[0], axis=1))
        for greek, latin in (("λ", "L1"), ("α", "content"), ("β", "style"), (", ", "\n")):  # the font has no Greek
            name = name.replace(greek, latin)
        names.append(name)
    with whole_file(file) as path:
        draw_sheet(cells, gap=GAP, names=names, margin=LABEL).save(path, "PNG")
