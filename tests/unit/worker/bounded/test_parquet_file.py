"""Parquet files of others: what a footer announces is compared with limits, and texts are counted as they are read."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from augmentation_worker.bounded.parquet_file import open_parquet, read_columns
from augmentation_worker.bounded.unreadable import Unreadable

MIB = 2**20


def written(path: Path, table: pa.Table, **options: object) -> Path:
    pq.write_table(table, path, **options)
    return path


def read(path: Path, columns: list[str], *, most_rows: int = 10**6, most_bytes: int = 16 * MIB) -> pa.Table:
    with open_parquet(path) as parquet:
        return read_columns(parquet, columns, most_rows=most_rows, most_bytes=most_bytes)


def test_columns_are_read_unchanged(tmp_path: Path) -> None:
    table = pa.table({"a.b": [1, 2, 3], "a": ["x", None, "z"], "c": [[[1.0]], [[2.0], [3.0]], None]})
    table = table.replace_schema_metadata({"kept": "yes"})
    path = written(tmp_path / "a.parquet", table, row_group_size=2)
    expected = pq.read_table(path)
    assert read(path, table.column_names).equals(expected, check_metadata=True)
    assert read(path, ["c", "no such column"]).equals(expected.select(["c"]))
    assert read(path, []).num_columns == 0


def test_run_of_one_value_is_refused_by_its_footer(tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", pa.table({"a": np.zeros(5_000_000, np.int64)}))
    assert path.stat().st_size < 50_000
    with pytest.raises(Unreadable, match="5000000 rows, more than the 1000000"):
        read(path, ["a"])
    with pytest.raises(Unreadable, match="40000000 bytes once it is uncompressed"):
        read(path, ["a"], most_rows=10**7)


def test_row_of_a_million_values_is_refused_by_its_footer(tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", pa.table({"a": [[0.0] * 5_000_000]}))
    with pytest.raises(Unreadable, match="once it is uncompressed"):
        read(path, ["a"])


def test_long_text_in_every_row_is_counted_as_it_is_read(tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", pa.table({"a": ["x" * MIB] * 32}), compression="zstd")
    assert path.stat().st_size < MIB
    with pytest.raises(Unreadable, match="holds more than 4194304 bytes in its first"):
        read(path, ["a"], most_bytes=4 * MIB)


def test_page_of_zeros_is_refused_by_its_footer(tmp_path: Path) -> None:
    table = pa.table({"a": [bytes(64 * MIB)]})
    path = written(tmp_path / "a.parquet", table, compression="zstd", use_dictionary=False)
    assert path.stat().st_size < 100_000
    with pytest.raises(Unreadable, match="once it is uncompressed"):
        read(path, ["a"])


def test_columns_that_are_not_requested_cost_nothing(tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", pa.table({"a": ["x" * 64 * MIB], "b": [1]}), compression="zstd")
    assert read(path, ["b"]).column("b").to_pylist() == [1]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1 and no more", b"PAR1" + b"\xff\xff\xff\x7fPAR1", b"x" * 100])
def test_file_that_is_not_parquet_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(Unreadable):
        read(tmp_path / "a.parquet", ["a"])


def test_broken_page_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", pa.table({"a": list(range(10_000))}))
    content = bytearray(path.read_bytes())
    content[8:200] = bytes(192)
    path.write_bytes(bytes(content))
    with pytest.raises(Unreadable, match="cannot be read as parquet"):
        read(path, ["a"])
