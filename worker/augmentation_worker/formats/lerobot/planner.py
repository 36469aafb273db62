"""The planner: a pure function from spec, pinned metadata, sizes of the source's files and number of shards to the plan
of plan.py.

Arrays hold what concerns all selected episodes; the objects of a shard are made when it is asked for.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, pairwise

import numpy as np
import numpy.typing as npt

from augmentation_api import Augmentation, AugmentationJobSpec
from augmentation_api.augmentation_class import DEFAULT_CHECKPOINT_BYTES
from augmentation_api.copies import transforms_of_copies
from augmentation_api.vocabulary import AugmentationMode, OutputMode
from augmentation_worker.bounded.unreadable import damaged
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.geometry import leader_of
from augmentation_worker.formats.lerobot.episodes import EpisodeFiles, Episodes
from augmentation_worker.formats.lerobot.format_version import FileNumber, number_of_episode
from augmentation_worker.formats.lerobot.info import INFO_PATH, Camera
from augmentation_worker.formats.lerobot.instructions import Instructions
from augmentation_worker.formats.lerobot.layout import FileCuts, Integers, NewNumbers, cut_files, estimated_bytes
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.plan import (
    EpisodePlan,
    Follower,
    KeptRows,
    OnDemand,
    PlannedCopy,
    PlannedEpisode,
    PlannedShard,
    PlannedUnit,
    RowsMade,
    UnitKind,
)
from augmentation_worker.formats.lerobot.split_ranges import splits_of_copies
from augmentation_worker.formats.shares import balanced_shares
from augmentation_worker.formats.splits import selected_ranges

LARGEST_SORTABLE_CHUNK = 1000
"""Most files per chunk of data: LeRobot sorts data files by path, and file-1000 sorts before file-999."""
SizeOf = Callable[[DatasetPath], int]
"""Bytes of one of the source's files, by its path."""


def make_plan(
    metadata: DatasetMetadata,
    spec: AugmentationJobSpec,
    shard_count: int,
    *,
    size_of: SizeOf = lambda _path: 0,
    checkpoint_bytes: int = DEFAULT_CHECKPOINT_BYTES,
    carry_originals: bool = True,
    instructions: Instructions | None = None,
    left_out: Collection[int] = (),
) -> EpisodePlan:
    """Lay out the result.

    Args:
        metadata: the source at its pinned commit.
        spec: what the job asks for.
        shard_count: 1 or more.
        size_of: of the source's files; without it, a shard has one file per stream.
        checkpoint_bytes: most bytes of a unit of the work.
        carry_originals: whether the original files have to be carried over, as the result is another dataset.
        instructions: the tasks of the copies; None if they keep those of their episodes.
        left_out: selected episodes that cannot be used. They keep their shard and their part of a file, so that the
            files of the others stay; numbers of episodes and rows have no gaps.
    """
    augmentation = spec.augmentation
    ranges = selection_of(metadata, augmentation)
    selected = metadata.episodes.of_ranges(ranges)
    is_made = ~np.isin(selected.indices, np.fromiter(left_out, np.int64, len(left_out)))
    made = selected.part(np.flatnonzero(is_made))
    cameras = _selected_cameras(metadata, augmentation)
    in_place = spec.output.mode is OutputMode.IN_PLACE
    copies = copies_of(spec)
    most_transforms = _most_transforms(augmentation, cameras)
    followers = _followers(metadata, augmentation)
    moved_videos = [follower.stream for follower in followers if follower.stream.is_video]
    videos = [camera for camera in cameras if camera.is_video]
    shares = balanced_shares(selected.lengths.tolist(), shard_count)
    other_values = instructions is not None or len(moved_videos) < len(followers)
    rows_made = _rows_made(metadata, cameras, in_place, other_values=other_values)
    remade = selected if in_place and rows_made is RowsMade.WITH_EPISODE else selected.part(slice(0))
    kept_rows, remade_files = _kept_rows(metadata, remade, left_out)
    replaced = _replaced_videos(metadata, made, [*videos, *moved_videos]) if in_place else ()
    layout = _Layout(
        metadata=metadata,
        selected=selected,
        is_made=is_made,
        shares=shares,
        copies=copies,
        in_place=in_place,
        rows_made=rows_made,
        streams=[
            *((UnitKind.VIDEO, place, camera) for place, camera in enumerate(videos)),
            *((UnitKind.MOVED, place, stream) for place, stream in enumerate(moved_videos)),
        ],
        remade_files=remade_files,
        instructions=instructions,
        size_of=size_of,
        checkpoint_bytes=checkpoint_bytes,
        originals=_original_videos(metadata, selected, shares, replaced) if carry_originals else [[] for _ in shares],
    )
    added = 0 if in_place else copies
    made_numbers = layout.data_numbers()
    return EpisodePlan(
        in_place=in_place,
        rows_made=rows_made,
        cameras=cameras,
        copies=copies,
        transforms=most_transforms,
        followers=followers,
        shards=OnDemand(shard_count, layout.shard),
        source_episodes=made,
        episode_ends=[layout.made_before(share.stop) for share in shares],
        unit_count=layout.unit_count,
        data_numbers=tuple(sorted({*made_numbers, *(kept.number for kept in kept_rows)})),
        kept_rows=kept_rows,
        abandoned=_abandoned(metadata, made, made_numbers, kept_rows, replaced, [*videos, *moved_videos]),
        total_episodes=len(metadata.episodes) + len(made) * added,
        total_frames=metadata.info.total_frames + made.frames * added,
        selected=tuple(ranges),
        splits=None
        if in_place
        else splits_of_copies(metadata.info.split_episodes, made.indices.tolist(), len(metadata.episodes), copies),
        instructions=instructions,
        left_out=tuple(selected.indices[~is_made].tolist()),
    )


def selection_of(metadata: DatasetMetadata, augmentation: Augmentation) -> list[range]:
    """The indices of the episodes that are to be augmented, rising and disjoint."""
    return selected_ranges(augmentation, len(metadata.episodes), metadata.info.split_episodes, metadata.chosen)


def selected_episodes(metadata: DatasetMetadata, augmentation: Augmentation) -> Episodes:
    """The episodes that are to be augmented."""
    return metadata.episodes.of_ranges(selection_of(metadata, augmentation))


def copies_of(spec: AugmentationJobSpec) -> int:
    """Augmented versions of each of them."""
    return 1 if spec.output.mode is OutputMode.IN_PLACE else len(transforms_of_copies(spec.augmentation))


def check_order_of_data_files(metadata: DatasetMetadata, plan: EpisodePlan) -> None:
    """Check that the result's data files sort by their paths, in which LeRobot reads them, as by their numbers.

    Raises WorkerFailure(SOURCE_INVALID), naming the template by which they do not.
    """
    paths = [metadata.info.data_file(number) for number in plan.data_numbers]
    wrong = next((after for before, after in pairwise(paths) if after <= before), None)
    if wrong is not None:
        raise damaged(
            metadata.dataset,
            f"by data_path {metadata.info.data_path!r} of {INFO_PATH}, {wrong} of the result would not be read in the "
            "order of its rows (numbers in it need leading zeros)",
        )


def _selected_cameras(metadata: DatasetMetadata, augmentation: Augmentation) -> tuple[Camera, ...]:
    """The cameras that are to be augmented, in the order of info.json: those named, else all colour cameras."""
    return tuple(
        camera for camera in metadata.colour_cameras if not augmentation.cameras or camera.key in augmentation.cameras
    )


@dataclass(frozen=True, eq=False)
class _Layout:
    """What decides about the episodes and files of every shard.

    Attributes:
        metadata: of the source.
        selected: the selected episodes.
        is_made: bool [selected]: which of them are not left out.
        shares: by shard, the places of its episodes among those selected.
        copies, in_place, rows_made, instructions: of the plan.
        streams: of which videos are made, each with its kind and its place among those of its kind.
        remade_files: in place, by episode_index the file of its rows, where they are made again.
        size_of: of the source's files.
        checkpoint_bytes: most bytes of a unit.
        originals: by shard, paths of the source's videos that it carries over.
    """

    metadata: DatasetMetadata
    selected: Episodes
    is_made: npt.NDArray[np.bool_]
    shares: Sequence[range]
    copies: int
    in_place: bool
    rows_made: RowsMade
    streams: Sequence[tuple[UnitKind, int, Camera]]
    remade_files: Mapping[int, FileNumber]
    instructions: Instructions | None
    size_of: SizeOf
    checkpoint_bytes: int
    originals: Sequence[Sequence[DatasetPath]]

    @property
    def unit_count(self) -> int:
        """Units of all shards, together with the one that ends each: from the cuts, no unit is made."""
        made = sum(len(self._video_cuts[camera.key]) for _, _, camera in self.streams)
        return made + (len(self._rows_cuts) if self.rows_made is RowsMade.WITH_EPISODE else 0) + len(self.shares)

    def shard(self, index: int) -> PlannedShard:
        """One shard, in time and memory of its own episodes."""
        share = self.shares[index]
        planned = {place: self._episode(place) for place in share}
        units = [
            (places.start, order, self._unit(places, planned, kind, stream_place, camera, file))
            for order, (kind, stream_place, camera) in enumerate(self.streams)
            for places, file in self._parts(self._video_cuts[camera.key], index)
        ]
        if self.rows_made is RowsMade.WITH_EPISODE:
            units += [
                (places.start, len(self.streams), self._unit(places, planned, UnitKind.ROWS, 0, None, file))
                for places, file in self._parts(self._rows_cuts, index)
            ]
        made = tuple(planned[place] for place in share if self.is_made[place])
        numbers = dict.fromkeys(copy.data_file for episode in made for copy in episode.copies)
        return PlannedShard(
            index,
            made,
            tuple(unit for _, _, unit in sorted(units, key=lambda each: each[:2])),
            tuple(numbers) if self.rows_made is RowsMade.WITH_SHARD else (),
            tuple(self.originals[index]),
        )

    def made_before(self, place: int) -> int:
        """How many episodes before a place are made."""
        return int(self._made_before[place])

    def data_numbers(self) -> list[FileNumber]:
        """Numbers of the data files with rows of augmented episodes, each once."""
        if self.rows_made is RowsMade.NEVER:
            return []
        if self._rows_keep_their_order:
            return [*self.remade_files.values()]
        if self._has_file_per_episode:
            made = range(len(self.metadata.episodes), len(self.metadata.episodes) + self.made_before(-1) * self.copies)
            indices: Iterable[int] = self.selected.indices[self.is_made].tolist() if self.in_place else made
            return [number_of_episode(index, self._chunks_size) for index in indices]
        begins = self._made_before[self._rows_cuts.begins]
        return [self._data_numbers[file] for file in np.flatnonzero(np.diff(begins)).tolist()]

    def _episode(self, place: int) -> PlannedEpisode:
        source = self.selected[place]
        if not self.is_made[place]:
            return PlannedEpisode(source, ())
        shared = (
            {}
            if self._has_file_per_episode
            else {
                camera.key: self._video_numbers[camera.key][self._video_cuts[camera.key].file_of(place)]
                for _, _, camera in self.streams
            }
        )
        copies = []
        for copy in range(self.copies):
            index, begin = source.index, source.from_index
            if not self.in_place:
                index = len(self.metadata.episodes) + self.made_before(place) * self.copies + copy
                frames = int(self._frames_before[place]) * self.copies + copy * source.length
                begin = self.metadata.info.total_frames + frames
            own = number_of_episode(index, self._chunks_size)
            videos = shared or {camera.key: own for _, _, camera in self.streams}
            tasks = {} if self.instructions is None else self.instructions.changes(source.index, copy)
            data_file = self._data_file(place) or own
            copies.append(PlannedCopy(copy, index, begin, begin + source.length, data_file, videos, tasks))
        return PlannedEpisode(source, tuple(copies))

    def _data_file(self, place: int) -> FileNumber | None:
        """The file of an episode's rows; None where each copy has its own."""
        if self.rows_made is RowsMade.NEVER:
            return self.selected.data_files[place]
        if self._rows_keep_their_order:
            return self.remade_files[int(self.selected.indices[place])]
        return None if self._has_file_per_episode else self._data_numbers[self._rows_cuts.file_of(place)]

    def _parts(self, cuts: FileCuts, shard: int) -> Iterator[tuple[range, int]]:
        """The files of a shard: places of the episodes of each, and its own place."""
        return ((cuts.places(file), file) for file in cuts.of_shard(shard))

    def _unit(
        self,
        places: range,
        planned: Mapping[int, PlannedEpisode],
        kind: UnitKind,
        place: int,
        camera: Camera | None,
        file: int,
    ) -> PlannedUnit:
        selected = tuple(self.selected.indices[places.start : places.stop].tolist())
        made = tuple(planned[each] for each in places if self.is_made[each])
        number, spare = None, {}
        if camera is None:
            number = None if self._has_file_per_episode else next((each.data_files[0] for each in made), None)
        elif not self._has_file_per_episode:
            numbers = self._video_numbers[camera.key]
            number = numbers[file]
            first_spare = len(self._video_cuts[camera.key])
            spare = {index: numbers[first_spare + each] for index, each in zip(selected, places, strict=True)}
        return PlannedUnit(kind, place, None if camera is None else camera.key, selected, made, number, spare)

    @property
    def _rows_keep_their_order(self) -> bool:
        return self.in_place and self.rows_made is RowsMade.WITH_EPISODE

    @property
    def _has_file_per_episode(self) -> bool:
        return self.metadata.info.version.has_file_per_episode

    @property
    def _chunks_size(self) -> int:
        return self.metadata.info.chunks_size

    @cached_property
    def _made_before(self) -> Integers:
        return np.concatenate(([0], np.cumsum(self.is_made, dtype=np.int64)))

    @cached_property
    def _frames_before(self) -> Integers:
        return np.concatenate(([0], np.cumsum(np.where(self.is_made, self.selected.lengths, 0), dtype=np.int64)))

    @cached_property
    def _data_numbers(self) -> NewNumbers:
        return NewNumbers(max(self.metadata.data_numbers), min(self._chunks_size, LARGEST_SORTABLE_CHUNK))

    @cached_property
    def _video_numbers(self) -> Mapping[str, NewNumbers]:
        return {
            camera.key: NewNumbers(max(self.metadata.video_numbers(camera.key)), self._chunks_size)
            for _, _, camera in self.streams
        }

    @cached_property
    def _video_cuts(self) -> Mapping[str, FileCuts]:
        limit = min(self.metadata.info.video_file_bytes, self.checkpoint_bytes)
        cuts = {}
        for _, _, camera in self.streams:
            key = camera.key
            files = self.metadata.episodes.videos[key].files
            paths = [self.metadata.info.video_file(key, number) for number in files.numbers]
            cuts[key] = self._cuts(files, paths, limit)
        return cuts

    @cached_property
    def _rows_cuts(self) -> FileCuts:
        info, files = self.metadata.info, self.metadata.episodes.data_files
        # In place rows keep their order among those that stay: each episode's have a file of their own.
        alone = self._rows_keep_their_order and not self._has_file_per_episode
        limit = 0 if alone else min(info.data_file_bytes, self.checkpoint_bytes)
        return self._cuts(files, self.metadata.data_paths, limit)

    def _cuts(self, files: EpisodeFiles, paths: Sequence[DatasetPath], limit: int) -> FileCuts:
        """The files of a stream; `files` are of all episodes of the source, `paths` of each of its files."""
        sizes = np.array([self.size_of(path) for path in paths], np.int64)
        frames = np.bincount(files.places, weights=self.metadata.episodes.lengths).astype(np.int64)
        file = files.places[self.selected.indices]
        weights = estimated_bytes(self.selected.lengths, self.copies, sizes[file], frames[file])
        return cut_files(weights, self.shares, limit)


def _most_transforms(augmentation: Augmentation, cameras: Sequence[Camera]) -> int:
    """Transforms of one copy of one camera at most."""
    if augmentation.mode is AugmentationMode.INDEPENDENT:
        return 1
    asked = augmentation.effective
    return max((len(asked.of_camera(camera.key).transforms) for camera in cameras), default=0)


def _followers(metadata: DatasetMetadata, augmentation: Augmentation) -> tuple[Follower, ...]:
    """The streams that move with a camera; resolve has checked them."""
    cameras = {camera.key: camera for camera in metadata.info.cameras}
    followed = leader_of(augmentation)
    return tuple(Follower(cameras[followed[key]], stream) for key, stream in cameras.items() if key in followed)


def _rows_made(metadata: DatasetMetadata, cameras: Sequence[Camera], in_place: bool, *, other_values: bool) -> RowsMade:
    """When rows are made; `other_values`: whether tasks or masks of augmented episodes are others than the source's."""
    if in_place:
        only_videos = all(camera.is_video for camera in cameras) and not other_values
        return RowsMade.NEVER if only_videos else RowsMade.WITH_EPISODE
    # Rows with images are large, and take as long to make as videos: nobody wants to make a shard's again.
    large = metadata.info.version.has_file_per_episode or metadata.info.image_cameras
    return RowsMade.WITH_EPISODE if large else RowsMade.WITH_SHARD


def _kept_rows(
    metadata: DatasetMetadata, remade: Episodes, left_out: Collection[int]
) -> tuple[tuple[KeptRows, ...], Mapping[int, FileNumber]]:
    """The data files with rows of the source, and by index of each episode whose rows are remade, their file.

    LeRobot reads data files in the order of their paths. So where the rows of an episode are replaced, its file is cut
    at them, and what comes after moves to higher numbers as far as that is needed. Without any, nothing moves.
    """
    chunks_size = min(metadata.info.chunks_size, LARGEST_SORTABLE_CHUNK)
    kept: list[KeptRows] = []
    numbers_of: dict[int, FileNumber] = {}
    number: FileNumber | None = None
    for source, in_file in metadata.episodes.data_files.runs():
        first, last = np.searchsorted(remade.indices, (in_file.start, in_file.stop))
        for is_remade, piece in _pieces(in_file, remade.indices[first:last].tolist()):
            number = source if number is None or number < source else number.following(chunks_size)
            if is_remade and piece.start not in left_out:
                numbers_of[piece.start] = number
            else:
                kept.append(KeptRows(number, source, piece, is_whole=piece == in_file))
    return tuple(kept), numbers_of


def _pieces(whole: range, cut_out: Sequence[int]) -> Iterator[tuple[bool, range]]:
    """A range cut at some of its numbers, each of which is a piece of its own, and whether a piece is such a number."""
    begin = whole.start
    for number in cut_out:
        if begin < number:
            yield False, range(begin, number)
        yield True, range(number, number + 1)
        begin = number + 1
    if begin < whole.stop:
        yield False, range(begin, whole.stop)


def _replaced_videos(
    metadata: DatasetMetadata, replaced: Episodes, made_videos: Sequence[Camera]
) -> tuple[DatasetPath, ...]:
    """The video files in which every frame is replaced."""
    stays = np.ones(len(metadata.episodes), np.bool_)
    stays[replaced.indices] = False
    made = {camera.key for camera in made_videos}
    paths: list[DatasetPath] = []
    for camera in metadata.info.video_cameras:
        if camera.key in made:
            files = metadata.episodes.videos[camera.key].files
            kept = set(files.part(np.flatnonzero(stays)).numbers) if stays.any() else set()
            paths += [metadata.info.video_file(camera.key, number) for number in files.numbers if number not in kept]
    return tuple(paths)


def _abandoned(
    metadata: DatasetMetadata,
    made: Episodes,
    made_numbers: Collection[FileNumber],
    kept_rows: Sequence[KeptRows],
    replaced_videos: Sequence[DatasetPath],
    made_videos: Sequence[Camera],
) -> tuple[DatasetPath, ...]:
    """Files of the source that the result neither keeps nor overwrites."""
    info = metadata.info
    videos: set[DatasetPath] = set()
    if replaced_videos and info.version.has_file_per_episode:  # where an episode's files keep their paths
        numbers = [number_of_episode(index, info.chunks_size) for index in made.indices.tolist()]
        videos = {info.video_file(camera.key, number) for camera in made_videos for number in numbers}
    rows = {info.data_file(kept.number) for kept in kept_rows} | {info.data_file(number) for number in made_numbers}
    return (
        *(path for path in replaced_videos if path not in videos),
        *(path for path in metadata.data_paths if path not in rows),
    )


def _original_videos(
    metadata: DatasetMetadata,
    selected: Episodes,
    shares: Sequence[range],
    replaced: Collection[DatasetPath],
) -> list[list[DatasetPath]]:
    """By shard, the source's video files it carries over: those whose first episode it augments, or comes closest to.
    A file none of whose episodes is selected goes where the next selected episode is, else to the last busy shard.
    """
    found: list[tuple[int, int, DatasetPath]] = []
    for order, camera in enumerate(metadata.info.video_cameras):
        files = metadata.episodes.videos[camera.key].files
        firsts = np.unique(files.keys, return_index=True)[1].tolist()
        paths = (metadata.info.video_file(camera.key, number) for number in files.numbers)
        found += zip(firsts, [order] * len(firsts), paths, strict=True)
    shard_of = np.array([*chain.from_iterable([index] * len(share) for index, share in enumerate(shares))] or [0])
    originals: list[list[DatasetPath]] = [[] for _ in shares]
    for first, _, path in sorted(found):
        if path not in replaced:
            place = min(int(np.searchsorted(selected.indices, first)), len(shard_of) - 1)
            originals[shard_of[place]].append(path)
    return originals
