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
import numpy.typing as npt
import pyarrow as pa

from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.plan import EpisodePlan
from augmentation_worker.formats.lerobot.records import CopyRecord, EpisodeRecord
from augmentation_worker.formats.lerobot.statistics import (
    Aggregation,
    Array,
    FeatureStatistics,
    column_name,
    dataset_statistics,
    percent_of,
    stacked,
    statistics_columns,
)

_COPIES_AT_ONCE = 2000
"""Records of copies that are held until they are added up."""


class EpisodeStatistics:
    """Those statistics of each feature that every episode has, of all episodes together."""

    def __init__(self, schema: pa.Schema) -> None:
        self._columns = statistics_columns(schema)
        self._features = {feature: Aggregation() for feature in self._columns}

    def add(self, episodes: pa.Table) -> None:
        """Add episodes, with the columns of the schema."""
        if not episodes.num_rows:
            return
        for feature, names in self._columns.items():
            self._features[feature].add({name: stacked(episodes.column(column_name(feature, name))) for name in names})

    def whole(self) -> Mapping[str, FeatureStatistics]:
        """By feature."""
        return {feature: of_feature.whole() for feature, of_feature in self._features.items()}


class CopyStatistics:
    """What stats.json says of an augmented camera as a whole: of the source's images that are left, and of each copy's.

    Parts weigh by their frames. What nobody computes here, and what records of an earlier version lack, has no entry.
    """

    def __init__(self, statistics: Mapping[str, Any], kept: int, source: int) -> None:
        """`statistics` are the source's; `kept` of its `source` frames are in the result as they were."""
        self._statistics, self._ratio = statistics, kept / source
        numbers = {name: _numbers(value) for name, value in statistics.items() if name != "count"}
        self._before = {name: value for name, value in numbers.items() if value is not None}
        self._parts = Aggregation()
        self._sampled = 0
        self._held: list[CopyRecord] = []
        if kept:
            first = {name: value[None] for name, value in self._before.items()}
            self._parts.add({**first, "count": np.array([[kept]], dtype=np.float64)})

    def add(self, copy: CopyRecord) -> None:
        """Add a copy of an episode."""
        if not self._before and "count" not in self._statistics:
            return
        self._held.append(copy)
        if len(self._held) >= _COPIES_AT_ONCE:
            self._add_held()

    def _add_held(self) -> None:
        if self._held:
            weights = np.array([[copy.frames] for copy in self._held], dtype=np.float64)
            found = {name: self._stacked(name, before) for name, before in self._before.items()}
            self._parts.add({**found, "count": weights})
            self._sampled += sum(int(copy.statistics["count"][0]) for copy in self._held if "count" in copy.statistics)
            self._held = []

    def _stacked(self, name: str, before: Array) -> Array | None:
        made = [np.array(copy.statistics.get(name, ()), dtype=np.float64) for copy in self._held]
        if any(numbers.size != before.size for numbers in made):
            return None
        return np.stack([numbers.reshape(before.shape) for numbers in made])

    def whole(self) -> Mapping[str, object]:
        """Those that have another value than in the source."""
        self._add_held()
        found = {name: value.tolist() for name, value in self._parts.whole().items() if name != "count"}
        return {**found, **_counted(self._statistics, self._ratio, self._sampled)}


@dataclass(frozen=True)
class ResultFrames:
    """What decides about statistics that the episodes do not have.

    Attributes:
        copies: by augmented camera, those of its copies, which are added as they are read.
        lengths: of each episode of the result, frames.
        source: of the source, all frames.
        renumbered: whether episodes and rows have other numbers than in the source.
    """

    copies: Mapping[str, CopyStatistics]
    lengths: npt.NDArray[np.int64]
    source: int
    renumbered: bool

    @classmethod
    def of(cls, metadata: DatasetMetadata, plan: EpisodePlan) -> "ResultFrames":
        """Those of a plan, without copies."""
        source = metadata.episodes.lengths
        selected = plan.source_episodes.lengths
        added = selected[:0] if plan.in_place else np.repeat(selected, plan.copies)
        total = int(source.sum())
        kept = total - (int(selected.sum()) if plan.in_place else 0)
        copies = {
            camera.key: CopyStatistics(dataset_statistics(metadata.stats_json, camera.key), kept, total)
            for camera in plan.cameras
        }
        return cls(copies, np.concatenate([source, added]), total, renumbered=not plan.in_place)

    def add(self, record: EpisodeRecord, copy: int) -> None:
        """Add a copy of an episode, as all cameras see it."""
        for camera, statistics in self.copies.items():
            statistics.add(record.copies(camera)[copy])


def stats_json(aggregated: Mapping[str, FeatureStatistics], source_stats: bytes | None, frames: ResultFrames) -> bytes:
    """meta/stats.json of the result.

    Args:
        aggregated: of all episodes of the result, originals and augmented.
        source_stats: the source's stats.json; without one, all is that the episodes have.
        frames: of the result.
    """
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


def _listed(value: Array, name: str) -> object:
    return [int(count) for count in value] if name == "count" else value.tolist()


def _of_the_whole(feature: str, statistics: Mapping[str, Any], frames: ResultFrames) -> dict[str, Any]:
    """Statistics that the source has of the whole dataset only, as they are in the result."""
    if feature in frames.copies:
        found = frames.copies[feature].whole()
        return {name: found.get(name, value) for name, value in statistics.items()}
    if feature in ("index", "episode_index") and frames.renumbered:
        exact = (_of_index if feature == "index" else _of_episode_index)(frames.lengths, list(statistics))
        return {name: _in_shape(exact[name], value) if name in exact else value for name, value in statistics.items()}
    return {**statistics, **_counted(statistics, int(frames.lengths.sum()) / frames.source)}


def _counted(statistics: Mapping[str, Any], ratio: float, more: int = 0) -> Mapping[str, object]:
    """The count of frames, as far as there is one."""
    before = _numbers(statistics.get("count"))
    return {} if before is None else {"count": (np.round(before * ratio).astype(np.int64) + more).tolist()}


def _of_index(lengths: npt.NDArray[np.int64], names: Sequence[str]) -> dict[str, float]:
    """Exact statistics of 0, 1, …, frames - 1."""
    frames = int(lengths.sum())
    last = frames - 1
    exact = {"min": 0.0, "max": float(last), "mean": last / 2, "std": ((frames**2 - 1) / 12) ** 0.5, "count": frames}
    return exact | {name: last * percent / 100 for name in names if (percent := percent_of(name)) is not None}


def _of_episode_index(lengths: npt.NDArray[np.int64], names: Sequence[str]) -> dict[str, float]:
    """Exact statistics of the index of its episode in each row."""
    indices, weights = np.arange(len(lengths)), lengths.astype(np.float64)
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
