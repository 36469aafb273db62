"""Statistics of the result: a row of stats/… columns per augmented episode, and meta/stats.json over all episodes.

Aggregation follows LeRobot 0.6.1 (src/lerobot/datasets/compute_stats.py, aggregate_feature_stats): counts are added,
min and max taken, mean and variance combined weighted by count, quantiles averaged weighted by count (an estimate:
quantiles of a whole cannot be had from those of its parts).
"""

import json
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Array = npt.NDArray[np.float64]
FeatureStatistics = dict[str, Array]
"""By statistic (min, max, mean, std, count, q01, …), stacked over episodes: shape (episodes, *shape of the feature)."""

_PREFIX = "stats/"
_NEEDED = ("min", "max", "mean", "std", "count")
SIGNIFICANT_DIGITS = 9
"""Digits kept of a recorded statistic: enough for any float32, and half the space of a float64."""


def shortened(value: float) -> float:
    """The value to SIGNIFICANT_DIGITS digits."""
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")


def is_quantile(name: str) -> bool:
    """Whether a statistic is a quantile: q01, q50, …"""
    return name.startswith("q") and name[1:].isdecimal()


def statistics_columns(table: pa.Table) -> dict[str, list[str]]:
    """The statistics a table of episodes has, by feature. Feature names may hold slashes, statistics do not."""
    columns: dict[str, list[str]] = {}
    for name in table.column_names:
        if name.startswith(_PREFIX):
            feature, _, statistic = name.removeprefix(_PREFIX).rpartition("/")
            columns.setdefault(feature, []).append(statistic)
    return columns


def column_name(feature: str, statistic: str) -> str:
    """Name of the column of meta/episodes that holds a statistic."""
    return f"{_PREFIX}{feature}/{statistic}"


def aggregate(feature: FeatureStatistics) -> FeatureStatistics:
    """Statistics of all episodes together, from those of each.

    Args:
        feature: arrays of shape (episodes, ...); count of shape (episodes, 1).

    Returns:
        Arrays without the first axis.
    """
    means, counts = feature["mean"], feature["count"]
    total = counts.sum(axis=0)
    weights = counts.reshape(counts.shape + (1,) * (means.ndim - counts.ndim))
    mean = (means * weights).sum(axis=0) / total
    variance = ((feature["std"] ** 2 + (means - mean) ** 2) * weights).sum(axis=0) / total
    whole = {
        "min": feature["min"].min(axis=0),
        "max": feature["max"].max(axis=0),
        "mean": mean,
        "std": np.sqrt(variance),
        "count": total,
    }
    for name, values in feature.items():
        if is_quantile(name):
            whole[name] = (values * weights).sum(axis=0) / total
    return whole


def stats_json(episodes: pa.Table, source_stats: bytes | None) -> bytes:
    """meta/stats.json of the result.

    Args:
        episodes: all episodes of the result, originals and augmented, with their stats/… columns.
        source_stats: the source's stats.json. Its order of features is kept, and its values where the episodes have
            none to aggregate (datasets older than statistics an episode).
    """
    document: dict[str, dict[str, object]] = json.loads(source_stats) if source_stats else {}
    for feature, names in statistics_columns(episodes).items():
        stacked = _stacked(episodes, feature, names)
        if stacked is not None:
            document[feature] = {
                name: [int(count) for count in values] if name == "count" else values.tolist()
                for name, values in aggregate(stacked).items()
            }
    return json.dumps(document, indent=4).encode()


def _stacked(episodes: pa.Table, feature: str, names: list[str]) -> FeatureStatistics | None:
    if not set(_NEEDED) <= set(names):
        return None
    try:
        return {
            name: np.array(episodes.column(column_name(feature, name)).to_pylist(), dtype=np.float64) for name in names
        }
    except (ValueError, TypeError):  # an empty cell, or episodes that differ in shape
        return None


def channel_means(table: pa.Table, row: int, stats: bytes | None, camera: str) -> tuple[float, float, float]:
    """Mean of red, green and blue of one episode, over [0, 1]: the episode's own, else the dataset's, else grey."""
    name = column_name(camera, "mean")
    values: object = table.column(name)[row].as_py() if name in table.column_names else None
    if values is None and stats:
        document: Mapping[str, Mapping[str, object]] = json.loads(stats)
        values = document.get(camera, {}).get("mean")
    try:
        flat = np.ravel(np.array(values, dtype=np.float64)) if values is not None else np.array([])
    except (ValueError, TypeError, OverflowError):  # texts, or lists of different lengths
        return (0.5, 0.5, 0.5)
    if flat.size != 3 or not np.isfinite(flat).all():
        return (0.5, 0.5, 0.5)
    return (float(flat[0]), float(flat[1]), float(flat[2]))
