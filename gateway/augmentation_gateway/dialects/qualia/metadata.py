"""What a job was started with, as the newer releases of `qualia-sdk` read it."""

from typing import Final

from pydantic import BaseModel, Field

from augmentation_gateway.cache.records import JobRecord
from augmentation_gateway.views.job import Moment

JOB_TYPE: Final = "augmentation"


class JobMetadata(BaseModel):
    """What a job was started with."""

    job_desc: str | None = Field(description="Name of the job")
    job_type: str = Field(description=f"Always {JOB_TYPE}")
    instance_type: str | None
    region: str | None
    created_at: Moment | None


def metadata_of(record: JobRecord) -> JobMetadata:
    """What a job was started with, and where it runs."""
    status = record.status
    placement = status.placement
    return JobMetadata(
        job_desc=record.display_name,
        job_type=JOB_TYPE,
        instance_type=placement.instance_type if placement else None,
        region=placement.region if placement else None,
        created_at=status.created_at or record.created_at,
    )
