"""Checks of a result before anybody can see it, as far as they are the same in every format."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from augmentation_api import FailureReason
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.records import BlobRecord
from augmentation_worker.storage.port import OutputDataset, StoredFile

_MOST_LISTED: Final = 10


def broken(finding: str) -> WorkerFailure:
    """The result is not sound: a fault of this program or of the storage, not of the user's."""
    return WorkerFailure(
        FailureReason.INTEGRITY_CHECK_FAILED,
        f"nothing was published, because the result did not pass its check: {finding}",
    )


def lost(finding: str, names: Sequence[str]) -> WorkerFailure:
    """The failure of a job of which something is lost that its shards made, or never was recorded.

    Args:
        finding: the beginning of a sentence that the names complete.
        names: what is lost, for people.
    """
    more = len(names) - _MOST_LISTED
    listed = ", ".join(names[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")
    return WorkerFailure(
        FailureReason.RECORDS_LOST,
        f"nothing was published: {finding} {listed}; retry the job (raise spec.attempt, or run the same command "
        "again): what is lost is made again, and nothing else",
    )


def check_stored(output: OutputDataset, files: Sequence[StoredFile]) -> None:
    """All files are stored. Raises WorkerFailure(RECORDS_LOST), naming those that are not."""
    missing = output.missing(files)
    if missing:
        raise lost("what was recorded is not stored any more:", [file.path for file in missing])


def fetch_back(output: OutputDataset, blob: BlobRecord, local: Path) -> None:
    """Get a stored file back into `local`, and compare its content with what was recorded.

    Raises WorkerFailure: RECORDS_LOST if it is not stored, INTEGRITY_CHECK_FAILED if it differs.
    """
    try:
        output.fetch(blob.stored, local)
    except FileNotFoundError as error:
        raise lost("what was recorded is not stored any more:", [blob.path]) from error
    if not has_content(local, blob):
        raise broken(f"{blob.path} came back with other content")


def has_content(local: Path, blob: BlobRecord) -> bool:
    """Whether a local file has the recorded content."""
    with local.open("rb") as file:
        return (hashlib.file_digest(file, "sha256").hexdigest(), local.stat().st_size) == (blob.sha256, blob.size)
