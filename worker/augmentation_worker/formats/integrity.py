"""Checks of a result before anybody can see it, as far as they are the same in every format."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from augmentation_api import FailureReason
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.records import BlobRecord
from augmentation_worker.storage.port import OutputDataset


def broken(finding: str) -> WorkerFailure:
    """The result is not sound: a fault of this program or of the storage, not of the user's."""
    return WorkerFailure(
        FailureReason.INTEGRITY_CHECK_FAILED,
        f"nothing was published, because the result did not pass its check: {finding}",
    )


def check_stored(output: OutputDataset, blobs: Sequence[BlobRecord]) -> None:
    """All blobs are stored. Raises WorkerFailure(INTEGRITY_CHECK_FAILED), naming one that is not."""
    missing = output.missing([blob.stored for blob in blobs])
    if missing:
        more = f" and {len(missing) - 1} more files are" if len(missing) > 1 else " is"
        raise broken(f"{missing[0].path}{more} not stored, although recorded; retry the job (spec.attempt)")


def fetch_back(output: OutputDataset, blob: BlobRecord, local: Path) -> None:
    """Get a stored file back into `local`, and compare its content with what was recorded.

    Raises WorkerFailure(INTEGRITY_CHECK_FAILED) if it is not stored or differs.
    """
    try:
        output.fetch(blob.stored, local)
    except FileNotFoundError as error:
        raise broken(f"{blob.path} is not stored, although recorded") from error
    if not has_content(local, blob):
        raise broken(f"{blob.path} came back with other content")


def has_content(local: Path, blob: BlobRecord) -> bool:
    """Whether a local file has the recorded content."""
    with local.open("rb") as file:
        return (hashlib.file_digest(file, "sha256").hexdigest(), local.stat().st_size) == (blob.sha256, blob.size)
