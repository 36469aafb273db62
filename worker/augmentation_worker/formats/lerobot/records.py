"""What a shard records of a LeRobot dataset: one entry per episode, and one for the rows at its end."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from pydantic import Field
from typing_extensions import override

from augmentation_worker.formats.records import BlobRecord, Record, ShardRecords, UnitRecord, most_units_per_shard

DATA_KEY = "data"
_EPISODE_KEY_PREFIX = "episode-"
EPISODE_RECORD_BYTES = 250
VIDEO_RECORD_BYTES = 870
TRANSFORM_RECORD_BYTES = 160
"""Most that is recorded of an episode, of each augmented version of it per camera, and of each of its transforms."""


def most_episodes_per_shard(videos_per_episode: int, transforms: int) -> int:
    """Episodes whose records fit into one ConfigMap.

    Args:
        videos_per_episode: its augmented versions times augmented cameras.
        transforms: that a version gets.
    """
    video = VIDEO_RECORD_BYTES + TRANSFORM_RECORD_BYTES * transforms
    return most_units_per_shard(EPISODE_RECORD_BYTES + video * videos_per_episode)


def episode_key(episode_index: int) -> str:
    """Key under which the source episode with this index is recorded."""
    return f"{_EPISODE_KEY_PREFIX}{episode_index:06d}"


class CopyRecord(Record):
    """One copy of an episode as one camera sees it.

    Attributes:
        frames: frames written.
        pixel_hash: hash of the augmented pixels before they were encoded.
        statistics: by statistic (min, max, mean, std, q01, …) one value per channel, over [0, 1]; count has one value.
        parameters: what was sampled for the transforms.
    """

    frames: int
    pixel_hash: str
    statistics: dict[str, list[float]]
    parameters: dict[str, object] = Field({})


class VideoCopyRecord(CopyRecord):
    """One copy of an episode in a video file.

    Attributes:
        from_timestamp, to_timestamp: seconds from the beginning of the file.
    """

    from_timestamp: float
    to_timestamp: float


class VideoRecord(BlobRecord):
    """A video file that holds copies of one episode as one camera sees it, back to back."""

    copies: tuple[VideoCopyRecord, ...]


class RowsRecord(BlobRecord):
    """A data file with rows of one episode's copies."""

    rows: int = Field(ge=0)


class EpisodeRecord(UnitRecord):
    """All that a shard made of one source episode.

    Attributes:
        videos: by camera, the files that its copies are in, in their order.
        pictures: by camera, its copies, whose pictures are in the rows.
        rows: data files of its own, if it has any.
    """

    videos: dict[str, tuple[VideoRecord, ...]]
    pictures: dict[str, tuple[CopyRecord, ...]] = Field({})
    rows: tuple[RowsRecord, ...] = ()

    @property
    def cameras(self) -> tuple[str, ...]:
        """The augmented cameras."""
        return (*self.videos, *self.pictures)

    def copies(self, camera: str) -> tuple[CopyRecord, ...]:
        """Its copies as a camera sees them, in order."""
        if camera in self.pictures:
            return self.pictures[camera]
        return tuple(copy for video in self.videos[camera] for copy in video.copies)

    @property
    @override
    def blobs(self) -> tuple[BlobRecord, ...]:
        return (*(video for videos in self.videos.values() for video in videos), *self.rows)


class DataRecord(UnitRecord):
    """The end of the shard: the rows of its augmented episodes.

    Attributes:
        file: None for a shard without episodes.
        rows: number of rows in it.
        encodings: by camera, what info.json says of how its augmented videos are encoded.
        encoders: by camera, FFmpeg's name of the encoder that this shard used.
    """

    file: BlobRecord | None = None
    rows: int = 0
    encodings: dict[str, dict[str, object]] = Field({})
    encoders: dict[str, str] = Field({})

    @property
    @override
    def blobs(self) -> tuple[BlobRecord, ...]:
        return () if self.file is None else (self.file,)


@dataclass(frozen=True)
class EpisodeRecords:
    """What a shard has recorded, read.

    Attributes:
        episodes: by source episode_index.
        data: None until the shard is finished.
    """

    episodes: Mapping[int, EpisodeRecord]
    data: DataRecord | None

    @classmethod
    def of(cls, records: ShardRecords) -> Self:
        """The records of a shard by the episodes that they are of."""
        data = records.units.get(DATA_KEY)
        episodes = {
            int(key.removeprefix(_EPISODE_KEY_PREFIX)): record
            for key, record in records.units.items()
            if isinstance(record, EpisodeRecord)
        }
        return cls(episodes, data if isinstance(data, DataRecord) else None)
