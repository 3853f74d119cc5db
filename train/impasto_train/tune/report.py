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

    @property
    def overall(self) -> float:
        """Mean of `Score.overall` over the folds, or on the held-out photos as long as no fold is done."""
        return statistics.fmean(score.overall for score in self.folds or (self.score,))

    @property
    def error(self) -> float:
        """Standard error of that mean over the folds."""
        if len(self.folds) < 2:
            return 0.0
        return statistics.stdev(score.overall for score in self.folds) / len(self.folds) ** 0.5

    @property
    def detail(self) -> float:
        """Mean detail kept, over the folds or on the held-out photos."""
        return statistics.fmean(score.detail for score in self.folds or (self.score,))


@dataclass(frozen=True)
class Recommendation:
    """A point, and why."""

    point: Point
    sentence: str


def ranked(trials: Sequence[Trial]) -> list[Row]:
    """The points that have a score, those with the least `Score.overall` on the held-out photos first."""
    rows = []
    for trial in trials:
        if trial.fold == HELD_OUT and trial.score:
            folds = sorted((t for t in trials if t.point == trial.point and t.fold != HELD_OUT), key=lambda t: t.fold)
            rows.append(Row(trial.point, trial.score, tuple(fold.score for fold in folds if fold.score)))
    return sorted(rows, key=lambda row: row.score.overall)


def recommend(rows: Sequence[Row], folds: int) -> Recommendation:
    """The point to take, by the rule of one standard error (Breiman et al. 1984).

    Of the points whose overall distance over the folds is within one standard error of the least, the one that keeps
    most detail. The error is that of the difference, fold by fold: how hard a fold's photos are plays no part.

    Args:
        rows: from `ranked`, at least one.
        folds: how many a point must have to be considered; if none has so many, the first row is taken.
    """
    names = named([row.point for row in rows])
    complete = [row for row in rows if len(row.folds) == folds]
    if not complete:
        row = rows[0]
        why = f"the least overall distance on the held-out photos, {row.overall:.4f}; no point has all its folds yet"
        return Recommendation(row.point, f"{names[row.point]}: {why}")
    best = min(complete, key=lambda row: row.overall)

    def near(row: Row) -> bool:
        more, error = behind(row, best)
        return more <= error

    chosen = max(filter(near, complete), key=lambda row: row.detail)
    figures = f"overall distance over {folds} folds {chosen.overall:.4f}, detail {chosen.detail:.3f}"
    if chosen is best:
        why = "the least, and none within a standard error of it keeps more detail"
    else:
        more, error = behind(chosen, best)
        apart = f"{more:+.4f} ± {error:.4f} to {names[best.point]}"
        why = f"the most detail within a standard error of the least distance ({apart})"
    return Recommendation(chosen.point, f"{names[chosen.point]}: {figures}: {why}")


def behind(row: Row, best: Row) -> tuple[float, float]:
    """How much larger the distance of ``row`` is than that of ``best``, both with all folds: mean, standard error."""
    more = [a.overall - b.overall for a, b in zip(row.folds, best.folds, strict=True)]
    return statistics.fmean(more), statistics.stdev(more) / len(more) ** 0.5


def named(points: Sequence[Point]) -> dict[Point, str]:
    """Names that tell the points apart: with α and β where these differ."""
    alike = len({(point.content_weight, point.style_weight) for point in points}) == 1
    return {
        point: point.name + ("" if alike else f", α {point.content_weight:g}, β {point.style_weight:g}")
        for point in points
    }


def write(trials: Sequence[Trial], folds: int, folder: Path, pictures: Path) -> Recommendation | None:
    """Write ``table.md``, ``plot.png`` and ``sheet.png`` into ``folder``; nothing, and None, if nothing has a score.

    Args:
        trials: of these, folds of another number than ``folds`` are left out.
        pictures: the folder of `keep_row`.

    Raises:
        ImpastoError: a file cannot be written, or every training went wrong.
    """
    trials = [trial for trial in trials if trial.folds in (HELD_OUT, folds)]
    rows = ranked(trials)
    failed = [trial for trial in trials if trial.fold == HELD_OUT and not trial.score]
    if not rows:
        if failed:
            raise ImpastoError(failed[0].error)
        return None
    chosen = recommend(rows, folds)
    with whole_file(folder / "table.md") as path:
        path.write_text(table(rows, failed) + f"\n{chosen.sentence}\n")
    plot(rows, folder / "plot.png")
    names = named([row.point for row in rows])
    kept = [(names[point], row_file(pictures, point)) for point in sorted(names, key=lambda p: (p.l1_on, p.l1))]
    if (pictures / PHOTOS).is_file():
        write_sheet([(name, file) for name, file in kept if file.is_file()], pictures, folder / "sheet.png")
    return chosen


def table(rows: Sequence[Row], failed: Sequence[Trial]) -> str:
    """All points as a table of Markdown, means and standard errors over the folds beside the held-out photos."""
    lines = [
        "W: how unlike the painting's the textures are; L: how unlike its local contrast; structure: how far the",
        "drawing is no longer the photo's; overall: the geometric mean of the three, by which the weights are ranked.",
        "Less is better. R and S: by squared distances of activations and Gram matrices. Detail: correlation of the",
        "luminance gradients of photo and painting; energy: that of the painting's, as a share of the photo's.",
        "Folds: mean ± standard error.",
        "",
        "| λ | on | α | β | W | L | structure | overall | R | S | detail | energy | folds | overall | detail |",
        "|" + "---|" * 15,
    ]
    for row in rows:
        p, s = row.point, row.score
        mean = f"{row.overall:.4f}" + (f" ± {row.error:.4f}" if len(row.folds) > 1 else "")
        over = f"{len(row.folds)} | {mean} | {row.detail:.3f}" if row.folds else "0 | | "
        weights = f"{p.l1:g} | {p.l1_on if p.l1 else ''} | {p.content_weight:g} | {p.style_weight:g}"
        judged = " | ".join(f"{value:.4f}" for value in (s.texture, s.contrast, s.structure, s.overall))
        beside = " | ".join(f"{value:.3f}" for value in (s.r, s.s, s.detail, s.energy))
        lines.append(f"| {weights} | {judged} | {beside} | {over} |")
    for trial in failed:
        p = trial.point
        error = trial.error.replace("|", "/")
        weights = f"{p.l1:g} | {p.l1_on} | {p.content_weight:g} | {p.style_weight:g}"
        lines.append(f"| {weights} | {error} |" + " |" * 10)
    return "\n".join(lines) + "\n"


def plot(rows: Sequence[Row], file: Path) -> None:
    """W against structure with L as colour; error bars are the deviation over the folds."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7, 5), layout="constrained")
    for row in rows:
        if len(row.folds) > 1:
            places = np.array([(score.texture, score.structure) for score in row.folds])
            (x, y), (xerr, yerr) = places.mean(axis=0), places.std(axis=0, ddof=1)
            axis.errorbar(x, y, xerr=xerr, yerr=yerr, color="grey", marker="+", zorder=1)
            # which dot the cross belongs to
            axis.plot([row.score.texture, x], [row.score.structure, y], color="grey", linewidth=0.6, zorder=1)
    across, up = [row.score.texture for row in rows], [row.score.structure for row in rows]
    dots = axis.scatter(across, up, c=[row.score.contrast for row in rows], cmap="viridis", zorder=2)
    names = named([row.point for row in rows])
    for row in rows:
        place = row.score.texture, row.score.structure
        axis.annotate(names[row.point], place, xytext=(4, 4), textcoords="offset points", fontsize=8)
    figure.colorbar(dots, label="L: how unlike the painting's the local contrast is")
    axis.set(
        xlabel="W: how unlike the painting's the textures are",
        ylabel="structure: how far the drawing is no longer the photo's",
        title="held-out photos (dots), folds (crosses, deviation); less is better",
    )
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
