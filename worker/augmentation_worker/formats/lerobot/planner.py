"""The planner: a pure function from spec, pinned metadata and number of shards to the plan of plan.py."""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice, pairwise

from augmentation_api import Augmentation, AugmentationJobSpec
from augmentation_api.vocabulary import AugmentationMode, OutputMode
from augmentation_worker.bounded.unreadable import damaged
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.geometry import leader_of
from augmentation_worker.formats.lerobot.episodes import Episode, Episodes
from augmentation_worker.formats.lerobot.format_version import FileNumber, number_of_episode
from augmentation_worker.formats.lerobot.info import INFO_PATH, Camera
from augmentation_worker.formats.lerobot.instructions import Instructions
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.plan import (
    EpisodePlan,
    Follower,
    KeptRows,
    PlannedCopy,
    PlannedEpisode,
    PlannedShard,
    RowsMade,
)
from augmentation_worker.formats.lerobot.records import most_episodes_per_shard
from augmentation_worker.formats.lerobot.split_ranges import splits_of_copies
from augmentation_worker.formats.shares import balanced_shares
from augmentation_worker.formats.splits import selected_ranges
from augmentation_worker.transforms.copies import transforms_of_copies

LARGEST_SORTABLE_CHUNK = 1000
"""Most files per chunk of data: LeRobot sorts data files by path, and file-1000 sorts before file-999."""


@dataclass(frozen=True)
class _Numbers:
    """The numbers of one augmented episode."""

    copy: int
    episode_index: int
    from_index: int
    to_index: int


def make_plan(
    metadata: DatasetMetadata,
    spec: AugmentationJobSpec,
    shard_count: int,
    *,
    carry_originals: bool = True,
    instructions: Instructions | None = None,
    left_out: Collection[int] = (),
) -> EpisodePlan:
    """Lay out the result.

    Args:
        metadata: the source at its pinned commit.
        spec: what the job asks for.
        shard_count: 1 or more.
        carry_originals: whether the original files have to be carried over, as the result is another dataset.
        instructions: the tasks of the copies; None if they keep those of their episodes.
        left_out: selected episodes that cannot be used. They keep their shard and use up numbers of files, so that
            those of the others stay; numbers of episodes and rows have no gaps.
    """
    augmentation = spec.augmentation
    selected = selected_episodes(metadata, augmentation)
    cameras = _selected_cameras(metadata, augmentation)
    in_place = spec.output.mode is OutputMode.IN_PLACE
    copies = copies_of(spec)
    most_transforms = _most_transforms(augmentation, cameras)
    followers = _followers(metadata, augmentation)
    moved_videos = [follower.stream for follower in followers if follower.stream.is_video]
    made_videos = [*(camera for camera in cameras if camera.is_video), *moved_videos]
    most = most_episodes_per_shard(copies * (len(cameras) + len(moved_videos)), most_transforms)
    shares = balanced_shares(selected.lengths.tolist(), shard_count, most)
    made = [episode for episode in selected if episode.index not in left_out]
    other_values = instructions is not None or len(moved_videos) < len(followers)
    rows_made = _rows_made(metadata, cameras, in_place, other_values=other_values)
    remade = {episode.index for episode in selected} if in_place and rows_made is RowsMade.WITH_EPISODE else set()
    kept_rows, remade_files = _kept_rows(metadata, remade, left_out)
    files = _Files(metadata, made_videos, rows_made, remade_files, instructions)
    versions = _in_place(selected, left_out) if in_place else _after_the_originals(metadata, selected, copies, left_out)
    replaced = _replaced_videos(metadata, made, made_videos) if in_place else ()
    originals = _original_videos(metadata, selected, shares, replaced) if carry_originals else [[] for _ in shares]
    shards = _shards(shares, versions, files, originals)
    added = 0 if in_place else copies
    return EpisodePlan(
        in_place=in_place,
        rows_made=rows_made,
        cameras=cameras,
        copies=copies,
        transforms=most_transforms,
        followers=followers,
        shards=shards,
        kept_rows=kept_rows,
        abandoned=_abandoned(metadata, shards, kept_rows, replaced),
        total_episodes=len(metadata.episodes) + len(made) * added,
        total_frames=metadata.info.total_frames + sum(episode.length for episode in made) * added,
        splits=None
        if in_place
        else splits_of_copies(
            metadata.info.split_episodes, [episode.index for episode in made], len(metadata.episodes), copies
        ),
        instructions=instructions,
        left_out=tuple(episode.index for episode in selected if episode.index in left_out),
    )


def selected_episodes(metadata: DatasetMetadata, augmentation: Augmentation) -> Episodes:
    """The episodes that are to be augmented."""
    chosen = selected_ranges(augmentation, len(metadata.episodes), metadata.info.split_episodes)
    return metadata.episodes.of_ranges(chosen)


def copies_of(spec: AugmentationJobSpec) -> int:
    """Augmented versions of each of them."""
    return 1 if spec.output.mode is OutputMode.IN_PLACE else len(transforms_of_copies(spec.augmentation))


def check_order_of_data_files(metadata: DatasetMetadata, plan: EpisodePlan) -> None:
    """Check that the result's data files sort by their paths, in which LeRobot reads them, as by their numbers.

    Raises WorkerFailure(SOURCE_INVALID), naming the template by which they do not.
    """
    numbers = {*plan.data_numbers, *(shard.data_file for shard in plan.shards if shard.data_file)}
    paths = [metadata.info.data_file(number) for number in sorted(numbers)]
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


def _shards(
    shares: Sequence[range],
    versions: Iterator[tuple[Episode, list[_Numbers]]],
    files: "_Files",
    originals: Sequence[Sequence[DatasetPath]],
) -> tuple[PlannedShard, ...]:
    """Number files in the order of shards, and within one in that of its episodes."""
    shards = []
    for index, share in enumerate(shares):
        data_file = files.next_data_file_of_shard() if share else None
        planned = tuple(files.planned(episode, numbers, data_file) for episode, numbers in islice(versions, len(share)))
        made = tuple(episode for episode in planned if episode.copies)
        shards.append(PlannedShard(index, made, data_file if made else None, tuple(originals[index])))
    return tuple(shards)


def _abandoned(
    metadata: DatasetMetadata,
    shards: Sequence[PlannedShard],
    kept_rows: Sequence[KeptRows],
    replaced_videos: Sequence[DatasetPath],
) -> tuple[DatasetPath, ...]:
    """Files of the source that the result neither keeps nor overwrites."""
    info = metadata.info
    copies = [copy for shard in shards for episode in shard.episodes for copy in episode.copies]
    videos = {info.video_file(camera, number) for copy in copies for camera, number in copy.videos.items()}
    rows = {info.data_file(kept.number) for kept in kept_rows} | {info.data_file(copy.data_file) for copy in copies}
    return (
        *(path for path in replaced_videos if path not in videos),
        *(path for path in metadata.data_paths if path not in rows),
    )


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
    metadata: DatasetMetadata, remade: Collection[int], left_out: Collection[int]
) -> tuple[tuple[KeptRows, ...], Mapping[int, FileNumber]]:
    """The data files with rows of the source, and by index of each episode whose rows are remade, their file.

    LeRobot reads data files in the order of their paths. So where the rows of an episode are replaced, its file is cut
    at them, and what comes after moves to higher numbers as far as that is needed. Without any, nothing moves.
    """
    chunks_size = min(metadata.info.chunks_size, LARGEST_SORTABLE_CHUNK)
    kept: list[KeptRows] = []
    numbers_of: dict[int, FileNumber] = {}
    number: FileNumber | None = None
    for source, together in groupby(metadata.episodes, lambda episode: episode.data_file):
        in_file = tuple(together)
        for remake, run in groupby(in_file, lambda episode: episode.index if episode.index in remade else None):
            piece = tuple(run)
            number = source if number is None or number < source else number.following(chunks_size)
            if remake is not None and remake not in left_out:
                numbers_of[remake] = number
            else:
                kept.append(KeptRows(number, source, piece, is_whole=len(piece) == len(in_file)))
    return tuple(kept), numbers_of


def _in_place(selected: Sequence[Episode], left_out: Collection[int]) -> Iterator[tuple[Episode, list[_Numbers]]]:
    for episode in selected:
        own = _Numbers(0, episode.index, episode.from_index, episode.to_index)
        yield episode, [] if episode.index in left_out else [own]


def _after_the_originals(
    metadata: DatasetMetadata, selected: Sequence[Episode], copies: int, left_out: Collection[int]
) -> Iterator[tuple[Episode, list[_Numbers]]]:
    next_episode, next_row = len(metadata.episodes), metadata.info.total_frames
    for episode in selected:
        versions = []
        for copy in range(0 if episode.index in left_out else copies):
            versions.append(_Numbers(copy, next_episode, next_row, next_row + episode.length))
            next_episode += 1
            next_row += episode.length
        yield episode, versions


class _Files:
    """Numbers of new files, in the order in which they are asked for."""

    def __init__(
        self,
        metadata: DatasetMetadata,
        made_videos: Sequence[Camera],
        rows_made: RowsMade,
        numbers_in_order: Mapping[int, FileNumber],
        instructions: Instructions | None,
    ) -> None:
        self._chunks_size = metadata.info.chunks_size
        self._has_file_per_episode = metadata.info.version.has_file_per_episode
        self._rows_made = rows_made
        self._numbers_in_order = numbers_in_order
        self._instructions = instructions
        self._data = numbers_after(metadata.data_numbers, min(self._chunks_size, LARGEST_SORTABLE_CHUNK))
        self._videos = {
            camera.key: numbers_after(metadata.video_numbers(camera.key), self._chunks_size) for camera in made_videos
        }

    def next_data_file_of_shard(self) -> FileNumber | None:
        """A new number for all rows of a shard; None where rows are not written so."""
        return next(self._data) if self._rows_made is RowsMade.WITH_SHARD else None

    def planned(
        self, source: Episode, versions: Iterable[_Numbers], data_file_of_shard: FileNumber | None
    ) -> PlannedEpisode:
        """An episode with the files of its copies."""
        shared = {} if self._has_file_per_episode else {camera: next(free) for camera, free in self._videos.items()}
        shared_data = self._shared_data_file(source) or data_file_of_shard
        copies = []
        for version in versions:
            own = number_of_episode(version.episode_index, self._chunks_size)
            data_file = shared_data or own
            videos = shared or dict.fromkeys(self._videos, own)
            tasks = {} if self._instructions is None else self._instructions.changes(source.index, version.copy)
            place = (version.episode_index, version.from_index, version.to_index)
            copies.append(PlannedCopy(version.copy, *place, data_file, videos, tasks))
        return PlannedEpisode(source, tuple(copies))

    def _shared_data_file(self, source: Episode) -> FileNumber | None:
        """The file of the rows of all its copies, unless that is the shard's, or each has its own."""
        if self._rows_made is RowsMade.NEVER:
            return source.data_file
        if source.index in self._numbers_in_order:
            return self._numbers_in_order[source.index]
        if self._rows_made is RowsMade.WITH_EPISODE and not self._has_file_per_episode:
            return next(self._data)
        return None


def numbers_after(taken: Sequence[FileNumber], chunks_size: int) -> Iterator[FileNumber]:
    """The numbers after the highest one taken."""
    number = max(taken)
    while True:
        number = number.following(chunks_size)
        yield number


def _replaced_videos(
    metadata: DatasetMetadata, replaced: Sequence[Episode], made_videos: Sequence[Camera]
) -> tuple[DatasetPath, ...]:
    """The video files in which every frame is replaced."""
    episodes, keys = {episode.index for episode in replaced}, {camera.key for camera in made_videos}
    kept = {
        metadata.info.video_file(camera, span.file)
        for episode in metadata.episodes
        for camera, span in episode.videos.items()
        if not (episode.index in episodes and camera in keys)
    }
    return tuple(path for path in metadata.video_paths if path not in kept)


def _original_videos(
    metadata: DatasetMetadata,
    selected: Sequence[Episode],
    shares: Sequence[range],
    replaced: Collection[DatasetPath],
) -> list[list[DatasetPath]]:
    """By shard, the source's video files it carries over: those whose first episode it augments, or comes closest to.
    A file none of whose episodes is selected goes where the next selected episode is, else to the last busy shard.
    """
    shard_of = [index for index, share in enumerate(shares) for _ in share] or [0]
    firsts: dict[DatasetPath, int] = {}
    for episode in metadata.episodes:
        for camera, span in episode.videos.items():
            firsts.setdefault(metadata.info.video_file(camera, span.file), episode.index)
    indices = [episode.index for episode in selected]
    originals: list[list[DatasetPath]] = [[] for _ in shares]
    for path, first in firsts.items():
        if path in replaced:
            continue
        position = min(bisect_left(indices, first), len(shard_of) - 1)
        originals[shard_of[position]].append(path)
    return originals
