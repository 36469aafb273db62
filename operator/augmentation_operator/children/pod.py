"""A worker pod, how its container ended and why Kubernetes disrupted it. Every field of a status may be absent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from augmentation_api import PhaseName
from augmentation_api.accelerators import count_accelerators
from augmentation_api.failure import is_permanent_exit_code
from augmentation_api.identifiers import LABEL_PHASE
from augmentation_api.pod_container import WORKER_CONTAINER
from augmentation_api.quantity import parse_quantity
from augmentation_operator.children.job import moment
from augmentation_operator.children.other_container import (
    CONFIG_PROBLEMS,
    PULL_PROBLEMS,
    OtherContainer,
    blocked_container,
    failed_container,
    lasting_containers,
)

LABEL_BATCH_JOB = "batch.kubernetes.io/job-name"
"""Label that the Job controller puts on every pod of a Job."""


@dataclass(frozen=True, slots=True)
class Termination:
    """How a pod's worker ended, or why it never will have.

    Attributes:
        by_node: its node ended the whole pod or never let it start.
        other: name of the container that failed the pod in place of the worker's; empty: the worker did.
    """

    exit_code: int
    reason: str = ""
    message: str = ""
    finished_at: datetime | None = None
    by_node: bool = False
    other: str = ""

    @property
    def is_permanent(self) -> bool:
        """Whether the worker says that a retry would fail the same way. The Job is not asked about others."""
        return not self.other and is_permanent_exit_code(self.exit_code)


@dataclass(frozen=True)
class Disruption:
    """A disruption of a pod by Kubernetes: preemption, eviction, a drained or lost node."""

    reason: str
    message: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChildPod:
    """A worker pod.

    Attributes:
        blocked: another container that cannot start.
        lasting: names of other containers that keep the pod from ending, once the worker has.
    """

    name: str
    phase: PhaseName
    namespace: str = ""
    job_name: str = ""
    created_at: datetime | None = None
    started_at: datetime | None = None
    node: str = ""
    is_finished: bool = False
    unschedulable: str = ""
    pull_problem: str = ""
    pull_message: str = ""
    config_problem: str = ""
    blocked: OtherContainer | None = None
    lasting: tuple[str, ...] = ()
    termination: Termination | None = None
    disruption: Disruption | None = None
    accelerators: int = 0
    cpu: float = 0.0

    @property
    def finished_at(self) -> datetime | None:
        """When its container ended; None while it has not."""
        return self.termination.finished_at if self.termination else None

    @property
    def runs(self) -> bool:
        """Whether its worker has started and not ended."""
        return self.started_at is not None and not self.is_finished and self.termination is None


def read_pod(body: Mapping[str, Any]) -> ChildPod:
    """A pod as the API sends it. Raises KeyError or ValueError if it is no child of ours."""
    metadata, status = body["metadata"], body.get("status", {})
    container = _worker_of(status.get("containerStatuses", []))
    state = container.get("state", {})
    waiting, running, terminated = (state.get(key, {}) for key in ("waiting", "running", "terminated"))
    conditions: dict[str, Mapping[str, Any]] = {entry["type"]: entry for entry in status.get("conditions", [])}
    scheduled = conditions.get("PodScheduled", {})
    reason, is_finished = waiting.get("reason", ""), status.get("phase") in ("Succeeded", "Failed")
    resources = _worker_of(body.get("spec", {}).get("containers", [])).get("resources", {})
    return ChildPod(
        name=metadata["name"],
        phase=PhaseName(metadata["labels"][LABEL_PHASE]),
        namespace=metadata.get("namespace", ""),
        job_name=metadata["labels"].get(LABEL_BATCH_JOB, ""),
        created_at=moment(metadata.get("creationTimestamp")),
        started_at=moment(running.get("startedAt") or terminated.get("startedAt")),
        node=body.get("spec", {}).get("nodeName", ""),
        is_finished=is_finished,
        unschedulable=scheduled.get("message", "") if scheduled.get("status") == "False" else "",
        pull_problem=reason if reason in PULL_PROBLEMS else "",
        pull_message=waiting.get("message", "") if reason in PULL_PROBLEMS else "",
        config_problem=f"{reason}: {waiting.get('message', '')}" if reason in CONFIG_PROBLEMS else "",
        blocked=None if is_finished else blocked_container(status),
        lasting=lasting_containers(status) if terminated and not is_finished else (),
        termination=_termination(status, terminated),
        disruption=_disruption(conditions.get("DisruptionTarget", {})),
        accelerators=count_accelerators(resources),
        cpu=_cpu(resources),
    )


def _worker_of(containers: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """By name: webhooks put other containers before it, and the kubelet sorts by name."""
    return next((each for each in containers if each.get("name") == WORKER_CONTAINER), {})


def _disruption(condition: Mapping[str, Any]) -> Disruption | None:
    if condition.get("status") != "True":
        return None
    return Disruption(
        condition.get("reason", ""), condition.get("message", ""), moment(condition.get("lastTransitionTime"))
    )


def _cpu(resources: Mapping[str, Any]) -> float:
    """Requested CPU cores."""
    return float(parse_quantity(str((resources.get("requests") or {}).get("cpu", "0"))))


def _termination(status: Mapping[str, Any], terminated: Mapping[str, Any]) -> Termination | None:
    finished_at = moment(terminated.get("finishedAt"))
    if status.get("phase") == "Failed" and status.get("reason"):
        # Evicted, UnexpectedAdmissionError and the like: the pod has a reason, and maybe no container at all.
        killed = 137
        return Termination(
            exit_code=int(terminated.get("exitCode", 0)) or killed,
            reason=status["reason"],
            message=status.get("message", ""),
            finished_at=finished_at,
            by_node=True,
        )
    failed = failed_container(status) if status.get("phase") == "Failed" and not terminated.get("exitCode") else None
    if failed is not None:
        return Termination(failed.exit_code, failed.reason, failed.message, finished_at, other=failed.name)
    if not terminated:
        return None
    return Termination(
        exit_code=int(terminated.get("exitCode", 0)),
        reason=terminated.get("reason", ""),
        message=terminated.get("message", ""),
        finished_at=finished_at,
    )
