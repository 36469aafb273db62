"""A job in a small Kubernetes: the API in memory, and everybody who acts on it.

The operator is the real controller. A user, the Job controller, the kubelets and the workers are played by methods that
a test calls.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from augmentation_api import AugmentationClass, AugmentationJob, AugmentationJobStatus, PhaseName, PhaseStatus, State
from augmentation_api.failure import FailureReason
from augmentation_api.identifiers import (
    API_VERSION,
    CLASS_KIND,
    FIELD_MANAGER_OPERATOR,
    JOB_KIND,
    LABEL_JOB_UID,
    phase_field_manager,
    phase_job_name,
    shard_field_manager,
)
from augmentation_api.model import to_rfc3339
from augmentation_api.readable_class import read_class
from augmentation_kube import Resource
from augmentation_operator.children.job import attempt_of, placement_index
from augmentation_operator.controller.notification.notifier import Notifier
from augmentation_operator.controller.observer import Observer
from augmentation_operator.queueing.built_in import Place
from augmentation_operator.queueing.kueue.admission import queue_name_of
from augmentation_operator.queueing.kueue.reader import KueueReader
from augmentation_operator.reconcile.class_selection import select_class
from augmentation_operator.reconcile.decision import Decision
from augmentation_operator.reconcile.lifecycle import decide
from augmentation_operator.reconcile.observation import Observation
from tests.kubernetes.in_memory import InMemoryKube
from tests.unit.operator.simulated_jobs import NAMESPACE, JobController, SimulatedJob, SimulatedPod
from tests.unit.operator.simulated_kueue import SimulatedKueue
from tests.unit.operator.simulated_operator import GivenPlace, Killed, SimulatedOperator, run

Json = dict[str, Any]

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
    """An AugmentationClass; the default class of deterministic jobs unless `default` is false."""
    return AugmentationClass.from_wire(
        {
            "apiVersion": API_VERSION,
            "kind": CLASS_KIND,
            "metadata": {"name": name},
            "spec": {"default": default, "image": IMAGE, "framesPerShard": 1500, **spec},
        }
    )


class Refused(Exception):
    """The API server does not let a user do this."""


class SimulatedCluster:
    """One AugmentationJob, its class and its children, at a moment `now` that only a test moves.

    Args:
        classes: the classes that there are; None: a default one.
        existing: another job of the same cluster.
        name, uid: of the job.
        spec: fields of the job's spec, by their wire names.
    """

    def __init__(
        self,
        *,
        classes: tuple[AugmentationClass, ...] | None = None,
        existing: "SimulatedCluster | None" = None,
        name: str = NAME,
        uid: str = UID,
        **spec: Any,
    ) -> None:
        self.name, self.uid = name, uid
        self._moment: list[datetime] = existing._moment if existing else [BEGINNING]
        self.kube: InMemoryKube = existing.kube if existing else InMemoryKube(lambda: self.now)
        self.controller: JobController = existing.controller if existing else JobController(self.kube, lambda: self.now)
        self.kueue: SimulatedKueue | None = existing.kueue if existing else None
        self.notifier: Notifier | None = None
        self._place: Place | None = None
        self._reports: dict[str, Json] = {}
        if existing is None:
            self.classes = (make_class(),) if classes is None else classes
        source = {"source": {"hub": {"repoID": "lab/kitchen"}}}
        metadata = {"name": name, "uid": uid, "generation": 1, "creationTimestamp": to_rfc3339(self.now)}
        body = {"apiVersion": API_VERSION, "kind": JOB_KIND, "metadata": metadata, "spec": {**source, **spec}}
        self.kube.put(Resource.AUGMENTATION_JOBS, body, NAMESPACE)

    # What a user does.

    def change(self, **spec: Any) -> None:
        """Change fields of the spec, by their wire names."""
        body = self.body
        self.kube.put(Resource.AUGMENTATION_JOBS, {**body, "spec": {**body["spec"], **spec}}, NAMESPACE)

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self._moment[0] += timedelta(seconds=seconds)

    def delete_job(self, phase: PhaseName) -> None:
        """Delete a child Job and its pods by hand, at once."""
        self.kube.remove(Resource.JOBS, self.job_name(phase), NAMESPACE)
        self.lose_pods(phase)

    def retry(self) -> None:
        """Ask for one more attempt. Raises Refused where the CRD's rules would not let a user."""
        if self.status.state not in (State.FAILED, State.CANCELLED):
            raise Refused("spec.attempt can be raised only once the job has failed or was cancelled")
        self.change(attempt=int(self.spec.get("attempt", 0)) + 1, cancel=False)

    # What can be seen.

    @property
    def now(self) -> datetime:
        return self._moment[0]

    @property
    def body(self) -> Json:
        """The resource as the API server has it; after its deletion as it was last."""
        found = self.kube.find(Resource.AUGMENTATION_JOBS, self.name, NAMESPACE)
        if found is not None and found["metadata"]["uid"] == self.uid:
            return found
        bodies = (change.before for change in reversed(self.kube.changes) if change.before and not change.after)
        return next(body for body in bodies if body["metadata"]["uid"] == self.uid)

    @property
    def deleted(self) -> bool:
        return self.kube.find(Resource.AUGMENTATION_JOBS, self.name, NAMESPACE) is None

    @property
    def spec(self) -> Json:
        return dict(self.body["spec"])

    @property
    def job(self) -> AugmentationJob:
        """The resource as the operator reads it."""
        return AugmentationJob.from_wire(self.body)

    @property
    def status(self) -> AugmentationJobStatus:
        return self.job.status

    def phase_status(self, phase: PhaseName) -> PhaseStatus | None:
        return self.status.phase(phase).status

    @property
    def classes(self) -> tuple[AugmentationClass, ...]:
        """Those that can be read."""
        found = map(read_class, self.kube.all(Resource.AUGMENTATION_CLASSES))
        return tuple(each for each in found if isinstance(each, AugmentationClass))

    @classes.setter
    def classes(self, classes: Iterable[AugmentationClass]) -> None:
        specs = {each.metadata.name: each.spec.to_wire() for each in classes}
        for body in list(self.kube.all(Resource.AUGMENTATION_CLASSES)):
            if body["metadata"]["name"] not in specs:
                self.kube.remove(Resource.AUGMENTATION_CLASSES, body["metadata"]["name"])
        for name, spec in specs.items():
            self.kube.put(Resource.AUGMENTATION_CLASSES, {"metadata": {"name": name}, "spec": spec})

    @property
    def jobs(self) -> dict[str, SimulatedJob]:
        return {job.name: job for job in self.controller.jobs if self._is_own(job.to_wire())}

    @property
    def pods(self) -> list[SimulatedPod]:
        return [pod for pod in self.controller.pods if self._is_own(pod.to_wire())]

    @property
    def objects(self) -> dict[tuple[str, str], Json]:
        """What the operator created in addition to Jobs, by kind and name."""
        kinds = (Resource.SERVICE_ACCOUNTS, Resource.ROLES, Resource.ROLE_BINDINGS, Resource.CONFIG_MAPS)
        bodies = [body for resource in kinds for body in self.kube.all(resource) if self._is_own(body)]
        return {(body["kind"], body["metadata"]["name"]): body for body in bodies}

    def _is_own(self, body: Json) -> bool:
        return bool(body["metadata"]["labels"].get(LABEL_JOB_UID) == self.uid)

    @property
    def created_jobs(self) -> list[str]:
        """Names of all Jobs that were ever created, in that order."""
        changes = (change for change in self.kube.changes if change.resource is Resource.JOBS and change.before is None)
        return [change.after["metadata"]["name"] for change in changes if change.after and self._is_own(change.after)]

    @property
    def writes(self) -> int:
        """How often the operator has written the status."""
        writes = (call for call in self.kube.calls if call.verb == "apply" and call.subresource == "status")
        return sum(call.field_manager == FIELD_MANAGER_OPERATOR and call.name == self.name for call in writes)

    def job_name(self, phase: PhaseName) -> str:
        """Name of the Job of a phase in the present attempt."""
        job = self.job
        place = placement_index(job) if phase == AUGMENT else 0
        return phase_job_name(self.name, self.uid, phase, attempt_of(job), place)

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

    def write_class(self, name: str, **spec: Any) -> None:
        """Write a class, valid or not."""
        self.kube.put(Resource.AUGMENTATION_CLASSES, {"metadata": {"name": name}, "spec": {"image": IMAGE, **spec}})

    # What the cluster has and says.

    @property
    def place(self) -> Place | None:
        """The job's place in the built-in queue, where a test gives it one; None: there is no limit."""
        return self._place

    @place.setter
    def place(self, place: Place | None) -> None:
        self._place = place
        limits = {"maxJobsPerNamespace": place.limit} if place else {}
        for body in list(self.kube.all(Resource.AUGMENTATION_CLASSES)):
            self.kube.put(Resource.AUGMENTATION_CLASSES, {**body, "spec": {**body["spec"], "limits": limits}})

    def label_node(self, name: str, labels: dict[str, str]) -> None:
        """There is a node with these labels."""
        metadata = {"name": name, "labels": labels}
        self.kube.put(Resource.NODES, {"metadata": metadata})

    def warn(self, kind: str, name: str, message: str, reason: str = "FailedCreate") -> None:
        """Kubernetes notes a warning of an object."""
        event = {
            "metadata": {"name": f"{name}.{len(self.kube.changes)}"},
            "type": "Warning",
            "involvedObject": {"kind": kind, "name": name},
            "reason": reason,
            "message": message,
            "lastTimestamp": to_rfc3339(self.now),
        }
        self.kube.put(Resource.EVENTS, event, NAMESPACE)

    def lose_status(self, *fields: str) -> None:
        """Somebody removes fields of the status by hand."""
        body = self.body
        status = {name: value for name, value in body["status"].items() if name not in fields}
        self.kube.put(Resource.AUGMENTATION_JOBS, {**body, "status": status}, NAMESPACE)

    # What the operator does.

    def operator(self) -> SimulatedOperator:
        """An operator that has just started."""
        (self.kueue or SimulatedKueue(installed=False)).publish(self.kube)
        slots = GivenPlace(lambda: self._place) if self._place else None
        return SimulatedOperator(self.kube, lambda: self.now, slots, self.notifier)

    def observe(self) -> Observation:
        """What an operator sees that has just started."""
        job, operator = self.job, self.operator()
        selected = select_class(job, operator.classes())
        queue = queue_name_of(job, selected if isinstance(selected, AugmentationClass) else None)
        clock: Callable[[], datetime] = lambda: self.now  # noqa: E731
        observer = Observer(self.kube, operator, KueueReader(self.kube, clock), clock)
        seen = run(observer.complete(job, observer.cached(job), queue))
        return replace(seen, place=self._place)

    def decide(self, seen: Observation | None = None) -> Decision:
        """Decide on the present state, or on an older observation; do nothing."""
        chosen = select_class(self.job, self.classes)
        return decide(self.job, chosen, self.observe() if seen is None else seen, self.now)

    def reconcile(self) -> timedelta | None:
        """Reconcile once, as an operator that has just started, then let the others answer."""
        begin = len(self.kube.calls)
        try:
            return self.operator().reconcile(self.uid)
        finally:
            self.check_calls(begin)
            self.act()

    def check_calls(self, begin: int) -> None:
        """The operator never starts what Kueue holds, in none of the calls since one."""
        for call in self.kube.calls[begin:]:
            if call.verb == "patch" and call.resource is Resource.JOBS and "suspend" in call.body.get("spec", {}):
                held = self.kueue is not None and call.name in self.kueue.workloads
                assert call.body["spec"]["suspend"] or not held, "the operator starts what Kueue holds"

    def reconcile_and_die(self) -> None:
        """Reconcile once, but be killed before the status is written."""
        self.kube.fail(Killed(), "apply", Resource.AUGMENTATION_JOBS)
        try:
            self.reconcile()
        except Killed:
            pass
        finally:
            self.kube.recover()

    def settle_without_pods(self) -> None:
        """Reconcile while the Job controller is refused every pod."""
        self.controller.makes_pods = False
        self.settle()

    def settle(self) -> None:
        """Reconcile until nothing more changes at this moment. Fails if that takes unreasonably long."""
        for _ in range(12):
            before = len(self.kube.changes)
            self.reconcile()
            if len(self.kube.changes) == before:
                return
        raise AssertionError("the operator does not come to rest")

    # What others do.

    def act(self) -> None:
        """Let Kueue and the Job controller answer to what was written."""
        if self.kueue is not None:
            self.kueue.act(self.kube, self.controller.jobs, self.now)
        self.controller.act()

    def admit(self, phase: PhaseName = AUGMENT) -> None:
        """Kueue admits the Job of a phase, if it may."""
        assert self.kueue is not None
        self.kueue.admit(self.job_name(phase))
        self.act()

    def evict(self, phase: PhaseName = AUGMENT, *, reason: str = "Preempted") -> None:
        """Kueue takes the quota of a Job back; its pods are stopped."""
        assert self.kueue is not None
        self.kueue.evict(self.job_name(phase), self.now, reason)
        self.act()

    def start_pod(self, phase: PhaseName, index: int = 0, node: str = "node-a") -> SimulatedPod:
        """A pod gets a node and its container starts."""
        if self.kube.find(Resource.NODES, node) is None:
            self.label_node(node, {})
        pod = self.pod_of(phase, index)
        self.controller.start(pod, node)
        return pod

    def wait_for_node(self, phase: PhaseName, message: str = "0/3 nodes are available", index: int = 0) -> None:
        """The scheduler finds no node for a pod."""
        unschedulable = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
        self.pod_of(phase, index).change(conditions=[unschedulable])

    def wait_in_container(self, phase: PhaseName, reason: str, message: str = "", index: int = 0) -> None:
        """The container of a pod waits, e.g. because its image cannot be pulled."""
        pod = self.pod_of(phase, index)
        scheduled = {"type": "PodScheduled", "status": "True"}
        waiting = {"waiting": {"reason": reason, "message": message}}
        pod.change(node=pod.node or "node-a", conditions=[scheduled], state=waiting)

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
        """A pod's container fails; with `failure`, the worker itself gives up with that reason."""
        pod = self.pod_of(phase, index)
        self.controller.fail_pod(self.jobs[pod.job_name], pod, exit_code, reason, message, failure)
        self.act()

    def succeed_pod(self, phase: PhaseName, index: int = 0) -> None:
        """A pod's container succeeds."""
        pod = self.pod_of(phase, index)
        self.controller.succeed_pod(self.jobs[pod.job_name], pod)
        self.act()

    def lose_pods(self, phase: PhaseName) -> None:
        """All pods of a phase disappear, and nothing takes their place yet."""
        for pod in self.pods:
            if pod.phase == phase:
                self.controller.remove(pod)

    def copy_pod(self, pod: SimulatedPod, name: str) -> SimulatedPod:
        """One more pod that is as another one."""
        body = pod.to_wire()
        kept = {field: body["metadata"][field] for field in ("labels", "creationTimestamp")}
        return SimulatedPod(
            self.kube, self.kube.put(Resource.PODS, {**body, "metadata": {**kept, "name": name}}, NAMESPACE)
        )

    def lose_pod(self, phase: PhaseName, index: int = 0) -> None:
        """A pod disappears with its node; it counts as no failure, and another one takes its place."""
        self.controller.remove(self.pod_of(phase, index))
        self.act()

    def preempt_pod(self, phase: PhaseName, index: int = 0, *, reason: str = "PreemptionByScheduler") -> None:
        """Kubernetes takes a running pod away; it fails, counts as no failure, and another one takes its place."""
        self.controller.preempt(self.pod_of(phase, index), reason)
        self.act()

    def end_terminating_pods(self) -> None:
        """The kubelets end the pods that are being deleted."""
        self.controller.end_terminating_pods()
        self.act()

    # What the workers report.

    def report_source(self, **found: Any) -> None:
        self.report(phase_field_manager(RESOLVE), source=FOUND_SOURCE | found)

    def report_output(self, **published: Any) -> None:
        self.report(phase_field_manager(PUBLISH), output=PUBLISHED_OUTPUT | published)

    def report_preview(self, preview: Json) -> None:
        self.report(phase_field_manager(RESOLVE), preview=preview)

    def report_shard(self, index: int, **entry: Any) -> None:
        self.report(shard_field_manager(index), shards=[{"index": index, **entry}])

    def report_event(self, phase: PhaseName, **event: Any) -> None:
        manager = phase_field_manager(phase)
        phases = self._reports.get(manager, {}).get("phases") or [{"name": phase, "events": []}]
        events = phases[0]["events"]
        number = {"id": f"augmentation-worker-{phase}-{len(events):06d}", "timestamp": to_rfc3339(self.now)}
        self.report(manager, phases=[{"name": phase, "events": [*events, {**number, **event}]}])

    def report(self, manager: str, **status: Any) -> None:
        """A worker applies its part of the status, in which it repeats what it said before."""
        report = self._reports[manager] = self._reports.get(manager, {}) | status
        body = {"apiVersion": API_VERSION, "kind": JOB_KIND, "metadata": {"name": self.name}, "status": report}
        run(
            self.kube.apply(
                Resource.AUGMENTATION_JOBS,
                self.name,
                body,
                field_manager=manager,
                namespace=NAMESPACE,
                subresource="status",
            )
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
