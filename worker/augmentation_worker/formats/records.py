"""What a shard records of its finished work.

Publish, which has seen none of the files, names each in its commit by what these records say. Everything a record names
is stored before it is recorded. Where a record is kept: entries.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from augmentation_api import FailureReason
from augmentation_api.episode_ranges import MAX_DATASET_FRAMES, disjoint, parse_ranges, short_text_of
from augmentation_api.spec import EPISODES_PATTERN
from augmentation_api.stored_size import cut_to_stored_size
from augmentation_worker import secrecy
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.port import StoredFile

MOST_CAUSES = 4
"""Different causes why episodes (or rows) of a unit cannot be used; the rest share the last one."""
_MOST_CAUSE_BYTES = 480
_LEAST_CAUSE_BYTES = 120
"""A cause as it is stored: the more there are, the shorter each."""
MOST_UNUSABLE_CHARACTERS = 600
"""The numbers of the rows of a unit that cannot be used, written as ranges."""
MOST_CAUSES_OF_EPISODES, MOST_CHARACTERS_OF_EPISODES = 64, 6000
"""The same of a unit of episodes, each of which is bad in a way of its own."""
Cause = Annotated[str, StringConstraints(min_length=1, max_length=_MOST_CAUSE_BYTES)]
Episodes = Annotated[
    str, StringConstraints(min_length=1, max_length=MOST_CHARACTERS_OF_EPISODES, pattern=EPISODES_PATTERN)
]


def unusable_of(
    causes: Mapping[int, str], most_causes: int = MOST_CAUSES, most_characters: int = MOST_UNUSABLE_CHARACTERS
) -> dict[str, str]:
    """What a record says of episodes that cannot be used, by index the cause of each.

    Bounded, as records are: causes are cut, and what are more than `most_causes` share the last entry.

    Raises WorkerFailure(SOURCE_INVALID) if they are more than can be recorded.
    """
    share = most_causes * _LEAST_CAUSE_BYTES // max(1, len({*causes.values()}))
    most_bytes = max(_LEAST_CAUSE_BYTES, min(_MOST_CAUSE_BYTES, share))
    by_cause: dict[str, list[tuple[int, int]]] = {}
    for index, cause in sorted(causes.items()):
        text = cut_to_stored_size(secrecy.fit(cause), most_bytes)
        if text not in by_cause and len(by_cause) >= most_causes - 1:
            text = "cannot be used for another reason"
        by_cause.setdefault(text, []).append((index, index + 1))
    recorded = {cause: short_text_of(disjoint(ranges, MAX_DATASET_FRAMES)) for cause, ranges in by_cause.items()}
    if sum(map(len, recorded.values())) > most_characters:
        first = min(causes)
        raise WorkerFailure(
            FailureReason.SOURCE_INVALID,
            f"{len(causes)} of the rows from {first} on cannot be used, the first because: {causes[first]}; that many "
            "are not left out one by one: repair the dataset, or select others (spec.augmentation.episodes)",
        )
    return recorded


class Record(BaseModel):
    """Base of the records: compact JSON of known fields only."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def encode(self) -> str:
        """JSON without a blank. Floats are written so that they read back the same."""
        return self.model_dump_json(exclude_none=True)

    @classmethod
    def decode(cls, text: str, key: str) -> Self:
        """Read what `encode` wrote. Raises WorkerFailure(INTERNAL_ERROR), naming the key."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise WorkerFailure(
                FailureReason.INTERNAL_ERROR, f"the record {key} cannot be read: {error.errors()[0]['msg']}"
            ) from error


class BlobRecord(Record):
    """A file of the result whose content is stored."""

    path: DatasetPath
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=0)

    @classmethod
    def of(cls, stored: StoredFile) -> "BlobRecord":
        """The record of a file that was stored."""
        return BlobRecord(path=stored.path, sha256=stored.sha256, size=stored.size)

    @property
    def stored(self) -> StoredFile:
        """The stored file that this names."""
        return StoredFile(self.path, self.sha256, self.size)


class FilesRecord(Record):
    """Files of the source that a shard has carried over, in the order in which it carries them."""

    files: tuple[BlobRecord, ...]

    @property
    def count(self) -> int:
        """How many."""
        return len(self.files)

    @property
    def blobs(self) -> tuple[BlobRecord, ...]:
        """The files."""
        return self.files


class WithUnusable(Record):
    """Base of what is said of a unit of work.

    Attributes:
        unusable: by what is wrong with them, the episodes of the unit (or rows) that cannot be used, written as in
            spec.augmentation.episodes. Of these nothing was made.
    """

    unusable: dict[Cause, Episodes] = Field(
        {}, max_length=MOST_CAUSES_OF_EPISODES, exclude_if=lambda causes: not causes
    )

    @property
    def bad_episodes(self) -> list[range]:
        """Those in `unusable`, rising and disjoint."""
        parts = (part for episodes in self.unusable.values() for part in parse_ranges(episodes))
        return disjoint(parts, MAX_DATASET_FRAMES)


class UnitRecord(WithUnusable):
    """Base of the records of a unit of work."""

    @property
    def blobs(self) -> tuple[BlobRecord, ...]:
        """All files of the unit."""
        raise NotImplementedError

    @property
    def file_bytes(self) -> int:
        """Bytes of all its files."""
        return sum(blob.size for blob in self.blobs)


@dataclass(frozen=True)
class ShardRecords:
    """What a shard has recorded of what it was planned to do.

    Attributes:
        units: by key.
        originals: the source's files that are carried over.
        preview: before and after, if this shard makes it.
    """

    units: Mapping[str, UnitRecord]
    originals: tuple[BlobRecord, ...] = ()
    preview: BlobRecord | None = None

    @classmethod
    def of(cls, records: Mapping[str, UnitRecord | FilesRecord], preview: BlobRecord | None) -> Self:
        """What a shard has recorded under its keys."""
        return cls(
            {key: record for key, record in records.items() if isinstance(record, UnitRecord)},
            tuple(file for record in records.values() if isinstance(record, FilesRecord) for file in record.files),
            preview,
        )

    @property
    def blobs(self) -> list[BlobRecord]:
        """Everything that the shard has stored."""
        of_units = [blob for record in self.units.values() for blob in record.blobs]
        return [*self.originals, *of_units, *([self.preview] if self.preview else [])]
