"""What a shard's manifest says of each unit: its record, or of what document the record is a part.

A manifest is a ConfigMap, which stops at 1 MiB. So it holds the newest records only: when they are many, they become a
document, stored where the result goes (documents.py), and an entry of some 150 bytes each takes their place. A shard
that is restarted sees from its entries what it need not make, and reads no document.
"""

import logging
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Self, TypeAlias

from pydantic import Field

from augmentation_api.episode_ranges import MAX_DATASET_FRAMES, disjoint, without
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.integrity import lost
from augmentation_worker.formats.records import BlobRecord, FilesRecord, Record, UnitRecord, WithUnusable
from augmentation_worker.formats.result_files import PREVIEW_PATH
from augmentation_worker.storage.port import StoredFile

if TYPE_CHECKING:
    from augmentation_worker.formats.port import Shard

PREVIEW_KEY: Final = "picture"
RECORDS_FOLDER: Final = "augmentation-records"
"""Where documents are stored. No commit names them, and what no commit names is not part of a result."""
MOST_DOCUMENT_BYTES: Final = 256 * 2**20
"""The record of a file of 100 MB with 10,000 copies of episodes has 10 MiB."""
_ORIGINALS: Final = re.compile(r"originals-(\d{1,9})")
_log = logging.getLogger(__name__)


def originals_key(first: int) -> str:
    """Key of a record of carried files, by the place of the first among those that the shard carries."""
    return f"originals-{first}"


def _first(key: str) -> int:
    return int(key.removeprefix("originals-"))


class Document(Record):
    """A document with records.

    Attributes:
        sha256, size: of its content.
    """

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=1, le=MOST_DOCUMENT_BYTES)

    @property
    def stored(self) -> StoredFile:
        """The document as a stored file. Its name is its hash, so it can be no other file of a dataset."""
        return StoredFile(DatasetPath(f"{RECORDS_FOLDER}/{self.sha256}"), self.sha256, self.size)


class InDocument(Record):
    """Base of an entry that takes the place of a record.

    Attributes:
        document: that the record is in.
    """

    document: Document


class UnitEntry(WithUnusable, InDocument):
    """A unit whose record is in a document.

    Attributes:
        file_bytes: of all its files.
    """

    file_bytes: int = Field(ge=0)


class OriginalsEntry(InDocument):
    """Consecutive files of those that a shard carries, whose record is in a document.

    Attributes:
        count: how many.
    """

    count: int = Field(ge=1)


AnyRecord: TypeAlias = UnitRecord | FilesRecord
Entry: TypeAlias = AnyRecord | UnitEntry | OriginalsEntry


@dataclass(frozen=True)
class ShardEntries:
    """What a shard's manifest says of what the shard was planned to do, and nothing else.

    A worker that was taken over could name units of other shards, or some that nobody plans: those are never read.
    What cannot be read counts as not recorded.

    Attributes:
        units: by key, in the order of the plan.
        originals: by key, in the order of the files that the shard carries; they do not overlap.
        preview: before and after, if this shard makes it.
    """

    units: Mapping[str, UnitRecord | UnitEntry]
    originals: Mapping[str, FilesRecord | OriginalsEntry] = field(default_factory=dict)
    preview: BlobRecord | None = None

    @classmethod
    def read(cls, shard: "Shard", manifest: Mapping[str, str]) -> Self:
        """Read a shard's manifest."""
        units = {}
        for unit in shard.units:
            entry = _readable(manifest, unit.key, UnitEntry, unit.record)
            if isinstance(entry, UnitEntry | UnitRecord) and not without(entry.bad_episodes, unit.episodes):
                units[unit.key] = entry
        entries = cls(units, dict(_originals_of(shard, manifest)))
        preview = _readable(manifest, PREVIEW_KEY, BlobRecord) if shard.makes_preview else None
        if isinstance(preview, BlobRecord) and preview.path == PREVIEW_PATH:
            return replace(entries, preview=preview)
        return entries

    @property
    def all(self) -> Mapping[str, Entry]:
        """Those of its units and of the files that it carries, by key."""
        return {**self.units, **self.originals}

    @property
    def documents(self) -> list[Document]:
        """Those that its records are in."""
        return list(dict.fromkeys(entry.document for entry in self.all.values() if isinstance(entry, InDocument)))

    @property
    def bad_episodes(self) -> list[range]:
        """Episodes (or rows) that it found it cannot use, rising and disjoint."""
        parts = (part for entry in self.units.values() for part in entry.bad_episodes)
        return disjoint(((part.start, part.stop) for part in parts), MAX_DATASET_FRAMES)

    def carried(self, shard: "Shard") -> set[DatasetPath]:
        """Paths of the files of the source that it has carried over."""
        return {path for key, entry in self.originals.items() for path in carried_by(shard, key, entry)}

    def missing(self, shard: "Shard") -> list[str]:
        """What the shard has not recorded, for people."""
        carried = self.carried(shard)
        names = [unit.title for unit in shard.units if unit.key not in self.units]
        names += [path for path in shard.carried if path not in carried]
        names += ["the preview"] if shard.makes_preview and self.preview is None else []
        return [f"{name} (shard {shard.index})" for name in names]

    def only(self, keys: Collection[str]) -> Self:
        """Those with these keys."""
        return replace(
            self,
            units={key: entry for key, entry in self.units.items() if key in keys},
            originals={key: entry for key, entry in self.originals.items() if key in keys},
            preview=self.preview if PREVIEW_KEY in keys else None,
        )

    def updated(self, entries: Mapping[str, Entry]) -> Self:
        """With other entries, or more of them."""
        units = {key: entry for key, entry in entries.items() if isinstance(entry, UnitRecord | UnitEntry)}
        originals = {key: entry for key, entry in entries.items() if isinstance(entry, FilesRecord | OriginalsEntry)}
        return replace(self, units={**self.units, **units}, originals={**self.originals, **originals})


def carried_by(shard: "Shard", key: str, entry: FilesRecord | OriginalsEntry) -> Sequence[DatasetPath]:
    """The files that a record of this key is of, as they were planned."""
    return shard.carried[_first(key) : _first(key) + entry.count]


def is_planned(shard: "Shard", key: str, record: FilesRecord) -> bool:
    """Whether a record of carried files is of those that were planned."""
    return [file.path for file in record.files] == list(carried_by(shard, key, record))


def check_complete(shards: Sequence["Shard"], entries: Sequence[ShardEntries]) -> None:
    """Check that every shard has recorded all that was planned. Raises WorkerFailure(RECORDS_LOST)."""
    missing = [name for shard, of_shard in zip(shards, entries, strict=True) for name in of_shard.missing(shard)]
    if missing:
        raise lost("the augment phase has not recorded", missing)


def _readable(manifest: Mapping[str, str], key: str, *kinds: type[Record]) -> Record | None:
    """What the manifest has under a key; None if that is none of the kinds."""
    for kind in kinds if key in manifest else ():
        try:
            return kind.decode(manifest[key], key)
        except WorkerFailure as failure:
            _log.debug("%s as %s", failure, kind.__name__)
    if key in manifest:
        _log.warning("the record %s cannot be read: it counts as not recorded", key)
    return None


def _originals_of(shard: "Shard", manifest: Mapping[str, str]) -> Iterator[tuple[str, FilesRecord | OriginalsEntry]]:
    end = 0
    for key in sorted(filter(_ORIGINALS.fullmatch, manifest), key=_first):
        entry = _readable(manifest, key, OriginalsEntry, FilesRecord)
        if not isinstance(entry, FilesRecord | OriginalsEntry) or _first(key) < end:
            continue
        if isinstance(entry, FilesRecord) and not is_planned(shard, key, entry):
            continue
        if _first(key) + entry.count <= len(shard.carried):
            end = _first(key) + entry.count
            yield key, entry
