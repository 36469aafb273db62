"""The plan: which shard makes which episodes, under which numbers and in which files.

A pure function of the spec, the pinned metadata and the number of shards. Every pod computes it for itself, nobody
stores it.

copy: the result holds every original episode first, its files untouched; then, for the selected source episodes in
order, their copies: the copy `c` of the selected episode number `e` becomes episode N + e * K + c. inPlace: it holds
one augmented version of each selected episode under the episode's own number and rows, and the other episodes as they
are; only videos and what is said of them change.

In LeRobot v3.0 the copies of an episode share files, one a camera, and a shard has one file of rows, or where rows hold
pictures, each source episode has one. In v2.1 each copy has files of its own, under the numbers that its index gives
them.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import groupby, islice
from math import ceil

from augmentation_api import Augmentation, AugmentationJobSpec
from augmentation_api.status import MAX_SHARDS
from augmentation_api.vocabulary import OutputMode
from augmentation_worker.copies import transforms_of_copies
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.lerobot.episodes import Episode
from augmentation_worker.formats.lerobot.format_version import FileNumber, number_of_episode
from augmentation_worker.formats.lerobot.info import Camera
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.records import most_episodes_per_shard
from augmentation_worker.formats.shares import balanced_shares

LARGEST_SORTABLE_CHUNK = 1000
"""Files a chunk of data may have at most: LeRobot sorts data files by path, and file-1000 sorts before file-999."""


class RowsMade(Enum):
    """When the rows of augmented episodes are written."""

    NEVER = "never"
    """They are the source's: in place, where only videos change."""
    WITH_SHARD = "with shard"
    """All of a shard's into one file, when the shard is done."""
    WITH_EPISODE = "with episode"
    """Those of each episode with it."""


@dataclass(frozen=True)
class PlannedCopy:
    """One augmented episode.

    Attributes:
        copy: number among the copies of its source episode.
        episode_index: its number in the result.
        from_index, to_index: its rows in the result, half open.
        data_file: file that its rows lie in.
        videos: by augmented camera with videos, the file that its frames lie in.
    """

    copy: int
    episode_index: int
    from_index: int
    to_index: int
    data_file: FileNumber
    videos: Mapping[str, FileNumber]


@dataclass(frozen=True)
class PlannedEpisode:
    """A selected source episode and what becomes of it.

    Attributes:
        source: the episode in the source.
        copies: its augmented versions.
    """

    source: Episode
    copies: tuple[PlannedCopy, ...]

    @property
    def augmented_frames(self) -> int:
        """Frames a camera, all copies together."""
        return self.source.length * len(self.copies)

    def video_files(self, camera: str) -> tuple[FileNumber, ...]:
        """Files of its copies as a camera sees them: one with all of them back to back, or one for each."""
        return tuple(dict.fromkeys(copy.videos[camera] for copy in self.copies))

    @property
    def data_files(self) -> tuple[FileNumber, ...]:
        """Files of its copies' rows."""
        return tuple(dict.fromkeys(copy.data_file for copy in self.copies))

    def copies_in(self, data_file: FileNumber) -> tuple[PlannedCopy, ...]:
        """The copies whose rows lie in a file."""
        return tuple(copy for copy in self.copies if copy.data_file == data_file)


@dataclass(frozen=True)
class KeptRows:
    """A data file of the result that holds rows of the source as they are.

    Attributes:
        number: its number in the result.
        source: number of the file that they are from.
        episodes: whose rows they are; consecutive.
        is_whole: whether it is that file, byte for byte.
    """

    number: FileNumber
    source: FileNumber
    episodes: tuple[Episode, ...]
    is_whole: bool

    @property
    def is_where_it_was(self) -> bool:
        """Whether nothing has to be done where the result extends the source."""
        return self.is_whole and self.number == self.source


@dataclass(frozen=True)
class PlannedShard:
    """What one pod does.

    Attributes:
        index: number of the shard.
        episodes: consecutive selected episodes; none if there are more shards than episodes.
        data_file: file of all its rows; None where it writes none, or writes them with each episode.
        original_videos: paths of the source's video files that it carries over into the result.
    """

    index: int
    episodes: tuple[PlannedEpisode, ...]
    data_file: FileNumber | None
    original_videos: tuple[DatasetPath, ...]

    @property
    def augmented_frames(self) -> int:
        """Frames a camera that this shard writes."""
        return sum(episode.augmented_frames for episode in self.episodes)

    @property
    def makes_preview(self) -> bool:
        """Whether it shows what the job does, in a picture of its first episode."""
        return self.index == 0 and bool(self.episodes)

    @property
    def rows(self) -> int:
        """Rows of its data file."""
        return 0 if self.data_file is None else self.augmented_frames


@dataclass(frozen=True)
class EpisodePlan:
    """The whole result, before a pixel of it exists.

    Attributes:
        in_place: whether the augmented versions replace their episodes, or are added.
        rows_made: when their rows are written.
        cameras: those that are augmented.
        copies: augmented versions of an episode.
        shards: by index.
        kept_rows: data files with rows of the source.
        abandoned: paths of the source's video and data files that the result does not have.
        total_episodes, total_frames: of the result.
    """

    in_place: bool
    rows_made: RowsMade
    cameras: tuple[Camera, ...]
    copies: int
    shards: tuple[PlannedShard, ...]
    kept_rows: tuple[KeptRows, ...]
    abandoned: tuple[DatasetPath, ...]
    total_episodes: int
    total_frames: int

    @property
    def episodes(self) -> tuple[PlannedEpisode, ...]:
        """All selected episodes, in order."""
        return tuple(episode for shard in self.shards for episode in shard.episodes)

    @property
    def video_cameras(self) -> tuple[Camera, ...]:
        """Those of the augmented cameras whose frames are stored as video."""
        return tuple(camera for camera in self.cameras if camera.is_video)

    @property
    def picture_cameras(self) -> tuple[Camera, ...]:
        """Those of the augmented cameras whose frames are pictures in the rows."""
        return tuple(camera for camera in self.cameras if not camera.is_video)

    @property
    def data_numbers(self) -> tuple[FileNumber, ...]:
        """Numbers of all data files of the result, in the order of their rows."""
        numbers = {number for episode in self.episodes for number in episode.data_files}
        return tuple(sorted(numbers | {kept.number for kept in self.kept_rows}))

    @property
    def most_episodes_per_shard(self) -> int:
        """Episodes of which a shard can record what this plan makes of them."""
        return most_episodes_per_shard(self.copies * len(self.cameras))

    @property
    def min_shards(self) -> int:
        """Fewest shards that can record the work."""
        return ceil(len(self.episodes) / self.most_episodes_per_shard)

    @property
    def max_shards(self) -> int:
        """Most shards that have an episode each."""
        return min(len(self.episodes), MAX_SHARDS)

    @property
    def added_episodes(self) -> int:
        """Episodes that the result has more than the source."""
        return 0 if self.in_place else len(self.episodes) * self.copies


def selected_episodes(metadata: DatasetMetadata, augmentation: Augmentation) -> tuple[Episode, ...]:
    """The source episodes that are to be augmented, in order."""
    return tuple(episode for episode in metadata.episodes if augmentation.selects_episode(episode.index))


def selected_cameras(metadata: DatasetMetadata, augmentation: Augmentation) -> tuple[Camera, ...]:
    """The cameras that are to be augmented, in the order of info.json: those named, else all colour cameras."""
    colour = [camera for camera in metadata.info.cameras if camera.is_colour]
    return tuple(camera for camera in colour if not augmentation.cameras or camera.key in augmentation.cameras)


def make_plan(
    metadata: DatasetMetadata, spec: AugmentationJobSpec, shard_count: int, *, carry_originals: bool = True
) -> EpisodePlan:
    """Lay out the result.

    Args:
        metadata: the source at its pinned commit.
        spec: what the job asks for.
        shard_count: 1 or more.
        carry_originals: whether the result is another dataset than the source, so that the original files have to be
            brought into it.
    """
    augmentation = spec.augmentation
    selected = selected_episodes(metadata, augmentation)
    cameras = selected_cameras(metadata, augmentation)
    in_place = spec.output.mode is OutputMode.IN_PLACE
    copies = 1 if in_place else len(transforms_of_copies(augmentation))
    most = most_episodes_per_shard(copies * len(cameras))
    shares = balanced_shares([episode.length for episode in selected], shard_count, most)
    rows_made = _rows_made(metadata, cameras, in_place)
    remade = {episode.index for episode in selected} if in_place and rows_made is RowsMade.WITH_EPISODE else set()
    kept_rows, numbers_in_order = _kept_rows(metadata, remade)
    versions = _in_place(selected) if in_place else _after_the_originals(metadata, selected, copies)
    files = _Files(metadata, cameras, rows_made, numbers_in_order)
    replaced = _replaced_videos(metadata, selected, cameras) if in_place else ()
    originals = _original_videos(metadata, selected, shares, replaced) if carry_originals else [[] for _ in shares]
    shards = []
    for index, share in enumerate(shares):
        data_file = files.next_data_file() if share and rows_made is RowsMade.WITH_SHARD else None
        planned = tuple(files.planned(episode, numbers, data_file) for episode, numbers in islice(versions, len(share)))
        shards.append(PlannedShard(index, planned, data_file, tuple(originals[index])))
    copied = [copy for shard in shards for episode in shard.episodes for copy in episode.copies]
    overwritten = {metadata.info.video_file(key, number) for copy in copied for key, number in copy.videos.items()}
    data_paths = {metadata.info.data_file(kept.number) for kept in kept_rows}
    data_paths |= {metadata.info.data_file(copy.data_file) for copy in copied}
    added = 0 if in_place else copies
    return EpisodePlan(
        in_place=in_place,
        rows_made=rows_made,
        cameras=cameras,
        copies=copies,
        shards=tuple(shards),
        kept_rows=kept_rows,
        abandoned=(
            *(path for path in replaced if path not in overwritten),
            *(path for path in metadata.data_paths if path not in data_paths),
        ),
        total_episodes=len(metadata.episodes) + len(selected) * added,
        total_frames=metadata.info.total_frames + sum(episode.length for episode in selected) * added,
    )


def _rows_made(metadata: DatasetMetadata, cameras: Sequence[Camera], in_place: bool) -> RowsMade:
    if in_place:
        return RowsMade.NEVER if all(camera.is_video for camera in cameras) else RowsMade.WITH_EPISODE
    # Rows with pictures are large, and take as long to make as videos: nobody wants to make a shard's again.
    large = metadata.info.format.has_file_per_episode or metadata.info.picture_cameras
    return RowsMade.WITH_EPISODE if large else RowsMade.WITH_SHARD


def _kept_rows(
    metadata: DatasetMetadata, remade: Collection[int]
) -> tuple[tuple[KeptRows, ...], Mapping[int, FileNumber]]:
    """The data files with rows of the source, and by index of each episode whose rows are made anew, their file.

    LeRobot reads data files in the order of their paths. So where the rows of an episode are replaced, its file is cut
    at them, and what comes after moves to higher numbers as far as that is needed. Without any, nothing moves.
    """
    chunks_size = min(metadata.info.chunks_size, LARGEST_SORTABLE_CHUNK)
    kept: list[KeptRows] = []
    made: dict[int, FileNumber] = {}
    number: FileNumber | None = None
    for source, together in groupby(metadata.episodes, lambda episode: episode.data_file):
        in_file = tuple(together)
        for remake, run in groupby(in_file, lambda episode: episode.index if episode.index in remade else None):
            piece = tuple(run)
            number = source if number is None or number < source else number.following(chunks_size)
            if remake is not None:
                made[remake] = number
            else:
                kept.append(KeptRows(number, source, piece, is_whole=len(piece) == len(in_file)))
    return tuple(kept), made


@dataclass(frozen=True)
class _Numbers:
    """The numbers of one augmented episode."""

    copy: int
    episode_index: int
    from_index: int
    to_index: int


def _in_place(selected: Sequence[Episode]) -> Iterator[tuple[Episode, list[_Numbers]]]:
    for episode in selected:
        yield episode, [_Numbers(0, episode.index, episode.from_index, episode.to_index)]


def _after_the_originals(
    metadata: DatasetMetadata, selected: Sequence[Episode], copies: int
) -> Iterator[tuple[Episode, list[_Numbers]]]:
    next_episode, next_row = len(metadata.episodes), metadata.info.total_frames
    for episode in selected:
        versions = []
        for copy in range(copies):
            versions.append(_Numbers(copy, next_episode, next_row, next_row + episode.length))
            next_episode += 1
            next_row += episode.length
        yield episode, versions


class _Files:
    """Numbers of new files, in the order in which they are asked for."""

    def __init__(
        self,
        metadata: DatasetMetadata,
        cameras: Sequence[Camera],
        rows_made: RowsMade,
        numbers_in_order: Mapping[int, FileNumber],
    ) -> None:
        self._chunks_size = metadata.info.chunks_size
        self._has_file_per_episode = metadata.info.format.has_file_per_episode
        self._rows_made = rows_made
        self._numbers_in_order = numbers_in_order
        self._data = _numbers_after(metadata.data_numbers, min(self._chunks_size, LARGEST_SORTABLE_CHUNK))
        self._videos = {
            camera.key: _numbers_after(metadata.video_numbers(camera.key), self._chunks_size)
            for camera in cameras
            if camera.is_video
        }

    def next_data_file(self) -> FileNumber:
        """The number after the last one."""
        return next(self._data)

    def planned(
        self, source: Episode, versions: Iterable[_Numbers], data_file_of_shard: FileNumber | None
    ) -> PlannedEpisode:
        """An episode with the files of its copies."""
        shared = {} if self._has_file_per_episode else {camera: next(each) for camera, each in self._videos.items()}
        shared_data = self._shared_data_file(source) or data_file_of_shard
        copies = []
        for version in versions:
            own = number_of_episode(version.episode_index, self._chunks_size)
            data_file = shared_data or own
            videos = shared or dict.fromkeys(self._videos, own)
            copies.append(
                PlannedCopy(
                    version.copy, version.episode_index, version.from_index, version.to_index, data_file, videos
                )
            )
        return PlannedEpisode(source, tuple(copies))

    def _shared_data_file(self, source: Episode) -> FileNumber | None:
        """The file of the rows of all its copies, unless that is the shard's, or each has its own."""
        if self._rows_made is RowsMade.NEVER:
            return source.data_file
        if source.index in self._numbers_in_order:
            return self._numbers_in_order[source.index]
        if self._rows_made is RowsMade.WITH_EPISODE and not self._has_file_per_episode:
            return self.next_data_file()
        return None


def next_number(taken: Sequence[FileNumber], chunks_size: int) -> FileNumber:
    """The number after the highest one taken."""
    return next(_numbers_after(taken, chunks_size))


def _numbers_after(taken: Sequence[FileNumber], chunks_size: int) -> Iterator[FileNumber]:
    number = max(taken)
    while True:
        number = number.following(chunks_size)
        yield number


def _replaced_videos(
    metadata: DatasetMetadata, replaced: Sequence[Episode], cameras: Sequence[Camera]
) -> tuple[DatasetPath, ...]:
    """The video files in which every frame is replaced."""
    episodes, keys = {episode.index for episode in replaced}, {camera.key for camera in cameras if camera.is_video}
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
