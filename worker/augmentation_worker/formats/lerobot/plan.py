"""The plan: which shard makes which episodes, under which numbers and in which files.

A pure function of the spec, the pinned metadata and the number of shards. Every pod computes it for itself, nobody
stores it.

copy: the result holds every original episode first, its files untouched; then, for the selected source episodes in
order, their copies: the copy `c` of the selected episode number `e` becomes episode N + e * K + c. inPlace: it holds
one augmented version of each selected episode under the episode's own number and rows, and the other episodes as they
are; only videos and what is said of them change.

In LeRobot v3.0 the copies of an episode share files, one per camera, and a shard has one file of rows, or where rows
hold images, each source episode has one. In v2.1 each copy has files of its own, under the numbers that its index
gives them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from math import ceil

from augmentation_api.status import MAX_SHARDS
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.lerobot.episodes import Episode
from augmentation_worker.formats.lerobot.format_version import FileNumber
from augmentation_worker.formats.lerobot.info import Camera
from augmentation_worker.formats.lerobot.instructions import Changes, Instructions
from augmentation_worker.formats.lerobot.records import most_episodes_per_shard
from augmentation_worker.formats.splits import Splits


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
        """Frames per camera that this shard writes."""
        return sum(episode.augmented_frames for episode in self.episodes)

    @property
    def makes_preview(self) -> bool:
        """Whether it shows what the job does, in a preview of its first episode."""
        return self.index == 0 and bool(self.episodes)

    @property
    def rows(self) -> int:
        """Rows of its data file."""
        return 0 if self.data_file is None else self.augmented_frames


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
        shards: by index.
        kept_rows: data files with rows of the source.
        abandoned: paths of the source's video and data files that the result does not have.
        total_episodes, total_frames: of the result.
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
    shards: tuple[PlannedShard, ...]
    kept_rows: tuple[KeptRows, ...]
    abandoned: tuple[DatasetPath, ...]
    total_episodes: int
    total_frames: int
    splits: Splits | None = None
    instructions: Instructions | None = None
    left_out: tuple[int, ...] = ()
    followers: tuple[Follower, ...] = ()

    @property
    def episodes(self) -> tuple[PlannedEpisode, ...]:
        """All selected episodes, in order."""
        return tuple(episode for shard in self.shards for episode in shard.episodes)

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
    def data_numbers(self) -> tuple[FileNumber, ...]:
        """Numbers of all data files of the result, in the order of their rows."""
        numbers = {number for episode in self.episodes for number in episode.data_files}
        return tuple(sorted(numbers | {kept.number for kept in self.kept_rows}))

    @property
    def most_episodes_per_shard(self) -> int:
        """Episodes of which a shard can record what this plan makes of them."""
        return most_episodes_per_shard(self.copies * (len(self.cameras) + len(self.video_followers)), self.transforms)

    @property
    def min_shards(self) -> int:
        """Fewest shards that can record the work."""
        return ceil(len(self.episodes) / self.most_episodes_per_shard)

    @property
    def max_shards(self) -> int:
        """Most shards that have an episode each."""
        return min(len(self.episodes), MAX_SHARDS)
