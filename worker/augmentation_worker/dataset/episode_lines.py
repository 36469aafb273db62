"""The episodes of LeRobot v2.1, two files of JSON lines, as the table that v3.0 has, and the lines of a result.

A line that says the same in the result stays as it is, byte for byte; a new one is its source episode's with other
values, so that fields nobody here knows are kept.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from augmentation_worker.dataset.episodes import invalid
from augmentation_worker.dataset.info import DatasetInfo
from augmentation_worker.dataset.lerobot_format import number_of_episode
from augmentation_worker.dataset.statistics import column_name
from augmentation_worker.dataset_path import DatasetPath

EPISODES_PATH = DatasetPath("meta/episodes.jsonl")
STATISTICS_PATH = DatasetPath("meta/episodes_stats.jsonl")
Statistics = dict[str, dict[str, object]]
"""By feature and statistic, the value: a number, or lists of numbers."""


class EpisodeLine(BaseModel):
    """A line of meta/episodes.jsonl, as far as it is read."""

    model_config = ConfigDict(extra="allow", frozen=True)

    episode_index: int = Field(ge=0)
    tasks: list[str]
    length: int = Field(ge=1)


class StatisticsLine(BaseModel):
    """A line of meta/episodes_stats.jsonl."""

    model_config = ConfigDict(extra="allow", frozen=True)

    episode_index: int = Field(ge=0)
    stats: Statistics


Line = TypeVar("Line", EpisodeLine, StatisticsLine)


def read_episode_lines(episodes: bytes, statistics: bytes, info: DatasetInfo, dataset: str) -> pa.Table:
    """The episodes as a table with the columns of v3.0's meta/episodes, in the order of their indices.

    Args:
        episodes: meta/episodes.jsonl.
        statistics: meta/episodes_stats.jsonl; an episode that it does not list has empty cells.
        info: meta/info.json, which says what files an episode's rows and videos are in.
        dataset: for messages.

    Raises:
        WorkerFailure: SOURCE_INVALID, naming file and line.
    """
    lines = [line for line, _ in _parsed(EpisodeLine, episodes, EPISODES_PATH, dataset)]
    lines.sort(key=lambda line: line.episode_index)
    numbers = [number_of_episode(line.episode_index, info.chunks_size) for line in lines]
    ends, total = [], 0
    for line in lines:
        total += line.length
        ends.append(total)
    columns: dict[str, object] = {
        "episode_index": [line.episode_index for line in lines],
        "tasks": pa.array([line.tasks for line in lines], pa.list_(pa.string())),
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
    stats = {
        line.episode_index: line.stats for line, _ in _parsed(StatisticsLine, statistics, STATISTICS_PATH, dataset)
    }
    columns |= _statistics_columns([stats.get(line.episode_index, {}) for line in lines], dataset)
    return pa.table(columns)


def write_episode_lines(
    table: pa.Table,
    made: Iterable[tuple[int, int]],
    changed_features: Sequence[str],
    episodes: bytes,
    statistics: bytes,
    dataset: str,
) -> dict[DatasetPath, bytes]:
    """Both files of the result, by path.

    Args:
        table: the episodes of the result.
        made: of each augmented episode, its index in the result and that of its source episode.
        changed_features: those whose statistics are other ones in an augmented episode.
        episodes, statistics: the source's files.
        dataset: the source, for messages.
    """
    documents = {line.episode_index: text for line, text in _parsed(EpisodeLine, episodes, EPISODES_PATH, dataset)}
    stats = {line.episode_index: text for line, text in _parsed(StatisticsLine, statistics, STATISTICS_PATH, dataset)}
    new_documents, new_stats = dict(documents), dict(stats)
    for index, source in made:
        new_documents[index] = _dumped({**json.loads(documents[source]), "episode_index": index})
        if source in stats:
            line = json.loads(stats[source])
            changed = {
                feature: {
                    name: _in_the_kind_of(value, table.column(column_name(feature, name))[index].as_py())
                    for name, value in line["stats"][feature].items()
                }
                for feature in changed_features
                if feature in line["stats"]
            }
            new_stats[index] = _dumped({**line, "episode_index": index, "stats": {**line["stats"], **changed}})
    return {
        path: "".join(f"{lines[index]}\n" for index in sorted(lines)).encode()
        for path, lines in ((EPISODES_PATH, new_documents), (STATISTICS_PATH, new_stats))
    }


def _parsed(model: type[Line], content: bytes, path: str, dataset: str) -> Iterable[tuple[Line, str]]:
    """Each line, as it is read and as it stands."""
    try:
        texts = content.decode().split("\n")
    except UnicodeDecodeError as error:
        raise invalid(dataset, f"{path} is not text: {error}") from error
    for number, text in enumerate(texts, start=1):
        if not text.strip():
            continue
        try:
            yield model.model_validate_json(text), text.strip()
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise invalid(dataset, f"line {number} of {path}: {where + ': ' if where else ''}{first['msg']}") from error


def _statistics_columns(stats: Sequence[Statistics], dataset: str) -> dict[str, pa.Array]:
    names = dict.fromkeys(
        (feature, name) for episode in stats for feature, values in episode.items() for name in values
    )
    columns = {}
    for feature, name in names:
        kind = int if name == "count" else float
        try:
            cells = [_numbers(episode.get(feature, {}).get(name), kind) for episode in stats]
            columns[column_name(feature, name)] = pa.array(cells)
        except (TypeError, ValueError, pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise invalid(
                dataset, f"{STATISTICS_PATH}: {name} of {feature} is not numbers of one shape: {error}"
            ) from error
    return columns


def _numbers(value: object, kind: type[int] | type[float]) -> object:
    """Numbers, bools among them, as one type: they are compared and aggregated as such."""
    if isinstance(value, list):
        return [_numbers(each, kind) for each in value]
    return None if value is None else kind(value)  # type: ignore[arg-type,call-overload]


def _in_the_kind_of(old: object, new: object) -> object:
    """`new` with whole numbers where `old` has them: 57, where the table knows 57.0."""
    if isinstance(old, list) and isinstance(new, list):
        return [_in_the_kind_of(before, after) for before, after in zip(old, new, strict=True)]
    is_whole = isinstance(old, int) and isinstance(new, float) and new.is_integer()
    return int(new) if is_whole else new  # type: ignore[call-overload]


def _dumped(line: Mapping[str, object]) -> str:
    return json.dumps(line, ensure_ascii=False)
