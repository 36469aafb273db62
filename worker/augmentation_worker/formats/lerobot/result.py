"""The result of a job on a LeRobot dataset: laid out, assembled from the shards' records, and checked."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Self

from typing_extensions import override

from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.integrity import broken, fetch_back, has_content
from augmentation_worker.formats.lerobot import integrity
from augmentation_worker.formats.lerobot.carried_files import carried_files
from augmentation_worker.formats.lerobot.data_table import SourceRows, write_shard_rows
from augmentation_worker.formats.lerobot.info import INFO_PATH
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.metadata_files import MetadataFiles
from augmentation_worker.formats.lerobot.plan import EpisodePlan, PlannedEpisode, PlannedShard, RowsMade
from augmentation_worker.formats.lerobot.planner import make_plan
from augmentation_worker.formats.lerobot.rearrangement import Rearrangement
from augmentation_worker.formats.lerobot.records import (
    DATA_KEY,
    DataRecord,
    EpisodeRecord,
    EpisodeRecords,
    RowsRecord,
    VideoRecord,
    episode_key,
)
from augmentation_worker.formats.lerobot.rows_files import write_episode_rows, write_kept_rows
from augmentation_worker.formats.lerobot.unchanged_videos import copied_videos
from augmentation_worker.formats.lerobot.written_files import check_written_images, check_written_video
from augmentation_worker.formats.moved_files import makes_the_same, stored_preview
from augmentation_worker.formats.port import Outline, Plan, Shard, ShardMaker, Unit
from augmentation_worker.formats.records import BlobRecord, ShardRecords, UnitRecord
from augmentation_worker.formats.result_files import CARD_PATH, PREVIEW_PATH
from augmentation_worker.storage.port import StoredFile
from augmentation_worker.storage.provenance import PROVENANCE_PATH
from augmentation_worker.work import Work

_DESCRIPTION_PATHS = (CARD_PATH, INFO_PATH, PROVENANCE_PATH, PREVIEW_PATH)
"""The files of a result that describe it."""


@dataclass(frozen=True)
class LeRobotPlan(Plan):
    """A plan, with what it was made from."""

    work: Work
    metadata: DatasetMetadata
    plan: EpisodePlan
    made: EpisodePlan | None = None
    """The plan that the shards followed, if that is another."""

    @cached_property
    @override
    def outline(self) -> Outline:
        plan, augmented = self.plan, len(self.plan.episodes)
        return Outline(
            shards=tuple(_shard(shard, plan.copies) for shard in plan.shards),
            cameras=len(plan.cameras),
            carried=carried_files(self.metadata, plan, self.work.source.paths),
            abandoned=plan.abandoned,
            described_by=_DESCRIPTION_PATHS,
            total_episodes=plan.total_episodes,
            total_frames=plan.total_frames,
            content=f"{plan.total_episodes} episodes and {plan.total_frames} frames",
            change=f"Replace {augmented} episodes by augmented ones"
            if plan.in_place
            else f"Add {augmented * plan.copies} augmented episodes",
            tag=self.metadata.info.codebase_version,
        )

    @override
    def place_of(self, episode: int) -> str:
        return f"episode {episode}"

    @contextmanager
    @override
    def maker(self, shard: Shard, records: ShardRecords) -> Iterator[ShardMaker]:
        from augmentation_worker.formats.lerobot.shard import EpisodeMaker  # noqa: PLC0415 (torch: takes seconds)

        bad = {episode for unit in records.units.values() for part in unit.bad_episodes for episode in part}
        yield EpisodeMaker(self, self.plan.shards[shard.index], bad)

    @override
    def leave_out(self, episodes: Sequence[range]) -> Self:
        left_out = {episode for part in episodes for episode in part}
        plan = make_plan(
            self.metadata,
            self.work.spec,
            len(self.plan.shards),
            carry_originals=not self.work.extends_source,
            instructions=self.plan.instructions,
            left_out=left_out,
        )
        return replace(self, plan=plan, made=self.plan)

    @override
    def rearrange(self, records: Sequence[ShardRecords]) -> Sequence[ShardRecords]:
        if self.made is None:
            return records
        rearranged = Rearrangement(self.work, self.metadata, self.made, self.plan).rearrange(records)
        if not self.plan.episodes or self.plan.shards[0].episodes:
            return rearranged
        from augmentation_worker.formats.lerobot.preview import draw_episode  # noqa: PLC0415 (torch: takes seconds)

        # The shard that was to draw the first usable episode had none.
        spec, episode = self.work.spec.augmentation, self.plan.episodes[0]
        preview = stored_preview(self.work, draw_episode(self.metadata, self.plan, spec, episode, self.work.source))
        return [replace(rearranged[0], preview=preview), *rearranged[1:]]

    @override
    def take_over(self, made: Plan, records: Sequence[ShardRecords]) -> Mapping[str, UnitRecord]:
        if not isinstance(made, LeRobotPlan) or not makes_the_same(self.work.spec, made.work.spec):
            return {}
        own, other = self.plan, made.plan
        if (own.cameras, own.copies, own.rows_made) != (other.cameras, other.copies, other.rows_made):
            return {}
        if (own.instructions or other.instructions) and own.rows_made is RowsMade.WITH_EPISODE:
            return {}  # texts have other numbers where other episodes are selected
        return Rearrangement(self.work, self.metadata, other, own).episodes(records)

    @override
    def assemble(self, records: Sequence[ShardRecords]) -> tuple[Mapping[DatasetPath, bytes], Sequence[StoredFile]]:
        recorded = [EpisodeRecords.of(record) for record in records]
        integrity.check_records(self.metadata, self.plan, recorded)
        self._check_rows(recorded)
        kept = [*self._store_kept_rows(), *self._store_copied_videos()]
        written, tables = MetadataFiles(self.work, self.metadata, self.plan).write(recorded)
        return written, [*kept, *tables]

    @override
    def check_stored_result(self, records: Sequence[ShardRecords], written: Mapping[DatasetPath, bytes]) -> None:
        episodes = [record for of_shard in records for record in EpisodeRecords.of(of_shard).episodes.values()]
        self._check_first_and_last_video(
            [video for one in episodes for videos in one.videos.values() for video in videos]
        )
        if self.plan.makes_images:
            self._check_first_and_last_images([rows for episode in episodes for rows in episode.rows])

    def _store_kept_rows(self) -> list[StoredFile]:
        """Store the data files that hold rows of the source as they are."""
        info, source, output = self.metadata.info, self.work.source, self.work.output
        rows = SourceRows(self.metadata, source.open)
        all_kept = [kept for kept in self.plan.kept_rows if not (self.work.extends_source and kept.is_where_it_was)]
        stored = []
        for kept, following in zip_longest(all_kept, all_kept[1:]):
            path = info.data_file(kept.source)
            if kept.is_whole:
                stored.append(output.put(info.data_file(kept.number), source.open(path)))
            else:
                with self.work.new_file("rows.parquet") as local:
                    write_kept_rows(kept, rows, info, local)
                    stored.append(output.put(info.data_file(kept.number), local))
            if following is None or following.source != kept.source:
                source.drop(path)
        return stored

    def _store_copied_videos(self) -> Iterator[StoredFile]:
        """Store the videos that copies have as they are. A hub takes a content once, whatever its paths."""
        for source, paths in copied_videos(self.metadata, self.plan):
            local = self.work.source.open(source)
            for path in paths:
                yield self.work.output.put(path, local)
            self.work.source.drop(source)

    def _check_rows(self, records: Sequence[EpisodeRecords]) -> None:
        """Write rows again, from the source: the bytes have to be those that were stored.

        Augmented images cannot be made here; of their files the augment phase has checked each.
        """
        rows = SourceRows(self.metadata, self.work.source.open)
        for shard, record in zip(self.plan.shards, records, strict=True):
            if record.data and record.data.file:
                with self.work.new_file("rows.parquet") as local:
                    write_shard_rows(shard, rows, local)
                    _check_same(local, record.data.file)
            if self.plan.rows_made is RowsMade.WITH_EPISODE and not self.plan.makes_images:
                for episode in shard.episodes:
                    self._check_episode_rows(episode, record.episodes[episode.source.index].rows, rows)

    def _check_episode_rows(self, episode: PlannedEpisode, files: Sequence[BlobRecord], rows: SourceRows) -> None:
        with ExitStack() as opened:
            names = [f"rows-{place}.parquet" for place in range(len(files))]
            locals_ = [opened.enter_context(self.work.new_file(name)) for name in names]
            write_episode_rows(episode, rows, self.metadata.info, locals_)
            for local, file in zip(locals_, files, strict=True):
                _check_same(local, file)

    def _check_first_and_last_video(self, videos: Sequence[VideoRecord]) -> None:
        for video in {video.path: video for video in (*videos[:1], *videos[-1:])}.values():
            with self.work.new_file("fetched.mp4") as local:
                fetch_back(self.work.output, video, local)
                frames = sum(copy.frames for copy in video.copies)
                check_written_video(local, video.path, self.metadata.info.frame_rate, frames)

    def _check_first_and_last_images(self, files: Sequence[RowsRecord]) -> None:
        rows, info = SourceRows(self.metadata, self.work.source.open), self.metadata.info
        planned = [(number, episode) for episode in self.plan.episodes for number in episode.data_files]
        every = list(zip(files, planned, strict=True))
        for file, (number, episode) in every[:1] + every[1:][-1:]:
            with self.work.new_file("fetched.parquet") as local:
                fetch_back(self.work.output, file, local)
                copies = episode.copies_in(number)
                check_written_images(local, file.path, episode, copies, rows, info, self.plan.image_cameras)


def _shard(shard: PlannedShard, copies: int) -> Shard:
    episodes = [
        Unit(
            key=episode_key(episode.source.index),
            title=f"episode {episode.source.index}",
            record=EpisodeRecord,
            episodes=(range(episode.source.index, episode.source.index + 1),),
            frames=episode.augmented_frames,
        )
        for episode in shard.episodes
    ]
    return Shard(
        index=shard.index,
        units=(*episodes, Unit(key=DATA_KEY, title="the rows", record=DataRecord, completes=True)),
        carried=shard.original_videos,
        makes_preview=shard.makes_preview,
        task=f"{len(shard.episodes)} episodes",
        product=f"{len(shard.episodes) * copies} augmented episodes",
    )


def _check_same(local: Path, file: BlobRecord) -> None:
    if not has_content(local, file):
        raise broken(f"the rows in {file.path} are not those of the source")
