"""What a shard records of its finished work, as text of a few hundred bytes per entry.

One entry per unit of work, so that a shard that is restarted knows what it need not make, and the publish phase, which
has seen none of the files, can name each in its commit. Everything a record names is stored before it is recorded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from augmentation_api import FailureReason
from augmentation_api.episode_ranges import MAX_DATASET_FRAMES, disjoint, parse_ranges, short_text_of, without
from augmentation_api.spec import EPISODES_PATTERN
from augmentation_api.stored_size import cut_to_stored_size
from augmentation_worker import secrecy
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.result_files import PREVIEW_PATH
from augmentation_worker.storage.port import StoredFile

if TYPE_CHECKING:
    from augmentation_worker.formats.port import Shard

ORIGINALS_KEY = "original-videos"
"""Key of the source's files that the shard has carried over."""
PREVIEW_KEY = "picture"
RECORDS_BYTES = 1_000_000
"""What the records of one shard may take of its ConfigMap, which stops at 1 MiB."""
MAX_UNITS_PER_SHARD = 400
"""Recorded episodes or blocks per shard at most: each is a write of the whole ConfigMap."""
MOST_CAUSES = 4
"""Different causes why episodes (or rows) of a unit cannot be used; the rest share the last one."""
_MOST_CAUSE_BYTES = 480
"""All causes of a unit, as they are stored."""
MOST_UNUSABLE_CHARACTERS = 600
"""The numbers of the rows of a unit that cannot be used, written as ranges."""
MOST_CAUSES_OF_EPISODES, MOST_CHARACTERS_OF_EPISODES = 64, 6000
"""The same of a unit of episodes, each of which is bad in a way of its own."""
UNUSABLE_RECORD_BYTES = 1200
"""What a unit may record of them altogether: as much as an episode's record takes, which a bad episode has none of."""
_MOST_LISTED = 10
Cause = Annotated[str, StringConstraints(min_length=1, max_length=_MOST_CAUSE_BYTES)]
Episodes = Annotated[
    str, StringConstraints(min_length=1, max_length=MOST_CHARACTERS_OF_EPISODES, pattern=EPISODES_PATTERN)
]


def most_units_per_shard(record_bytes: int) -> int:
    """Units of work whose records, of `record_bytes` at most, fit into one ConfigMap; at least 1."""
    return max(1, min(MAX_UNITS_PER_SHARD, RECORDS_BYTES // record_bytes))


def unusable_of(
    causes: Mapping[int, str], most_causes: int = MOST_CAUSES, most_characters: int = MOST_UNUSABLE_CHARACTERS
) -> dict[str, str]:
    """What a record says of episodes that cannot be used, by index the cause of each.

    Bounded, as records are: causes are cut, and what are more than `most_causes` share the last entry.

    Raises WorkerFailure(SOURCE_INVALID) if they are more than can be recorded.
    """
    most_bytes = _MOST_CAUSE_BYTES // (4 if most_causes == MOST_CAUSES and len(causes) > 1 else 1)
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
    """The source's files that a shard has carried over."""

    files: tuple[BlobRecord, ...]


class UnitRecord(Record):
    """Base of the records of a unit of work.

    Attributes:
        unusable: by what is wrong with them, the episodes of the unit (or rows) that cannot be used, written as in
            spec.augmentation.episodes. Of these nothing was made.
    """

    unusable: dict[Cause, Episodes] = Field(
        {}, max_length=MOST_CAUSES_OF_EPISODES, exclude_if=lambda causes: not causes
    )

    @property
    def blobs(self) -> tuple[BlobRecord, ...]:
        """All files of the unit."""
        raise NotImplementedError

    @property
    def bad_episodes(self) -> list[range]:
        """Those in `unusable`, rising and disjoint."""
        parts = (part for episodes in self.unusable.values() for part in parse_ranges(episodes))
        return disjoint(parts, MAX_DATASET_FRAMES)

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(blob.size for blob in self.blobs)


@dataclass(frozen=True)
class ShardRecords:
    """What a shard has recorded of what it was planned to do, and nothing else.

    A worker that was taken over could name files of other shards, or files that no shard makes: those are never read.

    Attributes:
        units: by key.
        originals: the source's files that are carried over.
        preview: before and after, if this shard makes it.
    """

    units: Mapping[str, UnitRecord]
    originals: tuple[BlobRecord, ...] = ()
    preview: BlobRecord | None = None

    @classmethod
    def read(cls, shard: "Shard", manifest: Mapping[str, str]) -> Self:
        """Read a shard's manifest. Raises WorkerFailure for what no worker of this version wrote."""
        units = {
            unit.key: unit.record.decode(manifest[unit.key], unit.key) for unit in shard.units if unit.key in manifest
        }
        for unit in shard.units:
            if unit.key in units and without(units[unit.key].bad_episodes, unit.episodes):
                raise WorkerFailure(
                    FailureReason.INTERNAL_ERROR, f"the record {unit.key} names episodes that are not in it"
                )
        carried: dict[str, BlobRecord] = {}
        if ORIGINALS_KEY in manifest:
            carried = {file.path: file for file in FilesRecord.decode(manifest[ORIGINALS_KEY], ORIGINALS_KEY).files}
        preview = BlobRecord.decode(manifest[PREVIEW_KEY], PREVIEW_KEY) if PREVIEW_KEY in manifest else None
        return cls(
            units,
            originals=tuple(carried[path] for path in shard.carried if path in carried),
            preview=preview if shard.makes_preview and preview and preview.path == PREVIEW_PATH else None,
        )

    @property
    def blobs(self) -> list[BlobRecord]:
        """Everything that the shard has stored."""
        of_units = [blob for record in self.units.values() for blob in record.blobs]
        return [*self.originals, *of_units, *([self.preview] if self.preview else [])]

    def missing(self, shard: "Shard") -> list[str]:
        """What the shard has not recorded, for people."""
        carried = {file.path for file in self.originals}
        names = [unit.title for unit in shard.units if unit.key not in self.units]
        names += [path for path in shard.carried if path not in carried]
        names += ["the preview"] if shard.makes_preview and self.preview is None else []
        return [f"{name} (shard {shard.index})" for name in names]


def check_complete(shards: Sequence["Shard"], records: Sequence[ShardRecords]) -> None:
    """Check that every shard has recorded all that was planned. Raises WorkerFailure(INTERNAL_ERROR)."""
    missing = [name for shard, record in zip(shards, records, strict=True) for name in record.missing(shard)]
    if missing:
        more = len(missing) - _MOST_LISTED
        listed = ", ".join(missing[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")
        raise WorkerFailure(
            FailureReason.INTERNAL_ERROR, f"the augment phase has not recorded {listed}; retry the job (spec.attempt)"
        )
