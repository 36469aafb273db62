"""Is a block's file what was to be written? Read back, row by row, before it is stored.

While a block is made, a digest of each row is kept: of the source's values, and of the images that were made. The
source need not be read again, and nothing of it is held.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from augmentation_worker.formats.images.plan import Block
from augmentation_worker.formats.images.versions import Version
from augmentation_worker.formats.integrity import broken
from augmentation_worker.media.images.header import ImageInvalid, read_header

Made = Mapping[str, Sequence[Version] | None]
"""By augmented column the versions of a row; None where it has no image."""


@dataclass(frozen=True)
class WrittenBlock:
    """A block's file, and what has to be in it.

    Attributes:
        rows: that were written.
        pixel_hash: by augmented column, of all of its versions' pixels.
        schema: of the source's rows.
        digests: of each row, as it has to be: the source's, but for the images that were made.
    """

    rows: int
    pixel_hash: Mapping[str, str]
    schema: pa.Schema
    digests: tuple[bytes, ...]


def digests_of(row: pa.Table, made: Made, copies: int) -> Iterator[bytes]:
    """The digest of each row that a source row becomes: its versions, or itself where none are made.

    Args:
        row: a row of the source.
        made: its versions.
        copies: how many.
    """
    values = _values(row)
    for copy in range(copies if made else 1):
        changed = {
            name: {**values[name], "bytes": versions[copy].content}  # type: ignore[dict-item]
            for name, versions in made.items()
            if versions is not None
        }
        yield _digest({**values, **changed})


def check_written_block(local: Path, block: Block, columns: Sequence[str], written: WrittenBlock) -> None:
    """Read a block's file back.

    Args:
        local: the file.
        block: what it was to be.
        columns: those that are augmented.
        written: what it is to hold.

    Raises:
        WorkerFailure: INTEGRITY_CHECK_FAILED with the first finding.
    """
    with pq.ParquetFile(local, pre_buffer=False) as file:
        if not file.schema_arrow.equals(written.schema, check_metadata=True):
            raise broken(f"{block.path} has other columns than the source")
        if file.metadata.num_rows != block.rows or len(written.digests) != block.rows:
            raise broken(f"{block.path} has {file.metadata.num_rows} rows, not {block.rows}")
        for number, batch in enumerate(file.iter_batches(1, use_threads=False)):
            values = _values(pa.Table.from_batches([batch]))
            if _digest(values) != written.digests[number]:
                raise broken(f"row {number} of {block.path} does not read back as it was made")
            for name in columns:
                image = values[name]
                if isinstance(image, dict) and image["bytes"] is not None:
                    _check_image(image["bytes"], f"{block.path}, row {number}, column {name}")


def _check_image(content: bytes, where: str) -> None:
    try:
        read_header(content)
    except ImageInvalid as error:
        raise broken(f"{where}: the image {error.found}") from error


def _values(row: pa.Table) -> dict[str, object]:
    return {name: row.column(name)[0].as_py() for name in row.column_names}


def _digest(value: object) -> bytes:
    state = xxhash.xxh3_128()
    _take_in(state, value)
    return state.digest()


def _take_in(state: xxhash.xxh3_128, value: object) -> None:
    """Every value with its kind and length, so that no two rows look the same; NaN equals NaN."""
    if isinstance(value, bytes):
        state.update(f"bytes {len(value)}:".encode())
        state.update(value)
    elif isinstance(value, dict):
        state.update(f"dict {len(value)}:".encode())
        for name, each in value.items():
            _take_in(state, name)
            _take_in(state, each)
    elif isinstance(value, list):
        state.update(f"list {len(value)}:".encode())
        for each in value:
            _take_in(state, each)
    else:
        text = repr(value).encode()
        state.update(f"{type(value).__name__} {len(text)}:".encode())
        state.update(text)
