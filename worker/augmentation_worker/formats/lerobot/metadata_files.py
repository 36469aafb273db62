"""The result's own metadata: put together from what the shards recorded, checked, and written."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.lerobot.camera_info import HEIGHT, WIDTH
from augmentation_worker.formats.lerobot.card import write_card
from augmentation_worker.formats.lerobot.carried_files import carried_files, folders_beside
from augmentation_worker.formats.lerobot.data_table import SourceRows
from augmentation_worker.formats.lerobot.dataset_statistics import EpisodeStatistics, ResultFrames, stats_json
from augmentation_worker.formats.lerobot.episode_tables import EpisodeTables
from augmentation_worker.formats.lerobot.episodes_writer import EpisodesWriter, LinesWriter, TablesWriter
from augmentation_worker.formats.lerobot.info import INFO_PATH
from augmentation_worker.formats.lerobot.merge import Merge, Version, versions_of
from augmentation_worker.formats.lerobot.metadata import STATS_PATH, DatasetMetadata
from augmentation_worker.formats.lerobot.plan import EpisodePlan
from augmentation_worker.formats.lerobot.provenance import CopiesFile, write_provenance
from augmentation_worker.formats.lerobot.records import DataRecord, EpisodeRecords
from augmentation_worker.formats.lerobot.result_check import ResultCheck
from augmentation_worker.formats.result_files import CARD_PATH
from augmentation_worker.storage.git_attributes import ATTRIBUTES_PATH, changed_attributes
from augmentation_worker.storage.port import StoredFile
from augmentation_worker.storage.provenance import PROVENANCE_PATH
from augmentation_worker.work import Work


@dataclass(frozen=True)
class MetadataFiles:
    """Writes the files of meta/, and the card."""

    work: Work
    metadata: DatasetMetadata
    plan: EpisodePlan

    def write(self, records: Iterable[EpisodeRecords]) -> tuple[dict[DatasetPath, bytes], list[StoredFile]]:
        """The files that are new: small ones as bytes, and those that are stored already.

        `records` are those of each shard, in order, and are gone through once.

        Raises WorkerFailure(INTEGRITY_CHECK_FAILED) if they do not make a sound dataset.
        """
        metadata, plan = self.metadata, self.plan
        in_lines = metadata.info.version.has_file_per_episode
        rows = SourceRows(metadata, self.work.source.open)
        tables = EpisodeTables(metadata, self.work.source.open)
        shards = ShardFacts()
        frames = ResultFrames.of(metadata, plan)
        statistics = EpisodeStatistics(tables.schema)
        check = ResultCheck(metadata, plan, tables.schema)
        writer: EpisodesWriter = (
            LinesWriter(self.work, metadata, plan, tables) if in_lines else TablesWriter(self.work, metadata)
        )
        merge = Merge(metadata, plan, rows.tasks_of, lambda: writer.number)
        with CopiesFile(self.work, plan) as copies:
            versions = _observed(versions_of(plan, shards.of(records)), copies, frames)
            for part in merge.parts(tables.parts, versions):
                statistics.add(part.table)
                check.add(part)
                writer.add(part)
            stored = [copies.store()]
        written, of_episodes = writer.finish()
        tasks = plan.instructions
        info = metadata.info.grown(
            plan.total_episodes,
            plan.total_frames,
            plan.splits,
            self._image_sizes() | shards.encodings,
            None if tasks is None else len(tasks.table.texts) + len(tasks.added),
        )
        stats = stats_json(statistics.whole(), metadata.stats_json, frames)
        check.finish(info, stats)
        stored += of_episodes
        large_texts = [file.path for file in stored if file.path.endswith(".jsonl")]
        written |= {
            INFO_PATH: info,
            PROVENANCE_PATH: write_provenance(
                self.work.job_uid, self.work.spec, self.work.source.origin, plan, shards.encoders
            ),
            CARD_PATH: write_card(
                self.work.spec,
                metadata,
                plan,
                self.work.source.read(CARD_PATH),
                folders_beside(carried_files(metadata, plan, self.work.source.paths)),
            ),
            **changed_attributes(self.work.output.read(ATTRIBUTES_PATH), large_texts),
        }
        if not in_lines or metadata.stats_json is not None:
            written[STATS_PATH] = stats
        if tasks is not None and tasks.added:
            written[metadata.info.version.tasks_path] = tasks.tasks_file()
        return written, stored

    def _image_sizes(self) -> dict[str, dict[str, object]]:
        """What info.json says of the images of augmented cameras."""
        found = {camera.key: self.metadata.example_images.get(camera.key) for camera in self.plan.image_cameras}
        return {key: {HEIGHT: image.height, WIDTH: image.width} for key, image in found.items() if image is not None}


@dataclass
class ShardFacts:
    """What shards say at their end, collected while their records are gone through.

    Attributes:
        encodings: by camera, what info.json says of how its augmented videos are encoded.
        encoders: by camera, what encoded them: more than one where some shards had a GPU and others none.
    """

    encodings: dict[str, dict[str, object]] = field(default_factory=dict)
    encoders: dict[str, set[str]] = field(default_factory=dict)

    def of(self, records: Iterable[EpisodeRecords]) -> Iterator[EpisodeRecords]:
        """The same records."""
        for record in records:
            data = record.data or DataRecord()
            self.encodings |= data.encodings
            for camera, encoder in data.encoders.items():
                self.encoders.setdefault(camera, set()).add(encoder)
            yield record


def _observed(versions: Iterable[Version], copies: CopiesFile, frames: ResultFrames) -> Iterator[Version]:
    for version in versions:
        copies.add(version)
        frames.add(version.record, version.copy.copy)
        yield version
