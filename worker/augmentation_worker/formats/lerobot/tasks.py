"""The tasks of a dataset: meta/tasks.parquet (v3.0) or meta/tasks.jsonl (v2.1), read, and written with more of them."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from augmentation_api.model import findings_of
from augmentation_worker.bounded.documents import read_json_object
from augmentation_worker.bounded.parquet_file import open_parquet, read_columns
from augmentation_worker.bounded.unreadable import Unreadable, explained
from augmentation_worker.formats import limits
from augmentation_worker.formats.lerobot.info import DatasetInfo
from augmentation_worker.storage.port import SourceDataset

_INDEX = "task_index"


class TaskLine(BaseModel):
    """A line of meta/tasks.jsonl, as far as it is read."""

    model_config = ConfigDict(extra="allow", frozen=True)

    task_index: int = Field(ge=0, le=limits.LARGEST_FILE_NUMBER)
    task: str


@dataclass(frozen=True)
class TaskTable:
    """All tasks of a dataset.

    Attributes:
        texts: by task_index.
        content: the file as it is.
        texts_column: of tasks.parquet; None for tasks.jsonl.
    """

    texts: Mapping[int, str]
    content: bytes
    texts_column: str | None

    @property
    def next_index(self) -> int:
        """The index of a task that is added."""
        return max(self.texts, default=-1) + 1

    def with_added(self, texts: Sequence[str]) -> bytes:
        """The file with more tasks, under the indices from next_index on; those that it has are untouched."""
        indices = range(self.next_index, self.next_index + len(texts))
        if self.texts_column is None:
            added = [{_INDEX: index, "task": text} for index, text in zip(indices, texts, strict=True)]
            lines = [json.dumps(line, ensure_ascii=False) for line in added]
            before = self.content if not self.content or self.content.endswith(b"\n") else self.content + b"\n"
            return before + "".join(f"{line}\n" for line in lines).encode()
        table = pq.read_table(io.BytesIO(self.content))
        new = {_INDEX: list(indices), self.texts_column: list(texts)}
        columns = [pa.array(new.get(field.name, [None] * len(texts)), field.type) for field in table.schema]
        sink = io.BytesIO()
        pq.write_table(pa.concat_tables([table, pa.table(columns, schema=table.schema)]), sink, compression="snappy")
        return sink.getvalue()


def read_tasks(source: SourceDataset, info: DatasetInfo) -> TaskTable:
    """Read the tasks. Raises WorkerFailure: SOURCE_INVALID."""
    path = info.version.tasks_path
    content = source.read(path, limits.MOST_TASKS_BYTES)
    with explained(source.name, path):
        if content is None:
            raise Unreadable("is not there, and says what the tasks are")
        return _of_lines(content) if info.version.has_file_per_episode else _of_table(content)


def _of_lines(content: bytes) -> TaskTable:
    texts: dict[int, str] = {}
    for number, text in enumerate(content.split(b"\n"), start=1):
        if not text.strip():
            continue
        try:
            line = TaskLine.model_validate(read_json_object(text, most_bytes=limits.MOST_LINE_BYTES, finite=False))
        except Unreadable as error:
            raise Unreadable(f"{error.finding} in line {number}") from error
        except ValidationError as error:
            raise Unreadable(f"is wrong in line {number}: {findings_of(error)[0]}") from error
        texts[line.task_index] = line.task
    return TaskTable(texts, content, None)


def _of_table(content: bytes) -> TaskTable:
    """LeRobot takes the task of a row by position, and its text from the index that pandas kept in the file."""
    with open_parquet(io.BytesIO(content)) as file:
        column = _texts_column(file.schema_arrow)
        table = read_columns(
            file, [_INDEX, column], most_rows=limits.MOST_EPISODES, most_bytes=limits.MOST_METADATA_BYTES
        )
    texts = table.column(column).to_pylist()
    if _INDEX not in table.column_names or table.column(_INDEX).to_pylist() != list(range(len(texts))):
        raise Unreadable(f"does not list the tasks in the order of {_INDEX} 0, 1, 2, …, by which LeRobot finds them")
    if None in texts:
        raise Unreadable(f"has a task without a text, {texts.index(None)}")
    return TaskTable(dict(enumerate(texts)), content, column)


def _texts_column(schema: pa.Schema) -> str:
    try:
        kept = json.loads((schema.metadata or {}).get(b"pandas", b"{}")).get("index_columns", [])
    except (ValueError, AttributeError):
        kept = []
    for field in schema:
        name: str = field.name
        if name in kept and (pa.types.is_string(field.type) or pa.types.is_large_string(field.type)):
            return name
    raise Unreadable("has no index of texts, by which LeRobot names a task")
