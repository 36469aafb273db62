"""Tables of rows: a column replaced, and a parquet file that grows by whole row groups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

ROW_GROUP_BYTES, ROW_GROUP_ROWS = 32 * 2**20, 100
"""A row group with images ends with whichever it has first: what is held of it before it is written, and what a
reader holds."""


def with_column(table: pa.Table, name: str, values: Sequence[object] | NDArray[np.int64]) -> pa.Table:
    """The table with other values in a column, whose type and metadata stay."""
    position = table.schema.get_field_index(name)
    field = table.schema.field(position)
    return table.set_column(position, field, pa.array(values, type=field.type))


@dataclass
class RowGroups:
    """The file, while it is written: memory holds one row group. Tables of one schema are added; snappy.

    Attributes:
        path: where.
        options: more options of pyarrow's ParquetWriter.
        most_bytes, most_rows: of a row group.
        rows: written so far.
    """

    path: Path
    options: Mapping[str, object]
    most_bytes: int = ROW_GROUP_BYTES
    most_rows: int = ROW_GROUP_ROWS
    rows: int = 0
    _pending: list[pa.Table] = field(default_factory=list)
    _pending_rows: int = 0
    _pending_bytes: int = 0
    _writer: pq.ParquetWriter | None = None

    def add(self, table: pa.Table) -> None:
        """Add rows."""
        self._pending.append(table)
        self._pending_rows += len(table)
        self._pending_bytes += table.nbytes
        if self._pending_bytes >= self.most_bytes or self._pending_rows >= self.most_rows:
            self._flush()

    def close(self) -> None:
        """Complete the file."""
        if self._pending:
            self._flush()
        if self._writer is not None:
            self._writer.close()

    def _flush(self) -> None:
        table = pa.concat_tables(self._pending)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self.path, table.schema, compression="snappy", **self.options)
        self._writer.write_table(table, row_group_size=len(table))
        self.rows += len(table)
        self._pending, self._pending_rows, self._pending_bytes = [], 0, 0
