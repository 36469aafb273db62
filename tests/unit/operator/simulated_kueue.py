"""Kueue in memory: it suspends the Jobs that name a queue until a test admits them, and says so as Kueue does."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from augmentation_api.model import to_rfc3339
from augmentation_kube import Resource
from augmentation_operator.children.job import LABEL_QUEUE
from augmentation_operator.queueing.kueue.view import ANNOTATION_HELD, LABEL_WORKLOAD_OF, Eviction
from tests.kubernetes.in_memory import KUEUE, InMemoryKube
from tests.unit.operator.simulated_jobs import NAMESPACE, SimulatedJob

Json = dict[str, Any]

PENDING = "insufficient unused quota for nvidia.com/gpu in flavor l4, 1 more needed"
TAKEN_BACK = "Preempted to accommodate a workload"


@dataclass
class SimulatedWorkload:
    """Kueue's counterpart of one Job."""

    name: str
    job_uid: str
    queue: str
    active: bool = True
    held: bool = False
    admitted: bool = False
    reason: str = ""
    pod_set: Json = field(default_factory=dict)
    eviction: Eviction | None = None
    refusal: str = ""
    published_active: bool = True

    def to_wire(self, created_at: str) -> Json:
        conditions = []
        if not self.admitted:
            conditions.append(_condition("QuotaReserved", "False", "Pending", self.reason or PENDING, created_at))
        if self.eviction is not None:
            at = to_rfc3339(self.eviction.at)
            conditions.append(_condition("Evicted", "True", self.eviction.reason, self.eviction.message, at))
        if self.refusal:
            conditions.append(_condition("Finished", "True", "FailedToStart", self.refusal, created_at))
        return {
            "metadata": {
                "name": self.name,
                "labels": {LABEL_WORKLOAD_OF: self.job_uid},
                "annotations": {ANNOTATION_HELD: "true"} if self.held else {},
            },
            "spec": {"queueName": self.queue, "active": self.active, "podSets": [self.pod_set]},
            "status": {"conditions": conditions},
        }


@dataclass
class SimulatedKueue:
    """Kueue as it behaves to Jobs.

    Attributes:
        queues: the LocalQueues there are.
        manages_all: Jobs that name no queue are held too.
        ahead: position and depth that its visibility API gives to any job that waits.
        workloads: by the names of their Jobs.
    """

    installed: bool = True
    queues: set[str] = field(default_factory=lambda: {"team-a"})
    queue_problem: str = ""
    manages_all: bool = False
    ahead: tuple[int, int] | None = (1, 2)
    workloads: dict[str, SimulatedWorkload] = field(default_factory=dict)

    def act(self, kube: InMemoryKube, jobs: list[SimulatedJob], now: datetime) -> None:
        """Take in what others have written, and hold or start the Jobs that are its own."""
        existing = {job.name: job for job in jobs}
        for name, workload in list(self.workloads.items()):
            if name not in existing or existing[name].uid != workload.job_uid:
                del self.workloads[name]
                continue
            written = kube.find(Resource.WORKLOADS, workload.name, NAMESPACE)
            if written is not None and written["spec"]["active"] != workload.published_active:
                held = ANNOTATION_HELD in written["metadata"].get("annotations", {})
                self.activate(workload.name, written["spec"]["active"], now, by_operator=held)
        for job in jobs:
            wanted = None if job.is_over else self._wanted(job)
            if wanted is not None and wanted != job.suspended:
                job.suspend(wanted)
        self.publish(kube)

    def publish(self, kube: InMemoryKube) -> None:
        """Write its objects as they are now."""
        kube.missing = kube.missing - KUEUE if self.installed else kube.missing | KUEUE
        for body in list(kube.all(Resource.LOCAL_QUEUES)):
            if body["metadata"]["name"] not in self.queues:
                kube.remove(Resource.LOCAL_QUEUES, body["metadata"]["name"], NAMESPACE)
        names = {workload.name for workload in self.workloads.values()}
        for body in list(kube.all(Resource.WORKLOADS)):
            if body["metadata"]["name"] not in names:
                kube.remove(Resource.WORKLOADS, body["metadata"]["name"], NAMESPACE)
        created_at = "2026-01-01T00:00:00Z"
        for workload in self.workloads.values():
            workload.published_active = workload.active
            kube.put(Resource.WORKLOADS, workload.to_wire(created_at), NAMESPACE)
        problem = (
            [_condition("Active", "False", "Stopped", self.queue_problem, created_at)] if self.queue_problem else []
        )
        for queue in self.queues:
            kube.put(Resource.LOCAL_QUEUES, {"metadata": {"name": queue}, "status": {"conditions": problem}}, NAMESPACE)
            kube.put_subresource(Resource.VISIBLE_QUEUES, queue, NAMESPACE, "pendingworkloads", self._pending(queue))

    def _pending(self, queue: str) -> Json | None:
        if self.ahead is None or self.queue_problem:
            return None
        position, depth = self.ahead
        waiting = [each.job_uid for each in self.workloads.values() if each.queue == queue]
        items = [
            {"metadata": {"ownerReferences": [{"uid": uid}]}, "positionInLocalQueue": position}
            for uid in [*waiting, *((depth - len(waiting)) * ["of-another-job"])]
        ]
        return {"items": items}

    def _wanted(self, job: SimulatedJob) -> bool | None:
        """The `suspend` that a Job should have; None: it is none of Kueue's."""
        queue = job.labels.get(LABEL_QUEUE, "")
        if not self.installed or not (queue or self.manages_all):
            return None
        workload = self.workloads.setdefault(job.name, SimulatedWorkload(f"job-{job.name}", job.uid, queue))
        workload.queue = queue
        return not workload.admitted

    def admit(self, job_name: str) -> None:
        workload = self.workloads[job_name]
        if self.installed and workload.active and workload.queue in self.queues:
            workload.admitted, workload.eviction = True, None

    def evict(self, job_name: str, at: datetime, reason: str = "Preempted", message: str = TAKEN_BACK) -> None:
        workload = self.workloads[job_name]
        if self.installed and (workload.admitted or reason == "Deactivated"):
            workload.admitted, workload.eviction = False, Eviction(reason, message, at)

    def activate(self, workload_name: str, active: bool, at: datetime, *, by_operator: bool = True) -> None:
        job_name, workload = next((job, each) for job, each in self.workloads.items() if each.name == workload_name)
        workload.active, workload.held = active, by_operator and not active
        if not active:
            self.evict(job_name, at, "Deactivated", "The workload is deactivated")


def _condition(kind: str, status: str, reason: str, message: str, at: str) -> Json:
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": at}
