"""Documents with the records of a shard: stored where the result goes, and read back by whoever has their entries.

A document is named by its hash and believed by nothing else. It has a line for each record: its key and its JSON. It is
stored after all files that its records name, and the entries that name it are written after it, all at once.
"""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from augmentation_api import FailureReason
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.entries import (
    MOST_DOCUMENT_BYTES,
    PREVIEW_KEY,
    AnyRecord,
    Document,
    Entry,
    InDocument,
    OriginalsEntry,
    ShardEntries,
    UnitEntry,
    is_planned,
)
from augmentation_worker.formats.integrity import broken
from augmentation_worker.formats.port import Shard
from augmentation_worker.formats.records import FilesRecord, UnitRecord
from augmentation_worker.storage.port import OutputDataset

MOST_HELD_BYTES: Final = 256 * 2**10
"""Records that a manifest holds itself. A file of 100 MB has a record of some 20 KiB: a document, which takes as many
requests as a file, has a dozen of them, and if it is lost, a dozen files are made again."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Documents:
    """The documents of one shard.

    Attributes:
        output: where they are stored.
        folder: local, for copies.
    """

    output: OutputDataset
    folder: Path

    def add(self, entries: ShardEntries, key: str, record: AnyRecord) -> Mapping[str, Entry]:
        """What to write into the manifest for a new record, by key: the record, as long as there is space for it.

        Otherwise entries of a document, which is stored here, for it and all records that the manifest holds.
        Raises WorkerFailure.
        """
        held = {name: each for name, each in entries.all.items() if isinstance(each, AnyRecord)} | {key: record}
        content = "".join(f"{name} {each.encode()}\n" for name, each in held.items()).encode()
        if len(content) <= MOST_HELD_BYTES:
            return {key: record}
        document = self._store(content)
        return {name: _entry_of(each, document) for name, each in held.items()}

    def still_stored(self, shard: Shard, entries: ShardEntries) -> ShardEntries:
        """The entries without those of what is lost. Raises WorkerFailure.

        Of a shard that is not finished only documents are looked for, and none is read. One that is finished starts
        again because something of the job is lost: its documents are read, and all files looked for that they name.
        """
        preview = [entries.preview.stored] if entries.preview is not None else []
        if entries.missing(shard):
            files = {
                key: [entry.document.stored] if isinstance(entry, InDocument) else []
                for key, entry in entries.all.items()
            }
        else:
            self.output.expect_fetch([document.stored for document in entries.documents])
            files = {key: [blob.stored for blob in record.blobs] for key, record in self.read(shard, entries).items()}
        files[PREVIEW_KEY] = preview
        named = list(dict.fromkeys(file for of_key in files.values() for file in of_key))
        lost = set(self.output.missing(named)) if named else set()
        return entries.only({key for key, of_key in files.items() if lost.isdisjoint(of_key)})

    def read(self, shard: Shard, entries: ShardEntries) -> Mapping[str, AnyRecord]:
        """The records, by key, that the entries name. What is not as its entry says is lost, and left out."""
        texts = {(document, key): text for document in entries.documents for key, text in self._lines(document)}
        kinds = {unit.key: unit.record for unit in shard.units}
        records: dict[str, AnyRecord] = {}
        for key, entry in entries.all.items():
            if not isinstance(entry, InDocument):
                records[key] = entry
                continue
            record = _decoded(kinds.get(key, FilesRecord), key, texts.get((entry.document, key)))
            if record is not None and _is_of(shard, key, entry, record):
                records[key] = record
        return records

    def _lines(self, document: Document) -> list[tuple[str, str]]:
        """Key and text of each record; none if the document is not stored, or is another."""
        self.folder.mkdir(parents=True, exist_ok=True)
        local = self.folder / "fetched"
        try:
            self.output.fetch(document.stored, local)
            content = local.read_bytes() if local.stat().st_size == document.size else b""
        except FileNotFoundError:
            return []
        finally:
            local.unlink(missing_ok=True)
        if hashlib.sha256(content).hexdigest() != document.sha256:
            return []
        lines = (line.partition(" ") for line in content.decode(errors="replace").split("\n"))
        return [(key, text) for key, _, text in lines]

    def _store(self, content: bytes) -> Document:
        if len(content) > MOST_DOCUMENT_BYTES:
            raise WorkerFailure(
                FailureReason.LIMIT_EXCEEDED,
                f"the record of a file has {len(content)} bytes, {MOST_DOCUMENT_BYTES} are allowed: lower "
                "limits.checkpointMB of the AugmentationClass",
            )
        document = Document(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
        self.folder.mkdir(parents=True, exist_ok=True)
        local = self.folder / "document"
        local.write_bytes(content)
        if self.output.put(document.stored.path, local) != document.stored:
            raise broken(f"{document.stored.path} changed while it was stored")
        local.unlink()
        return document


def _entry_of(record: AnyRecord, document: Document) -> Entry:
    if isinstance(record, FilesRecord):
        return OriginalsEntry(document=document, count=record.count)
    return UnitEntry(document=document, file_bytes=record.file_bytes, unusable=record.unusable)


def _decoded(kind: type[AnyRecord], key: str, text: str | None) -> AnyRecord | None:
    """A record; None if there is none, or this version cannot read it."""
    try:
        return kind.decode(text, key) if text is not None else None
    except WorkerFailure as failure:
        _log.warning("%s: it counts as lost", failure)
        return None


def _is_of(shard: Shard, key: str, entry: InDocument, record: AnyRecord) -> bool:
    """Whether the record is what its entry says."""
    if isinstance(record, UnitRecord):
        return isinstance(entry, UnitEntry) and record.unusable == entry.unusable
    return isinstance(entry, OriginalsEntry) and record.count == entry.count and is_planned(shard, key, record)
