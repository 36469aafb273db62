"""The event of a job that has ended: CloudEvents 1.0, structured JSON (https://github.com/cloudevents/spec)."""

from typing import Any, Final

from augmentation_api import AugmentationJob, ConditionType, State
from augmentation_api.identifiers import API_VERSION, JOB_PLURAL
from augmentation_api.model import to_rfc3339

CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"
TYPE_PREFIX: Final = "dev.augmentation.job."


def cloud_event(job: AugmentationJob, event_id: str) -> dict[str, Any]:
    """The event of a job in a terminal state. What is not known is left out of its data."""
    metadata, status, output = job.metadata, job.status, job.status.output
    ended = status.cancelled_at or status.completed_at
    failed = status.condition(ConditionType.FAILED) if status.state is State.FAILED else None
    data = {
        "job_id": metadata.uid,
        "namespace": metadata.namespace,
        "name": metadata.name,
        "display_name": job.spec.display_name,
        "project_id": str(job.spec.project_id) if job.spec.project_id else None,
        "state": status.state,
        "reason": failed.reason if failed else None,
        "message": status.message,
        "attempt": status.attempt,
        "dataset_id": output.dataset_id if output else None,
        "revision": output.revision if output else None,
        "episodes": output.episodes if output else None,
        "frames": output.frames if output else None,
        "url": output.url if output else None,
        "started_at": to_rfc3339(status.started_at) if status.started_at else None,
        "ended_at": to_rfc3339(ended) if ended else None,
    }
    event = {
        "specversion": "1.0",
        "id": event_id,
        "source": f"/apis/{API_VERSION}/namespaces/{metadata.namespace}/{JOB_PLURAL}/{metadata.name}",
        "type": f"{TYPE_PREFIX}{status.state}",
        "subject": f"{metadata.namespace}/{metadata.name}",
        "time": data["ended_at"],
        "datacontenttype": "application/json",
        "data": {name: value for name, value in data.items() if value is not None},
    }
    return {name: value for name, value in event.items() if value is not None}
