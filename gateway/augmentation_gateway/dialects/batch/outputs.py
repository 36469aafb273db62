"""Outputs of a job, as the batch dialect shows them: files of the published dataset, as links to its hub."""

from pathlib import PurePosixPath
from typing import Any

from pydantic import BaseModel, Field

from augmentation_gateway.cache.records import ClassRecord, JobRecord
from augmentation_gateway.dialects.batch.pages import PageQuery
from augmentation_gateway.jobs.outputs import ResultFile, result_files
from augmentation_gateway.views.job import Moment
from augmentation_gateway.views.job_id import batch_id

PORT = "worker.dataset"
"""The one port of this pipeline's outputs."""


class OutputData(BaseModel):
    """Where an output is."""

    ref: str | None = Field(
        description="URL of the file on the hub, which checks access itself: for a public dataset it needs no key. "
        "Null if the dataset is on a volume"
    )
    filename: str = Field(description="Name of the file without its folder")
    file_type: str = Field(description="Media type")
    file_extension: str
    num_bytes: int | None = Field(None, description="Always null: the gateway reads no dataset")
    metadata: dict[str, Any] = {}


class BatchOutput(BaseModel):
    """A file of the published dataset."""

    id: str
    job_id: str
    port_name: str
    input_id: str | None = Field(None, description="Always null: the files are of the whole dataset")
    data: OutputData
    expires_at: Moment | None = Field(None, description="Always null: the links stay")
    created_at: Moment
    path: str
    kind: str
    media_type: str
    url: str | None = Field(description="As data.ref")


class OutputList(BaseModel):
    """The files of a result."""

    job_id: str
    total: int
    offset: int
    limit: int
    outputs: list[BatchOutput]


class OutputQuery(PageQuery):
    """Which outputs to list."""

    port_name: str | None = Field(None, max_length=255, description=f"Only outputs of this port; all are of {PORT}")
    input_id: str | None = Field(None, max_length=255, description="Only outputs of this input; they are of the job")


def outputs_view(record: JobRecord, runs_as: ClassRecord | None, query: OutputQuery) -> OutputList:
    """A page of the files of the result; none until there is one."""
    of_port = query.input_id is None and query.port_name in (None, PORT)
    files = result_files(record, runs_as) if of_port else []
    return OutputList(
        job_id=batch_id(record.uid),
        total=len(files),
        offset=query.offset,
        limit=query.limit,
        outputs=[_output(record, file) for file in files[query.offset : query.offset + query.limit]],
    )


def _output(record: JobRecord, file: ResultFile) -> BatchOutput:
    path = PurePosixPath(file.path)
    return BatchOutput(
        id=f"out_{file.kind}",
        job_id=batch_id(record.uid),
        port_name=PORT,
        data=OutputData(ref=file.url, filename=path.name, file_type=file.media_type, file_extension=path.suffix),
        created_at=record.finished_at or record.created_at,
        path=file.path,
        kind=file.kind,
        media_type=file.media_type,
        url=file.url,
    )
