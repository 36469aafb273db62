"""The batch/v1 Job of a phase, and the attempt and placement that its name contains.

Every field of a status may be absent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from augmentation_api import AugmentationJob, PhaseName
from augmentation_api.identifiers import GROUP, LABEL_PHASE

LABEL_QUEUE = "kueue.x-k8s.io/queue-name"
"""On a Job: Kueue's LocalQueue that it waits in. Kueue alone starts and stops a Job that has it."""
LABEL_WORKLOAD_PRIORITY = "kueue.x-k8s.io/priority-class"
"""On a Job: Kueue's WorkloadPriorityClass."""
ANNOTATION_MIN_PARALLELISM = "kueue.x-k8s.io/job-min-parallelism"
"""On a Job: with how many pods Kueue may start it, by lowering its parallelism, where quota is short. Its webhook wants
it to be less than the parallelism, and refuses changes of the parallelism while such a Job runs."""
ANNOTATION_MADE_FROM = f"{GROUP}/made-from"
"""On a Job: what it was made from, as manifests/class_digest.py says it."""
_MULTIKUEUE = "kueue.x-k8s.io/multikueue"


@dataclass(frozen=True, slots=True)
class ChildJob:
    """The batch/v1 Job of one phase."""

    name: str
    phase: PhaseName
    namespace: str = ""
    uid: str = ""
    queue_name: str = ""
    created_at: datetime | None = None
    completed_at: datetime | None = None
    failed_at: datetime | None = None
    failed_reason: str = ""
    failed_message: str = ""
    suspended: bool = False
    made_from: str = ""
    failed_pods: int = 0
    parallelism: int = 1
    least_parallelism: int | None = None
    workload_priority: str = ""
    is_dispatched: bool = False
    """Whether Kueue runs it in another cluster: its webhook says so of a queue with a MultiKueue admission check."""

    @property
    def is_complete(self) -> bool:
        """Whether all its pods succeeded."""
        return self.completed_at is not None

    @property
    def has_failed(self) -> bool:
        """Whether Kubernetes has marked it as failed."""
        return self.failed_at is not None

    @property
    def is_finished(self) -> bool:
        """Whether it starts no more pods."""
        return self.is_complete or self.has_failed


def read_job(body: Mapping[str, Any]) -> ChildJob:
    """A batch/v1 Job as the API sends it. Raises KeyError or ValueError if it is no child of ours."""
    metadata, spec, status = body["metadata"], body.get("spec", {}), body.get("status", {})
    conditions = {entry["type"]: entry for entry in status.get("conditions", []) if entry.get("status") == "True"}
    complete, failed = conditions.get("Complete"), conditions.get("Failed")
    return ChildJob(
        name=metadata["name"],
        phase=PhaseName(metadata["labels"][LABEL_PHASE]),
        namespace=metadata.get("namespace", ""),
        uid=metadata.get("uid", ""),
        queue_name=metadata["labels"].get(LABEL_QUEUE, ""),
        created_at=moment(metadata.get("creationTimestamp")),
        completed_at=moment(complete.get("lastTransitionTime")) if complete else None,
        failed_at=moment(failed.get("lastTransitionTime")) if failed else None,
        failed_reason=failed.get("reason", "") if failed else "",
        failed_message=failed.get("message", "") if failed else "",
        suspended=bool(spec.get("suspend", False)),
        made_from=metadata.get("annotations", {}).get(ANNOTATION_MADE_FROM, ""),
        failed_pods=int(status.get("failed", 0)),
        parallelism=int(spec.get("parallelism", 1)),
        least_parallelism=_number(metadata.get("annotations", {}).get(ANNOTATION_MIN_PARALLELISM)),
        workload_priority=metadata["labels"].get(LABEL_WORKLOAD_PRIORITY, ""),
        is_dispatched=spec.get("managedBy") == _MULTIKUEUE,
    )


def moment(text: str | None) -> datetime | None:
    """A time as the API sends it; None: absent."""
    return datetime.fromisoformat(text) if text else None


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None


def attempt_of(job: AugmentationJob) -> int:
    """The current attempt of a job: the recorded one, or the one it begins with."""
    if job.status.state is None:
        return job.spec.attempt
    return job.status.attempt or 0


def placement_index(job: AugmentationJob) -> int:
    """Index of the current placement among those of the class."""
    return (job.status.placement.rung or 0) if job.status.placement else 0
