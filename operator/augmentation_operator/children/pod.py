"""A worker pod, how its container ended and why Kubernetes disrupted it. Every field of a status may be absent."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from augmentation_api import PhaseName
from augmentation_api.identifiers import LABEL_PHASE
from augmentation_api.pod_container import WORKER_CONTAINER
from augmentation_api.quantity import parse_quantity
from augmentation_operator.children.job import moment

LABEL_BATCH_JOB = "batch.kubernetes.io/job-name"
"""Label that the Job controller puts on every pod of a Job."""
_ACCELERATOR = re.compile(r"[^/]+/(gpu([.-].+)?|mig-.+|tpu|i915|xe)")
_PULL_PROBLEMS = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
_CONFIG_PROBLEMS = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})


@dataclass(frozen=True, slots=True)
class Termination:
    """How a pod's container ended, or (`by_node`) why its node ended the whole pod or never let it start."""

    exit_code: int
    reason: str = ""
    message: str = ""
    finished_at: datetime | None = None
    by_node: bool = False


@dataclass(frozen=True)
class Disruption:
    """A disruption of a pod by Kubernetes: preemption, eviction, a drained or lost node."""

    reason: str
    message: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChildPod:
    """A worker pod."""

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
        """Whether its container has started and the pod has not ended."""
        return self.started_at is not None and not self.is_finished


def read_pod(body: Mapping[str, Any]) -> ChildPod:
    """A pod as the API sends it. Raises KeyError or ValueError if it is no child of ours."""
    metadata, status = body["metadata"], body.get("status", {})
    container = _worker_of(status.get("containerStatuses", []))
    state = container.get("state", {})
    waiting, running, terminated = (state.get(key, {}) for key in ("waiting", "running", "terminated"))
    conditions: dict[str, Mapping[str, Any]] = {entry["type"]: entry for entry in status.get("conditions", [])}
    scheduled = conditions.get("PodScheduled", {})
    reason = waiting.get("reason", "")
    resources = _worker_of(body.get("spec", {}).get("containers", [])).get("resources", {})
    return ChildPod(
        name=metadata["name"],
        phase=PhaseName(metadata["labels"][LABEL_PHASE]),
        namespace=metadata.get("namespace", ""),
        job_name=metadata["labels"].get(LABEL_BATCH_JOB, ""),
        created_at=moment(metadata.get("creationTimestamp")),
        started_at=moment(running.get("startedAt") or terminated.get("startedAt")),
        node=body.get("spec", {}).get("nodeName", ""),
        is_finished=status.get("phase") in ("Succeeded", "Failed"),
        unschedulable=scheduled.get("message", "") if scheduled.get("status") == "False" else "",
        pull_problem=reason if reason in _PULL_PROBLEMS else "",
        pull_message=waiting.get("message", "") if reason in _PULL_PROBLEMS else "",
        config_problem=f"{reason}: {waiting.get('message', '')}" if reason in _CONFIG_PROBLEMS else "",
        termination=_termination(status, terminated),
        disruption=_disruption(conditions.get("DisruptionTarget", {})),
        accelerators=_accelerators(resources),
        cpu=_cpu(resources),
    )


def _worker_of(containers: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    named = (each for each in containers if each.get("name") == WORKER_CONTAINER)
    return next(named, containers[0] if containers else {})


def _disruption(condition: Mapping[str, Any]) -> Disruption | None:
    if condition.get("status") != "True":
        return None
    return Disruption(
        condition.get("reason", ""), condition.get("message", ""), moment(condition.get("lastTransitionTime"))
    )


def _accelerators(resources: Mapping[str, Any]) -> int:
    """Number of a container's GPUs, slices of GPUs and so on: device plugins name them `<vendor>/gpu`, `/mig-…`."""
    amounts = (resources.get("limits") or resources.get("requests") or {}).items()
    return sum(int(amount) for name, amount in amounts if _ACCELERATOR.fullmatch(name) and str(amount).isdecimal())


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
    if not terminated:
        return None
    return Termination(
        exit_code=int(terminated.get("exitCode", 0)),
        reason=terminated.get("reason", ""),
        message=terminated.get("message", ""),
        finished_at=finished_at,
    )
