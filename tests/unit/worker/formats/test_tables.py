import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from augmentation_worker.formats.tables import columns_difference, same_values, stored_schema, table_difference

NAN = float("nan")
COLUMNS: Mapping[str, pa.Array] = {
    "floats": pa.array([1.0, NAN, None, 2.0], pa.float32()),
    "halves": pa.array([np.float16(1), np.float16(NAN), None, np.float16(2)], pa.float16()),
    "lists": pa.array([[1.0, NAN], None, [], [2.0]], pa.list_(pa.field("item", pa.float32()))),
    "large lists": pa.array([[1.0, NAN], None, [], [2.0]], pa.large_list(pa.float32())),
    "fixed lists": pa.array([[1.0, NAN], None, [2.0, None], [NAN, NAN]], pa.list_(pa.float64(), 2)),
    "nested": pa.array([{"x": [{"y": NAN}]}, None, {"x": None}, {"x": []}]),
    "maps": pa.array([[("a", NAN)], None, [], [("b", 1.0)]], pa.map_(pa.string(), pa.float32())),
    "dictionary": pa.array(["a", "b", None, "a"]).dictionary_encode(),
    "numbers in a dictionary": pa.array([7, 8, None, 7]).dictionary_encode(),
    "large strings": pa.array(["a", "b", None, ""], pa.large_string()),
    "seconds": pa.array([1, 2, None, 3], pa.timestamp("s")),
    "bytes of a picture": pa.array([[[0, 255]], [[1, 2]], None, []], pa.list_(pa.list_(pa.uint8()))),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_table_equals_what_a_parquet_file_of_it_reads_as(name: str) -> None:
    table = pa.table({name: COLUMNS[name]})
    assert table_difference(table, read_back(table)) is None
    cut = pa.concat_tables([table.slice(0, 1), table.slice(1)])
    assert table_difference(table, cut) is None
    assert table_difference(table.slice(1), read_back(cut).slice(1)) is None


@pytest.mark.parametrize("name", COLUMNS)
def test_other_values_are_a_difference(name: str) -> None:
    table = pa.table({name: COLUMNS[name]})
    for order in ([0, 1, 3, 2], [1, 0, 2, 3]):
        assert table_difference(table, table.take(pa.array(order))) == f"has other values in the column {name}"


def test_zeros_of_different_sign_are_different_values() -> None:
    assert not same_values(pa.chunked_array([[0.0]]), pa.chunked_array([[-0.0]]))
    assert not same_values(pa.chunked_array([[0.0]]), pa.chunked_array([[NAN]]))


def test_the_order_of_columns_is_no_difference() -> None:
    one, other = pa.table({"a": [1], "b": [2.0]}), pa.table({"b": [2.0], "a": [1]})
    assert table_difference(one, other) is None


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (pa.schema([("a", pa.int64())]), "lacks the column b"),
        (
            pa.schema([("a", pa.int64()), ("b", pa.string()), ("c", pa.string())]),
            "has a column c, which is not expected",
        ),
        (pa.schema([("a", pa.int64()), ("b", pa.string()), ("b", pa.string())]), "has two columns of the name b"),
        (pa.schema([("a", pa.int32()), ("b", pa.string())]), "has the column a as int32, not as int64"),
        (
            pa.schema([pa.field("a", pa.int64(), metadata={"unit": "m"}), ("b", pa.string())]),
            "has the column a with other metadata",
        ),
        (pa.schema([("a", pa.int64()), ("b", pa.string())], {"huggingface": "{}"}), "has other metadata in its schema"),
    ],
)
def test_other_columns_are_named(other: pa.Schema, difference: str) -> None:
    assert columns_difference(pa.schema([("a", pa.int64()), ("b", pa.string())]), other) == difference


def test_names_of_fields_in_a_struct_are_a_difference() -> None:
    one, other = (pa.schema([("a", pa.list_(pa.struct([(name, pa.int64())])))]) for name in ("x", "y"))
    assert "has the column a as " in str(columns_difference(one, other))


def test_a_stored_schema_is_stored_as_it_is() -> None:
    schema = pa.schema([(name, array.type) for name, array in COLUMNS.items()])
    assert stored_schema(schema) != schema
    assert stored_schema(stored_schema(schema)) == stored_schema(schema)


def read_back(table: pa.Table) -> Any:
    file = io.BytesIO()
    pq.write_table(table, file)
    return pq.read_table(file)
