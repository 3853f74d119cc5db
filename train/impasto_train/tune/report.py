"""What a search found: a table, a plot, a contact sheet and one recommendation."""

import hashlib
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from impasto import ImpastoError
from impasto._files import whole_file
from PIL import Image, ImageDraw, ImageFont

from .record import HELD_OUT, Point, Trial
from .score import Score

GAP, LABEL = 8, 150  # px between pictures, and for the names of the rows
INK, PAPER = "#333333", "white"


@dataclass(frozen=True)
class Row:
    """A point, its score on the held-out photos, and its scores over the folds that are done."""

    point: Point
    score: Score
    folds: tuple[Score, ...]

    def total(self, style_weight: float) -> float:
        """Mean J = R + β·S over the folds, or on the held-out photos as long as no fold is done."""
        return statistics.fmean(one.total(style_weight) for one in self.folds or (self.score,))

    def error(self, style_weight: float) -> float:
        """Standard error of that mean over the folds."""
        if len(self.folds) < 2:
            return 0.0
        return statistics.stdev(one.total(style_weight) for one in self.folds) / len(self.folds) ** 0.5

    @property
    def detail(self) -> float:
        """Mean detail kept, over the folds or on the held-out photos."""
        return statistics.fmean(one.detail for one in self.folds or (self.score,))


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
            folds = [one for one in trials if one.point == trial.point and one.fold != HELD_OUT and one.score]
            folds.sort(key=lambda one: one.fold)
            rows.append(Row(trial.point, trial.score, tuple(one.score for one in folds if one.score)))
    return sorted(rows, key=lambda row: row.score.total(style_weight))


def recommend(rows: Sequence[Row], style_weight: float, folds: int) -> Recommendation:
    """The point to take, by the rule of one standard error (Breiman et al. 1984).

    Of the points whose J over the folds is within one standard error of the least, the one that keeps most detail.

    Args:
        rows: from `ranked`, at least one.
        folds: how many a point must have to be considered; if none has so many, the first row is taken.
    """
    complete = [row for row in rows if len(row.folds) == folds]
    if not complete:
        row, j = rows[0], rows[0].total(style_weight)
        return Recommendation(row.point, f"{row.point.name}: the least J on the held-out photos, {j:.3f}; no folds yet")
    best = min(complete, key=lambda row: row.total(style_weight))
    bound = best.total(style_weight) + best.error(style_weight)
    chosen = max((row for row in complete if row.total(style_weight) <= bound), key=lambda row: row.detail)
    j, error = chosen.total(style_weight), chosen.error(style_weight)
    if chosen is best:
        why = "the least of all, and none within its standard error keeps more detail"
    else:
        why = f"within one standard error of the least, {best.total(style_weight):.3f} at {best.point.name}"
    found = f"J over {folds} folds {j:.3f} ± {error:.3f}"
    return Recommendation(chosen.point, f"{chosen.point.name}: {found}, {why} (detail {chosen.detail:.3f})")


def write(trials: Sequence[Trial], style_weight: float, folds: int, folder: Path) -> Recommendation:
    """Write ``table.md``, ``plot.png`` and ``sheet.png`` into ``folder``.

    Args:
        trials: of these, folds of another number than ``folds`` are left out.
        style_weight: β by which J is judged.

    Raises:
        ImpastoError: nothing has a score yet, or a file cannot be written.
    """
    trials = [trial for trial in trials if trial.folds in (HELD_OUT, folds)]
    rows = ranked(trials, style_weight)
    failed = [trial for trial in trials if trial.fold == HELD_OUT and not trial.score]
    if not rows:
        raise ImpastoError(failed[0].error if failed else "no training is finished yet: give more --minutes")
    chosen = recommend(rows, style_weight, folds)
    with whole_file(folder / "table.md") as path:
        path.write_text(table(rows, failed, style_weight) + f"\n{chosen.sentence}\n")
    plot(rows, folder / "plot.png")
    kept = [(row, row_file(folder, row.point)) for row in sorted(rows, key=lambda row: (row.point.l1_on, row.point.l1))]
    contact_sheet([(row.point.name, file) for row, file in kept if file.is_file()], folder)
    return chosen


def table(rows: Sequence[Row], failed: Sequence[Trial], style_weight: float) -> str:
    """All points as a table of Markdown, means and standard errors over the folds beside the held-out photos."""
    lines = [
        f"J = R + {style_weight:g}·S, without the L1 term. Detail: correlation of the luminance gradients of photo and",
        "painting; energy: that of the painting's, as a share of the photo's. Folds: mean ± standard error.", "",
        "| λ | on | α | β | R | S | J | detail | energy | folds | J over folds | detail over folds |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for row in rows:
        p, s = row.point, row.score
        j, error = row.total(style_weight), row.error(style_weight)
        over = f"{len(row.folds)} | {j:.3f} ± {error:.3f} | {row.detail:.3f}" if row.folds else "0 | |"
        weights = f"{p.l1:g} | {p.l1_on if p.l1 else ''} | {p.content_weight:g} | {p.style_weight:g}"
        found = " | ".join(f"{value:.3f}" for value in (s.r, s.s, s.total(style_weight), s.detail, s.energy))
        lines.append(f"| {weights} | {found} | {over} |")
    for trial in failed:
        p = trial.point
        lines.append(f"| {p.l1:g} | {p.l1_on} | {p.content_weight:g} | {p.style_weight:g} | {trial.error} |||||||||")
    return "\n".join(lines) + "\n"


def plot(rows: Sequence[Row], file: Path) -> None:
    """R against S with detail as colour; error bars are the deviation over the folds."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7, 5), layout="constrained")
    for row in rows:
        if len(row.folds) > 1:
            r, s = ([getattr(one, name) for one in row.folds] for name in ("r", "s"))
            spread = {"xerr": np.std(r, ddof=1), "yerr": np.std(s, ddof=1)}
            axis.errorbar(np.mean(r), np.mean(s), **spread, color="grey", marker="+", zorder=1)
    across, up = [row.score.r for row in rows], [row.score.s for row in rows]
    dots = axis.scatter(across, up, c=[row.score.detail for row in rows], cmap="viridis", zorder=2)
    for row in rows:
        axis.annotate(row.point.name, (row.score.r, row.score.s), xytext=(4, 4), textcoords="offset points", fontsize=8)
    figure.colorbar(dots, label="detail kept (correlation of gradients)")
    axis.set(xlabel="R", ylabel="S", title="held-out photos (dots), folds (crosses, deviation)")
    with whole_file(file) as path:
        figure.savefig(path, format="png", dpi=120)
    plt.close(figure)


def row_file(folder: Path, point: Point) -> Path:
    """Where the row of the contact sheet is kept that belongs to ``point``."""
    return folder / "pictures" / f"{hashlib.sha256(repr(point).encode()).hexdigest()[:16]}.png"


def keep_row(folder: Path, point: Point, painted: Sequence[np.ndarray], photos: Sequence[np.ndarray]) -> None:
    """Keep how the photos came out, uint8 ``[H, W, 3]`` each and all of one size, for the contact sheet."""
    with whole_file(folder / "pictures" / "photos.png") as path:
        Image.fromarray(np.concatenate(photos, axis=1)).save(path, "PNG")
    with whole_file(row_file(folder, point)) as path:
        Image.fromarray(np.concatenate(painted, axis=1)).save(path, "PNG")


def contact_sheet(rows: Sequence[tuple[str, Path]], folder: Path) -> None:
    """Write ``sheet.png``: the photos, and below them a named row for each point, a column for each photo."""
    strips = []
    for name, file in (("photos", folder / "pictures" / "photos.png"), *rows):
        with Image.open(file) as image:
            strips.append((name, image.convert("RGB")))
    side = strips[0][1].height
    count = strips[0][1].width // side
    canvas = Image.new("RGB", (LABEL + count * (side + GAP), GAP + len(strips) * (side + GAP)), PAPER)
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(14)
    for y, (name, strip) in enumerate(strips):
        top = GAP + y * (side + GAP)
        draw.text((GAP, top + side // 2 - 8), name.replace("λ", "L1"), INK, font)  # the font has no Greek
        for x in range(count):
            canvas.paste(strip.crop((x * side, 0, (x + 1) * side, side)), (LABEL + x * (side + GAP), top))
    with whole_file(folder / "sheet.png") as path:
        canvas.save(path, "PNG")
