"""Statistics of episodes: columns of meta/episodes by their names, and how those of a whole follow from its parts'.

Aggregation follows LeRobot (src/lerobot/datasets/compute_stats.py, aggregate_feature_stats, since lerobot#3804 of
2026-08-06): counts are added, min and max taken, mean and variance combined weighted by count. Quantiles of a whole
cannot be had from those of its parts: up to the median the least of them is taken, above it the greatest, so that a
normaliser's range covers every part. (LeRobot 0.6.1 averaged them, and cut off what few episodes have.)
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Array = npt.NDArray[np.float64]
FeatureStatistics = dict[str, Array]
"""By statistic (min, max, mean, std, count, q01, …), stacked over episodes: shape (episodes, *shape of the feature)."""

_PREFIX = "stats/"
MOST_HELD_BYTES = 8 * 2**20
"""Statistics of one feature that are held until they are aggregated: of a camera, 30,000 episodes."""
SIGNIFICANT_DIGITS = 9
"""Digits kept of a recorded statistic: enough for any float32, and half the space of a float64."""


def shortened(value: float) -> float:
    """The value to SIGNIFICANT_DIGITS digits."""
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")


def percent_of(name: str) -> int | None:
    """Of a quantile (q01, q50, …), the percentage of values that it is not below; None for another statistic."""
    return int(name[1:]) if name[:1] == "q" and name[1:].isdecimal() and len(name) <= 4 else None


def is_statistic(column: str) -> bool:
    """Whether a column of meta/episodes holds a statistic."""
    return column.startswith(_PREFIX)


def statistics_columns(table: pa.Table | pa.Schema) -> dict[str, list[str]]:
    """The statistics a table of episodes has, by feature. Feature names may hold slashes, statistics do not."""
    columns: dict[str, list[str]] = {}
    for name in table.names if isinstance(table, pa.Schema) else table.column_names:
        if is_statistic(name):
            feature, _, statistic = name.removeprefix(_PREFIX).rpartition("/")
            columns.setdefault(feature, []).append(statistic)
    return columns


@dataclass(frozen=True)
class KnownStatistics:
    """What is known of the statistics of episodes where only some are held.

    Attributes:
        names: of the statistics that there are, by feature.
        means: by episode, the columns of the means of cameras, as far as there are any.
    """

    names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    means: pa.Table = field(default_factory=lambda: pa.table({}))


def stacked(column: pa.ChunkedArray) -> Array | None:
    """A column of statistics as numbers, shape (episodes, …); None if cells are empty or differ in shape."""
    if column.null_count:
        return None
    values: pa.Array = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    shape: list[int] = [len(values)]
    while pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        lengths = np.asarray(pc.list_value_length(values))
        if len(lengths) == 0 or (lengths != lengths[0]).any():
            return None
        shape.append(int(lengths[0]))
        values = values.flatten()
        if values.null_count:
            return None
    if not (pa.types.is_floating(values.type) or pa.types.is_integer(values.type)):
        return _converted(column)
    return np.asarray(values, dtype=np.float64).reshape(shape)


def _converted(column: pa.ChunkedArray) -> Array | None:
    try:
        return np.array(column.to_pylist(), dtype=np.float64)
    except (ValueError, TypeError):
        return None


def column_name(feature: str, statistic: str) -> str:
    """Name of the column of meta/episodes that holds a statistic."""
    return f"{_PREFIX}{feature}/{statistic}"


def aggregate(parts: FeatureStatistics) -> FeatureStatistics:
    """Statistics of all parts together, from those of each; of what cannot be had from `parts` there is none.

    Args:
        parts: arrays of shape (parts, ...); count of shape (parts, 1).

    Returns:
        Arrays without the first axis.
    """
    whole = {name: parts[name].min(axis=0) for name in parts if name == "min" or _is_low(name)}
    whole |= {name: parts[name].max(axis=0) for name in parts if name == "max" or _is_high(name)}
    if "count" in parts:
        whole["count"] = parts["count"].sum(axis=0)
        if "mean" in parts:
            means, counts = parts["mean"], parts["count"]
            weights = counts.reshape(counts.shape + (1,) * (means.ndim - counts.ndim))
            whole["mean"] = (means * weights).sum(axis=0) / whole["count"]
            if "std" in parts:
                squares = (parts["std"] ** 2 + (means - whole["mean"]) ** 2) * weights
                whole["std"] = np.sqrt(squares.sum(axis=0) / whole["count"])
    return {name: whole[name] for name in parts if name in whole}


class Aggregation:
    """What `aggregate` gives of parts that come one after another, without holding them all.

    Up to MOST_HELD_BYTES it is that to the bit. Beyond, what is held becomes one part, with what it was aggregated to:
    that differs in the last digits of mean and std, by less than 1e-12 of the values' size.
    """

    def __init__(self) -> None:
        self._names: tuple[str, ...] | None = None
        self._held: list[FeatureStatistics] = []
        self._bytes = 0

    def add(self, parts: Mapping[str, Array | None]) -> None:
        """Add parts, shaped as for `aggregate`. A statistic that some parts lack, or in another shape, has no whole."""
        if self._names is None:
            self._names = tuple(parts)
        shapes = {name: values.shape[1:] for name, values in self._held[0].items()} if self._held else None
        found = {
            name: values
            for name in self._names
            if (values := parts.get(name)) is not None and (shapes is None or shapes.get(name) == values.shape[1:])
        }
        self._names = tuple(found)
        self._held.append(found)
        self._bytes += sum(values.nbytes for values in found.values())
        if self._bytes > MOST_HELD_BYTES:
            self._held = [{name: value[None] for name, value in self.whole().items()}]
            self._names = tuple(self._held[0])
            self._bytes = 0

    def whole(self) -> FeatureStatistics:
        """Those of all parts together."""
        names = self._names or ()
        return aggregate({name: np.concatenate([part[name] for part in self._held]) for name in names})


def _is_low(name: str) -> bool:
    percent = percent_of(name)
    return percent is not None and percent <= 50


def _is_high(name: str) -> bool:
    percent = percent_of(name)
    return percent is not None and percent > 50


def dataset_statistics(stats: bytes | None, feature: str) -> Mapping[str, object]:
    """The statistics that meta/stats.json has of a feature, by name."""
    statistics: object = _parsed(stats).get(feature) if stats else None
    return statistics if isinstance(statistics, dict) else {}


@lru_cache(maxsize=1)
def _parsed(stats: bytes) -> Mapping[str, object]:
    document: dict[str, object] = json.loads(stats)
    return document


def channel_means(
    table: pa.Table, row: int, stats: bytes | None, camera: str, channels: int = 3
) -> tuple[float, float, float]:
    """Mean of red, green and blue of one episode, over [0, 1]: the episode's own, else the dataset's, else grey.

    A camera of 4 `channels` may have a mean of its alpha channel, too.
    """
    name = column_name(camera, "mean")
    values: object = table.column(name)[row].as_py() if name in table.column_names else None
    if values is None:
        values = dataset_statistics(stats, camera).get("mean")
    try:
        flat = np.ravel(np.array(values, dtype=np.float64)) if values is not None else np.array([])
    except (ValueError, TypeError, OverflowError):  # texts, or lists of different lengths
        return (0.5, 0.5, 0.5)
    if flat.size not in (3, channels) or flat.size < 3 or not np.isfinite(flat).all():
        return (0.5, 0.5, 0.5)
    return (float(flat[0]), float(flat[1]), float(flat[2]))
