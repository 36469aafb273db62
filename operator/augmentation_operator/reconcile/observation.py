"""What the operator sees of a job's children: batch Jobs and pods, read into plain data.

Read with care for what may be absent: every field of a status can be.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from augmentation_api import AugmentationJob
from augmentation_api.identifiers import LABEL_PHASE, attempt_and_placement_of
from augmentation_api.vocabulary import PhaseName
from augmentation_operator.queueing.built_in import Place
from augmentation_operator.queueing.kueue.view import LABEL_QUEUE, KueueView

WORKER_CONTAINER = "worker"
"""Of each pod; others may have been put beside it by webhooks of the cluster, before or after it."""
LABEL_BATCH_JOB = "batch.kubernetes.io/job-name"
"""On every pod of a Job, put there by the Job controller."""
_ACCELERATOR = re.compile(r"[^/]+/(gpu([.-].+)?|mig-.+|tpu|i915|xe)")
_PULL_PROBLEMS = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
_CONFIG_PROBLEMS = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})


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
    failed_pods: int = 0
    completions: int = 1

    @property
    def is_complete(self) -> bool:
        """Whether all its pods succeeded."""
        return self.completed_at is not None

    @property
    def has_failed(self) -> bool:
        """Whether Kubernetes has given it up."""
        return self.failed_at is not None

    @property
    def is_over(self) -> bool:
        """Whether it starts no more pods."""
        return self.is_complete or self.has_failed


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
    """Kubernetes takes a pod away for reasons of its own: preemption, eviction, a drained or lost node."""

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
    is_over: bool = False
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
        return self.started_at is not None and not self.is_over


@dataclass(frozen=True)
class NotedWarning:
    """A warning Event of an object."""

    reason: str
    message: str


@dataclass(frozen=True)
class Observation:
    """Everything outside the resource itself that a decision rests on.

    Attributes:
        jobs, pods: of the present attempt.
        earlier_jobs, earlier_pods: left by earlier attempts, or by rungs of the ladder that were given up.
        node_labels: of the nodes that augment pods run on.
        place: in the queue of its namespace and class; None: there is no limit, or it needs no slot now.
        kueue: what Kueue says of the Job that waits or is about to be made; None: it was not asked.
        warnings: the newest warning that Kubernetes has noted of a Job or pod that does not get on, by its name.
    """

    jobs: Mapping[PhaseName, ChildJob] = field(default_factory=dict)
    pods: tuple[ChildPod, ...] = ()
    earlier_jobs: tuple[ChildJob, ...] = ()
    earlier_pods: tuple[ChildPod, ...] = ()
    node_labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    warnings: Mapping[str, NotedWarning] = field(default_factory=dict)
    place: Place | None = None
    kueue: KueueView | None = None

    def pods_of(self, phase: PhaseName) -> tuple[ChildPod, ...]:
        """The pods of one phase, oldest first."""
        return tuple(pod for pod in self.pods if pod.phase == phase)

    @property
    def living_jobs(self) -> tuple[str, ...]:
        """Names of the Jobs of any attempt and rung that may still start pods."""
        return tuple(child.name for child in (*self.jobs.values(), *self.earlier_jobs) if not child.is_over)

    @property
    def is_still(self) -> bool:
        """Whether nothing runs or will run, of any attempt and rung."""
        return not self.living_jobs and all(pod.is_over for pod in (*self.pods, *self.earlier_pods))


def attempt_of(job: AugmentationJob) -> int:
    """The attempt a job is in: the recorded one, or what it begins with."""
    if job.status.state is None:
        return job.spec.attempt
    return job.status.attempt or 0


def rung_of(job: AugmentationJob) -> int:
    """The rung of the ladder of placements that a job is on."""
    return (job.status.placement.rung or 0) if job.status.placement else 0


def children_of(job: AugmentationJob, jobs: Iterable[ChildJob], pods: Iterable[ChildPod]) -> Observation:
    """The children of a job among objects that carry its uid as a label.

    A label is no proof: what lies in another namespace, or is a Job of another name than a phase has, is not its child.
    """
    metadata = job.metadata

    def turn(phase: PhaseName, job_name: str) -> tuple[int, int] | None:
        return attempt_and_placement_of(job_name, metadata.name, metadata.uid, phase)

    def present(phase: PhaseName) -> tuple[int, int]:
        return attempt_of(job), rung_of(job) if phase == PhaseName.AUGMENT else 0

    own_jobs = [
        (child, number)
        for child in jobs
        if child.namespace == metadata.namespace and (number := turn(child.phase, child.name)) is not None
    ]
    own_pods = [
        (pod, number)
        for pod in sorted(pods, key=lambda pod: (str(pod.created_at), pod.name))
        if pod.namespace == metadata.namespace and (number := turn(pod.phase, pod.job_name)) is not None
    ]
    return Observation(
        jobs={child.phase: child for child, number in own_jobs if number == present(child.phase)},
        pods=tuple(pod for pod, number in own_pods if number == present(pod.phase)),
        earlier_jobs=tuple(child for child, number in own_jobs if number < present(child.phase)),
        earlier_pods=tuple(pod for pod, number in own_pods if number < present(pod.phase)),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


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
        created_at=_moment(metadata.get("creationTimestamp")),
        completed_at=_moment(complete.get("lastTransitionTime")) if complete else None,
        failed_at=_moment(failed.get("lastTransitionTime")) if failed else None,
        failed_reason=failed.get("reason", "") if failed else "",
        failed_message=failed.get("message", "") if failed else "",
        suspended=bool(spec.get("suspend", False)),
        failed_pods=int(status.get("failed", 0)),
        completions=int(spec.get("completions", 1)),
    )


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
        created_at=_moment(metadata.get("creationTimestamp")),
        started_at=_moment(running.get("startedAt") or terminated.get("startedAt")),
        node=body.get("spec", {}).get("nodeName", ""),
        is_over=status.get("phase") in ("Succeeded", "Failed"),
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
        condition.get("reason", ""), condition.get("message", ""), _moment(condition.get("lastTransitionTime"))
    )


def _accelerators(resources: Mapping[str, Any]) -> int:
    """GPUs, slices of GPUs and the like that a container has: device plugins name them `<vendor>/gpu`, `/mig-…`."""
    amounts = (resources.get("limits") or resources.get("requests") or {}).items()
    return sum(int(amount) for name, amount in amounts if _ACCELERATOR.fullmatch(name) and str(amount).isdecimal())


def _cpu(resources: Mapping[str, Any]) -> float:
    """Requested CPU cores, of a quantity as the API server writes it: `2`, `500m`."""
    amount = str((resources.get("requests") or {}).get("cpu", "0"))
    return int(amount[:-1]) / 1000 if amount.endswith("m") else float(amount)


def _termination(status: Mapping[str, Any], terminated: Mapping[str, Any]) -> Termination | None:
    finished_at = _moment(terminated.get("finishedAt"))
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


def newest_warning(events: Iterable[Mapping[str, Any]]) -> NotedWarning | None:
    """The newest warning among the Events of an object, as the API sends them."""
    warnings = [event for event in events if event.get("type") == "Warning"]
    if not warnings:
        return None
    newest = max(warnings, key=_last_seen)
    return NotedWarning(newest.get("reason", ""), newest.get("message", ""))


def _last_seen(event: Mapping[str, Any]) -> str:
    series = (event.get("series") or {}).get("lastObservedTime")
    return str(series or event.get("lastTimestamp") or event.get("eventTime") or "")
