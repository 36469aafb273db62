"""Kueue in memory, beside the simulated cluster: it suspends the Jobs that name a queue until a test admits them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from augmentation_operator.queueing.kueue.admission import Question
from augmentation_operator.queueing.kueue.view import Eviction, KueueView, QueueState, Workload

PENDING = "insufficient unused quota for nvidia.com/gpu in flavor l4, 1 more needed"
TAKEN_BACK = "Preempted to accommodate a workload"


@dataclass
class SimulatedWorkload:
    """Kueue's counterpart of one Job."""

    name: str
    queue: str
    active: bool = True
    held: bool = False
    admitted: bool = False
    eviction: Eviction | None = None
    refusal: str = ""


@dataclass
class SimulatedKueue:
    """Kueue as it behaves to Jobs.

    Attributes:
        queues: the LocalQueues there are.
        manages_all: Jobs that name no queue are held too.
        ahead: position and depth that its visibility API gives to any job that waits.
    """

    installed: bool = True
    queues: set[str] = field(default_factory=lambda: {"team-a"})
    queue_problem: str = ""
    manages_all: bool = False
    ahead: tuple[int, int] | None = (1, 2)
    workloads: dict[str, SimulatedWorkload] = field(default_factory=dict)

    def sees(self, job_name: str, queue: str) -> bool | None:
        """Take in a Job that is not over. Gives the `suspend` it should have; None: it is none of Kueue's."""
        if not self.installed or not (queue or self.manages_all):
            return None
        workload = self.workloads.setdefault(job_name, SimulatedWorkload(f"job-{job_name}", queue))
        workload.queue = queue
        return not workload.admitted

    def forget_all_but(self, job_names: Collection[str]) -> None:
        """A Workload is deleted with its Job."""
        self.workloads = {name: each for name, each in self.workloads.items() if name in job_names}

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

    def view(self, asked: Question | None) -> KueueView | None:
        """What the operator reads."""
        if asked is None:
            return None
        if not self.installed:
            return KueueView(QueueState.NOT_INSTALLED)
        state = QueueState.INACTIVE if self.queue_problem else QueueState.OPEN
        if asked.queue and asked.queue not in self.queues:
            state = QueueState.MISSING
        workload = self.workloads.get(asked.child.name) if asked.child else None
        if workload is None:
            return KueueView(state, self.queue_problem)
        position, depth = self.ahead if self.ahead and state is QueueState.OPEN else (None, None)
        return KueueView(
            state,
            self.queue_problem,
            Workload(
                name=workload.name,
                queue_name=workload.queue,
                is_active=workload.active,
                is_held=workload.held,
                waits_for="" if workload.admitted else PENDING,
                eviction=workload.eviction,
                refusal=workload.refusal,
            ),
            position,
            depth,
        )
