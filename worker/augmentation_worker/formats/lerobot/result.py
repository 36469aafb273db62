"""The result of a job on a LeRobot dataset: laid out, assembled from the shards' records, and checked."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, islice, zip_longest
from typing import Self, TypeVar

from typing_extensions import override

from augmentation_api.counted import counted
from augmentation_api.episode_ranges import disjoint
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.entries import ShardEntries
from augmentation_worker.formats.integrity import fetch_back
from augmentation_worker.formats.lerobot.carried_files import carried_files
from augmentation_worker.formats.lerobot.data_table import SourceRows
from augmentation_worker.formats.lerobot.info import INFO_PATH
from augmentation_worker.formats.lerobot.integrity import checked_records
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.metadata_files import MetadataFiles
from augmentation_worker.formats.lerobot.plan import (
    EpisodePlan,
    OnDemand,
    PlannedShard,
    PlannedUnit,
    RowsMade,
    UnitKind,
)
from augmentation_worker.formats.lerobot.planner import make_plan
from augmentation_worker.formats.lerobot.rearrangement import Rearrangement
from augmentation_worker.formats.lerobot.records import (
    DATA_KEY,
    DataRecord,
    EpisodeRecords,
    RowsFileRecord,
    RowsRecord,
    VideoRecord,
    VideosRecord,
    rows_files,
    video_files,
)
from augmentation_worker.formats.lerobot.rows_check import RowsCheck
from augmentation_worker.formats.lerobot.rows_files import write_kept_rows
from augmentation_worker.formats.lerobot.unchanged_videos import copied_videos
from augmentation_worker.formats.lerobot.written_files import check_written_images, check_written_video
from augmentation_worker.formats.moved_files import makes_the_same, stored_preview
from augmentation_worker.formats.port import Outline, Plan, Shard, ShardMaker, Unit
from augmentation_worker.formats.records import ShardRecords, UnitRecord
from augmentation_worker.formats.result_files import CARD_PATH, PREVIEW_PATH
from augmentation_worker.formats.spooled_records import spooled
from augmentation_worker.storage.port import StoredFile
from augmentation_worker.storage.provenance import PROVENANCE_PATH
from augmentation_worker.work import Work

_FileT = TypeVar("_FileT")
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
        plan, augmented = self.plan, len(self.plan.source_episodes)
        cameras = len(plan.image_cameras)
        return Outline(
            shards=OnDemand(len(plan.shards), lambda index: _shard(plan.shards[index], plan.copies, cameras)),
            selected=plan.selected,
            cameras=len(plan.cameras),
            carried=carried_files(self.metadata, plan, self.work.source.paths),
            abandoned=plan.abandoned,
            described_by=_DESCRIPTION_PATHS,
            total_episodes=plan.total_episodes,
            total_frames=plan.total_frames,
            content=f"{counted(plan.total_episodes, 'episode')} and {counted(plan.total_frames, 'frame')}",
            change=f"Replace {counted(augmented, 'episode')} by {counted(augmented, 'augmented one')}"
            if plan.in_place
            else f"Add {counted(augmented * plan.copies, 'augmented episode')}",
            tag=self.metadata.info.codebase_version,
        )

    @override
    def place_of(self, episode: int) -> str:
        return f"episode {episode}"

    @contextmanager
    @override
    def maker(self, shard: Shard, entries: ShardEntries) -> Iterator[ShardMaker]:
        from augmentation_worker.formats.lerobot.shard import EpisodeMaker  # noqa: PLC0415 (numba)

        bad = {episode for part in entries.bad_episodes for episode in part}
        yield EpisodeMaker(self, self.plan.shards[shard.index], bad)

    @override
    def leave_out(self, episodes: Sequence[range]) -> Self:
        left_out = {episode for part in episodes for episode in part}
        plan = make_plan(
            self.metadata,
            self.work.spec,
            len(self.plan.shards),
            size_of=self.work.source.size,
            checkpoint_bytes=self.work.checkpoint_bytes,
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
        if not len(self.plan.source_episodes) or self.plan.shards[0].episodes:
            return rearranged
        from augmentation_worker.formats.lerobot.preview import draw_episode  # noqa: PLC0415 (numba)

        # The shard that was to draw the first usable episode had none.
        spec, episode = self.work.spec.augmentation, self.plan.episodes[0]
        preview = stored_preview(self.work, draw_episode(self.metadata, self.plan, spec, episode, self.work.source))
        first = replace(rearranged[0], preview=preview)
        return spooled(self.work.scratch / "drawn-again", chain([first], islice(rearranged, 1, None)))

    @override
    def take_over(self, made: Plan, records: Sequence[ShardRecords]) -> Mapping[str, UnitRecord]:
        if not isinstance(made, LeRobotPlan) or not makes_the_same(self.work.spec, made.work.spec):
            return {}
        own, other = self.plan, made.plan
        if (own.cameras, own.copies, own.rows_made) != (other.cameras, other.copies, other.rows_made):
            return {}
        if (own.instructions or other.instructions) and own.rows_made is RowsMade.WITH_EPISODE:
            return {}  # texts have other numbers where other episodes are selected
        return Rearrangement(self.work, self.metadata, other, own).take_over(records)

    @override
    def assemble(self, records: Sequence[ShardRecords]) -> tuple[Mapping[DatasetPath, bytes], Sequence[StoredFile]]:
        # The records are read twice, shard by shard: nothing is written before all of them are found sound.
        RowsCheck(self.work, self.metadata, self.plan).check(checked_records(self.metadata, self.plan, records))
        kept = [*self._store_kept_rows(), *self._store_copied_videos()]
        written, tables = MetadataFiles(self.work, self.metadata, self.plan).write(map(EpisodeRecords.of, records))
        return written, [*kept, *tables]

    @override
    def check_stored_result(self, records: Sequence[ShardRecords], written: Mapping[DatasetPath, bytes]) -> None:
        for _, video in _first_and_last(records, video_files):
            self._check_video(video)
        for shard, file in _first_and_last(records, rows_files) if self.plan.makes_images else ():
            self._check_images(shard, file)

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
                    write_kept_rows(kept, self.metadata.episodes, rows, info, local)
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

    def _check_video(self, video: VideoRecord) -> None:
        with self.work.new_file("fetched.mp4") as local:
            fetch_back(self.work.output, video, local)
            check_written_video(local, video.path, self.metadata.info.frame_rate, video.frames)

    def _check_images(self, shard: int, file: RowsFileRecord) -> None:
        rows, info = SourceRows(self.metadata, self.work.source.open), self.metadata.info
        by_path = [
            (episode, [copy for copy in episode.copies if info.data_file(copy.data_file) == file.path])
            for episode in self.plan.shards[shard].episodes
        ]
        with self.work.new_file("fetched.parquet") as local:
            fetch_back(self.work.output, file, local)
            parts = [(episode, copies) for episode, copies in by_path if copies]
            check_written_images(local, file.path, parts, rows, info, self.plan.image_cameras)


def _first_and_last(
    records: Sequence[ShardRecords], files_of: Callable[[ShardRecords], Sequence[_FileT]]
) -> list[tuple[int, _FileT]]:
    """The first and the last file, and which shards made them: the records of the others are not read."""
    ends: list[tuple[int, _FileT]] = []
    for shards, place in ((range(len(records)), 0), (range(len(records))[::-1], -1)):
        ends += next(([(index, files[place])] for index in shards if (files := files_of(records[index]))), [])
    return ends[:1] if ends[:1] == ends[1:] else ends


def _shard(shard: PlannedShard, copies: int, image_cameras: int) -> Shard:
    units = [
        Unit(
            key=unit.key,
            title=_title(unit),
            record=RowsRecord if unit.kind is UnitKind.ROWS else VideosRecord,
            episodes=tuple(_ranges(unit.selected)),
            # Of all its cameras: a stream that moves with one adds nothing.
            frames=sum(episode.augmented_frames for episode in unit.episodes)
            * {UnitKind.VIDEO: 1, UnitKind.MOVED: 0, UnitKind.ROWS: image_cameras}[unit.kind],
            stream=f"{unit.kind.value}-{unit.place}",
        )
        for unit in shard.units
    ]
    return Shard(
        index=shard.index,
        units=(*units, Unit(key=DATA_KEY, title="the rows", record=DataRecord, completes=True)),
        carried=shard.original_videos,
        makes_preview=shard.makes_preview,
        task=counted(len(shard.episodes), "episode"),
        product=counted(len(shard.episodes) * copies, "augmented episode"),
    )


def _title(unit: PlannedUnit) -> str:
    first, last = unit.selected[0], unit.selected[-1]
    episodes = f"episode {first}" if first == last else f"episodes {first} to {last}"
    return f"{unit.stream or 'rows'} of {episodes}"


def _ranges(indices: Sequence[int]) -> list[range]:
    """Rising numbers as ranges."""
    return disjoint(((index, index + 1) for index in indices), indices[-1] + 1)
