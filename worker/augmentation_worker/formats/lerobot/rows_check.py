"""The check of the rows that the shards stored: written again from the source, they have to have the same bytes."""

import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import Final

from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.integrity import broken, has_content
from augmentation_worker.formats.lerobot.data_table import SourceRows, write_shard_rows
from augmentation_worker.formats.lerobot.format_version import FileNumber
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.plan import (
    EpisodePlan,
    PlannedEpisode,
    PlannedShard,
    PlannedUnit,
    RowsMade,
    UnitKind,
)
from augmentation_worker.formats.lerobot.records import EpisodeRecords, RowsRecord
from augmentation_worker.formats.lerobot.rows_files import write_episode_rows
from augmentation_worker.formats.records import BlobRecord, ShardRecords
from augmentation_worker.media.cores import usable_cores
from augmentation_worker.work import Work

_MOST_AT_ONCE: Final = 4
"""Files that are written at a time."""
_MOST_HELD_BYTES: Final = 2**30
"""Memory for the data files of the source, of which each thread holds one without its images."""
_BYTES_PER_STORED_BYTE: Final = 4
"""Memory that a data file is taken to need, as it is compressed."""
Write = Callable[[SourceRows, Sequence[Path]], object]
"""Writes files again."""


class RowsCheck:
    """Writes the rows again, several files at a time, and compares them."""

    def __init__(self, work: Work, metadata: DatasetMetadata, plan: EpisodePlan) -> None:
        self._work, self._metadata, self._plan = work, metadata, plan
        largest = max(1, *map(work.source.size, metadata.data_paths)) * _BYTES_PER_STORED_BYTE
        self._at_once = max(1, min(usable_cores(), _MOST_AT_ONCE, _MOST_HELD_BYTES // largest))
        self._opening = Lock()
        self._opened: dict[DatasetPath, Path] = {}
        self._readers: SimpleQueue[SourceRows] = SimpleQueue()
        for _ in range(self._at_once):
            self._readers.put(SourceRows(metadata, self._open))

    def check(self, records: Iterable[ShardRecords]) -> None:
        """Check those of all shards, in their order. `records` are gone through once.

        Augmented images cannot be made here; of their files the augment phase has checked each.

        Raises WorkerFailure(INTEGRITY_CHECK_FAILED) with the first finding.
        """
        under_way: deque[Future[None]] = deque()
        with ThreadPoolExecutor(self._at_once, "rows") as threads:
            try:
                for write, files in self._files(records):
                    under_way.append(threads.submit(self._check, write, files))
                    if len(under_way) > 2 * self._at_once:
                        under_way.popleft().result()
                while under_way:
                    under_way.popleft().result()
            finally:
                threads.shutdown(cancel_futures=True)

    def _files(self, records: Iterable[ShardRecords]) -> Iterator[tuple[Write, Sequence[BlobRecord]]]:
        """The files that are written at once, and how."""
        with_episode = self._plan.rows_made is RowsMade.WITH_EPISODE and not self._plan.makes_images
        for shard, of_shard in zip(self._plan.shards, records, strict=True):
            data = EpisodeRecords.of(of_shard).data
            for number, file in zip(shard.data_files, data.files if data else (), strict=True):
                yield _of_shard(shard, number), [file]
            for unit in shard.units if with_episode else ():
                record = of_shard.units[unit.key]
                if unit.kind is UnitKind.ROWS and isinstance(record, RowsRecord):
                    yield from self._of_unit(unit, record)

    def _of_unit(self, unit: PlannedUnit, record: RowsRecord) -> Iterator[tuple[Write, Sequence[BlobRecord]]]:
        """Of one episode, or of several with a file for each copy."""
        recorded = iter(record.files)
        for episode in unit.episodes:
            yield self._of_episode(episode), [*islice(recorded, len(episode.data_files))]

    def _of_episode(self, episode: PlannedEpisode) -> Write:
        return lambda rows, targets: write_episode_rows(episode, rows, self._metadata.info, targets)

    def _check(self, write: Write, files: Sequence[BlobRecord]) -> None:
        rows = self._readers.get()
        made = self._work.scratch / "made"
        made.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=made))
        try:
            targets = [folder / f"rows-{place}.parquet" for place in range(len(files))]
            write(rows, targets)
            for target, file in zip(targets, files, strict=True):
                if not has_content(target, file):
                    raise broken(f"the rows in {file.path} are not those of the source")
        finally:
            shutil.rmtree(folder)
            self._readers.put(rows)

    def _open(self, path: DatasetPath) -> Path:
        """A file of the source, asked for once: a storage may write it again where another thread reads it."""
        with self._opening:
            if path not in self._opened:
                self._opened[path] = self._work.source.open(path)
            return self._opened[path]


def _of_shard(shard: PlannedShard, number: FileNumber) -> Write:
    return lambda rows, targets: write_shard_rows(shard.in_data_file(number), rows, targets[0])
