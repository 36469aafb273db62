"""What a shard records of a LeRobot dataset: one entry per unit, and one for the rows at its end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from pydantic import Field
from typing_extensions import override

from augmentation_worker.formats.lerobot.format_version import FileNumber
from augmentation_worker.formats.records import (
    MOST_CAUSES_OF_EPISODES,
    MOST_CHARACTERS_OF_EPISODES,
    BlobRecord,
    Record,
    ShardRecords,
    UnitRecord,
    unusable_of,
)

DATA_KEY = "data"


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


class EpisodeInFile(Record):
    """An episode in a video file, whose copies lie there back to back.

    Attributes:
        episode: source episode_index.
        copies: those of its copies that are in the file, in order.
    """

    episode: int = Field(ge=0)
    copies: tuple[VideoCopyRecord, ...]


class VideoRecord(BlobRecord):
    """A video file.

    Attributes:
        number: chunk and file.
        episodes: what is in it, back to back: rising, and among them those that were found bad later.
    """

    number: tuple[int, int]
    episodes: tuple[EpisodeInFile, ...]

    @property
    def frames(self) -> int:
        """How many it has."""
        return sum(copy.frames for episode in self.episodes for copy in episode.copies)


class VideosRecord(UnitRecord):
    """The videos of a unit.

    Attributes:
        stream: key of the camera or stream.
        files: in the order of their episodes and copies.
    """

    stream: str
    files: tuple[VideoRecord, ...] = ()

    @property
    @override
    def blobs(self) -> tuple[BlobRecord, ...]:
        return self.files


class RowsFileRecord(BlobRecord):
    """A data file.

    Attributes:
        rows: how many it has.
        episodes: source episode_index of those whose copies' rows are in it, in order.
    """

    rows: int = Field(ge=0)
    episodes: tuple[int, ...] = ()


class RowsRecord(UnitRecord):
    """The rows of a unit.

    Attributes:
        pictures: by source episode_index and camera, the copies whose pictures are in the rows.
        files: in the order of their rows.
    """

    pictures: dict[int, dict[str, tuple[CopyRecord, ...]]] = Field({})
    files: tuple[RowsFileRecord, ...] = ()

    @property
    @override
    def blobs(self) -> tuple[BlobRecord, ...]:
        return self.files


class DataRecord(UnitRecord):
    """The end of the shard: the rows of its augmented episodes.

    Attributes:
        files: none where they are units of their own.
        encodings: by camera, what info.json says of how its augmented videos are encoded.
        encoders: by camera, FFmpeg's name of the encoder that this shard used.
    """

    files: tuple[RowsFileRecord, ...] = ()
    encodings: dict[str, dict[str, object]] = Field({})
    encoders: dict[str, str] = Field({})

    @property
    @override
    def blobs(self) -> tuple[BlobRecord, ...]:
        return self.files


@dataclass
class EpisodeRecord:
    """All that a shard made of one source episode, whatever units it was made in.

    Attributes:
        versions: by camera or stream, its copies in order.
        numbers: by camera or stream of which videos are made, the file of each copy.
    """

    versions: dict[str, list[CopyRecord]] = field(default_factory=dict)
    numbers: dict[str, list[FileNumber]] = field(default_factory=dict)

    @property
    def cameras(self) -> tuple[str, ...]:
        """The cameras and streams that it was augmented for."""
        return tuple(self.versions)

    def copies(self, camera: str) -> Sequence[CopyRecord]:
        """Its copies as a camera sees them, in order."""
        return self.versions[camera]

    def number(self, camera: str, copy: int) -> FileNumber:
        """The video file that a copy's frames lie in."""
        return self.numbers[camera][copy]


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
        episodes: dict[int, EpisodeRecord] = {}
        for unit in records.units.values():
            if isinstance(unit, VideosRecord):
                for file in unit.files:
                    for entry in file.episodes:
                        episode = episodes.setdefault(entry.episode, EpisodeRecord())
                        episode.versions.setdefault(unit.stream, []).extend(entry.copies)
                        number = FileNumber(*file.number)
                        episode.numbers.setdefault(unit.stream, []).extend([number] * len(entry.copies))
            elif isinstance(unit, RowsRecord):
                for index, cameras in unit.pictures.items():
                    versions = episodes.setdefault(index, EpisodeRecord()).versions
                    versions.update({camera: [*copies] for camera, copies in cameras.items()})
        return cls(episodes, data if isinstance(data, DataRecord) else None)


def unusable_episodes(causes: Mapping[int, str]) -> dict[str, str]:
    """What a record says of episodes that cannot be used, by index the cause of each. Raises WorkerFailure."""
    return unusable_of(causes, MOST_CAUSES_OF_EPISODES, MOST_CHARACTERS_OF_EPISODES)


def video_files(records: ShardRecords) -> list[VideoRecord]:
    """All video files that a shard has recorded."""
    return [file for unit in records.units.values() if isinstance(unit, VideosRecord) for file in unit.files]


def rows_files(records: ShardRecords) -> list[RowsFileRecord]:
    """All files that a shard has recorded of the rows of its episodes."""
    return [file for unit in records.units.values() if isinstance(unit, RowsRecord) for file in unit.files]
