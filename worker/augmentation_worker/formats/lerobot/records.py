"""What a shard records of its finished work, as text of a few hundred bytes an augmented video.

One key an episode, so that a shard that starts again knows what it need not do, and the publish phase, which has
seen none of the files, can name each in its commit. Everything a record names is on the hub before it is recorded.
"""

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.storage.port import StoredFile

DATA_KEY = "data"
ORIGINAL_VIDEOS_KEY = "original-videos"
PICTURE_KEY = "picture"
_EPISODE_KEY_PREFIX = "episode-"
_LONGEST_INDEX, _LONGEST_QUOTE = 9, 60

RECORDS_BYTES = 1_000_000
"""What the records of one shard may take of its ConfigMap, which stops at 1 MiB."""
MAX_PARTS_PER_SHARD = 400
"""Recorded episodes or blocks per shard at most: each is a write of the whole ConfigMap."""
EPISODE_RECORD_BYTES = 250
VIDEO_RECORD_BYTES = 810
"""Most that is recorded of an episode, and of each augmented version of it per camera."""


def parts_per_shard(record_bytes: int) -> int:
    """Parts of work whose records, of `record_bytes` at most, fit into one ConfigMap; at least 1."""
    return max(1, min(MAX_PARTS_PER_SHARD, RECORDS_BYTES // record_bytes))


def most_episodes_per_shard(videos_per_episode: int) -> int:
    """Episodes whose records fit into one ConfigMap, by their augmented versions times augmented cameras."""
    return parts_per_shard(EPISODE_RECORD_BYTES + VIDEO_RECORD_BYTES * videos_per_episode)


def episode_key(episode_index: int) -> str:
    """Key under which the source episode with this index is recorded."""
    return f"{_EPISODE_KEY_PREFIX}{episode_index:06d}"


class RecordInvalid(Exception):
    """A manifest holds something that no worker of this version wrote."""


def index_of(key: str, prefix: str) -> int:
    """The number that a record's key ends with. Raises RecordInvalid."""
    number = key.removeprefix(prefix)
    if not (number.isascii() and number.isdecimal() and len(number) <= _LONGEST_INDEX):
        raise RecordInvalid(f"the record {key[:_LONGEST_QUOTE]!r} has no number")
    return int(number)


class Record(BaseModel):
    """Base of the records: compact JSON with nothing that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def encode(self) -> str:
        """JSON without a blank. Floats are written so that they read back the same."""
        return self.model_dump_json(exclude_none=True)

    @classmethod
    def decode(cls, text: str, key: str) -> Self:
        """Read what `encode` wrote. Raises RecordInvalid, which names the key."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise RecordInvalid(f"the record {key} cannot be read: {error.errors()[0]['msg']}") from error


class BlobRecord(Record):
    """A file of the result whose content is on the hub."""

    path: DatasetPath
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=0)


def record_of(stored: StoredFile) -> BlobRecord:
    """What is recorded of a file that was stored."""
    return BlobRecord(path=stored.path, sha256=stored.sha256, size=stored.size)


def stored_of(record: BlobRecord) -> StoredFile:
    """The stored file that a record names."""
    return StoredFile(record.path, record.sha256, record.size)


class CopyRecord(Record):
    """One copy of an episode as one camera sees it.

    Attributes:
        frames: frames written.
        pixel_hash: hash of the augmented pixels before they were encoded.
        statistics: by statistic (min, max, mean, std, q01, …) one value a channel, over [0, 1]; count has one value.
        parameters: what the transforms drew.
    """

    frames: int
    pixel_hash: str
    statistics: dict[str, list[float]]
    parameters: dict[str, object] = {}


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


class EpisodeRecord(Record):
    """All that a shard made of one source episode.

    Attributes:
        videos: by camera, the files that its copies are in, in their order.
        pictures: by camera, its copies, whose pictures are in the rows.
        rows: data files of its own, if it has any.
    """

    videos: dict[str, tuple[VideoRecord, ...]]
    pictures: dict[str, tuple[CopyRecord, ...]] = {}
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
    def files(self) -> tuple[BlobRecord, ...]:
        """All its files."""
        return (*(video for videos in self.videos.values() for video in videos), *self.rows)

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.files)


class DataRecord(Record):
    """The end of the shard: the rows of its augmented episodes.

    Attributes:
        file: None for a shard without episodes.
        rows: number of rows in it.
        encodings: by camera, what info.json says of how its augmented videos are encoded.
        encoders: by camera, FFmpeg's name of the encoder that this shard used.
    """

    file: BlobRecord | None = None
    rows: int = 0
    encodings: dict[str, dict[str, object]] = {}
    encoders: dict[str, str] = {}


class OriginalVideosRecord(Record):
    """The source's video files that this shard has carried over."""

    files: tuple[BlobRecord, ...]


class ShardRecords(BaseModel):
    """A shard's whole manifest, read.

    Attributes:
        episodes: by source episode_index.
        data: None until the shard is finished.
        picture: of its first episode, before and after.
    """

    model_config = ConfigDict(frozen=True)

    episodes: dict[int, EpisodeRecord]
    data: DataRecord | None
    original_videos: tuple[BlobRecord, ...]
    picture: BlobRecord | None = None

    @classmethod
    def read(cls, manifest: Mapping[str, str]) -> Self:
        """Read a manifest; keys of other writers are passed over. Raises RecordInvalid."""
        episodes = {
            index_of(key, _EPISODE_KEY_PREFIX): EpisodeRecord.decode(text, key)
            for key, text in manifest.items()
            if key.startswith(_EPISODE_KEY_PREFIX)
        }
        data = DataRecord.decode(manifest[DATA_KEY], DATA_KEY) if DATA_KEY in manifest else None
        originals: tuple[BlobRecord, ...] = ()
        if ORIGINAL_VIDEOS_KEY in manifest:
            originals = OriginalVideosRecord.decode(manifest[ORIGINAL_VIDEOS_KEY], ORIGINAL_VIDEOS_KEY).files
        picture = BlobRecord.decode(manifest[PICTURE_KEY], PICTURE_KEY) if PICTURE_KEY in manifest else None
        return cls(episodes=episodes, data=data, original_videos=originals, picture=picture)
