import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from augmentation_worker.bounded.unreadable import Unreadable
from augmentation_worker.formats.lerobot.instructions import Instructions
from augmentation_worker.formats.lerobot.tasks import TaskTable, _of_lines, _of_table

LINES = b'{"task_index": 1, "task": "b"}\n{"task": "a", "task_index": 0, "note": 1}'


def parquet(table: pa.Table, index: str) -> bytes:
    file = io.BytesIO()
    pq.write_table(table.replace_schema_metadata({"pandas": json.dumps({"index_columns": [index]})}), file)
    return file.getvalue()


def test_lines_of_tasks_stay_and_new_ones_follow() -> None:
    table = _of_lines(LINES)
    assert dict(table.texts) == {0: "a", 1: "b"}
    assert table.with_added(["c", "ü"]) == LINES + b'\n{"task_index": 2, "task": "c"}\n' + (
        '{"task_index": 3, "task": "ü"}\n'.encode()
    )


@pytest.mark.parametrize("index", ["task", "__index_level_0__"])
def test_table_of_tasks_keeps_its_columns_and_its_index(index: str) -> None:
    content = parquet(pa.table({"task_index": [0, 1], "note": ["x", "y"], index: ["a", "b"]}), index)
    table = _of_table(content)
    grown = pq.read_table(io.BytesIO(table.with_added(["c"])))
    assert grown.schema.equals(pq.read_schema(io.BytesIO(content)), check_metadata=True)
    assert grown.column(index).to_pylist() == ["a", "b", "c"]
    assert grown.column("task_index").to_pylist() == [0, 1, 2]
    assert grown.column("note").to_pylist() == ["x", "y", None]


@pytest.mark.parametrize("content", [b'{"task_index": 0}', b'{"task_index": -1, "task": "a"}', b"[]", b"{"])
def test_damaged_lines_are_named(content: bytes) -> None:
    with pytest.raises(Unreadable, match="line 2"):
        _of_lines(b"\n" + content)


def test_copies_take_the_changes_in_turn_and_others_keep_their_tasks() -> None:
    table = TaskTable({0: "a", 1: "b"}, b"", None)
    instructions = Instructions(table, ("c", "d"), {5: [{0: 2}, {0: 3}]})
    assert [instructions.changes(5, copy) for copy in range(3)] == [{0: 2}, {0: 3}, {0: 2}]
    assert instructions.changes(6, 0) == {}
    assert instructions.texts({0: 3, 1: 0}) == {"a": "d", "b": "a"}
