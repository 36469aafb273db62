"""Where a job's result lies, as links. The gateway never touches a dataset: whoever follows a link asks the hub."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from augmentation_api.status import OutputStatus
from augmentation_gateway.records import JobRecord

PICTURE = "meta/augmentation.png"
INFO = "meta/info.json"
FILES = (
    ("README.md", "card", "text/markdown"),
    (INFO, "info", "application/json"),
    ("meta/augmentation.json", "record", "application/json"),
    (PICTURE, "picture", "image/png"),
)
"""What every result has beside its episodes: path, what it is, media type."""


@dataclass(frozen=True)
class ResultFile:
    """A file of a result.

    Attributes:
        path: in the dataset.
        kind: card, info, record or picture.
        media_type: of its content.
        url: where to get it, with the reader's own rights at the hub; None where the result lies on a volume.
    """

    path: str
    kind: str
    media_type: str
    url: str | None


def published(record: JobRecord) -> OutputStatus | None:
    """The result of a job, once it is there."""
    output = record.status.output
    return output if output is not None and output.revision is not None else None


def result_files(record: JobRecord) -> Sequence[ResultFile]:
    """The files of a published result that are worth a link; none until it is there."""
    output, source = published(record), record.status.source
    if output is None:
        return []
    # Work by blocks of rows is an image dataset's, which has no metadata of LeRobot's.
    lacks = {INFO} if source is not None and source.blocks is not None else set()
    return [ResultFile(path, kind, media, _link(output, path)) for path, kind, media in FILES if path not in lacks]


def picture_url(output: OutputStatus) -> str | None:
    """Where the picture of before and after is; None where the result has no address."""
    return _link(output, PICTURE)


def _link(output: OutputStatus, path: str) -> str | None:
    """A Hugging Face compatible hub serves the files of a revision beside the dataset's page."""
    if not output.url or not output.url.startswith(("https://", "http://")):
        return None
    return f"{output.url.rstrip('/')}/resolve/{quote(output.revision or '', safe='')}/{path}"
