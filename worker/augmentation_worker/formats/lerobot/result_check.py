"""The check of a LeRobot result's own metadata, part by part as it is written, and against what was planned."""

import json
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.integrity import broken
from augmentation_worker.formats.lerobot.augmentation_columns import PREFIX, result_schema
from augmentation_worker.formats.lerobot.episode_columns import columns_of, read_episodes
from augmentation_worker.formats.lerobot.info import DatasetInfo, read_info
from augmentation_worker.formats.lerobot.merge import Part, changed_statistics
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.plan import EpisodePlan, RowsMade
from augmentation_worker.formats.lerobot.statistics import column_name, statistics_columns
from augmentation_worker.formats.tables import columns_difference, table_difference


class ResultCheck:
    """Checks the result's own metadata as a source's is, and against the totals that were planned.

    Of the episodes it holds the numbers that say where their rows and frames lie: 20 MB for 100,000 with three cameras.
    Raises WorkerFailure(INTEGRITY_CHECK_FAILED) with the first finding.
    """

    def __init__(self, metadata: DatasetMetadata, plan: EpisodePlan, schema: pa.Schema) -> None:
        """`schema` is that of the source's episodes."""
        self._metadata, self._plan = metadata, plan
        self._schema = result_schema(schema)
        self._statistics = statistics_columns(schema)
        self._places: list[pa.Table] = []
        names = {column_name(feature, name) for feature, names in self._statistics.items() for name in names}
        self._sources_finite = dict.fromkeys(names, True)
        self._augmented_finite = dict.fromkeys(names, True)
        self._is_first = True

    def add(self, part: Part) -> None:
        """Check consecutive episodes; the parts come in the order of their numbers."""
        if self._is_first:
            difference = columns_difference(self._schema, part.table.schema)
            if difference is not None:
                raise broken(f"{self._metadata.info.version.episodes_place}, compared with the source, {difference}")
        self._is_first = False
        cameras = [camera.key for camera in self._metadata.info.video_cameras]
        self._places.append(part.table.select([name for name in columns_of(cameras) if name in self._schema.names]))
        if part.before is not None:
            self._check_original_rows(part.table, part.before, part.versions)
        augmented = part.table if part.before is None else part.table.take(pa.array(sorted(part.versions), pa.int64()))
        for name in self._sources_finite:
            if part.before is not None:
                self._sources_finite[name] &= _is_finite_column(part.before.column(name))
            self._augmented_finite[name] &= _is_finite_column(augmented.column(name))

    def finish(self, info_json: bytes, stats_json: bytes) -> None:
        """Check the whole."""
        metadata, plan = self._metadata, self._plan
        try:
            info = read_info(info_json, "result")
            read = read_episodes(pa.concat_tables(self._places), info, "result")
        except WorkerFailure as failure:
            raise broken(failure.message) from failure
        counted = {(info.total_episodes, info.total_frames), (len(read), int(read.to_indices[-1]))}
        if counted != {(plan.total_episodes, plan.total_frames)}:
            raise broken(
                f"it has {len(read)} episodes and {info.total_frames} frames, not {plan.total_episodes} and "
                f"{plan.total_frames}"
            )
        check_splits(metadata, plan, info)
        self._check_statistics(json.loads(stats_json))

    def _check_original_rows(self, table: pa.Table, before: pa.Table, versions: Iterable[int]) -> None:
        """Rows that were not augmented are the source's; of those that were, in place, all but what is of cameras."""
        plan = self._plan
        moved = ("data/",) if plan.in_place and plan.rows_made is RowsMade.WITH_EPISODE else ()
        same = [name for name in before.column_names if not name.startswith((PREFIX, *moved))]
        is_kept = np.ones(len(before), dtype=bool)
        is_kept[list(versions)] = False
        kept = pa.array(is_kept)
        difference = table_difference(before.select(same).filter(kept), table.select(same).filter(kept))
        if difference is not None:
            raise broken(f"meta/episodes, in the rows of the original episodes, {difference}")
        if is_kept.all():
            return
        prefixes = tuple(f"{kind}/{camera.key}/" for kind in ("videos", "stats") for camera in plan.cameras)
        prefixes += tuple(f"videos/{stream.key}/" for stream in plan.made_videos)
        if plan.instructions is not None:
            prefixes = (*prefixes, "tasks", "stats/task_index/")
        others = [name for name in same if not name.startswith(prefixes)]
        difference = table_difference(before.select(others), table.select(others))
        if difference is not None:
            raise broken(f"meta/episodes, in what is not of the augmented cameras, {difference}")

    def _check_statistics(self, stats: Mapping[str, Mapping[str, object]]) -> None:
        """Statistics are numbers, unless the source's are not: LeRobot computes NaN of rows that hold NaN."""
        changed = changed_statistics(self._plan)
        source_stats: Mapping[str, object] = json.loads(self._metadata.stats_json or b"{}")
        for feature, statistics in source_stats.items():
            lost = sorted(set(statistics).difference(stats.get(feature, ()))) if isinstance(statistics, Mapping) else []
            if lost or feature not in stats:
                raise broken(f"meta/stats.json has lost {', '.join(lost) or 'all'} of {feature}")
        are_numbers = {feature: _is_finite(statistics) for feature, statistics in source_stats.items()}
        for feature, names in self._statistics.items():
            for name in (column_name(feature, statistic) for statistic in names):
                is_finite = self._sources_finite[name]
                are_numbers[feature] = are_numbers.get(feature, True) and is_finite
                if (is_finite or feature in changed) and not self._augmented_finite[name]:
                    raise broken(f"{name} is not a number in an augmented episode")
        for feature, statistics in stats.items():
            if are_numbers.get(feature, True) and not _is_finite(statistics):
                raise broken(f"the statistics of {feature} in meta/stats.json are not numbers")


def check_splits(metadata: DatasetMetadata, plan: EpisodePlan, info: DatasetInfo) -> None:
    """Check that an original episode is in the splits that it was in, and a copy in those of its episode.

    Raises WorkerFailure(INTEGRITY_CHECK_FAILED).
    """
    sources = np.arange(len(metadata.episodes))
    if not plan.in_place:
        selected = plan.source_episodes.indices
        sources = np.concatenate([sources, np.repeat(selected, plan.copies)])
    result = info.split_episodes
    for name, ranges in metadata.info.split_episodes.items():
        before = _members(ranges, len(sources))
        wrong = np.flatnonzero(before[sources] != _members(result.get(name, ()), len(sources)))
        if wrong.size:
            index = int(wrong[0])
            raise broken(f"episode {index} is not in the splits of its source episode {sources[index]} ({name})")


def _members(ranges: Iterable[range], episodes: int) -> npt.NDArray[np.bool_]:
    members = np.zeros(episodes, dtype=bool)
    for part in ranges:
        members[part.start : part.stop] = True
    return members


def _is_finite_column(column: pa.ChunkedArray) -> bool:
    return all(map(_is_finite_array, column.chunks))


def _is_finite_array(values: pa.Array) -> bool:
    while pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        values = values.flatten()
    if pa.types.is_fixed_size_list(values.type):
        return _is_finite(values.to_pylist())
    if not pa.types.is_floating(values.type):
        return True
    return bool(np.isfinite(np.asarray(values.drop_null())).all())


def _is_finite(value: object) -> bool:
    if isinstance(value, Mapping):
        return all(_is_finite(item) for item in value.values())
    if isinstance(value, list):
        return all(_is_finite(item) for item in value)
    return not isinstance(value, int | float) or bool(np.isfinite(value))
