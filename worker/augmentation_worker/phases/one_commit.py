"""The one commit of a job: said, made, and looked for where only its answer was lost."""

from collections.abc import Mapping, Sequence

from augmentation_api import FailureReason
from augmentation_worker import termination
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.phases.carried_secrets import refuse_secrets
from augmentation_worker.phases.session import Session
from augmentation_worker.storage.port import OutputDataset, OutputMoved, SourceDataset, StoredFile


def commit_once(
    session: Session,
    source: SourceDataset,
    output: OutputDataset,
    message: str,
    *,
    checked: str,
    extends: bool,
    stored: Sequence[StoredFile],
    written: Mapping[DatasetPath, bytes],
    abandoned: Sequence[DatasetPath],
) -> str:
    """Make a result that was found sound visible. Returns its revision.

    Args:
        session: of the publish pod.
        source: whose readers may have changed while the result was made.
        output: where the result goes.
        message: of the commit; it names the job.
        checked: what `output.check` answered.
        extends: whether the output is the source itself, of which the revision before is then kept.
        stored: files whose content the output has.
        written: small files, by path.
        abandoned: files of the source that the result has no use for.

    Raises:
        WorkerFailure: OUTPUT_CONFLICT if somebody else wrote there meanwhile, or more people could read the result
            than the source; SOURCE_INVALID if a file holds a secret of this pod.
    """
    for path, content in written.items():
        refuse_secrets(path, content)
    opened = output.check_audience(source)
    if opened is not None:
        session.reporter.event("opened", opened)
    if extends:
        output.keep_previous(checked)
    files = len(stored) + len(written)
    session.reporter.event("publishing", f"The result is sound: committing {files} files")
    termination.finish_first()
    try:
        return output.commit(
            message, checked=checked, stored=stored, written=written, deleted=abandoned if extends else ()
        )
    except OutputMoved as error:
        published = output.published()
        if published is not None:
            return published  # the commit was made, only its answer did not arrive
        raise WorkerFailure(
            FailureReason.OUTPUT_CONFLICT,
            f"somebody else wrote to {output.name} while the result was being checked: nothing was published; "
            "create the job again, or publish to another dataset (spec.output)",
        ) from error
