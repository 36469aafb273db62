"""The episodes of LeRobot v2.1, two files of JSON lines, as the table that v3.0 has, and the lines of a result.

A line that says the same in the result stays as it is, byte for byte; a new one is its source episode's with other
values, so that fields nobody here knows are kept.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from augmentation_api.model import findings_of
from augmentation_worker.bounded.documents import check_size, read_json_object
from augmentation_worker.bounded.unreadable import Unreadable, damaged, explained
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats import limits
from augmentation_worker.formats.lerobot.augmentation_columns import COLUMNS
from augmentation_worker.formats.lerobot.format_version import number_of_episode
from augmentation_worker.formats.lerobot.info import DatasetInfo
from augmentation_worker.formats.lerobot.statistics import column_name

EPISODES_PATH = DatasetPath("meta/episodes.jsonl")
STATISTICS_PATH = DatasetPath("meta/episodes_stats.jsonl")
Statistics = dict[str, dict[str, object]]
"""By feature and statistic, the value: a number, or lists of numbers."""
_LINES_AT_ONCE = 500
"""Lines held at a time as Python's numbers, which take ten times the memory of a table."""
_INDEX: Final = re.compile(rb'"episode_index"\s*:\s*(\d+)\s*[,}]')


class EpisodeLine(BaseModel):
    """A line of meta/episodes.jsonl, as far as it is read."""

    model_config = ConfigDict(extra="allow", frozen=True)

    episode_index: int = Field(ge=0, le=limits.LARGEST_FILE_NUMBER)
    tasks: list[str] | str = Field(default=[])
    length: int = Field(ge=1, le=limits.MOST_FRAMES)


class StatisticsLine(BaseModel):
    """A line of meta/episodes_stats.jsonl."""

    model_config = ConfigDict(extra="allow", frozen=True)

    episode_index: int = Field(ge=0, le=limits.LARGEST_FILE_NUMBER)
    stats: Statistics


Line = TypeVar("Line", EpisodeLine, StatisticsLine)


def read_episode_lines(
    episodes: bytes | Path,
    statistics: bytes | Path,
    info: DatasetInfo,
    dataset: str,
    *,
    whole: bool = True,
    first_row: int = 0,
) -> pa.Table:
    """The episodes as a table with the columns of v3.0's meta/episodes, in the order of their indices.

    Args:
        episodes: meta/episodes.jsonl, or a file with its content.
        statistics: meta/episodes_stats.jsonl; an episode that it does not list has empty cells.
        info: meta/info.json, which says what files an episode's rows and videos are in.
        dataset: for messages.
        whole: whether the table holds the statistics, which are checked in any case. If not, it has their columns, all
            empty but for the means of cameras.
        first_row: of the first episode, in the whole dataset.

    Raises:
        WorkerFailure: SOURCE_INVALID, naming file and line.
    """
    lines = [line for line, _ in _parsed(EpisodeLine, episodes, EPISODES_PATH, dataset)]
    lines.sort(key=lambda line: line.episode_index)
    numbers = [number_of_episode(line.episode_index, info.chunks_size) for line in lines]
    ends, total = [], first_row
    for line in lines:
        total += line.length
        ends.append(total)
    columns: dict[str, object] = {
        "episode_index": [line.episode_index for line in lines],
        "tasks": pa.array([_texts_of(line.tasks) for line in lines], pa.list_(pa.string())),
        "length": [line.length for line in lines],
        "data/chunk_index": [number.chunk for number in numbers],
        "data/file_index": [number.file for number in numbers],
        "dataset_from_index": [end - line.length for end, line in zip(ends, lines, strict=True)],
        "dataset_to_index": ends,
    }
    for camera in info.video_cameras:
        columns |= {
            f"videos/{camera.key}/chunk_index": columns["data/chunk_index"],
            f"videos/{camera.key}/file_index": columns["data/file_index"],
            f"videos/{camera.key}/from_timestamp": [0.0] * len(lines),
            f"videos/{camera.key}/to_timestamp": [line.length / info.fps for line in lines],
        }
    for field in COLUMNS:
        cells = [(line.model_extra or {}).get(field.name) for line in lines]
        if any(cell is not None for cell in cells):
            columns[field.name] = _own_column(field, cells)
    indices = [line.episode_index for line in lines]
    means = {column_name(camera.key, "mean") for camera in info.cameras}
    return pa.table(columns | _statistics_columns(statistics, indices, dataset, None if whole else means))


def fields_of_first_line(episodes: Path) -> tuple[str, ...]:
    """The names of what meta/episodes.jsonl, which was read before, says of the first episode."""
    with episodes.open("rb") as lines:
        first: Mapping[str, object] = json.loads(next((line for line in lines if line.strip()), b"{}"))
    return tuple(first)


def read_episode_fields(episodes: Path, wanted: Sequence[str], dataset: str) -> tuple[list[str], pa.Table]:
    """The names of everything that meta/episodes.jsonl says of any episode, and those fields that are wanted.

    Columns hold booleans, numbers or texts; those of other values, or of several kinds, are of a type with which
    nothing is compared.

    Returns:
        Names in the order of the lines, and a table with a row per episode in the order of their indices.

    Raises:
        WorkerFailure: SOURCE_INVALID, naming the line.
    """
    names: dict[str, None] = {}
    rows: list[tuple[int, list[object]]] = []
    for line, _ in _parsed(EpisodeLine, episodes, EPISODES_PATH, dataset):
        fields = {"episode_index": line.episode_index, "length": line.length, **(line.model_extra or {})}
        names |= dict.fromkeys(("episode_index", "tasks", "length", *fields))
        fields["tasks"] = _texts_of(line.tasks)
        rows.append((line.episode_index, [fields.get(name) for name in wanted]))
    rows.sort(key=lambda row: row[0])
    columns = {name: _column_of([row[place] for _, row in rows]) for place, name in enumerate(wanted)}
    return list(names), pa.table({name: column for name, column in columns.items() if name in names})


def _column_of(cells: Sequence[object]) -> pa.Array:
    """What JSON holds, as a column; of lists if it cannot be one."""
    kinds = {"number" if type(cell) in (int, float) else type(cell).__name__ for cell in cells if cell is not None}
    if kinds == {"list"} and all(isinstance(item, str) for cell in cells for item in cell or ()):  # type: ignore[attr-defined]
        return pa.array(cells, pa.list_(pa.string()))
    if len(kinds) > 1 or kinds & {"list", "dict"}:
        return pa.nulls(len(cells), pa.list_(pa.struct([])))
    if any(type(cell) is float for cell in cells):
        cells = [None if cell is None else float(cell) for cell in cells]  # type: ignore[arg-type]
    return pa.array(cells)


class LineFile:
    """A file of JSON lines that was read before, with the place of each episode's line."""

    def __init__(self, path: Path, name: str, dataset: str) -> None:
        self._path = path
        found: list[int] = []
        places: list[tuple[int, int]] = []
        begin = 0
        for line in _texts(path, name, dataset):
            if line.strip():
                found.append(_index_of(line))
                places.append((begin, len(line)))
            begin += len(line)
        self._places = np.full((max(found, default=-1) + 1, 2), -1, dtype=np.int64)
        if found:
            self._places[found] = places

    def text(self, episode: int) -> bytes | None:
        """The line of an episode, as it stands but for blanks around it; None if it has none."""
        begin, size = self._places[episode].tolist() if episode < len(self._places) else (-1, 0)
        if begin < 0:
            return None
        with self._path.open("rb") as file:
            file.seek(begin)
            return file.read(size).strip()


def _index_of(line: bytes) -> int:
    found = _INDEX.findall(line)
    return int(found[0] if len(found) == 1 else json.loads(line)["episode_index"])


def original_line(text: bytes, cells: Mapping[str, object]) -> bytes:
    """The line of an episode that stays as it is, with these cells at its end.

    What it had before stays byte for byte, unless it has one of them with another value.
    """
    document: dict[str, object] = json.loads(text)
    if all(name in document and document[name] == value for name, value in cells.items()):
        return text
    if any(name in document for name in cells):
        return _dumped({**document, **cells})
    added = json.dumps(dict(cells), ensure_ascii=False).encode()
    return text.rstrip()[:-1].rstrip() + b", " + added[1:]


class AugmentedLines:
    """The lines of an augmented episode: its source episode's with other values, so that unknown fields are kept.

    Args:
        document, statistics: lines of the source episode; None if it has no statistics.
        changed_features: those whose statistics are other ones.
    """

    def __init__(self, document: bytes, statistics: bytes | None, changed_features: Sequence[str]) -> None:
        self._document: dict[str, object] = json.loads(document)
        self._statistics: dict[str, object] | None = None if statistics is None else json.loads(statistics)
        stats: object = {} if self._statistics is None else self._statistics["stats"]
        self._stats: Mapping[str, Mapping[str, object]] = stats if isinstance(stats, dict) else {}
        self._changed = [feature for feature in changed_features if feature in self._stats]

    def made(self, row: Mapping[str, object]) -> tuple[bytes, bytes | None]:
        """Both lines of an episode with these values, by column of meta/episodes; only `changed_columns` are read."""
        index, tasks = row["episode_index"], row.get("tasks")
        document = {**self._document, "episode_index": index}
        before = document.get("tasks", [])
        if tasks != ([before] if isinstance(before, str) else before):
            document["tasks"] = tasks
        document |= {name: row[name] for name in COLUMNS.names}
        if self._statistics is None:
            return _dumped(document), None
        changed = {
            feature: {
                name: _in_the_kind_of(value, row[column_name(feature, name)])
                for name, value in self._stats[feature].items()
            }
            for feature in self._changed
        }
        return _dumped(document), _dumped(
            {**self._statistics, "episode_index": index, "stats": {**self._stats, **changed}}
        )


def _parsed(model: type[Line], content: bytes | Path, path: str, dataset: str) -> Iterator[tuple[Line, str]]:
    """Each line, as it is read and as it stands."""
    for number, text in enumerate(_texts(content, path, dataset), start=1):
        if number > limits.MOST_EPISODES:
            raise damaged(dataset, f"{path} has more than {limits.MOST_EPISODES} lines")
        if not text.strip():
            continue
        try:
            document = read_json_object(text, most_bytes=limits.MOST_LINE_BYTES, finite=False)
            yield model.model_validate(document), text.decode().strip()
        except Unreadable as error:
            raise damaged(dataset, f"line {number} of {path} {error.finding}") from error
        except ValidationError as error:
            raise damaged(dataset, f"line {number} of {path}: {findings_of(error)[0]}") from error


def _texts_of(tasks: list[str] | str) -> list[str]:
    """The tasks of an episode: LeRobot never reads them from here, and some exporters write the only one as a text."""
    return [tasks] if isinstance(tasks, str) else tasks


def _texts(content: bytes | Path, path: str, dataset: str) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield from content.split(b"\n")
        return
    with explained(dataset, path), content.open("rb") as file:
        check_size(content.stat().st_size, limits.MOST_LINES_BYTES)
        # One byte more than is read shows that a line is too long.
        while line := file.readline(limits.MOST_LINE_BYTES + 1):
            yield line


def _statistics_columns(
    statistics: bytes | Path, order: Sequence[int], dataset: str, kept: Collection[str] | None
) -> dict[str, pa.ChunkedArray]:
    """By column the statistics of the episodes with these indices, in their order.

    `kept` are the columns that are not empty; None: all.
    """
    parsed = _parsed(StatisticsLine, statistics, STATISTICS_PATH, dataset)
    row_of: dict[int, int] = {}
    seen: dict[tuple[str, str], tuple[int, int]] = {}
    parts: list[pa.Table] = []
    rows = size = 0
    while lines := [line for line, _ in islice(parsed, _LINES_AT_ONCE)]:
        row_of |= {line.episode_index: row for row, line in enumerate(lines, start=rows)}
        rows += len(lines)
        names = dict.fromkeys(
            (feature, name) for line in lines for feature in line.stats for name in line.stats[feature]
        )
        part = {column_name(*item): _cells(lines, *item, dataset) for item in names}
        for line in lines:
            for place, item in enumerate((feature, name) for feature in line.stats for name in line.stats[feature]):
                seen[item] = min(seen.get(item, (line.episode_index, place)), (line.episode_index, place))
        if kept is not None:
            part = {name: cells if name in kept else pa.nulls(len(lines)) for name, cells in part.items()}
        # A column more, as a table without columns has no rows.
        parts.append(pa.table({"": pa.nulls(len(lines)), **part}))
        size += parts[-1].nbytes
        if size > limits.MOST_EPISODES_TABLE_BYTES:
            raise damaged(
                dataset, f"{STATISTICS_PATH} holds more than {limits.MOST_EPISODES_TABLE_BYTES} bytes of numbers"
            )
    if not parts:
        return {}
    try:
        table = pa.concat_tables(parts, promote_options="default")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise damaged(dataset, f"{STATISTICS_PATH} is not numbers of one shape: {error}") from error
    places = pa.array([row_of.get(index) for index in order], pa.int64())
    # In the order of the episodes, not of the lines: as a result's is read, whose lines are in order.
    return {
        name: table.column(name).take(places)
        for name in (column_name(*item) for item in sorted(seen, key=lambda item: seen[item]))
    }


def _own_column(field: pa.Field, cells: Sequence[object]) -> pa.Array:
    """A column of augmentation/*; one with other values than ours has is of texts, which nobody reads."""
    try:
        return pa.array(cells, field.type)
    except (TypeError, ValueError, OverflowError, pa.ArrowException):
        return pa.array([None if cell is None else str(cell) for cell in cells], pa.string())


def _cells(lines: Sequence[StatisticsLine], feature: str, name: str, dataset: str) -> pa.Array:
    kind = int if name == "count" else float
    regular = _regular([line.stats.get(feature, {}).get(name) for line in lines], kind)
    if regular is not None:
        return regular
    try:
        return pa.array([_numbers(line.stats.get(feature, {}).get(name), kind) for line in lines])
    except (TypeError, ValueError, OverflowError, pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise damaged(
            dataset, f"{STATISTICS_PATH}: {name} of {feature} is not numbers of one shape: {error}"
        ) from error


def _regular(cells: Sequence[object], kind: type[int] | type[float]) -> pa.Array | None:
    """Cells that are numbers, or lists of them of one shape, as nearly all are; None for others. Only a faster way."""
    try:
        found = np.array(cells)
    except (ValueError, OverflowError):
        return None  # lists of several lengths
    if found.dtype.kind not in ("bi" if kind is int else "bif") or not found.size:
        return None
    column = pa.array(found.ravel().astype(np.int64 if kind is int else np.float64))
    for length in found.shape[:0:-1]:
        ends = np.arange(0, len(column) + 1, length, dtype=np.int32)
        column = pa.ListArray.from_arrays(pa.array(ends), column)
    return column


def _numbers(value: object, kind: type[int] | type[float]) -> object:
    """Numbers, bools among them, as one type: they are compared and aggregated as such."""
    if isinstance(value, list):
        return [_numbers(item, kind) for item in value]
    return None if value is None else kind(value)  # type: ignore[arg-type,call-overload]


def _in_the_kind_of(old: object, new: object) -> object:
    """`new` with whole numbers where `old` has them: 57, where the table knows 57.0."""
    if isinstance(old, list) and isinstance(new, list):
        return [_in_the_kind_of(before, after) for before, after in zip(old, new, strict=True)]
    is_whole = isinstance(old, int) and isinstance(new, float) and new.is_integer()
    return int(new) if is_whole else new  # type: ignore[call-overload]


def _dumped(line: Mapping[str, object]) -> bytes:
    return json.dumps(line, ensure_ascii=False).encode()
