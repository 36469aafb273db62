"""The plan: which shard makes which episodes, under which numbers and in which files.

A pure function of the spec, the pinned metadata and the number of shards. Every pod computes it for itself, nobody
stores it. The result holds every original episode first, its files untouched; then, for the selected source episodes
in order, their copies: the copy `c` of the selected episode number `e` becomes episode N + e * K + c.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import ceil

from augmentation_api import Augmentation
from augmentation_api.sharding import most_episodes_per_shard
from augmentation_worker.dataset.episodes import Episode, FileNumber
from augmentation_worker.dataset.info import Camera
from augmentation_worker.dataset.metadata import DatasetMetadata

LARGEST_SORTABLE_CHUNK = 1000
"""Files a chunk of data may have at most: LeRobot sorts data files by path, and file-1000 sorts before file-999."""


@dataclass(frozen=True)
class PlannedCopy:
    """One augmented episode.

    Attributes:
        copy: number among the copies of its source episode.
        episode_index: its number in the result.
        from_index, to_index: its rows in the result, half open.
    """

    copy: int
    episode_index: int
    from_index: int
    to_index: int


@dataclass(frozen=True)
class PlannedEpisode:
    """A selected source episode and what becomes of it.

    Attributes:
        source: the episode in the source.
        copies: its augmented versions.
        videos: by augmented camera, the file that holds all its copies back to back.
    """

    source: Episode
    copies: tuple[PlannedCopy, ...]
    videos: Mapping[str, FileNumber]

    @property
    def augmented_frames(self) -> int:
        """Frames a camera, all copies together."""
        return self.source.length * len(self.copies)


@dataclass(frozen=True)
class PlannedShard:
    """What one pod does.

    Attributes:
        index: number of the shard.
        episodes: consecutive selected episodes; none if there are more shards than episodes.
        data_file: file of its rows; None without episodes.
        original_videos: paths of the source's video files that it carries over into the result.
    """

    index: int
    episodes: tuple[PlannedEpisode, ...]
    data_file: FileNumber | None
    original_videos: tuple[str, ...]

    @property
    def augmented_frames(self) -> int:
        """Frames a camera that this shard writes."""
        return sum(episode.augmented_frames for episode in self.episodes)


@dataclass(frozen=True)
class Plan:
    """The whole result, before a pixel of it exists.

    Attributes:
        cameras: those that are augmented.
        copies: augmented versions of an episode.
        shards: by index.
        total_episodes, total_frames: of the result.
    """

    cameras: tuple[Camera, ...]
    copies: int
    shards: tuple[PlannedShard, ...]
    total_episodes: int
    total_frames: int

    @property
    def episodes(self) -> tuple[PlannedEpisode, ...]:
        """All selected episodes, in order."""
        return tuple(episode for shard in self.shards for episode in shard.episodes)


def selected_episodes(metadata: DatasetMetadata, augmentation: Augmentation) -> tuple[Episode, ...]:
    """The source episodes that are to be augmented, in order."""
    return tuple(episode for episode in metadata.episodes if augmentation.selects_episode(episode.index))


def selected_cameras(metadata: DatasetMetadata, augmentation: Augmentation) -> tuple[Camera, ...]:
    """The cameras that are to be augmented, in the order of info.json: those named, else all colour cameras."""
    colour = [camera for camera in metadata.info.cameras if camera.is_colour]
    return tuple(camera for camera in colour if not augmentation.cameras or camera.key in augmentation.cameras)


def make_plan(
    metadata: DatasetMetadata, augmentation: Augmentation, shard_count: int, *, carry_originals: bool = True
) -> Plan:
    """Lay out the result.

    Args:
        metadata: the source at its pinned commit.
        augmentation: the spec's part about images; mode stacked.
        shard_count: 1 or more.
        carry_originals: whether the result is another dataset than the source, so that the original files have to be
            brought into it.
    """
    selected = selected_episodes(metadata, augmentation)
    cameras = selected_cameras(metadata, augmentation)
    copies = augmentation.copies
    planned = _planned_episodes(metadata, selected, cameras, copies)
    most = most_episodes_per_shard(copies * len(cameras))
    shares = balanced_shares([episode.length for episode in selected], shard_count, most)
    data_files = _numbers_after(metadata.data_numbers, min(metadata.info.chunks_size, LARGEST_SORTABLE_CHUNK))
    originals = _original_videos(metadata, selected, shares) if carry_originals else [[] for _ in shares]
    shards = tuple(
        PlannedShard(
            index=index,
            episodes=planned[share.start : share.stop],
            data_file=next(data_files) if share else None,
            original_videos=tuple(originals[index]),
        )
        for index, share in enumerate(shares)
    )
    return Plan(
        cameras=cameras,
        copies=copies,
        shards=shards,
        total_episodes=len(metadata.episodes) + len(selected) * copies,
        total_frames=metadata.info.total_frames + sum(episode.length for episode in selected) * copies,
    )


def balanced_shares(lengths: Sequence[int], shard_count: int, most_episodes: int) -> list[range]:
    """Cut positions 0..len into `shard_count` consecutive ranges of about equal sums.

    An episode goes to the shard in whose equal part of the frames its middle lies; then episodes move so that no
    shard is empty or holds more than `most_episodes` (as far as there are episodes and shards enough). With fewer
    episodes than shards the last shards are empty.
    """
    episodes = len(lengths)
    if episodes <= shard_count:
        return [range(min(index, episodes), min(index + 1, episodes)) for index in range(shard_count)]
    most = max(most_episodes, ceil(episodes / shard_count))
    total = sum(lengths)
    middles = [2 * end - length for end, length in zip(accumulate(lengths), lengths, strict=True)]
    cuts = [0]
    for index in range(1, shard_count):
        following = shard_count - index
        cut = bisect_left(middles, 2 * total * index / shard_count)
        earliest = max(cuts[-1] + 1, episodes - following * most)
        latest = min(cuts[-1] + most, episodes - following)
        cuts.append(min(max(cut, earliest), latest))
    cuts.append(episodes)
    return [range(start, stop) for start, stop in pairwise(cuts)]


def _planned_episodes(
    metadata: DatasetMetadata, selected: Sequence[Episode], cameras: Sequence[Camera], copies: int
) -> tuple[PlannedEpisode, ...]:
    chunks_size = metadata.info.chunks_size
    numbers = {camera.key: _numbers_after(metadata.video_numbers(camera.key), chunks_size) for camera in cameras}
    planned = []
    next_episode, next_row = len(metadata.episodes), metadata.info.total_frames
    for episode in selected:
        versions = tuple(
            PlannedCopy(
                copy=copy,
                episode_index=next_episode + copy,
                from_index=next_row + copy * episode.length,
                to_index=next_row + (copy + 1) * episode.length,
            )
            for copy in range(copies)
        )
        videos = {key: next(following) for key, following in numbers.items()}
        planned.append(PlannedEpisode(episode, versions, videos))
        next_episode += copies
        next_row += copies * episode.length
    return tuple(planned)


def next_number(taken: Sequence[FileNumber], chunks_size: int) -> FileNumber:
    """The number after the highest one taken."""
    return next(_numbers_after(taken, chunks_size))


def _numbers_after(taken: Sequence[FileNumber], chunks_size: int) -> Iterator[FileNumber]:
    number = max(taken)
    while True:
        number = number.following(chunks_size)
        yield number


def _original_videos(
    metadata: DatasetMetadata, selected: Sequence[Episode], shares: Sequence[range]
) -> list[list[str]]:
    """By shard, the source's video files it carries over: those whose first episode it augments, or comes closest to.

    A file none of whose episodes is selected goes where the next selected episode is, else to the last busy shard.
    """
    shard_of = [index for index, share in enumerate(shares) for _ in share] or [0]
    firsts: dict[str, int] = {}
    for episode in metadata.episodes:
        for camera, span in episode.videos.items():
            firsts.setdefault(metadata.info.video_file(camera, *span.file), episode.index)
    indices = [episode.index for episode in selected]
    originals: list[list[str]] = [[] for _ in shares]
    for path, first in firsts.items():
        position = min(bisect_left(indices, first), len(shard_of) - 1)
        originals[shard_of[position]].append(path)
    return originals
