"""The Job controller and the kubelet in memory: they create the pods of Jobs, and end them when a test says so."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from augmentation_api import PhaseName
from augmentation_api.failure import FailureReason, is_permanent_exit_code
from augmentation_api.identifiers import LABEL_PHASE
from augmentation_api.model import to_rfc3339
from augmentation_api.worker_contract import TerminationMessage
from augmentation_kube import Resource
from augmentation_operator.children.job import LABEL_QUEUE
from augmentation_operator.children.pod import LABEL_BATCH_JOB
from tests.kubernetes.in_memory import InMemoryKube

Json = dict[str, Any]

NAMESPACE = "default"
LABEL_INDEX = "batch.kubernetes.io/job-completion-index"
FINALIZER = "batch.kubernetes.io/job-tracking"
"""Keeps a pod that was not counted yet, so that one that is deleted is seen to be terminating first."""


class _SimulatedObject:
    """An object as it is now; one that is gone as it was last."""

    __slots__ = ("_kube", "_last")
    _resource: ClassVar[Resource]

    def __init__(self, kube: InMemoryKube, body: Json) -> None:
        self._kube, self._last = kube, body

    @property
    def _body(self) -> Json:
        current = self._kube.find(self._resource, self.name, NAMESPACE)
        if current is not None and current["metadata"]["uid"] == self.uid:
            self._last = current
        return self._last

    @property
    def name(self) -> str:
        return str(self._last["metadata"]["name"])

    @property
    def uid(self) -> str:
        return str(self._last["metadata"]["uid"])


class SimulatedPod(_SimulatedObject):
    """A pod of one index of a Job."""

    __slots__ = ()
    _resource = Resource.PODS

    @property
    def labels(self) -> dict[str, str]:
        labels: dict[str, str] = self._last["metadata"]["labels"]
        return labels

    @property
    def job_name(self) -> str:
        return self.labels[LABEL_BATCH_JOB]

    @property
    def phase(self) -> PhaseName:
        return PhaseName(self.labels[LABEL_PHASE])

    @property
    def index(self) -> int:
        return int(self.labels[LABEL_INDEX])

    @property
    def node(self) -> str:
        return str(self._body["spec"].get("nodeName", ""))

    @property
    def state(self) -> Json:
        """The state of its container; empty while it has none."""
        statuses = self._body["status"].get("containerStatuses") or []
        state: Json = next((status["state"] for status in statuses if status["name"] == "worker"), {})
        return state

    @property
    def is_over(self) -> bool:
        return self._body["status"]["phase"] in ("Succeeded", "Failed")

    @property
    def terminating(self) -> bool:
        return "deletionTimestamp" in self._body["metadata"]

    def to_wire(self) -> Json:
        return self._body

    def add_containers(self, *statuses: Json) -> None:
        """Other containers of the pod are seen, with these statuses."""
        body = self._body
        all_of_them = [*statuses, *body["status"].get("containerStatuses", [])]
        status = {**body["status"], "containerStatuses": all_of_them}
        self._last = self._kube.put(Resource.PODS, {**body, "status": status}, NAMESPACE)

    def end_worker(self, *others: Json, exit_code: int, at: str) -> None:
        """The worker ends while other containers of the pod go on."""
        terminated = {"exitCode": exit_code, "startedAt": at, "finishedAt": at}
        self.change(state={"terminated": terminated})
        self.add_containers(*others)

    def change(
        self, phase: str = "", *, node: str = "", conditions: list[Json] | None = None, state: Json | None = None
    ) -> None:
        """Let the kubelet or the scheduler report something; what is left out stays."""
        body = self._body
        status = {**body["status"]}
        if phase:
            status["phase"] = phase
        if conditions is not None:
            status["conditions"] = conditions
        if state is not None:
            status["containerStatuses"] = [{"name": "worker", "state": state}]
        metadata = {**body["metadata"]}
        if status["phase"] in ("Succeeded", "Failed"):
            metadata.pop("finalizers", None)  # it is counted
        spec = {**body["spec"], **({"nodeName": node} if node else {})}
        self._last = self._kube.put(
            Resource.PODS, {**body, "metadata": metadata, "spec": spec, "status": status}, NAMESPACE
        )


class SimulatedJob(_SimulatedObject):
    """A batch/v1 Job."""

    __slots__ = ()
    _resource = Resource.JOBS

    @property
    def labels(self) -> dict[str, str]:
        labels: dict[str, str] = self._body["metadata"]["labels"]
        return labels

    @property
    def spec(self) -> Json:
        return dict(self._body["spec"])

    @property
    def suspended(self) -> bool:
        return bool(self.spec.get("suspend", False))

    @property
    def completions(self) -> int:
        return int(self.spec.get("completions", 1))

    @property
    def backoff_limit(self) -> int:
        spec = self.spec
        return int(spec["backoffLimitPerIndex"] if "backoffLimitPerIndex" in spec else spec.get("backoffLimit", 6))

    @property
    def is_complete(self) -> bool:
        return "Complete" in self._conditions

    @property
    def is_over(self) -> bool:
        return bool(self._conditions)

    @property
    def _conditions(self) -> set[str]:
        return {entry["type"] for entry in self._body.get("status", {}).get("conditions", [])}

    def to_wire(self) -> Json:
        return self._body

    def move_to(self, queue: str) -> None:
        """Name another LocalQueue of Kueue."""
        body = self._body
        labels = {**body["metadata"]["labels"], LABEL_QUEUE: queue}
        self._kube.put(Resource.JOBS, {**body, "metadata": {**body["metadata"], "labels": labels}}, NAMESPACE)

    def change(self, **spec: Any) -> None:
        """Set fields of its spec, as a webhook or Kueue does."""
        body = self._body
        self._kube.put(Resource.JOBS, {**body, "spec": {**body["spec"], **spec}}, NAMESPACE)

    def suspend(self, suspend: bool) -> None:
        """Set spec.suspend, as whoever holds Jobs does."""
        self.change(suspend=suspend)

    def end(self, kind: str, at: datetime, reason: str = "", message: str = "") -> None:
        """Report that it is Complete or Failed."""
        condition = {"type": kind, "status": "True", "lastTransitionTime": to_rfc3339(at)}
        if kind == "Failed":
            condition |= {"reason": reason, "message": message}
        self._report(conditions=[condition])

    def count_failure(self) -> None:
        """Count one more failed pod."""
        self._report(failed=int(self._body.get("status", {}).get("failed", 0)) + 1)

    def _report(self, **status: Any) -> None:
        body = self._body
        self._kube.put(Resource.JOBS, {**body, "status": {**body.get("status", {}), **status}}, NAMESPACE)


@dataclass
class _Progress:
    succeeded: set[int] = field(default_factory=set)
    failures: dict[int, int] = field(default_factory=dict)


class JobController:
    """Kubernetes' controller of Jobs, and the kubelets of all pods.

    Attributes:
        makes_pods: false while it is refused every pod, as where a quota is exceeded.
    """

    def __init__(self, kube: InMemoryKube, clock: Callable[[], datetime]) -> None:
        self._kube, self._clock = kube, clock
        self._progress: dict[str, _Progress] = {}
        self._pod_number = 0
        self.makes_pods = True

    @property
    def jobs(self) -> list[SimulatedJob]:
        """All Jobs, the oldest first."""
        return [SimulatedJob(self._kube, body) for body in sorted(self._kube.all(Resource.JOBS), key=_age)]

    @property
    def pods(self) -> list[SimulatedPod]:
        """All pods, the oldest first."""
        return [SimulatedPod(self._kube, body) for body in sorted(self._kube.all(Resource.PODS), key=_age)]

    def act(self) -> None:
        """Create and stop the pods that there should be, or not be, and end Jobs."""
        for job in self.jobs:
            if not job.is_over:
                self._act_on(job)

    def _act_on(self, job: SimulatedJob) -> None:
        active = [pod for pod in self.pods if pod.job_name == job.name and not pod.is_over]
        if job.suspended:
            for pod in active:
                self._kube.delete_now(Resource.PODS, pod.name, NAMESPACE)
            return
        succeeded = self._progress_of(job).succeeded
        if len(succeeded) == job.completions:
            job.end("Complete", self._clock())
            return
        wanted = min(int(job.spec.get("parallelism", 1)), job.completions - len(succeeded)) - len(active)
        busy = succeeded | {pod.index for pod in active}
        missing = [index for index in range(job.completions) if index not in busy]
        for index in missing[: max(0, wanted) if self.makes_pods else 0]:
            self._create_pod(job, index)

    def _create_pod(self, job: SimulatedJob, index: int) -> None:
        self._pod_number += 1
        template = job.spec["template"]
        labels = {**template["metadata"]["labels"], LABEL_BATCH_JOB: job.name, LABEL_INDEX: str(index)}
        metadata = {
            "name": f"{job.name}-{index}-{self._pod_number}",
            "labels": labels,
            "finalizers": [FINALIZER],
            "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": job.name, "uid": job.uid}],
        }
        spec = {"containers": template["spec"]["containers"]}
        self._kube.put(Resource.PODS, {"metadata": metadata, "spec": spec, "status": {"phase": "Pending"}}, NAMESPACE)

    def _progress_of(self, job: SimulatedJob) -> _Progress:
        return self._progress.setdefault(job.uid, _Progress())

    def remove(self, pod: SimulatedPod) -> None:
        """Remove a pod at once."""
        self._kube.remove(Resource.PODS, pod.name, NAMESPACE)

    def fail(self, job: SimulatedJob, reason: str, message: str) -> None:
        """Give a Job up; what still runs of it is removed."""
        job.end("Failed", self._clock(), reason, message)
        for pod in self.pods:
            if pod.job_name == job.name and not pod.is_over:
                self.remove(pod)

    # What becomes of a pod.

    def start(self, pod: SimulatedPod, node: str) -> None:
        """A pod gets a node and its container starts."""
        scheduled = {"type": "PodScheduled", "status": "True"}
        running = {"running": {"startedAt": to_rfc3339(self._clock())}}
        pod.change("Running", node=node, conditions=[scheduled], state=running)

    def fail_pod(
        self,
        job: SimulatedJob,
        pod: SimulatedPod,
        exit_code: int,
        reason: str,
        message: str,
        failure: FailureReason | None = None,
    ) -> None:
        """A pod's container fails; another one takes its place, or the Job is given up.

        With `failure`, the worker itself gives up, with that reason's exit code and `message` as its own words.
        """
        if failure is not None:
            exit_code, message = failure.exit_code, TerminationMessage(reason=failure, message=message).encode()
        self._end(pod, "Failed", exitCode=exit_code, reason=reason, message=message)
        job.count_failure()
        failures = self._progress_of(job).failures
        failures[pod.index] = failures.get(pod.index, 0) + 1
        if is_permanent_exit_code(exit_code):
            self.fail(job, "PodFailurePolicy", f"Container worker failed with exit code {exit_code}")
        elif failures[pod.index] > job.backoff_limit:
            self.fail(job, "BackoffLimitExceeded", "Job has reached the specified backoff limit")
        self.act()

    def succeed_pod(self, job: SimulatedJob, pod: SimulatedPod) -> None:
        """A pod's container succeeds."""
        self._end(pod, "Succeeded", exitCode=0)
        self._progress_of(job).succeeded.add(pod.index)
        self.act()

    def preempt(self, pod: SimulatedPod, reason: str) -> None:
        """Kubernetes takes a running pod away; it fails, counts as no failure, and another one takes its place."""
        condition = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": reason,
            "message": "a pod of higher priority needs its place",
            "lastTransitionTime": to_rfc3339(self._clock()),
        }
        self._end(pod, "Failed", conditions=[condition], exitCode=143)
        self.act()

    def end_terminating_pods(self) -> None:
        """The kubelets end the pods that are being deleted."""
        for pod in self.pods:
            if pod.terminating:
                self.remove(pod)
        self.act()

    def _end(self, pod: SimulatedPod, phase: str, conditions: list[Json] | None = None, **terminated: Any) -> None:
        now = to_rfc3339(self._clock())
        started = pod.state.get("running", {}).get("startedAt", now)
        state = {"terminated": {**terminated, "startedAt": started, "finishedAt": now}}
        pod.change(phase, node=pod.node or "node-a", conditions=conditions, state=state)


def _age(body: Json) -> str:
    return str(body["metadata"]["uid"])
