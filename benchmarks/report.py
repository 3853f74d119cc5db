"""What every benchmark does with its figures: print a table, keep them as JSON, draw a plot."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from impasto.internal import whole_file

Row = Mapping[str, Any]


def table(rows: Sequence[Row]) -> str:
    """Rows of one set of keys as aligned text; floats to three decimals."""
    shown = [list(rows[0]), *([_text(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    lines = []
    for line in shown:
        first, *rest = zip(line, widths, strict=True)
        lines.append("  ".join([first[0].ljust(first[1]), *(text.rjust(width) for text, width in rest)]))
    return "\n".join(lines)


def markdown(rows: Sequence[Row]) -> str:
    """Rows of one set of keys as a table of Markdown's, with an empty line after it; floats to three decimals."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(map(_text, row.values()) for row in rows)]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines) + "\n"


def _text(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def save(rows: Sequence[Row], json_file: Path | None, plot_file: Path | None, draw: Callable[[Any], None]) -> None:
    """Print ``rows``; write them to ``json_file`` and what ``draw`` puts on a matplotlib axis to ``plot_file``."""
    print(table(rows))
    if json_file:
        with whole_file(json_file) as path:
            path.write_text(json.dumps(list(rows), indent=2) + "\n")
    if plot_file:
        import matplotlib

        matplotlib.use("Agg")  # no window is wanted, and there may be no display
        from matplotlib import pyplot

        figure, axis = pyplot.subplots(figsize=(7, 4.5), layout="constrained")
        draw(axis)
        with whole_file(plot_file) as path:
            figure.savefig(path, format=plot_file.suffix[1:], dpi=120)
        pyplot.close(figure)
