"""Parquet files that somebody else wrote: what a footer says of its rows is compared with limits before any is read.

A few hundred bytes can stand for gigabytes: a run of one value, a dictionary of one long text, a compressed page of
zeros. The footer says how many values and uncompressed bytes there are, so they are refused unread; texts from a
dictionary are counted while they are read, a few rows at a time.
"""

import struct
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from augmentation_worker.bounded import lfs_pointer
from augmentation_worker.bounded.unreadable import Unreadable

MOST_FOOTER_BYTES = 64 * 2**20
_MAGIC = b"PAR1"
_TAIL = struct.Struct("<I4s")
_MOST_THRIFT_TEXT, _MOST_THRIFT_ITEMS = 16 * 2**20, 5_000_000
_MOST_COLUMNS = 50_000
_BATCH_BYTES, _MOST_BATCH_ROWS = 64 * 2**20, 2**16
_MOST_EXPANDED, _SMALL_CHUNK_BYTES, _IMAGE_BATCH_BYTES = 50, 2**24, 2**29
_WIDEST_FIXED = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8}
_ARROW_ERRORS = (pa.ArrowException, OSError, ValueError, TypeError, KeyError, OverflowError, AttributeError)
"""What pyarrow raises for bytes that are broken, and for columns of another type than expected."""


@contextmanager
def open_parquet(file: Path | BinaryIO, **options: object) -> Iterator[pq.ParquetFile]:
    """A parquet file whose footer was read.

    Args:
        file: path, or a seekable file.
        options: more options of pyarrow's ParquetFile.

    Raises:
        Unreadable: it is none, or its footer is larger than any; also for what pyarrow raises while it is in use.
    """
    with explained_by_arrow():
        check_footer(file)
        with pq.ParquetFile(
            file,
            thrift_string_size_limit=_MOST_THRIFT_TEXT,
            thrift_container_size_limit=_MOST_THRIFT_ITEMS,
            **{"pre_buffer": False, **options},
        ) as parquet:
            _check_schema(parquet.metadata)
            yield parquet


@contextmanager
def explained_by_arrow() -> Iterator[None]:
    """Turn what pyarrow raises inside for bytes that are broken into Unreadable. Errors of the disk pass."""
    try:
        yield
    except Unreadable:
        raise
    except _ARROW_ERRORS as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise Unreadable(f"cannot be read as parquet: {' '.join(str(error).split())[:200]}") from error


def check_footer(file: Path | BinaryIO) -> None:
    """Refuse what does not end as a parquet file does, and a footer that is larger than any. Raises Unreadable."""
    if isinstance(file, Path):
        with file.open("rb") as opened:
            check_footer(opened)
        return
    size = file.seek(0, 2)
    if size <= lfs_pointer.MOST_BYTES:
        file.seek(0)
        lfs_pointer.refuse_pointer(file.read(size))
    if size < _TAIL.size + len(_MAGIC):
        raise Unreadable(f"is no parquet file: it has {size} bytes")
    file.seek(size - _TAIL.size)
    footer, magic = _TAIL.unpack(file.read(_TAIL.size))
    file.seek(0)
    if magic != _MAGIC:
        raise Unreadable(
            "has no footer (a parquet file ends with PAR1): it was not written to its end, as when a recording is "
            "interrupted, or is no parquet file"
        )
    if footer > min(MOST_FOOTER_BYTES, size - _TAIL.size):
        raise Unreadable(f"has a footer of {footer} bytes, more than the {MOST_FOOTER_BYTES} that are read")


def _check_schema(metadata: pq.FileMetaData) -> None:
    if metadata.num_columns > _MOST_COLUMNS:
        raise Unreadable(f"has {metadata.num_columns} columns, more than {_MOST_COLUMNS}")
    groups = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    if min((metadata.num_rows, *groups)) < 0 or sum(groups) != metadata.num_rows:
        raise Unreadable(f"says that it has {metadata.num_rows} rows, and has {sum(groups)}")


def read_columns(
    parquet: pq.ParquetFile,
    columns: Collection[str],
    *,
    most_rows: int,
    most_bytes: int,
    groups: Sequence[int] | None = None,
) -> pa.Table:
    """Some columns of a file, without more memory than `most_bytes`; names that the file does not have are ignored.

    `groups` are the row groups to read; without it all are read. Raises Unreadable, which says what was found.
    """
    metadata, schema = parquet.metadata, parquet.schema_arrow
    groups = range(metadata.num_row_groups) if groups is None else groups
    found = sum(metadata.row_group(group).num_rows for group in groups)
    if found > most_rows:
        raise Unreadable(f"has {found} rows, more than the {most_rows} that are read")
    wanted = [name for name in dict.fromkeys(columns) if name in schema.names]
    kept: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches_of(parquet, wanted, most_bytes=most_bytes, groups=groups):
        size += batch.nbytes
        if size > most_bytes:
            raise Unreadable(f"holds more than {most_bytes} bytes in its first {rows} rows")
        kept.append(batch)
        rows += batch.num_rows
    schema_of_wanted = pa.schema([schema.field(name) for name in wanted], schema.metadata)
    return pa.Table.from_batches(kept, schema_of_wanted) if kept else schema_of_wanted.empty_table()


def batches_of(
    parquet: pq.ParquetFile,
    columns: Sequence[str],
    *,
    most_bytes: int,
    groups: Sequence[int],
    most_rows: int = _MOST_BATCH_ROWS,
) -> Iterator[pa.RecordBatch]:
    """Some columns of some row groups, in batches of at most `most_rows` that are small whatever texts they hold.

    Raises Unreadable for columns of more than `most_bytes`.
    """
    rows = min(most_rows, _rows_at_once(parquet, columns, most_bytes, groups))
    if columns:
        yield from parquet.iter_batches(rows, columns=columns, row_groups=groups, use_threads=False)


def _rows_at_once(parquet: pq.ParquetFile, columns: Collection[str], most_bytes: int, groups: Sequence[int]) -> int:
    """How many rows fit into a batch, whatever texts they hold. Raises Unreadable if the file cannot fit at all."""
    fixed = stored = largest = 0
    for chunk in chunks_of(parquet, columns, groups):
        stored += chunk.total_uncompressed_size
        width = _WIDEST_FIXED.get(chunk.physical_type)
        if width is None:
            largest = max(largest, chunk.total_uncompressed_size)
        fixed += chunk.num_values * (width or 1)
    if fixed > most_bytes or stored > most_bytes:
        raise Unreadable(f"holds {max(fixed, stored)} bytes once it is uncompressed, more than the {most_bytes} read")
    return max(1, min(_MOST_BATCH_ROWS, _BATCH_BYTES // max(largest, 1)))


def rows_of_images(parquet: pq.ParquetFile, columns: Collection[str], rows: int) -> int:
    """How many rows, at most `rows`, may be read at once where columns hold images.

    Images are compressed, so a file that makes them much smaller has zeros in it; and if they lie in a dictionary, a
    small file can have a large one in every row. Raises Unreadable for a column that is many times its size.
    """
    largest = 1
    for chunk in chunks_of(parquet, columns):
        stored, size = chunk.total_compressed_size, chunk.total_uncompressed_size
        if chunk.path_in_schema.endswith(".path"):
            continue  # of {bytes, path}: names, which are alike
        if size > max(_MOST_EXPANDED * stored, _SMALL_CHUNK_BYTES):
            raise Unreadable(
                f"holds {size} bytes in {stored} compressed ones in the column {chunk.path_in_schema}, which images "
                "never are"
            )
        if chunk.has_dictionary_page and chunk.dictionary_page_offset is not None:
            dictionary = max(chunk.data_page_offset - chunk.dictionary_page_offset, 0)
            largest = max(largest, min(size, _MOST_EXPANDED * dictionary))
    return max(1, min(rows, _IMAGE_BATCH_BYTES // largest))


def chunks_of(
    parquet: pq.ParquetFile, columns: Collection[str], groups: Sequence[int] | None = None
) -> Iterator[pq.ColumnChunkMetaData]:
    """What the footer says of the parts of some columns, in all row groups or in these."""
    metadata, schema = parquet.metadata, parquet.schema
    paths = [schema.column(position).path for position in range(metadata.num_columns)]
    names = frozenset(columns)
    positions = [
        position
        for position, path in enumerate(paths)
        if path in names or any(path.startswith(f"{name}.") for name in names)
    ]
    for group in range(metadata.num_row_groups) if groups is None else groups:
        of_group = metadata.row_group(group)
        for position in positions:
            yield of_group.column(position)
