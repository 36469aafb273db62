"""The result's own metadata: put together from what the shards recorded, checked, and written."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.integrity import broken
from augmentation_worker.formats.lerobot import integrity
from augmentation_worker.formats.lerobot.camera_info import HEIGHT, WIDTH
from augmentation_worker.formats.lerobot.card import write_card
from augmentation_worker.formats.lerobot.carried_files import carried_files, folders_beside
from augmentation_worker.formats.lerobot.data_table import SourceRows
from augmentation_worker.formats.lerobot.dataset_statistics import ResultFrames, stats_json
from augmentation_worker.formats.lerobot.episode_lines import (
    EPISODES_PATH,
    STATISTICS_PATH,
    read_episode_lines,
    write_episode_lines,
)
from augmentation_worker.formats.lerobot.episodes import episodes_path
from augmentation_worker.formats.lerobot.format_version import FileNumber
from augmentation_worker.formats.lerobot.info import INFO_PATH
from augmentation_worker.formats.lerobot.merge import changed_statistics, episodes_of_result
from augmentation_worker.formats.lerobot.metadata import STATS_PATH, DatasetMetadata
from augmentation_worker.formats.lerobot.plan import EpisodePlan
from augmentation_worker.formats.lerobot.planner import LARGEST_SORTABLE_CHUNK
from augmentation_worker.formats.lerobot.provenance import write_provenance
from augmentation_worker.formats.lerobot.records import DataRecord, EpisodeRecords
from augmentation_worker.formats.result_files import CARD_PATH
from augmentation_worker.formats.tables import table_difference
from augmentation_worker.storage.git_attributes import ATTRIBUTES_PATH, changed_attributes
from augmentation_worker.storage.port import StoredFile
from augmentation_worker.storage.provenance import PROVENANCE_PATH
from augmentation_worker.work import Work

_ANY_NUMBER = FileNumber(0, 0)
"""Stands where v2.1 has no files of episodes to number."""


@dataclass(frozen=True)
class MetadataFiles:
    """Writes the files of meta/, and the card."""

    work: Work
    metadata: DatasetMetadata
    plan: EpisodePlan

    def write(self, records: Sequence[EpisodeRecords]) -> tuple[dict[DatasetPath, bytes], list[StoredFile]]:
        """The files that are new: small ones as bytes, and those that are stored already.

        Raises WorkerFailure(INTEGRITY_CHECK_FAILED) if they do not make a sound dataset.
        """
        metadata, plan = self.metadata, self.plan
        in_lines = metadata.info.version.has_file_per_episode
        number = _ANY_NUMBER if in_lines else self._episodes_number()
        rows = SourceRows(metadata, self.work.source.open)
        table = episodes_of_result(metadata, plan, records, number, rows.tasks_of)
        tasks = plan.instructions
        info = metadata.info.grown(
            plan.total_episodes,
            plan.total_frames,
            plan.splits,
            self._camera_facts(records),
            None if tasks is None else len(tasks.table.texts) + len(tasks.added),
        )
        stats = stats_json(table, metadata.stats_json, ResultFrames.of(metadata, plan, records))
        integrity.check_result(metadata, plan, info, table, stats)
        written = {
            INFO_PATH: info,
            PROVENANCE_PATH: write_provenance(
                self.work.job_uid, self.work.spec, self.work.source.origin, plan, records
            ),
            CARD_PATH: write_card(
                self.work.spec,
                metadata,
                plan,
                self.work.source.read(CARD_PATH),
                folders_beside(carried_files(metadata, plan, self.work.source.paths)),
            ),
            **changed_attributes(self.work.output.read(ATTRIBUTES_PATH)),
        }
        if not in_lines or metadata.stats_json is not None:
            written[STATS_PATH] = stats
        if tasks is not None and tasks.added:
            written[metadata.info.version.tasks_path] = tasks.tasks_file()
        if in_lines:
            return {**written, **self._lines(table)}, []
        return written, self._tables(table, number)

    def _lines(self, table: pa.Table) -> dict[DatasetPath, bytes]:
        """v2.1: both files with all episodes. They have to say what the table says."""
        source, info = self.work.source, self.metadata.info
        before = {path: source.open(path).read_bytes() for path in (EPISODES_PATH, STATISTICS_PATH)}
        sources = [
            (copy.episode_index, episode.source.index) for episode in self.plan.episodes for copy in episode.copies
        ]
        files = write_episode_lines(
            table,
            sources,
            changed_statistics(self.plan),
            before[EPISODES_PATH],
            before[STATISTICS_PATH],
            self.work.source.name,
        )
        read = read_episode_lines(files[EPISODES_PATH], files[STATISTICS_PATH], info, source.name)
        difference = table_difference(table, read)
        if difference is not None:
            raise broken(f"{EPISODES_PATH} with {STATISTICS_PATH}, compared with what was to be written, {difference}")
        return files

    def _tables(self, table: pa.Table, number: FileNumber) -> list[StoredFile]:
        """v3.0: a file of added rows, and those of the source with other rows: in place all, else corrected ones."""
        metadata, files = self.metadata, {**self.metadata.episode_files}
        changed = set(files) if self.plan.in_place else {*metadata.corrected_files, episodes_path(number)}
        if not self.plan.in_place:
            files[episodes_path(number)] = len(table) - len(metadata.episodes)
        begin, stored = 0, []
        for path, size in files.items():
            if path in changed:
                with self.work.new_file("episodes.parquet") as local:
                    pq.write_table(table.slice(begin, size), local, compression="snappy", use_dictionary=True)
                    stored.append(self.work.output.put(path, local))
            begin += size
        return stored

    def _episodes_number(self) -> FileNumber:
        taken = [_number_of(path) for path in self.metadata.episode_files]
        return max(taken).following(min(self.metadata.info.chunks_size, LARGEST_SORTABLE_CHUNK))

    def _camera_facts(self, records: Sequence[EpisodeRecords]) -> dict[str, dict[str, object]]:
        """What the frames of augmented cameras are, for info.json."""
        facts: dict[str, dict[str, object]] = {}
        for camera in self.plan.image_cameras:
            image = self.metadata.example_images.get(camera.key)
            if image is not None:
                facts[camera.key] = {HEIGHT: image.height, WIDTH: image.width}
        for record in records:
            facts |= (record.data or DataRecord()).encodings
        return facts


def _number_of(path: str) -> FileNumber:
    chunk, file = path.removesuffix(".parquet").split("/")[-2:]
    return FileNumber(int(chunk.rsplit("-", 1)[-1]), int(file.rsplit("-", 1)[-1]))
