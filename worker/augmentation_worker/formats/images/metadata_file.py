"""metadata.csv and its like in an image folder: within limits, before `datasets` reads them."""

from pathlib import Path

from augmentation_worker.bounded.documents import check_size, read_json_object
from augmentation_worker.bounded.lfs_pointer import MOST_BYTES, refuse_pointer
from augmentation_worker.bounded.parquet_file import open_parquet, read_columns
from augmentation_worker.bounded.unreadable import Unreadable
from augmentation_worker.formats import limits

METADATA_NAMES = frozenset({"metadata.csv", "metadata.jsonl", "metadata.parquet"})
"""Files of an image folder that hold more columns, one row per image."""
_CHUNK_BYTES = 2**20


def check_metadata_file(local: Path, name: str) -> None:
    """Refuse a file that is too large or too deep, or stands for more rows than there may be. Raises Unreadable."""
    check_size(local.stat().st_size, limits.MOST_METADATA_BYTES)
    with local.open("rb") as beginning:
        refuse_pointer(beginning.read(MOST_BYTES))
    if name.endswith(".parquet"):
        with open_parquet(local) as parquet:
            read_columns(
                parquet,
                parquet.schema_arrow.names,
                most_rows=limits.MOST_FOLDER_ROWS,
                most_bytes=2 * limits.MOST_METADATA_BYTES,
            )
    elif name.endswith(".jsonl"):
        _check_lines(local)
    else:
        with local.open("rb") as file:
            rows = sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(_CHUNK_BYTES), b""))
        _check_rows(rows)


def _check_lines(local: Path) -> None:
    # The library's parser goes as deep as the text does, and beyond its stack.
    with local.open("rb") as file:
        number = 0
        while line := file.readline(limits.MOST_LINE_BYTES + 1):
            number += 1
            _check_rows(number)
            if line.strip():
                try:
                    read_json_object(line, most_bytes=limits.MOST_LINE_BYTES, finite=False)
                except Unreadable as error:
                    raise Unreadable(f"has a line {number} which {error.finding}") from error


def _check_rows(rows: int) -> None:
    if rows > limits.MOST_FOLDER_ROWS:
        raise Unreadable(f"has more than {limits.MOST_FOLDER_ROWS} rows: store the dataset as parquet files")
