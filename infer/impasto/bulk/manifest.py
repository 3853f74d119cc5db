"""What became of each picture of a collection: ``manifest.parquet`` in the place of the results, a row a picture.

During a run, rows are written to files of their own beside it, so that a killed run loses a few seconds of them at
most; they are joined at its end, or when the next run begins. Of two rows for one result the later one counts.
"""

import io
import itertools
import time
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..common.errors import ImpastoError, one_line
from .stores import Place

FILE = "manifest.parquet"
PARTS = "manifest-parts"
SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("output", pa.string()),
        ("seconds", pa.float64()),
        ("error", pa.string()),
    ]
)
EVERY_ROWS, EVERY_SECONDS = 5000, 5.0

Row = dict[str, Any]


class Manifest:
    """The manifest in ``place``; parts that another run left are joined to it first.

    Raises:
        ImpastoError: it cannot be read or written.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self._rows: list[Row] = []
        self._written, self._since = itertools.count(), time.monotonic()
        self.join()

    def join(self) -> None:
        """Join all parts into one file.

        Raises:
            ImpastoError: it cannot be read or written.
        """
        names = {name for name, _ in self.place.names() if name == FILE or name.startswith(f"{PARTS}/")}
        parts = sorted(name for name in names - {FILE} if name.endswith(".parquet") and "/." not in name)
        tables = [self._read(name) for name in [FILE] * (FILE in names) + parts]
        self.table = _latest(pa.concat_tables(tables)) if tables else SCHEMA.empty_table()
        if parts:
            self.place.write(FILE, _bytes(self.table))
            for part in parts:  # not before they are in the other file
                self.place.remove(part)
            self.place.remove_folder(PARTS)
        self._first = time.time_ns()

    def add(self, rows: Iterable[Row]) -> None:
        """Keep rows; they are written at intervals, and by `close`.

        Raises:
            ImpastoError: they cannot be written.
        """
        self._rows.extend(rows)
        if len(self._rows) >= EVERY_ROWS or time.monotonic() - self._since > EVERY_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write the rows that are not yet written.

        Raises:
            ImpastoError: they cannot be written.
        """
        if self._rows:
            name = f"{PARTS}/{self._first:020d}-{next(self._written):06d}.parquet"  # sorts by time
            self.place.write(name, _bytes(pa.Table.from_pylist(self._rows, schema=SCHEMA)))
        self._rows, self._since = [], time.monotonic()

    def close(self) -> None:
        """Write the last rows and join the parts.

        Raises:
            ImpastoError: it cannot be written.
        """
        self.flush()
        self.join()

    def done(self) -> set[str]:
        """The results that were painted."""
        return set(self.table.filter(pc.field("error").is_null())["output"].to_pylist())

    def _read(self, name: str) -> pa.Table:
        try:
            return pq.read_table(io.BytesIO(self.place.read(name)), schema=SCHEMA)
        except (pa.ArrowException, OSError) as error:
            raise ImpastoError(f"{self.place.url}/{name} is damaged ({one_line(error)}): remove it") from error


def _latest(table: pa.Table) -> pa.Table:
    """The last row of each result, in the order of the sources."""
    names = zip(table["source"].to_pylist(), table["output"].to_pylist(), strict=True)
    last = {pair: index for index, pair in enumerate(names)}
    return table.take([last[pair] for pair in sorted(last)])


def _bytes(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd")
    return file.getvalue()
