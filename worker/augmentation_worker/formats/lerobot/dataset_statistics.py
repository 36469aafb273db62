"""meta/stats.json of the result: the statistics of the dataset as a whole, none of the source's dropped.

It has the features and statistics of the source's file, in its order, and no others: GR00T cuts each statistic of an
action into joints, and fails with a count. Where they come from:

- from the episodes, if each has the statistic: aggregated as LeRobot does it (statistics.py);
- for augmented cameras, what only the whole dataset has (quantiles, as lerobot's augment_dataset_quantile_stats.py
  leaves them): from the source's value and from those of the copies' pixels, taken together like episodes;
- for index and episode_index: computed, as both are known exactly;
- for everything else (state, action, …) the source's value: it is exact if all episodes have equally many copies, as
  then every row is there equally often, and otherwise the best that is known without a look at the rows.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.plan import EpisodePlan
from augmentation_worker.formats.lerobot.records import CopyRecord, EpisodeRecords
from augmentation_worker.formats.lerobot.statistics import (
    Array,
    FeatureStatistics,
    aggregate,
    column_name,
    percent_of,
    statistics_columns,
)


@dataclass(frozen=True)
class ResultFrames:
    """What decides about statistics that the episodes do not have.

    Attributes:
        copies: by augmented camera, what was recorded of each copy.
        lengths: of each episode of the result, frames.
        kept: of the source, frames whose images are in the result as they were.
        source: of the source, all frames.
        renumbered: whether episodes and rows have other numbers than in the source.
    """

    copies: Mapping[str, Sequence[CopyRecord]]
    lengths: Sequence[int]
    kept: int
    source: int
    renumbered: bool

    @classmethod
    def of(cls, metadata: DatasetMetadata, plan: EpisodePlan, records: Sequence[EpisodeRecords]) -> "ResultFrames":
        """Those of a plan whose shards have recorded this."""
        copies: dict[str, list[CopyRecord]] = {camera.key: [] for camera in plan.cameras}
        for shard in plan.shards:
            for episode in shard.episodes:
                record = records[shard.index].episodes[episode.source.index]
                for camera, of_camera in copies.items():
                    of_camera.extend(record.copies(camera))
        source = metadata.episodes.lengths.tolist()
        selected = plan.source_episodes.lengths.tolist()
        added = [] if plan.in_place else [length for length in selected for _ in range(plan.copies)]
        kept = sum(source) - (sum(selected) if plan.in_place else 0)
        return cls(copies, [*source, *added], kept, sum(source), renumbered=not plan.in_place)


def stats_json(episodes: pa.Table, source_stats: bytes | None, frames: ResultFrames) -> bytes:
    """meta/stats.json of the result.

    Args:
        episodes: all episodes of the result, originals and augmented, with their stats/… columns.
        source_stats: the source's stats.json; without one, all is that the episodes have.
        frames: of the result.
    """
    columns = statistics_columns(episodes)
    aggregated = {feature: _aggregated(episodes, feature, names) for feature, names in columns.items()}
    if source_stats is None:
        written = {
            feature: {name: _listed(value, name) for name, value in statistics.items()}
            for feature, statistics in aggregated.items()
            if statistics
        }
        return json.dumps(written, indent=4).encode()
    document: dict[str, Any] = json.loads(source_stats)
    for feature, statistics in document.items():
        if isinstance(statistics, dict):
            known = aggregated.get(feature, {})
            rest = {name: value for name, value in statistics.items() if name not in known}
            found = {
                **{name: _listed(value, name) for name, value in known.items()},
                **_of_the_whole(feature, rest, frames),
            }
            document[feature] = {name: found[name] for name in statistics}
    return json.dumps(document, indent=4).encode()


def _aggregated(episodes: pa.Table, feature: str, names: Sequence[str]) -> FeatureStatistics:
    """Those statistics of a feature that every episode has, of all episodes together."""
    stacked = {name: values for name in names if (values := _stacked(episodes, feature, name)) is not None}
    return aggregate(stacked)


def _stacked(episodes: pa.Table, feature: str, name: str) -> Array | None:
    column = episodes.column(column_name(feature, name))
    if column.null_count:
        return None
    try:
        return np.array(column.to_pylist(), dtype=np.float64)
    except (ValueError, TypeError):  # an empty cell inside, or episodes that differ in shape
        return None


def _listed(value: Array, name: str) -> object:
    return [int(count) for count in value] if name == "count" else value.tolist()


def _of_the_whole(feature: str, statistics: Mapping[str, Any], frames: ResultFrames) -> dict[str, Any]:
    """Statistics that the source has of the whole dataset only, as they are in the result."""
    if feature in frames.copies:
        return {**statistics, **_of_images(statistics, frames, frames.copies[feature])}
    if feature in ("index", "episode_index") and frames.renumbered:
        exact = (_of_index if feature == "index" else _of_episode_index)(frames.lengths, list(statistics))
        return {name: _in_shape(exact[name], value) if name in exact else value for name, value in statistics.items()}
    return {**statistics, **_counted(statistics, sum(frames.lengths) / frames.source)}


def _of_images(
    statistics: Mapping[str, Any], frames: ResultFrames, copies: Sequence[CopyRecord]
) -> Mapping[str, object]:
    """Statistics of an augmented camera: the source's images that are left are one part, each copy's are another.

    Parts weigh by their frames. What nobody computes here, and what records of an earlier version lack, has no entry.
    """
    parts: FeatureStatistics = {}
    for name, value in statistics.items():
        before = _numbers(value)
        if name == "count" or before is None or not all(name in copy.statistics for copy in copies):
            continue
        made = [np.array(copy.statistics[name], dtype=np.float64) for copy in copies]
        if all(numbers.size == before.size for numbers in made):
            left = [before] if frames.kept else []
            parts[name] = np.stack([*left, *(numbers.reshape(before.shape) for numbers in made)])
    weights = [*([frames.kept] if frames.kept else []), *(copy.frames for copy in copies)]
    whole = aggregate({**parts, "count": np.array(weights, dtype=np.float64)[:, None]})
    found = {name: value.tolist() for name, value in whole.items() if name in parts}
    sampled = sum(int(copy.statistics["count"][0]) for copy in copies if "count" in copy.statistics)
    return {**found, **_counted(statistics, frames.kept / frames.source, sampled)}


def _counted(statistics: Mapping[str, Any], ratio: float, more: int = 0) -> Mapping[str, object]:
    """The count of frames, as far as there is one."""
    before = _numbers(statistics.get("count"))
    return {} if before is None else {"count": (np.round(before * ratio).astype(np.int64) + more).tolist()}


def _of_index(lengths: Sequence[int], names: Sequence[str]) -> dict[str, float]:
    """Exact statistics of 0, 1, …, frames - 1."""
    frames = sum(lengths)
    last = frames - 1
    exact = {"min": 0.0, "max": float(last), "mean": last / 2, "std": ((frames**2 - 1) / 12) ** 0.5, "count": frames}
    return exact | {name: last * percent / 100 for name in names if (percent := percent_of(name)) is not None}


def _of_episode_index(lengths: Sequence[int], names: Sequence[str]) -> dict[str, float]:
    """Exact statistics of the index of its episode in each row."""
    indices, weights = np.arange(len(lengths)), np.array(lengths, dtype=np.float64)
    ends = np.cumsum(weights)
    mean = np.average(indices, weights=weights)
    exact = {
        "min": 0.0,
        "max": float(indices[-1]),
        "mean": float(mean),
        "std": float(np.sqrt(np.average((indices - mean) ** 2, weights=weights))),
        "count": int(ends[-1]),
    }
    for name in names:
        if (percent := percent_of(name)) is not None:
            row = (ends[-1] - 1) * percent / 100
            exact[name] = float(np.searchsorted(ends, np.floor(row), side="right"))
    return exact


def _numbers(value: Any) -> Array | None:
    """A statistic as numbers; None for anything else that stands in the file."""
    if value is None:
        return None
    try:
        return np.array(value, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        return None


def _in_shape(number: float, value: Any) -> Any:
    before = _numbers(value)
    return value if before is None else np.full(before.shape, number).tolist()
