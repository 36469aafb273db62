"""Links to a job's result. The gateway never reads a dataset: who follows a link asks the hub, with their own rights.

A link leads to the hub that the administrator's class names. The URL in a job's status is written by the job's own
pods and never passed on: a compromised pod could send users anywhere.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from augmentation_api.spec import REPO_ID_PATTERN
from augmentation_api.status import OutputStatus
from augmentation_api.vocabulary import State
from augmentation_api.worker_contract import RESULT_CARD, RESULT_INFO, RESULT_PREVIEW, RESULT_PROVENANCE
from augmentation_gateway.cache.records import ClassRecord, JobRecord

FILES = (
    (RESULT_CARD, "card", "text/markdown"),
    (RESULT_INFO, "info", "application/json"),
    (RESULT_PROVENANCE, "record", "application/json"),
    (RESULT_PREVIEW, "picture", "image/png"),
)
"""Files that describe a result: path, kind, media type. `status.output.files` says which of them there are."""


@dataclass(frozen=True)
class ResultFile:
    """A file of a result.

    Attributes:
        path: in the dataset.
        kind: card, info, record or picture.
        media_type: of its content.
        url: its URL at the hub; None where the result has no page on a hub.
    """

    path: str
    kind: str
    media_type: str
    url: str | None


def published(record: JobRecord) -> OutputStatus | None:
    """The result of a job; None until the job is completed, whatever a worker reports before."""
    output = record.status.output
    return output if record.state is State.COMPLETED and output is not None and output.revision is not None else None


def planned(output: OutputStatus) -> OutputStatus:
    """The dataset that a job will publish, without what its pods report about it early."""
    return OutputStatus(dataset_id=output.dataset_id, url=output.url)


def result_files(record: JobRecord, runs_as: ClassRecord | None) -> Sequence[ResultFile]:
    """The files that describe a published result; none before it is published."""
    output = published(record)
    if output is None:
        return []
    return [
        ResultFile(path, kind, media, file_url(output, runs_as, path))
        for path, kind, media in FILES
        if output.files is None or path in output.files
    ]


def page_url(output: OutputStatus, runs_as: ClassRecord | None) -> str | None:
    """The dataset's page on the hub of the class that its job ran as.

    None where the result is not on a hub, and where that class, which alone names the hub, was deleted.
    """
    return dataset_url(output.dataset_id, runs_as) if output.url else None


def dataset_url(dataset_id: str | None, runs_as: ClassRecord | None) -> str | None:
    """A dataset's page on the hub of a class; None for one on a volume, and without a class."""
    if runs_as is None or not re.fullmatch(REPO_ID_PATTERN, dataset_id or ""):
        return None
    return f"{runs_as.hub_public_endpoint.rstrip('/')}/datasets/{dataset_id}"


def file_url(output: OutputStatus, runs_as: ClassRecord | None, path: str) -> str | None:
    """The URL of a file of the published revision; None where the dataset has no page."""
    page = page_url(output, runs_as)
    # Hugging Face compatible hubs serve the files of a revision below the dataset's page.
    return f"{page}/resolve/{quote(output.revision or '', safe='')}/{path}" if page else None
