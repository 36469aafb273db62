"""Is a block's file what was to be written? Read back, row by row, before it is stored.

While a block is made, a digest of each row is kept: of the source's values, and of the images that were made. The
source need not be read again, and nothing of it is held.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from augmentation_worker.formats.images.cells import Cell, with_content
from augmentation_worker.formats.images.plan import Block
from augmentation_worker.formats.images.versions import Version
from augmentation_worker.formats.integrity import broken
from augmentation_worker.formats.tables import columns_difference

RowVersions = Mapping[str, Sequence[Version] | None]
"""By augmented column the versions of a row; None where it has no image, or one of labels that is left as it is."""


@dataclass(frozen=True)
class WrittenBlock:
    """A block's file, and what has to be in it.

    Attributes:
        rows: that were written.
        pixel_hash: by augmented column, of all of its versions' pixels.
        schema: of the source's rows.
        digests: of each row, as it has to be: the source's, but for the images that were made.
        kept: by augmented column, the images that were left as they are, as they hold labels.
        unusable: numbers of rows that could not be augmented, each with the cause.
    """

    rows: int
    pixel_hash: Mapping[str, str]
    schema: pa.Schema
    digests: tuple[bytes, ...]
    kept: Mapping[str, int] = field(default_factory=dict)
    unusable: Mapping[int, str] = field(default_factory=dict)


def digests_of(row: pa.Table, versions: RowVersions, copies: int) -> Iterator[bytes]:
    """The digest of each row that a source row becomes: its `copies` versions, or itself where there are none."""
    values = _values(row)
    for copy in range(copies if versions else 1):
        changed = {
            name: with_content(cast("Cell", values[name]), of_column[copy].content)
            for name, of_column in versions.items()
            if of_column is not None
        }
        yield _digest({**values, **changed})


def check_written_block(local: Path, block: Block, written: WrittenBlock) -> None:
    """Read a block's file back. Raises WorkerFailure(INTEGRITY_CHECK_FAILED) with the first finding."""
    with pq.ParquetFile(local, pre_buffer=False) as file:
        difference = columns_difference(written.schema, file.schema_arrow)
        if difference is not None:
            raise broken(f"{block.path}, compared with the source, {difference}")
        if file.metadata.num_rows != block.rows or len(written.digests) != block.rows:
            raise broken(f"{block.path} has {file.metadata.num_rows} rows, not {block.rows}")
        for number, batch in enumerate(file.iter_batches(1, use_threads=False)):
            if _digest(_values(pa.Table.from_batches([batch]))) != written.digests[number]:
                raise broken(f"row {number} of {block.path} does not read back as it was made")


def _values(row: pa.Table) -> dict[str, object]:
    return {name: row.column(name)[0].as_py() for name in row.column_names}


def _digest(value: object) -> bytes:
    state = xxhash.xxh3_128()
    _update(state, value)
    return state.digest()


def _update(state: xxhash.xxh3_128, value: object) -> None:
    """Every value with its kind and length, so that no two rows look the same; NaN equals NaN."""
    if isinstance(value, bytes):
        state.update(f"bytes {len(value)}:".encode())
        state.update(value)
    elif isinstance(value, dict):
        state.update(f"dict {len(value)}:".encode())
        for name, child in value.items():
            _update(state, name)
            _update(state, child)
    elif isinstance(value, list):
        state.update(f"list {len(value)}:".encode())
        for child in value:
            _update(state, child)
    else:
        text = repr(value).encode()
        state.update(f"{type(value).__name__} {len(text)}:".encode())
        state.update(text)
