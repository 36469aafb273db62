"""Tables of rows: compared, a column replaced, and a parquet file that grows by whole row groups.

There is one comparison, of what a reader gets: the order of columns and the names of lists' items do not count (parquet
calls an item `element`, Arrow and older writers `item`), and NaN equals NaN.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
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


def stored_schema(schema: pa.Schema) -> pa.Schema:
    """The schema under which a parquet file with such columns is read.

    It differs in the names of lists' items, and in types that parquet does not have: seconds become milliseconds.
    """
    sink = pa.BufferOutputStream()
    pq.write_table(schema.empty_table(), sink)
    return pq.read_schema(pa.BufferReader(sink.getvalue()))


def columns_difference(expected: pa.Schema, found: pa.Schema) -> str | None:
    """How the columns of a table differ from those expected, types and metadata among it, as a clause; None if not."""
    twice = [f"has two columns of the name {name}" for name, count in Counter(found.names).items() if count > 1]
    missing = [f"lacks the column {name}" for name in expected.names if name not in found.names]
    added = [f"has a column {name}, which is not expected" for name in found.names if name not in expected.names]
    if twice or missing or added:
        return (twice + missing + added)[0]
    before, after = stored_schema(expected), stored_schema(found)
    changed = next(filter(None, (_field_difference(field, after.field(field.name)) for field in before)), None)
    if changed is None and (before.metadata or {}) != (after.metadata or {}):
        return "has other metadata in its schema"
    return changed


def _field_difference(expected: pa.Field, found: pa.Field) -> str | None:
    if found.type != expected.type or found.nullable != expected.nullable:
        return f"has the column {expected.name} as {_kind(found)}, not as {_kind(expected)}"
    if not found.equals(expected, check_metadata=True):
        return f"has the column {expected.name} with other metadata"
    return None


def _kind(field: pa.Field) -> str:
    return f"{field.type}" if field.nullable else f"{field.type} not null"


def table_difference(expected: pa.Table, found: pa.Table) -> str | None:
    """How a table differs from the one expected, as a clause; None if it does not."""
    difference = columns_difference(expected.schema, found.schema)
    if difference is not None:
        return difference
    if found.num_rows != expected.num_rows:
        return f"has {found.num_rows} rows, not {expected.num_rows}"
    for kept in stored_schema(expected.schema):
        before, after = (table.column(kept.name).cast(kept.type) for table in (expected, found))
        if not same_values(before, after):
            return f"has other values in the column {kept.name}"
    return None


def same_values(one: pa.ChunkedArray, other: pa.ChunkedArray) -> bool:
    """Whether two columns of one type hold the same values: bit by bit, or both NaN."""
    return one.type == other.type and _same(_whole(one), _whole(other))


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)


def _same(one: pa.Array, other: pa.Array) -> bool:
    if len(one) != len(other) or not one.is_null().equals(other.is_null()):
        return False
    if pa.types.is_floating(one.type):
        return _same_floats(one.drop_null().to_numpy(), other.drop_null().to_numpy())
    parts = _parts(one)
    return all(map(_same, parts, _parts(other))) if parts else bool(one.equals(other))


def _parts(array: pa.Array) -> Sequence[pa.Array]:
    """What a nested array consists of, apart from where it is null; nothing if it is of plain values."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        return [array.dictionary_decode()]
    if isinstance(kind, pa.BaseExtensionType):
        return [array.storage]
    if pa.types.is_map(kind):
        return [array.cast(pa.list_(pa.struct([kind.key_field, kind.item_field])))]
    if pa.types.is_struct(kind):
        fields: list[pa.Array] = array.flatten()
        return fields
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return [pc.list_value_length(array), array.flatten()]
    return []


def _same_floats(one: NDArray[np.floating], other: NDArray[np.floating]) -> bool:
    bits = np.dtype(f"u{one.dtype.itemsize}")
    return bool(((one.view(bits) == other.view(bits)) | (np.isnan(one) & np.isnan(other))).all())


def with_schema(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with the columns of a schema, found by their names, in its order and types.

    Raises KeyError for a column that the table lacks, and what pyarrow raises for values that do not fit.
    """
    return table.select(schema.names).cast(schema)


def conformed(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """A table with the columns and types of a schema; a column that it lacks is empty."""
    for wanted in schema:
        if wanted.name not in table.column_names:
            table = table.append_column(wanted, pa.nulls(table.num_rows, wanted.type))
    return with_schema(table, schema)


@dataclass
class RowGroups:
    """The file, while it is written: memory holds one row group. Tables of one schema are added.

    Attributes:
        path: where.
        options: more options of pyarrow's ParquetWriter; without a compression, snappy.
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

    @property
    def pending_rows(self) -> int:
        """Rows that were added and not written yet."""
        return self._pending_rows

    def close(self) -> None:
        """Complete the file."""
        if self._pending:
            self._flush()
        if self._writer is not None:
            self._writer.close()

    def _flush(self) -> None:
        table = pa.concat_tables(self._pending)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self.path, table.schema, **{"compression": "snappy", **self.options})
        self._writer.write_table(table, row_group_size=max(1, len(table)))
        self.rows += len(table)
        self._pending, self._pending_rows, self._pending_bytes = [], 0, 0
