"""The one commit of a job: announced, made, and found again where only its answer was lost."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from augmentation_api import FailureReason
from augmentation_worker import secrecy, termination
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.port import OutputMoved, StoredFile
from augmentation_worker.work import Work

_MOST_SEARCHED_BYTES: Final = 1 << 20
"""Size of the largest file that is searched for secrets: a larger file is data."""


def commit_once(
    work: Work,
    message: str,
    *,
    checked: str,
    stored: Sequence[StoredFile],
    written: Mapping[DatasetPath, bytes],
    abandoned: Sequence[DatasetPath],
) -> str:
    """Make a result that was found sound visible. Returns its revision.

    Args:
        work: the work; more people may read its source than when it began.
        message: of the commit; it names the job.
        checked: what `output.check` returned.
        stored: files whose content the output has.
        written: small files, by path.
        abandoned: files to delete from the source that the result extends.

    Raises:
        WorkerFailure: OUTPUT_CONFLICT if somebody else wrote there meanwhile, or more people could read the result
            than the source; SOURCE_INVALID if a file holds a secret of this pod.
    """
    output = work.output
    for path, content in written.items():
        refuse_secrets(path, content)
    opened = output.check_audience(work.source)
    if opened is not None:
        work.events.event("opened", opened)
    if work.extends_source:
        output.keep_previous(checked)
    files = len(stored) + len(written)
    work.events.event("publishing", f"The result is sound: committing {files} files")
    termination.finish_first()
    try:
        return output.commit(message, checked=checked, stored=stored, written=written, deleted=abandoned)
    except OutputMoved as error:
        published = output.published()
        if published is not None:
            return published  # the commit was made, only its answer did not arrive
        raise WorkerFailure(
            FailureReason.OUTPUT_CONFLICT,
            f"somebody else wrote to {output.name} while the result was being checked: nothing was published; "
            "create the job again, or publish to another dataset (spec.output)",
        ) from error


def refuse_secrets(path: str, content: bytes | Path) -> None:
    """Refuse a file that holds the hub token or the pod's identity: the result may be public tomorrow.

    Args:
        path: in the dataset.
        content: of the file, or where it is.

    Raises:
        WorkerFailure: SOURCE_INVALID.
    """
    if isinstance(content, Path):
        if content.stat().st_size > _MOST_SEARCHED_BYTES:
            return
        content = content.read_bytes()
    if secrecy.holds_secret(content):
        raise WorkerFailure(
            FailureReason.SOURCE_INVALID,
            f"{path} of the result would hold the hub token or the pod's identity, which the source has in one of its "
            "files: remove it there, and have a new token made",
        )
