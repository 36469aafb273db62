"""The plan: which shard makes which episodes, under which numbers and in which files.

A pure function of the spec, the pinned metadata, the list of the source's files and the number of shards. Every pod
computes it for itself, nobody stores it. What concerns all episodes is arrays; a shard is made into objects when it is
asked for.

copy: the result holds every original episode first, its files untouched; then, for the selected source episodes in
order, their copies: the copy `c` of the selected episode number `e` becomes episode N + e * K + c. inPlace: it holds
one augmented version of each selected episode under the episode's own number and rows, and the other episodes as they
are; only videos and what is said of them change.

In LeRobot v3.0 consecutive episodes of a shard share files, each stream's with cuts of its own (layout.py). In v2.1
each copy has files of its own, under the numbers that its index gives them. Either way a unit of the work is what is
cut so: one file, or one run of episodes.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property, lru_cache
from typing import Generic, TypeVar, overload

from typing_extensions import override

from augmentation_api.status import MAX_SHARDS
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.lerobot.episodes import Episode, Episodes
from augmentation_worker.formats.lerobot.format_version import FileNumber
from augmentation_worker.formats.lerobot.info import Camera
from augmentation_worker.formats.lerobot.instructions import Changes, Instructions
from augmentation_worker.formats.limits import fewest_shards
from augmentation_worker.formats.splits import Splits

_MadeT = TypeVar("_MadeT")


class RowsMade(Enum):
    """When the rows of augmented episodes are written."""

    NEVER = "never"
    """They are the source's: in place, where only videos change."""
    WITH_SHARD = "with shard"
    """When all else of a shard is done."""
    WITH_EPISODE = "with episode"
    """As units of their own: they hold images, or lie in a file for each copy."""


@dataclass(frozen=True)
class PlannedCopy:
    """One augmented episode.

    Attributes:
        copy: number among the copies of its source episode.
        episode_index: its number in the result.
        from_index, to_index: its rows in the result, half open.
        data_file: file that its rows lie in.
        videos: by camera or stream whose videos are made, the file that its frames lie in.
        tasks: by task_index of a row of its source episode, the one that it has instead.
    """

    copy: int
    episode_index: int
    from_index: int
    to_index: int
    data_file: FileNumber
    videos: Mapping[str, FileNumber]
    tasks: Changes = field(default_factory=dict)


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
        """Frames per camera, all copies together."""
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
        episodes: whose rows they are, by episode_index; consecutive.
        is_whole: whether it is that file, byte for byte.
    """

    number: FileNumber
    source: FileNumber
    episodes: range
    is_whole: bool

    @property
    def is_where_it_was(self) -> bool:
        """Whether nothing has to be done where the result extends the source."""
        return self.is_whole and self.number == self.source


class UnitKind(Enum):
    """What a unit of the work makes."""

    VIDEO = "video"
    """Videos of an augmented camera."""
    MOVED = "moved"
    """Videos of a stream that moves with a camera."""
    ROWS = "rows"
    """Rows with their images, or in files of their own."""


@dataclass(frozen=True)
class PlannedUnit:
    """Consecutive episodes of a shard as one stream has them: what is made, stored and recorded as one.

    Attributes:
        kind: what is made of them.
        place: of the stream among those of its kind.
        stream: key of the camera or stream; None: their rows.
        selected: indices of the selected source episodes, those among them that cannot be used.
        episodes: those that are made.
        number: of its file; None where each copy has files of its own.
        spare: of each selected episode, the number of a file that begins with it, where it does not fit into the one
            before: frames of another size are not joined.
    """

    kind: UnitKind
    place: int
    stream: str | None
    selected: tuple[int, ...]
    episodes: tuple[PlannedEpisode, ...]
    number: FileNumber | None
    spare: Mapping[int, FileNumber] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Under which it is recorded: other cuts give other keys."""
        return f"{self.kind.value}-{self.place}-{self.selected[0]:06d}-{self.selected[-1]:06d}"


@dataclass(frozen=True)
class PlannedShard:
    """What one pod does.

    Attributes:
        index: number of the shard.
        episodes: consecutive selected episodes; none if there are more shards than episodes.
        units: in the order in which they are made.
        data_files: files of all its rows, in order; none where it writes none, or in units.
        original_videos: paths of the source's video files that it carries over into the result.
    """

    index: int
    episodes: tuple[PlannedEpisode, ...]
    units: tuple[PlannedUnit, ...]
    data_files: tuple[FileNumber, ...]
    original_videos: tuple[DatasetPath, ...]

    @property
    def augmented_frames(self) -> int:
        """Frames per camera that this shard writes."""
        return sum(episode.augmented_frames for episode in self.episodes)

    @property
    def makes_preview(self) -> bool:
        """Whether it shows what the job does, in a preview of its first episode."""
        return self.index == 0 and bool(self.episodes)

    def in_data_file(self, number: FileNumber) -> tuple[PlannedEpisode, ...]:
        """The episodes whose rows lie in one of its data files."""
        return tuple(episode for episode in self.episodes if number in episode.data_files)


class OnDemand(Sequence[_MadeT], Generic[_MadeT]):
    """A sequence whose items are made when they are asked for; the last few are kept."""

    def __init__(self, length: int, make: Callable[[int], _MadeT]) -> None:
        self._length = length
        self._made = lru_cache(maxsize=2)(make)

    @override
    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, place: int) -> _MadeT: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[_MadeT]: ...
    @override
    def __getitem__(self, place: int | slice) -> _MadeT | Sequence[_MadeT]:
        places = range(self._length)[place]
        return self._made(places) if isinstance(places, int) else [self._made(each) for each in places]


class PlannedEpisodes(Sequence[PlannedEpisode]):
    """The episodes of all shards, of which one shard's are in memory.

    Args:
        shards: by index.
        ends: of each shard, how many episodes it and those before it make.
    """

    def __init__(self, shards: Sequence[PlannedShard], ends: Sequence[int]) -> None:
        self._shards, self._ends = shards, ends

    @override
    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @override
    def __iter__(self) -> Iterator[PlannedEpisode]:
        for shard in self._shards:
            yield from shard.episodes

    @overload
    def __getitem__(self, place: int) -> PlannedEpisode: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[PlannedEpisode]: ...
    @override
    def __getitem__(self, place: int | slice) -> PlannedEpisode | Sequence[PlannedEpisode]:
        places = range(len(self))[place]
        if not isinstance(places, int):
            return [self[each] for each in places]
        shard = bisect_right(self._ends, places)
        return self._shards[shard].episodes[places - (self._ends[shard - 1] if shard else 0)]


@dataclass(frozen=True)
class Follower:
    """A stream of masks or depths whose pixels move with those of a camera.

    Attributes:
        camera: an augmented camera.
        stream: what moves with it.
    """

    camera: Camera
    stream: Camera


@dataclass(frozen=True)
class EpisodePlan:
    """The whole result, before a pixel of it exists.

    Attributes:
        in_place: whether the augmented versions replace their episodes, or are added.
        rows_made: when their rows are written.
        cameras: those that are augmented.
        copies: augmented versions of an episode.
        transforms: most that one version gets.
        shards: by index; each is made when it is asked for.
        source_episodes: those that are made, as the source has them, in order.
        episode_ends: of each shard, how many of them it and the shards before it make.
        unit_count: units of all shards together.
        data_numbers: numbers of all data files of the result, in the order of their rows.
        kept_rows: data files with rows of the source.
        abandoned: paths of the source's video and data files that the result does not have.
        total_episodes, total_frames: of the result.
        selected: source episodes that the job selects, rising and disjoint.
        splits: by name, the episodes of the result in each split; None where they are those of the source.
        instructions: the tasks of the copies; None where they are those of the source.
        left_out: selected episodes that cannot be used, of which there are no augmented versions.
        followers: streams that move with a camera.
    """

    in_place: bool
    rows_made: RowsMade
    cameras: tuple[Camera, ...]
    copies: int
    transforms: int
    shards: Sequence[PlannedShard]
    source_episodes: Episodes
    episode_ends: Sequence[int]
    unit_count: int
    data_numbers: tuple[FileNumber, ...]
    kept_rows: tuple[KeptRows, ...]
    abandoned: tuple[DatasetPath, ...]
    total_episodes: int
    total_frames: int
    selected: tuple[range, ...]
    splits: Splits | None = None
    instructions: Instructions | None = None
    left_out: tuple[int, ...] = ()
    followers: tuple[Follower, ...] = ()

    @cached_property
    def episodes(self) -> PlannedEpisodes:
        """Those that are made, in order: walking through them makes one shard after the other."""
        return PlannedEpisodes(self.shards, self.episode_ends)

    @property
    def augmented_frames(self) -> int:
        """Frames per camera that the job writes."""
        return self.source_episodes.frames * self.copies

    @property
    def video_cameras(self) -> tuple[Camera, ...]:
        """Those of the augmented cameras whose frames are stored as video."""
        return tuple(camera for camera in self.cameras if camera.is_video)

    @property
    def image_cameras(self) -> tuple[Camera, ...]:
        """Those of the augmented cameras whose frames are images in the rows."""
        return tuple(camera for camera in self.cameras if not camera.is_video)

    @property
    def video_followers(self) -> tuple[Follower, ...]:
        """Those of the followers whose frames are stored as video."""
        return tuple(follower for follower in self.followers if follower.stream.is_video)

    @property
    def image_followers(self) -> tuple[Follower, ...]:
        """Those of the followers whose frames are images in the rows."""
        return tuple(follower for follower in self.followers if not follower.stream.is_video)

    @property
    def made_videos(self) -> tuple[Camera, ...]:
        """The cameras and streams of whose augmented episodes videos are made."""
        return (*self.video_cameras, *(follower.stream for follower in self.video_followers))

    @property
    def makes_images(self) -> bool:
        """Whether the rows of augmented episodes hold other images than those of their source."""
        return bool(self.image_cameras or self.image_followers)

    @property
    def min_shards(self) -> int:
        """Fewest shards that can record the work."""
        return fewest_shards(self.unit_count)

    @property
    def max_shards(self) -> int:
        """Most shards that have an episode each."""
        return min(sum(map(len, self.selected)), MAX_SHARDS)
