"""A small Kubernetes in memory: it holds one AugmentationJob, does what decisions ask and plays the other parts.

The Job controller, the kubelet and the workers are played by methods that a test calls; status is kept as server-side
apply keeps it, each writer's fields apart, so that what the operator leaves out of a write is gone.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from augmentation_api import AugmentationClass, AugmentationJob, AugmentationJobStatus, PhaseName, PhaseStatus, State
from augmentation_api.failure import FailureReason, is_permanent_exit_code
from augmentation_api.identifiers import API_VERSION, CLASS_KIND, JOB_KIND, phase_job_name
from augmentation_api.model import to_rfc3339
from augmentation_api.worker_contract import TerminationMessage
from augmentation_kube import Resource
from augmentation_operator.children.job import LABEL_QUEUE, ChildJob, read_job
from augmentation_operator.children.pod import LABEL_BATCH_JOB, ChildPod, read_pod
from augmentation_operator.children.turn import attempt_of, placement_index
from augmentation_operator.children.warning import NotedWarning
from augmentation_operator.manifests.patch import Patch
from augmentation_operator.queueing.built_in import Place
from augmentation_operator.queueing.kueue.admission import question, queue_name_of
from augmentation_operator.queueing.kueue.view import KueueView
from augmentation_operator.reconcile.class_selection import select_class
from augmentation_operator.reconcile.decision import Decision, needs_fresh_read, operator_part
from augmentation_operator.reconcile.lifecycle import decide
from augmentation_operator.reconcile.observation import Observation, children_of
from tests.unit.operator.simulated_kueue import SimulatedKueue

Children = tuple[list[ChildJob], list[ChildPod]]

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
UID = "0f1e2d3c-aaaa-4bbb-8ccc-ddddeeeeffff"
NAME = "kitchen"
IMAGE = "worker@sha256:0"

RESOLVE, PROVISION, AUGMENT, PUBLISH = PhaseName.RESOLVE, PhaseName.PROVISION, PhaseName.AUGMENT, PhaseName.PUBLISH

FOUND_SOURCE = {
    "repoID": "lab/kitchen",
    "revision": "c0ffee",
    "episodes": 10,
    "frames": 1000,
    "cameras": ["observation.images.top"],
    "selectedEpisodes": 10,
    "selectedFrames": 1000,
    "copies": 3,
    "minShards": 1,
    "maxShards": 10,
}
PUBLISHED_OUTPUT = {"datasetID": "lab/kitchen_augmented_0f1e2d3c", "revision": "beef", "episodes": 40, "frames": 4000}


def make_class(name: str = "cpu", *, default: bool = True, **spec: Any) -> AugmentationClass:
    """An AugmentationClass; the default one of deterministic jobs unless told otherwise."""
    return AugmentationClass.from_wire(
        {
            "apiVersion": API_VERSION,
            "kind": CLASS_KIND,
            "metadata": {"name": name},
            "spec": {"default": default, "image": IMAGE, "framesPerShard": 1500, **spec},
        }
    )


@dataclass
class SimulatedPod:
    """A pod of one index of a Job."""

    name: str
    phase: PhaseName
    index: int
    labels: dict[str, str]
    created_at: datetime
    resources: dict[str, Any] = field(default_factory=dict)
    node: str = ""
    conditions: list[dict[str, str]] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)
    status_phase: str = "Pending"
    terminating: bool = False

    @property
    def is_over(self) -> bool:
        return self.status_phase in ("Succeeded", "Failed")

    @property
    def job_name(self) -> str:
        return self.labels[LABEL_BATCH_JOB]

    def to_wire(self) -> dict[str, Any]:
        return {
            "metadata": {
                "name": self.name,
                "namespace": "default",
                "labels": self.labels,
                "creationTimestamp": to_rfc3339(self.created_at),
            },
            "spec": {
                "containers": [{"resources": self.resources}],
                **({"nodeName": self.node} if self.node else {}),
            },
            "status": {
                "phase": self.status_phase,
                "conditions": self.conditions,
                "containerStatuses": [{"name": "worker", "state": self.state}] if self.state else [],
            },
        }


@dataclass
class SimulatedJob:
    """A batch/v1 Job as the Job controller keeps it."""

    manifest: dict[str, Any]
    created_at: datetime
    failed_pods: int = 0
    complete_at: datetime | None = None
    failed_at: datetime | None = None
    failed_reason: str = ""
    failed_message: str = ""
    failures_of_index: dict[int, int] = field(default_factory=dict)
    succeeded: set[int] = field(default_factory=set)

    @property
    def name(self) -> str:
        return str(self.manifest["metadata"]["name"])

    @property
    def spec(self) -> dict[str, Any]:
        return dict(self.manifest["spec"])

    @property
    def suspended(self) -> bool:
        return bool(self.spec.get("suspend", False))

    @property
    def is_over(self) -> bool:
        return self.complete_at is not None or self.failed_at is not None

    @property
    def completions(self) -> int:
        return int(self.spec.get("completions", 1))

    @property
    def backoff_limit(self) -> int:
        return int(self.spec.get("backoffLimitPerIndex", self.spec.get("backoffLimit", 6)))

    def to_wire(self) -> dict[str, Any]:
        conditions = []
        if self.complete_at:
            conditions.append(
                {"type": "Complete", "status": "True", "lastTransitionTime": to_rfc3339(self.complete_at)}
            )
        if self.failed_at:
            conditions.append(
                {
                    "type": "Failed",
                    "status": "True",
                    "lastTransitionTime": to_rfc3339(self.failed_at),
                    "reason": self.failed_reason,
                    "message": self.failed_message,
                }
            )
        return {
            "metadata": {**self.manifest["metadata"], "creationTimestamp": to_rfc3339(self.created_at)},
            "spec": self.manifest["spec"],
            "status": {"conditions": conditions, "failed": self.failed_pods},
        }


class Refused(Exception):
    """The API server does not let a user do this."""


class SimulatedCluster:
    """One AugmentationJob, its class and its children, at a moment `now` that only a test moves."""

    def __init__(self, *, classes: tuple[AugmentationClass, ...] | None = None, **spec: Any) -> None:
        self.now = BEGINNING
        self.spec: dict[str, Any] = {"source": {"hub": {"repoID": "lab/kitchen"}}, **spec}
        self.generation = 1
        self.classes = (make_class(),) if classes is None else classes
        self.jobs: dict[str, SimulatedJob] = {}
        self.pods: list[SimulatedPod] = []
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.node_labels: dict[str, dict[str, str]] = {}
        self.warnings: dict[str, NotedWarning] = {}
        self.place: Place | None = None
        self.kueue: SimulatedKueue | None = None
        self.operators_status: dict[str, Any] = {}
        self.workers_status: dict[str, Any] = {}
        self.workers_events: dict[str, list[dict[str, Any]]] = {}
        self.deleted = False
        self.writes = 0
        self.created_jobs: list[str] = []
        self.makes_pods = True
        self._pod_number = 0

    # What a user does.

    def change(self, **spec: Any) -> None:
        """Change fields of the spec, by their wire names."""
        self.spec |= spec
        self.generation += 1

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def delete_job(self, phase: PhaseName) -> None:
        """Delete a child Job and its pods by hand, at once."""
        del self.jobs[self.job_name(phase)]
        self.pods = [pod for pod in self.pods if pod.phase != phase]

    def retry(self) -> None:
        """Ask for one more attempt. Raises Refused where the CRD's rules would not let a user."""
        if self.status.state not in (State.FAILED, State.CANCELLED):
            raise Refused("spec.attempt can be raised only once the job has failed or was cancelled")
        self.change(attempt=int(self.spec.get("attempt", 0)) + 1, cancel=False)

    # What can be seen.

    @property
    def job(self) -> AugmentationJob:
        """The resource as the API server would send it."""
        return AugmentationJob.from_wire(
            {
                "apiVersion": API_VERSION,
                "kind": JOB_KIND,
                "metadata": {
                    "name": NAME,
                    "namespace": "default",
                    "uid": UID,
                    "generation": self.generation,
                    "creationTimestamp": to_rfc3339(BEGINNING),
                },
                "spec": self.spec,
                "status": self._merged_status(),
            }
        )

    @property
    def status(self) -> AugmentationJobStatus:
        return self.job.status

    def phase_status(self, phase: PhaseName) -> PhaseStatus | None:
        return self.status.phase(phase).status

    def children(self) -> Children:
        """The Jobs and pods as the operator's watches would show them now."""
        return [read_job(job.to_wire()) for job in self.jobs.values()], [read_pod(pod.to_wire()) for pod in self.pods]

    def observe(self, children: Children | None = None) -> Observation:
        """What the operator sees of the present children, or of those that lagging watches still show."""
        seen = children_of(self.job, *(self.children() if children is None else children))
        return replace(
            seen,
            kueue=self._what_kueue_says(seen),
            node_labels=dict(self.node_labels),
            warnings=dict(self.warnings),
            place=self.place,
        )

    def _what_kueue_says(self, seen: Observation) -> KueueView | None:
        chosen = next((each for each in self.classes if each.metadata.name == self.status.class_name), None)
        asked = question(self.job, seen.jobs, queue_name_of(self.job, chosen))
        return (self.kueue or SimulatedKueue(installed=False)).view(asked)

    def job_name(self, phase: PhaseName) -> str:
        """Name of the Job of a phase in the present attempt."""
        return phase_job_name(
            NAME, UID, phase, attempt_of(self.job), placement_index(self.job) if phase == AUGMENT else 0
        )

    def job_of(self, phase: PhaseName) -> SimulatedJob:
        return self.jobs[self.job_name(phase)]

    def has_job(self, phase: PhaseName) -> bool:
        return self.job_name(phase) in self.jobs

    def pod_of(self, phase: PhaseName, index: int = 0) -> SimulatedPod:
        """The pod of an index that has not ended."""
        return next(pod for pod in self.pods if pod.phase == phase and pod.index == index and not pod.is_over)

    @property
    def running_pods(self) -> list[SimulatedPod]:
        return [pod for pod in self.pods if not pod.is_over]

    # What the operator does.

    def decide(self, seen: Observation | None = None) -> Decision:
        """Decide on the present state, or on an older observation; do nothing."""
        chosen = select_class(self.job, self.classes)
        return decide(self.job, chosen, self.observe() if seen is None else seen, self.now)

    def reconcile(self, children: Children | None = None) -> Decision:
        """Decide once and carry it out, then let the Job controller answer.

        On older children only what the controller decides on its watches: for the rest it reads anew.
        """
        before = operator_part(self.job.status)
        seen = self.observe(children)
        decision = self.decide(seen)
        if needs_fresh_read(self.job, decision, seen):
            decision = self.decide()
        for manifest in (*decision.apply, *decision.create):
            self._make(manifest)
        for patch in decision.patches:
            self._patch(patch)
        after = operator_part(decision.status)
        if after != before:
            self.operators_status = copy.deepcopy(after)
            self.writes += 1
        for name in decision.delete_jobs:
            gone = self.jobs.pop(name, None)
            for pod in self.running_pods if gone else []:
                pod.terminating = pod.terminating or pod.job_name == name
        self.deleted = self.deleted or decision.delete_resource
        self._control_jobs()
        return decision

    def reconcile_and_die(self) -> None:
        """Decide once and carry it out, but be killed before the status is written."""
        before, writes = self.operators_status, self.writes
        self.reconcile()
        self.operators_status, self.writes = before, writes

    def settle_without_pods(self) -> None:
        """Reconcile while the Job controller is refused every pod."""
        self.makes_pods = False
        self.settle()

    def settle(self) -> None:
        """Reconcile until nothing more changes at this moment. Fails if that takes unreasonably long."""
        for _ in range(12):
            before = (self.writes, sorted(self.jobs), len(self.pods), self.status)
            self.reconcile()
            if before == (self.writes, sorted(self.jobs), len(self.pods), self.status):
                return
        raise AssertionError("the operator does not come to rest")

    # What the Job controller does.

    def _control_jobs(self) -> None:
        if self.kueue is not None:
            self.kueue.forget_all_but(self.jobs)
        for job in self.jobs.values():
            if job.is_over:
                continue
            self._let_kueue_look(job)
            phase = read_job(job.to_wire()).phase
            active = [pod for pod in self.running_pods if pod.job_name == job.name]
            if job.suspended:
                for pod in active:
                    pod.terminating = True
                continue
            if len(job.succeeded) == job.completions:
                job.complete_at = self.now
                continue
            wanted = min(int(job.spec.get("parallelism", 1)), job.completions - len(job.succeeded))
            missing = [
                index
                for index in range(job.completions)
                if index not in job.succeeded and not any(pod.index == index for pod in active)
            ]
            for index in missing[: max(0, wanted - len(active)) if self.makes_pods else 0]:
                self._pod_number += 1
                self.pods.append(
                    SimulatedPod(
                        name=f"{job.name}-{index}-{self._pod_number}",
                        phase=phase,
                        index=index,
                        labels={**job.manifest["spec"]["template"]["metadata"]["labels"], LABEL_BATCH_JOB: job.name},
                        created_at=self.now,
                        resources=job.manifest["spec"]["template"]["spec"]["containers"][0]["resources"],
                    )
                )

    def _is_kueues(self, job: SimulatedJob) -> bool:
        return self.kueue is not None and job.name in self.kueue.workloads

    def _let_kueue_look(self, job: SimulatedJob) -> None:
        queue = job.manifest["metadata"]["labels"].get(LABEL_QUEUE, "")
        wanted = self.kueue.sees(job.name, queue) if self.kueue else None
        if wanted is not None:
            job.manifest["spec"]["suspend"] = wanted

    # What Kueue does.

    def admit(self, phase: PhaseName = AUGMENT) -> None:
        """Kueue admits the Job of a phase, if it may."""
        assert self.kueue is not None
        self.kueue.admit(self.job_name(phase))
        self._control_jobs()

    def evict(self, phase: PhaseName = AUGMENT, *, reason: str = "Preempted") -> None:
        """Kueue takes the quota of a Job back; its pods are stopped."""
        assert self.kueue is not None
        self.kueue.evict(self.job_name(phase), self.now, reason)
        self._control_jobs()

    def _fail_job(self, job: SimulatedJob, phase: PhaseName, reason: str, message: str) -> None:
        job.failed_at, job.failed_reason, job.failed_message = self.now, reason, message
        self.pods = [pod for pod in self.pods if pod.phase != phase or pod.is_over]

    # What the kubelet does.

    def start_pod(self, phase: PhaseName, index: int = 0, node: str = "node-a") -> SimulatedPod:
        """A pod gets a node and its container starts."""
        pod = self.pod_of(phase, index)
        pod.node, pod.status_phase = node, "Running"
        pod.conditions = [{"type": "PodScheduled", "status": "True"}]
        pod.state = {"running": {"startedAt": to_rfc3339(self.now)}}
        return pod

    def wait_for_node(self, phase: PhaseName, message: str = "0/3 nodes are available", index: int = 0) -> None:
        """The scheduler finds no node for a pod."""
        self.pod_of(phase, index).conditions = [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
        ]

    def wait_in_container(self, phase: PhaseName, reason: str, message: str = "", index: int = 0) -> None:
        """The container of a pod waits, e.g. because its image cannot be pulled."""
        pod = self.pod_of(phase, index)
        pod.node = pod.node or "node-a"
        pod.conditions = [{"type": "PodScheduled", "status": "True"}]
        pod.state = {"waiting": {"reason": reason, "message": message}}

    def fail_pod(
        self,
        phase: PhaseName,
        exit_code: int = 1,
        *,
        index: int = 0,
        reason: str = "Error",
        message: str = "",
        failure: FailureReason | None = None,
    ) -> None:
        """A pod's container ends badly; the Job controller starts another one or gives the Job up.

        With `failure`, the worker itself gives up, with that reason's exit code and `message` as its own words.
        """
        if failure is not None:
            exit_code, message = failure.exit_code, TerminationMessage(reason=failure, message=message).encode()
        pod = self.pod_of(phase, index)
        started = pod.state.get("running", {}).get("startedAt", to_rfc3339(self.now))
        pod.node = pod.node or "node-a"
        pod.status_phase = "Failed"
        pod.state = {
            "terminated": {
                "exitCode": exit_code,
                "reason": reason,
                "message": message,
                "startedAt": started,
                "finishedAt": to_rfc3339(self.now),
            }
        }
        job = self.job_of(phase)
        job.failed_pods += 1
        failures = job.failures_of_index[index] = job.failures_of_index.get(index, 0) + 1
        if is_permanent_exit_code(exit_code):
            self._fail_job(job, phase, "PodFailurePolicy", f"Container worker failed with exit code {exit_code}")
        elif failures > job.backoff_limit:
            self._fail_job(job, phase, "BackoffLimitExceeded", "Job has reached the specified backoff limit")
        self._control_jobs()

    def succeed_pod(self, phase: PhaseName, index: int = 0) -> None:
        """A pod's container ends well."""
        pod = self.pod_of(phase, index)
        started = pod.state.get("running", {}).get("startedAt", to_rfc3339(self.now))
        pod.node = pod.node or "node-a"
        pod.status_phase = "Succeeded"
        pod.state = {"terminated": {"exitCode": 0, "startedAt": started, "finishedAt": to_rfc3339(self.now)}}
        self.job_of(phase).succeeded.add(index)
        self._control_jobs()

    def lose_pod(self, phase: PhaseName, index: int = 0) -> None:
        """A pod disappears with its node; it counts as no failure, and another one takes its place."""
        self.pods.remove(self.pod_of(phase, index))
        self._control_jobs()

    def preempt_pod(self, phase: PhaseName, index: int = 0, *, reason: str = "PreemptionByScheduler") -> None:
        """Kubernetes takes a running pod away; it fails, counts as no failure, and another one takes its place."""
        pod = self.pod_of(phase, index)
        pod.conditions = [
            {
                "type": "DisruptionTarget",
                "status": "True",
                "reason": reason,
                "message": "a pod of higher priority needs its place",
                "lastTransitionTime": to_rfc3339(self.now),
            }
        ]
        started = pod.state.get("running", {}).get("startedAt", to_rfc3339(self.now))
        pod.status_phase = "Failed"
        pod.state = {"terminated": {"exitCode": 143, "startedAt": started, "finishedAt": to_rfc3339(self.now)}}
        self._control_jobs()

    def end_terminating_pods(self) -> None:
        """What is being deleted is gone now."""
        self.pods = [pod for pod in self.pods if not pod.terminating]
        self._control_jobs()

    # What the workers report.

    def report_source(self, **found: Any) -> None:
        self.workers_status["source"] = FOUND_SOURCE | found

    def report_output(self, **published: Any) -> None:
        self.workers_status["output"] = PUBLISHED_OUTPUT | published

    def report_shard(self, index: int, **entry: Any) -> None:
        shards = [shard for shard in self.workers_status.get("shards", []) if shard["index"] != index]
        self.workers_status["shards"] = sorted([*shards, {"index": index, **entry}], key=lambda shard: shard["index"])

    def report_event(self, phase: PhaseName, **event: Any) -> None:
        events = self.workers_events.setdefault(phase, [])
        events.append(
            {"id": f"augmentation-worker-{phase}-{len(events):06d}", "timestamp": to_rfc3339(self.now), **event}
        )

    # Ways through a job's life.

    def reach(self, phase: PhaseName) -> None:
        """Go on until the pods of a phase wait to be started."""
        self.settle()
        if phase == RESOLVE:
            return
        self.finish_resolve()
        if phase in (PROVISION, AUGMENT):
            return
        self.finish_augment()

    def finish_resolve(self) -> None:
        self.start_pod(RESOLVE)
        self.settle()
        self.pass_time(10)
        self.report_source()
        self.succeed_pod(RESOLVE)
        self.settle()

    def finish_augment(self) -> None:
        while not self.job_of(AUGMENT).is_over:
            waiting = [pod for pod in self.running_pods if pod.phase == AUGMENT]
            for pod in waiting:
                self.start_pod(AUGMENT, pod.index)
                self.report_shard(pod.index, state="running")
            self.settle()
            self.pass_time(60)
            for pod in waiting:
                self.report_shard(pod.index, state="completed")
                self.succeed_pod(AUGMENT, pod.index)
        self.settle()

    def finish_publish(self) -> None:
        self.start_pod(PUBLISH)
        self.settle()
        self.pass_time(10)
        self.report_output()
        self.succeed_pod(PUBLISH)
        self.settle()

    def complete(self) -> None:
        """The whole life of a job that nothing happens to."""
        self.reach(PUBLISH)
        self.finish_publish()
        assert self.status.state == State.COMPLETED

    def fails_after(self, seconds: int) -> bool:
        """Whether a running job fails once so much time has passed, and not a second earlier."""
        states = []
        for passed in (seconds - 1, 1):
            self.pass_time(passed)
            self.settle()
            states.append(self.status.state)
        return states == [State.RUNNING, State.FAILED]

    # How the API server keeps things.

    def _patch(self, patch: Patch) -> None:
        if patch.resource is Resource.WORKLOADS:
            assert self.kueue is not None
            self.kueue.activate(patch.name, patch.body["spec"]["active"], self.now)
        elif patch.name in self.jobs:
            job, spec = self.jobs[patch.name], patch.body.get("spec", {})
            assert spec.get("suspend", True) or not self._is_kueues(job), "the operator starts what Kueue holds"
            job.manifest["spec"] |= spec
            job.manifest["metadata"]["labels"] |= patch.body.get("metadata", {}).get("labels", {})

    def _make(self, manifest: dict[str, Any]) -> None:
        name = manifest["metadata"]["name"]
        if manifest["kind"] != "Job":
            self.objects[manifest["kind"], name] = manifest
        elif name not in self.jobs:
            self.jobs[name] = SimulatedJob(copy.deepcopy(manifest), self.now)
            self.created_jobs.append(name)

    def _merged_status(self) -> dict[str, Any]:
        status = copy.deepcopy(self.operators_status) | copy.deepcopy(self.workers_status)
        phases = {phase["name"]: phase for phase in status.get("phases", [])}
        for name, events in self.workers_events.items():
            phase = phases.setdefault(name, {"name": name, "events": []})
            phase["events"] = [*phase["events"], *copy.deepcopy(events)]
        return status | ({"phases": list(phases.values())} if phases else {})
