"""Jobs as this dialect shows them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from augmentation_api.identifiers import (
    ANNOTATION_API_KEY_ID,
    ANNOTATION_PRINCIPAL_ID,
    ANNOTATION_PRINCIPAL_TYPE,
)
from augmentation_gateway.cache.records import DEFAULT_HUB, ClassRecord, JobRecord
from augmentation_gateway.dialects.jobs.documents import (
    CreatedBy,
    DatasetReference,
    Job,
    JobDetail,
    JobResults,
    JobStatus,
    Resources,
)
from augmentation_gateway.jobs.outputs import page_url, published
from augmentation_gateway.views.dataset_id import address_of
from augmentation_gateway.views.job import error_of
from augmentation_gateway.views.job_spec import request_of
from augmentation_gateway.views.stage import Stage, stage_of

_STATUSES: dict[Stage, JobStatus] = {
    Stage.ACCEPTED: "initializing",
    Stage.RESOLVING: "pending",
    Stage.QUEUED: "queued",
    Stage.ADMITTED: "queued",
    Stage.RUNNING: "running",
    Stage.PREEMPTED: "queued",
    Stage.COMPLETED: "succeeded",
    Stage.REJECTED: "rejected",
    Stage.FAILED: "failed",
    Stage.CANCELLED: "canceled",
}


def job_status(record: JobRecord) -> JobStatus:
    """The status of a job in the words of this API."""
    return _STATUSES[stage_of(record)]


def item_view(record: JobRecord, runs_as: ClassRecord | None) -> Job:
    """A job as the vendor's client reads it from a list."""
    status = record.status
    return Job(
        id=UUID(record.uid),
        type="augmentation",
        status=job_status(record),
        created_at=status.created_at or record.created_at,
        started_at=status.started_at,
        finished_at=record.finished_at,
        created_by=_created_by(record),
        dataset_id=dataset_reference(record, runs_as).id,
        dataset_name=record.dataset_id,
    )


def detail_view(record: JobRecord, runs_as: ClassRecord | None) -> JobDetail:
    """A job in detail."""
    status, stage, item = record.status, stage_of(record), item_view(record, runs_as)
    progress = status.progress
    return JobDetail(
        job_id=item.id,
        type="augmentation",
        status=item.status,
        created_at=item.created_at,
        started_at=item.started_at,
        finished_at=item.finished_at,
        created_by=item.created_by,
        input=request_of(record),
        output=_output(record),
        resources=Resources(dataset=dataset_reference(record, runs_as), type="augmentation"),
        error_message=error_of(status) if stage in (Stage.FAILED, Stage.REJECTED) else None,
        woodwide_runtime_version=None,
        credits_consumed=status.usage.price if status.usage and record.state.is_final else None,
        progress=progress.percent if progress else 0,
        estimated_seconds_remaining=progress.estimated_seconds_remaining if progress else None,
        id=item.id,
        dataset_id=item.dataset_id,
        dataset_name=item.dataset_name,
    )


def results_view(record: JobRecord, runs_as: ClassRecord | None) -> JobResults:
    """What a job has published."""
    result = published(record)
    return JobResults(
        job_type="augmentation",
        dataset_ingest_results={**_output(record), "url": page_url(result, runs_as)} if result else None,
        summary={"total_row_count": result.frames} if result else None,
    )


def _output(record: JobRecord) -> dict[str, Any]:
    if (result := published(record)) is None:
        return {}
    return {
        "dataset_id": result.dataset_id,
        "revision": result.revision,
        "episodes": result.episodes,
        "frames": result.frames,
    }


def _created_by(record: JobRecord) -> CreatedBy:
    kind = record.annotation(ANNOTATION_PRINCIPAL_TYPE)
    return CreatedBy(
        principal_type=kind if kind in ("user", "service") else None,
        user_id=record.annotation(ANNOTATION_PRINCIPAL_ID),
        api_key_id=record.annotation(ANNOTATION_API_KEY_ID),
    )


def dataset_reference(record: JobRecord, runs_as: ClassRecord | None) -> DatasetReference:
    """The dataset that a job augments: hubs have names, so its ids are UUIDs of its address and of its commit."""
    hub = runs_as.hub_endpoint if runs_as else DEFAULT_HUB
    volume = record.raw["spec"]["source"].get("volume")
    # The URL of the dataset: of its page on the hub, its folder on the volume, or its place in a store.
    address = (
        f"volume://{record.namespace}/{volume['claimName']}/{volume['path']}"
        if volume
        else address_of(record.dataset_id, hub)
    )
    dataset = uuid5(NAMESPACE_URL, address)
    revision = record.status.source.revision if record.status.source else None
    return DatasetReference(
        id=dataset, version_id=uuid5(dataset, revision) if revision is not None else None, version_number=1
    )


def encode_status(record: JobRecord, runs_as: ClassRecord | None) -> bytes:
    """The body of GET /jobs/{job_id}."""
    return detail_view(record, runs_as).model_dump_json().encode()


@dataclass(frozen=True)
class _Items:
    """How a list shows a job, as a StatusReader encodes it."""

    name: str
    encode_status: Callable[[JobRecord, ClassRecord | None], bytes]
    encode_removed: None = None


ITEMS: Final = _Items("jobs items", lambda record, runs_as: item_view(record, runs_as).model_dump_json().encode())
