"""Kueue's view of a child Job and of the queue it waits in, as plain data. Any field may be absent.

The fields used are those of kueue.x-k8s.io/v1beta2, which Kueue serves from 0.15 on.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum, auto
from typing import Any

from augmentation_api.identifiers import GROUP
from augmentation_api.quantity import parse_quantity
from augmentation_kube import Resource
from augmentation_operator.kubernetes_messages import QuotaShortage, quota_shortages, without_pod_set
from augmentation_operator.manifests.manifest import Patch

LABEL_WORKLOAD_OF = "kueue.x-k8s.io/job-uid"
"""Label of a Workload: the uid of its Job."""
ANNOTATION_HELD = f"{GROUP}/held"
"""Annotation of a Workload that the operator deactivated for a suspended job: it activates no others again."""
_FAILED_TO_START = "FailedToStart"
_DEACTIVATED = "Deactivated"


class QueueState(Enum):
    """Whether a LocalQueue takes Jobs."""

    OPEN = auto()
    INACTIVE = auto()
    MISSING = auto()
    NOT_INSTALLED = auto()
    FORBIDDEN = auto()

    @property
    def takes_jobs(self) -> bool:
        """Whether a Job can be queued in it. An inactive queue keeps the order in which Jobs came."""
        return self in (QueueState.OPEN, QueueState.INACTIVE)


@dataclass(frozen=True)
class Eviction:
    """Kueue took back a Job's quota: for a Job of higher priority, because its queue was stopped, and so on."""

    reason: str
    message: str
    at: datetime

    @property
    def is_preemption(self) -> bool:
        """Whether another job got the quota."""
        return self.reason == "Preempted"

    @property
    def is_deactivation(self) -> bool:
        """Whether the Workload was deactivated, as that of a suspended job is."""
        return self.reason.startswith(_DEACTIVATED)


@dataclass(frozen=True)
class Workload:
    """Kueue's counterpart of a Job.

    Attributes:
        queue_name: the LocalQueue; empty where Kueue manages a Job that names none.
        is_active: false: Kueue holds it until somebody sets `spec.active` again.
        is_held: it is the operator that deactivated it.
        waits_for: why it is not admitted, in Kueue's own words; empty while there is no reason.
        eviction: the quota was taken back and has not been given again.
        refusal: why Kueue could not start the admitted Job and gave it up; empty in any other case.
        never_fits: what no change but one of quota or request lets it give; empty while waiting may help.
    """

    name: str
    queue_name: str = ""
    is_active: bool = True
    is_held: bool = False
    waits_for: str = ""
    eviction: Eviction | None = None
    refusal: str = ""
    never_fits: str = ""


@dataclass(frozen=True)
class KueueView:
    """Kueue's view of a Job that does not run, or is about to be created.

    Attributes:
        state, detail: of the LocalQueue, the detail in Kueue's or the API server's own words.
        position: jobs of the LocalQueue that are ahead; None: not known.
        depth: jobs that wait in the LocalQueue, this one included.
        missing_priority: the WorkloadPriorityClass that the Job names and that does not exist; empty: it does.
    """

    state: QueueState = QueueState.OPEN
    detail: str = ""
    workload: Workload | None = None
    position: int | None = None
    depth: int | None = None
    missing_priority: str = ""


def read_workload(bodies: Iterable[Mapping[str, Any]]) -> Workload | None:
    """The current Workload of a Job, among all as the API sends them: an unfinished one, then the newest."""
    live = [body for body in bodies if not body["metadata"].get("deletionTimestamp")]
    body = max(
        live,
        key=lambda each: (not _is_finished(each), str(each["metadata"].get("creationTimestamp", ""))),
        default=None,
    )
    if body is None:
        return None
    conditions = _conditions(body)
    finished = conditions.get("Finished", {})
    return Workload(
        name=body["metadata"]["name"],
        queue_name=body["spec"].get("queueName", ""),
        is_active=body["spec"].get("active", True),
        is_held=ANNOTATION_HELD in body["metadata"].get("annotations", {}),
        waits_for=_waits_for(conditions, body.get("status", {}).get("admissionChecks", [])),
        eviction=_eviction(conditions.get("Evicted", {})),
        refusal=finished.get("message", "")
        if _is_finished(body) and finished.get("reason") == _FAILED_TO_START
        else "",
        never_fits=_never_fits(conditions.get("QuotaReserved", {}), body["spec"].get("podSets", [])),
    )


def activate_workload(name: str, active: bool) -> Patch:
    """Let the Job of a Workload queue again, or hold it; an annotation records that the operator holds it."""
    body = {"metadata": {"annotations": {ANNOTATION_HELD: None if active else "true"}}, "spec": {"active": active}}
    return Patch(Resource.WORKLOADS, name, body)


def read_queue(body: Mapping[str, Any]) -> tuple[QueueState, str]:
    """The state of a LocalQueue as the API sends it, and why."""
    active = _conditions(body).get("Active", {})
    if active.get("status") == "False":
        return QueueState.INACTIVE, active.get("message") or active.get("reason", "")
    return QueueState.OPEN, ""


def read_place(body: Mapping[str, Any], job_uid: str) -> tuple[int | None, int]:
    """Position of a Job and depth, of a LocalQueue's pending Workloads as the visibility API sends them."""
    items = body.get("items") or []
    for item in items:
        if any(owner.get("uid") == job_uid for owner in item.get("metadata", {}).get("ownerReferences", [])):
            return int(item.get("positionInLocalQueue", 0)), len(items)
    return None, len(items)


def _conditions(body: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {entry["type"]: entry for entry in body.get("status", {}).get("conditions", [])}


def _is_finished(body: Mapping[str, Any]) -> bool:
    return _conditions(body).get("Finished", {}).get("status") == "True"


def _waits_for(conditions: Mapping[str, Mapping[str, Any]], checks: Iterable[Mapping[str, Any]]) -> str:
    reserved = conditions.get("QuotaReserved", {})
    if reserved.get("status") == "True":
        pending = (check for check in checks if check.get("state") != "Ready")
        return "; ".join(
            f"admission check {check.get('name')}: {check.get('message') or check.get('state') or 'pending'}"
            for check in pending
        )
    return without_pod_set(str(reserved.get("message", "")))


def _never_fits(reserved: Mapping[str, Any], pod_sets: Sequence[Mapping[str, Any]]) -> str:
    """What even the fewest pods exceed in each flavor, of a queue that is empty; "" where waiting may help."""
    pods = pod_sets[0] if pod_sets else {}
    count = pods.get("count") or 1
    least = pods.get("minCount") or count
    shortages = quota_shortages(str(reserved.get("message", ""))) if reserved.get("status") == "False" else []
    final = [shortage for shortage in shortages if _exceeds(shortage, least / Decimal(count))]
    if {shortage.flavor for shortage in final} != {shortage.flavor for shortage in shortages}:
        return ""
    pods_asked = f" for {count} pods" if count > 1 else ""
    return "; ".join(
        f"{each.resource} of flavor {each.flavor}: {each.requested}{pods_asked}, of {each.most} in all"
        for each in final
    )


def _exceeds(shortage: QuotaShortage, share: Decimal) -> bool:
    """Whether the queue could not even give this share of what is asked for."""
    try:
        return parse_quantity(shortage.requested) * share > parse_quantity(shortage.most)
    except ValueError:
        return False


def _eviction(condition: Mapping[str, Any]) -> Eviction | None:
    if condition.get("status") != "True":
        return None
    at = datetime.fromisoformat(condition["lastTransitionTime"])
    return Eviction(condition.get("reason", ""), condition.get("message", ""), at)
