"""What a job has published, as the native dialect shows it."""

from __future__ import annotations

from uuid import UUID

from pydantic import BaseModel, Field

from augmentation_gateway.cache.records import ClassRecord, JobRecord
from augmentation_gateway.dialects.native.answer import OutputView, output_view
from augmentation_gateway.jobs.outputs import published, result_files


class OutputFileView(BaseModel):
    """A file of the published dataset."""

    path: str = Field(description="Path in the dataset")
    kind: str = Field(description="card, info, record (how it was made) or picture (before and after)")
    media_type: str
    url: str | None = Field(None, description="Where to get it; null where the dataset has no page on a hub")


class OutputsResponse(BaseModel):
    """The result of an augmentation job."""

    job_id: UUID = Field(description="Unique job identifier")
    output: OutputView | None = Field(None, description="The published dataset, once there is one")
    files: list[OutputFileView] = Field(default=[], description="What is worth a look beside the episodes")


def outputs_view(record: JobRecord, runs_as: ClassRecord | None) -> OutputsResponse:
    """The result of a job; empty until there is one."""
    output = published(record)
    return OutputsResponse(
        job_id=UUID(record.uid),
        output=output_view(output, runs_as) if output else None,
        files=[
            OutputFileView(path=file.path, kind=file.kind, media_type=file.media_type, url=file.url)
            for file in result_files(record, runs_as)
        ],
    )
