"""Stored files as they are recorded, and recorded files as the storage knows them."""

from augmentation_worker.formats.lerobot.records import BlobRecord
from augmentation_worker.storage.output import StoredFile


def record_of(stored: StoredFile) -> BlobRecord:
    """What is recorded of a file that was stored."""
    return BlobRecord(path=stored.path, sha256=stored.sha256, size=stored.size)


def stored_of(record: BlobRecord) -> StoredFile:
    """The stored file that a record names."""
    return StoredFile(record.path, record.sha256, record.size)
