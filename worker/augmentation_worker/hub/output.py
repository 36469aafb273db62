"""The dataset that a job publishes: making it, and never writing over what is somebody else's."""

from augmentation_api import FailureReason
from augmentation_worker.dataset.layout import ATTRIBUTES_PATH, CARD_PATH, PROVENANCE_PATH, with_large_file_rules
from augmentation_worker.dataset.provenance import read_provenance
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.hub.client import HubClient, ParentMoved
from augmentation_worker.hub.source import SourceDataset

FILES_OF_AN_EMPTY_DATASET = frozenset({ATTRIBUTES_PATH, CARD_PATH})
"""What hubs put into a new dataset by themselves."""


def prepare_output(hub: HubClient, dataset: str, *, private: bool) -> None:
    """Make sure the dataset exists, may be written to, and has a first commit.

    The first commit holds .gitattributes by which videos and parquet files are large files, if the hub made none.
    """
    hub.create(dataset, private=private)
    hub.check_writable(dataset)
    head = hub.head(dataset)
    if head is not None and hub.files(dataset, head, "output"):
        return
    rules = with_large_file_rules("").encode()
    try:
        hub.commit(dataset, "Track videos and data as large files", parent=head, written={ATTRIBUTES_PATH: rules})
    except ParentMoved:
        return  # somebody else, most likely an earlier try of this pod, made the first commit


def check_output(hub: HubClient, dataset: str, job_uid: str, source: SourceDataset) -> str:
    """Refuse to publish over anything but nothing, the source as it was read, or this job's own result.

    Returns:
        The head that was checked: the parent of the commit to come.

    Raises:
        WorkerFailure: OUTPUT_CONFLICT.
    """
    head = hub.commit_of(dataset, "main", "output")
    files = hub.files(dataset, head, "output")
    if set(files) <= FILES_OF_AN_EMPTY_DATASET or is_result_of(hub, dataset, head, job_uid):
        return head
    if dataset != source.name:
        raise WorkerFailure(
            FailureReason.OUTPUT_CONFLICT,
            f"the dataset {dataset} (spec.output.hub.repoID) exists and holds something else ({len(files)} files, "
            f"among them {min(set(files) - FILES_OF_AN_EMPTY_DATASET)}): name another one, or delete it first",
        )
    changed = {path for path, file in source.files.items() if path not in files or files[path].blob != file.blob}
    changed |= set(files) - set(source.files)
    if changed:
        raise WorkerFailure(
            FailureReason.OUTPUT_CONFLICT,
            f"the dataset {dataset} (spec.output.hub.repoID) is the source itself, but main differs from the revision "
            f"that was read, {source.revision} ({len(changed)} files, among them {min(changed)}): run the job again on "
            "the present main, or publish to another dataset",
        )
    return head


def is_result_of(hub: HubClient, dataset: str, commit: str, job_uid: str) -> bool:
    """Whether the dataset, at a commit, is what this job published."""
    content = hub.read(dataset, commit, PROVENANCE_PATH, "output")
    provenance = read_provenance(content) if content is not None else None
    return provenance is not None and provenance.job_id == job_uid
