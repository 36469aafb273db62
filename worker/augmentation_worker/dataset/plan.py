"""The plan: which shard makes which episodes, under which numbers and in which files.

A pure function of the spec, the pinned metadata and the number of shards. Every pod computes it for itself, nobody
stores it.

copy: the result holds every original episode first, its files untouched; then, for the selected source episodes in
order, their copies: the copy `c` of the selected episode number `e` becomes episode N + e * K + c. inPlace: it holds
one augmented version of each selected episode under the episode's own number and rows, and the other episodes as they
are; only videos and what is said of them change.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import ceil

from augmentation_api import Augmentation, AugmentationJobSpec
from augmentation_api.sharding import most_episodes_per_shard
from augmentation_api.vocabulary import OutputMode
from augmentation_worker.copies import transforms_of_copies
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
        data_file: file of its rows; None where it writes none: without episodes, and in place.
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

    @property
    def draws_picture(self) -> bool:
        """Whether it shows what the job does, in a picture of its first episode."""
        return self.index == 0 and bool(self.episodes)

    @property
    def rows(self) -> int:
        """Rows of its data file."""
        return 0 if self.data_file is None else self.augmented_frames


@dataclass(frozen=True)
class Plan:
    """The whole result, before a pixel of it exists.

    Attributes:
        in_place: whether the augmented versions replace their episodes, or are added.
        cameras: those that are augmented.
        copies: augmented versions of an episode.
        shards: by index.
        abandoned_videos: paths of the source's video files that the result has no use for, as every frame in them is
            replaced.
        total_episodes, total_frames: of the result.
    """

    in_place: bool
    cameras: tuple[Camera, ...]
    copies: int
    shards: tuple[PlannedShard, ...]
    abandoned_videos: tuple[str, ...]
    total_episodes: int
    total_frames: int

    @property
    def episodes(self) -> tuple[PlannedEpisode, ...]:
        """All selected episodes, in order."""
        return tuple(episode for shard in self.shards for episode in shard.episodes)

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
) -> Plan:
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
    versions = _in_place(selected) if in_place else _after_the_originals(metadata, selected, copies)
    planned = _planned_episodes(metadata, versions, cameras)
    most = most_episodes_per_shard(copies * len(cameras))
    shares = balanced_shares([episode.length for episode in selected], shard_count, most)
    data_files = _numbers_after(metadata.data_numbers, min(metadata.info.chunks_size, LARGEST_SORTABLE_CHUNK))
    abandoned = _abandoned_videos(metadata, selected, cameras) if in_place else ()
    originals = _original_videos(metadata, selected, shares, abandoned) if carry_originals else [[] for _ in shares]
    shards = tuple(
        PlannedShard(
            index=index,
            episodes=planned[share.start : share.stop],
            data_file=next(data_files) if share and not in_place else None,
            original_videos=tuple(originals[index]),
        )
        for index, share in enumerate(shares)
    )
    added = 0 if in_place else copies
    return Plan(
        in_place=in_place,
        cameras=cameras,
        copies=copies,
        shards=shards,
        abandoned_videos=abandoned,
        total_episodes=len(metadata.episodes) + len(selected) * added,
        total_frames=metadata.info.total_frames + sum(episode.length for episode in selected) * added,
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


Versions = Iterable[tuple[Episode, tuple[PlannedCopy, ...]]]


def _in_place(selected: Sequence[Episode]) -> Versions:
    for episode in selected:
        yield episode, (PlannedCopy(0, episode.index, episode.from_index, episode.to_index),)


def _after_the_originals(metadata: DatasetMetadata, selected: Sequence[Episode], copies: int) -> Versions:
    next_episode, next_row = len(metadata.episodes), metadata.info.total_frames
    for episode in selected:
        versions = []
        for copy in range(copies):
            versions.append(PlannedCopy(copy, next_episode, next_row, next_row + episode.length))
            next_episode += 1
            next_row += episode.length
        yield episode, tuple(versions)


def _planned_episodes(
    metadata: DatasetMetadata, versions: Versions, cameras: Sequence[Camera]
) -> tuple[PlannedEpisode, ...]:
    chunks_size = metadata.info.chunks_size
    numbers = {camera.key: _numbers_after(metadata.video_numbers(camera.key), chunks_size) for camera in cameras}
    return tuple(
        PlannedEpisode(episode, copies, {key: next(following) for key, following in numbers.items()})
        for episode, copies in versions
    )


def next_number(taken: Sequence[FileNumber], chunks_size: int) -> FileNumber:
    """The number after the highest one taken."""
    return next(_numbers_after(taken, chunks_size))


def _numbers_after(taken: Sequence[FileNumber], chunks_size: int) -> Iterator[FileNumber]:
    number = max(taken)
    while True:
        number = number.following(chunks_size)
        yield number


def _abandoned_videos(
    metadata: DatasetMetadata, replaced: Sequence[Episode], cameras: Sequence[Camera]
) -> tuple[str, ...]:
    """The video files in which every frame is replaced."""
    episodes, keys = {episode.index for episode in replaced}, {camera.key for camera in cameras}
    kept = {
        metadata.info.video_file(camera, *span.file)
        for episode in metadata.episodes
        for camera, span in episode.videos.items()
        if not (episode.index in episodes and camera in keys)
    }
    return tuple(path for path in metadata.video_paths if path not in kept)


def _original_videos(
    metadata: DatasetMetadata,
    selected: Sequence[Episode],
    shares: Sequence[range],
    abandoned: Collection[str],
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
        if path in abandoned:
            continue
        position = min(bisect_left(indices, first), len(shard_of) - 1)
        originals[shard_of[position]].append(path)
    return originals
