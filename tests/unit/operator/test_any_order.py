"""Whatever happens in whatever order: the promises of jobs' lives hold after every step of the real controller."""

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from itertools import chain, repeat
from typing import Any

from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from typing_extensions import override

from augmentation_api import AugmentationJob, FailureReason, PhaseName, State
from augmentation_api.notify import Notify
from augmentation_api.pod_fields import Resources
from augmentation_api.vocabulary import NotificationState
from augmentation_kube import KubeError, KubeUnavailable, Resource
from augmentation_operator.controller.metrics import Metrics
from augmentation_operator.controller.notification.notifier import Notifier
from augmentation_operator.reconcile.notification import NotificationOutcome
from tests.unit.operator.promises import PromisesOfJob, PromisesOfRequests, slots_held
from tests.unit.operator.simulated_cluster import AUGMENT, PUBLISH, RESOLVE, SimulatedCluster, make_class
from tests.unit.operator.simulated_kueue import SimulatedKueue
from tests.unit.operator.simulated_operator import BACKOFF, WATCHED, Killed

FAILURES = [
    FailureReason.HUB_UNAVAILABLE,
    FailureReason.INTERNAL_ERROR,
    FailureReason.SOURCE_INVALID,
    FailureReason.OUTPUT_CONFLICT,
]
PLACEMENTS = [{"name": "best", "timeLimitSeconds": 120, "pricePerHour": 2}, {"name": "other", "pricePerHour": 1}]
NOTIFY = {"url": "https://hooks.example.com/jobs", "secretRef": {"name": "augmentation-webhook"}}
UNLIMITED = (make_class(placements=PLACEMENTS, notify=NOTIFY),)
LIMITED = (make_class(placements=PLACEMENTS, notify=NOTIFY, limits={"maxJobsPerNamespace": 1}),)
API_ERRORS = [
    KubeUnavailable("the connection was refused"),
    KubeError(500, "InternalError", "etcdserver: request timed out"),
    KubeError(409, "Conflict", "the object has been modified"),
    KubeError(422, "Invalid", "spec.template: Invalid value"),
]
SECOND_UID = "1a2b3c4d-aaaa-4bbb-8ccc-ddddeeeeffff"
MOST_RECONCILES = 60
"""More reconciles than this in a row without time passing mean that the operator does not come to rest."""

LIES: list[Callable[[SimulatedCluster], None]] = [
    lambda job: job.report_output(),
    lambda job: job.report_preview({"mediaType": "image/png", "image": "iVBORw0KGgo="}),
    lambda job: job.report_shard(0, state="completed", frames={"total": 2**53 - 1, "done": 2**53 - 1}),
    lambda job: job.report_shard(1, state="running", framesPerSecond=1e-300),
    lambda job: job.report_shard(2, state="running", framesPerSecond=1e308, updatedAt="2020-01-01T00:00:00+99:99"),
    lambda job: job.report_shard(-1, state="all of them", episodes="many"),
    lambda job: job.report_event(AUGMENT, timestamp="0000-01-01T00:00:00Z"),
    lambda job: job.report_event(PUBLISH, status=["started"], data={"much": 7}),
]


class AnyOrder(RuleBasedStateMachine):
    """Generated scenarios: users, Kubernetes and workers act at random on two jobs.

    The operator's watches lag, each for itself; its requests fail or their answers are lost; it is killed between any
    two of them and started again. Reconciles of the two jobs interleave at their requests.
    """

    @initialize(
        phase=st.sampled_from([RESOLVE, AUGMENT, PUBLISH]),
        deadline=st.sampled_from([None, 600]),
        pending_deadline=st.sampled_from([None, 150]),
        must_succeed=st.booleans(),
        queue=st.sampled_from(["none", "built-in", "Kueue"]),
    )
    def begin(
        self, phase: PhaseName, deadline: int | None, pending_deadline: int | None, must_succeed: bool, queue: str
    ) -> None:
        self.must_succeed = must_succeed
        self.classes = LIMITED if queue == "built-in" else UNLIMITED
        spec: dict[str, Any] = {"backoffLimitPerShard": 1, "activeDeadlineSeconds": deadline}
        spec["pendingDeadlineSeconds"] = pending_deadline
        spec |= {"queueName": "team-a"} if queue == "Kueue" else {}
        self.job = SimulatedCluster(classes=self.classes, **spec)
        self.job.kueue = SimulatedKueue() if queue == "Kueue" else None
        self.job.notifier = SimulatedNotifier(self.job)
        self.job.reach({"none": phase, "built-in": RESOLVE, "Kueue": AUGMENT}[queue])
        other = SimulatedCluster(existing=self.job, name="second", uid=SECOND_UID, priorityClassName="urgent", **spec)
        self.jobs = [self.job, other]
        self.kube = self.job.kube
        self.promises = [PromisesOfJob(job) for job in self.jobs]
        if queue == "built-in":
            # Both have just been resolved, and there is one slot.
            other.reach(RESOLVE)
            for job in self.jobs:
                job.start_pod(RESOLVE)
                self.worker_reports_and_succeeds(job, RESOLVE, 0)
        self.operator = self.job.operator()
        self.requests = PromisesOfRequests(self.kube)

    # Users, time, Kubernetes, workers.

    @rule(data=st.data(), which=st.sampled_from([0, 0, 1]))
    def something_happens(self, data: st.DataObject, which: int) -> None:
        job = self.jobs[which]
        live = [(pod.phase, pod.index) for pod in job.running_pods if not pod.terminating]
        waiting = [(phase, index) for phase, index in live if not job.pod_of(phase, index).state]
        running = [pod for pod in live if pod not in waiting]
        possible: list[Callable[[], object]] = [
            partial(job.change, cancel=True),
            partial(job.change, suspend=not job.spec.get("suspend")),
            lambda: job.change(parallelism=data.draw(st.sampled_from([None, 1, 2, 1000]))),
            self.class_announces_or_not,
            self.receiver_answers_otherwise,
            lambda: job.pass_time(data.draw(st.sampled_from([1, 5, 40, 200]))),
            job.end_terminating_pods,
            self.class_comes_or_goes,
            self.class_is_corrected,
            self.priority_comes_or_goes,
        ]
        if job.status.state in (State.FAILED, State.CANCELLED):
            possible += 4 * [job.retry]
        if job.jobs:
            possible.append(lambda: self.delete_a_child(job, data.draw(st.sampled_from(sorted(job.jobs)))))
        if job.kueue and job.job_name(AUGMENT) in job.kueue.workloads:
            possible += [*(3 * [job.admit]), job.evict, self.kueue_comes_or_goes]
        if waiting:
            possible += 4 * [lambda: job.start_pod(*data.draw(st.sampled_from(waiting)))]
            possible.append(lambda: self.pod_finds_no_node(job, *data.draw(st.sampled_from(waiting))))
        if len(live) < len(job.running_pods):
            possible += 4 * [job.end_terminating_pods]
        if running:
            possible += 4 * [lambda: self.worker_reports_and_succeeds(job, *data.draw(st.sampled_from(running)))]
            possible.append(lambda: self.worker_reports(job, *data.draw(st.sampled_from(running))))
            possible.append(lambda: data.draw(st.sampled_from(LIES))(job))
            possible.append(lambda: job.lose_pod(*data.draw(st.sampled_from(running))))
            possible.append(lambda: job.preempt_pod(*data.draw(st.sampled_from(running))))
            possible.append(lambda: self.worker_is_killed(job, *data.draw(st.sampled_from(running))))
            possible.append(
                lambda: self.worker_gives_up(
                    job, *data.draw(st.sampled_from(running)), data.draw(st.sampled_from(FAILURES))
                )
            )
        data.draw(st.sampled_from(possible))()

    def delete_a_child(self, job: SimulatedCluster, name: str) -> None:
        phase = next((phase for phase in PhaseName if job.job_name(phase) == name), None)
        if phase is not None:
            job.delete_job(phase)
            # Only so a name is used twice, and only once the watches have shown that the first Job is gone.
            self.operator.catch_up()

    def class_comes_or_goes(self) -> None:
        self.job.classes = () if self.job.classes else self.classes

    def class_is_corrected(self) -> None:
        """The pods of jobs that wait are replaced; jobs that have begun keep the class as it was."""
        resources = {"requests": {"cpu": str(self.job.now.timestamp() % 7 + 1)}}
        changed = [each.spec.model_copy(update={"resources": Resources(**resources)}) for each in self.classes]
        self.job.classes = [
            each.model_copy(update={"spec": spec}) for each, spec in zip(self.classes, changed, strict=True)
        ]

    def class_announces_or_not(self) -> None:
        without = [each.spec.model_copy(update={"notify": None}) for each in self.job.classes]
        notify = [each.spec.notify for each in self.classes]
        if all(each.spec.notify is None for each in self.job.classes):
            without = [
                each.spec.model_copy(update={"notify": wanted})
                for each, wanted in zip(self.job.classes, notify, strict=False)
            ]
        self.job.classes = [
            each.model_copy(update={"spec": spec}) for each, spec in zip(self.job.classes, without, strict=True)
        ]

    def receiver_answers_otherwise(self) -> None:
        order = list(NotificationState)
        self.notifier.answer = order[(order.index(self.notifier.answer) + 1) % len(order)]

    @property
    def notifier(self) -> "SimulatedNotifier":
        assert isinstance(self.job.notifier, SimulatedNotifier)
        return self.job.notifier

    def priority_comes_or_goes(self) -> None:
        if self.kube.find(Resource.PRIORITY_CLASSES, "urgent"):
            self.kube.remove(Resource.PRIORITY_CLASSES, "urgent")
        else:
            self.kube.put(Resource.PRIORITY_CLASSES, {"metadata": {"name": "urgent"}, "value": 100})

    def kueue_comes_or_goes(self) -> None:
        assert self.job.kueue is not None
        self.job.kueue.installed = not self.job.kueue.installed

    def pod_finds_no_node(self, job: SimulatedCluster, phase: PhaseName, index: int) -> None:
        job.wait_for_node(phase, index=index)

    def worker_gives_up(self, job: SimulatedCluster, phase: PhaseName, index: int, failure: FailureReason) -> None:
        job.fail_pod(phase, index=index, failure=failure, message=f"gave up: {failure}")

    def worker_is_killed(self, job: SimulatedCluster, phase: PhaseName, index: int) -> None:
        job.fail_pod(phase, exit_code=137, index=index)

    def worker_reports_and_succeeds(self, job: SimulatedCluster, phase: PhaseName, index: int) -> None:
        self.worker_reports(job, phase, index)
        job.succeed_pod(phase, index)

    def worker_reports(self, job: SimulatedCluster, phase: PhaseName, index: int) -> None:
        if phase == RESOLVE:
            job.report_source()
        elif phase == AUGMENT:
            job.report_shard(index, state="running", frames={"total": 1000, "done": 10}, framesPerSecond=5)
        else:
            job.report_output()

    # The operator.

    @rule()
    def operator_rests(self) -> None:
        """It works until nothing is due at this moment."""
        self.settle()
        for promises in self.promises:
            promises.held_job_is_placed_nowhere()
        self.no_slot_is_left_free()

    @rule(
        which=st.sampled_from([0, 1]),
        catch_up=st.sampled_from([(), WATCHED, *((each,) for each in WATCHED[:3])]),
        times=st.integers(1, 3),
    )
    def operator_acts_on_what_some_watches_have_shown(
        self, which: int, catch_up: tuple[Resource, ...], times: int
    ) -> None:
        if catch_up:
            self.operator.catch_up(*catch_up, at_most=None if catch_up == WATCHED else 2)
        for _ in range(times):
            self.reconcile(self.jobs[which].uid)

    @rule(pauses=st.lists(st.integers(1, 6), max_size=20))
    def operator_reconciles_both_jobs_at_the_same_time(self, pauses: list[int]) -> None:
        self.operator.catch_up()
        self.kube.pauses = chain(pauses, repeat(1)).__next__
        self.operator.reconcile_together(*(job.uid for job in self.jobs))
        self.kube.pauses = repeat(1).__next__
        self.requests.check(self.job.now)
        self.job.act()

    @rule(which=st.sampled_from([0, 1]), requests=st.integers(0, 6))
    def operator_is_killed(self, which: int, requests: int) -> None:
        self.operator.catch_up()
        self.kube.fail(Killed(), skip=requests)
        self.reconcile(self.jobs[which].uid)
        self.kube.recover()
        self.restart()

    @rule(
        which=st.sampled_from([0, 1]),
        error=st.sampled_from(API_ERRORS),
        skip=st.integers(0, 5),
        after_effect=st.booleans(),
    )
    def request_of_the_operator_fails(self, which: int, error: Exception, skip: int, after_effect: bool) -> None:
        self.operator.catch_up()
        self.kube.fail(error, skip=skip, times=1, after_effect=after_effect)
        self.reconcile(self.jobs[which].uid)
        self.kube.recover()

    def restart(self) -> None:
        self.notifier.outcomes.clear()
        self.operator = self.job.operator()
        self.requests.restart()

    def reconcile(self, uid: str) -> None:
        begin = len(self.kube.calls)
        if self.job.kueue is not None:
            self.job.kueue.publish(self.kube)
        with suppress(KubeError, KubeUnavailable, Killed):
            self.operator.reconcile(uid)
        self.job.check_calls(begin)
        self.requests.check(self.job.now)
        self.job.act()

    def settle(self) -> None:
        """Reconcile what is due, and let the others answer, until nothing more is."""
        for _ in range(MOST_RECONCILES):
            self.operator.catch_up()
            uid = self.operator.next
            if uid is not None:
                self.reconcile(uid)
            elif self.operator.failed:
                self.job.pass_time(BACKOFF.total_seconds())
            else:
                return
        raise AssertionError("the operator does not come to rest")

    def teardown(self) -> None:
        """Whatever happened: once all goes well again, the jobs end. Nothing but the operator's own queue wakes it."""
        if not hasattr(self, "operator"):
            return
        event(f"was {self.job.status.state} in {self.job.status.current_phase}")
        self.job.classes = self.classes
        self.notifier.answer = NotificationState.DELIVERED
        for job in self.jobs:
            job.change(suspend=False)
        if self.job.kueue:
            self.job.kueue.installed = True
        for _ in range(24):
            for job in self.jobs:
                if job.status.state in (State.FAILED, State.CANCELLED) and self.must_succeed:
                    self.every_promise_holds()
                    job.retry()
            self.settle()
            self.job.end_terminating_pods()
            for job in self.jobs:
                if job.kueue and job.job_name(AUGMENT) in job.kueue.workloads:
                    job.admit()
                for pod in [pod for pod in job.running_pods if not pod.terminating]:
                    job.start_pod(pod.phase, pod.index)
                    self.worker_reports_and_succeeds(job, pod.phase, pod.index)
            self.job.pass_time(61)
        self.every_promise_holds()
        for job in self.jobs:
            state = job.status.state
            event(f"ended {state}")
            assert state is not None, f"{job.name} was never begun"
            assert state.is_final, f"{job.name} is {state} for ever: {job.status.message}"
            assert state == State.COMPLETED or not self.must_succeed, f"{job.name} has {state}: {job.status.message}"
            notification = job.status.notification
            assert notification is None or notification.state is not NotificationState.PENDING, "its end is not sent"
            for each in job.jobs.values():
                assert each.is_over or each.spec.get("parallelism", 1) <= (job.spec.get("parallelism") or 1000)

    # The promises.

    @invariant()
    def every_promise_holds(self) -> None:
        for promises in self.promises:
            promises.check()
        if self.classes is LIMITED:
            assert len(slots_held(self.jobs)) <= 1, "a slot is given away twice"
        for name, workload in (self.job.kueue.workloads if self.job.kueue else {}).items():
            if not workload.admitted:
                pods = [pod for job in self.jobs for pod in job.running_pods]
                assert all(pod.terminating for pod in pods if pod.job_name == name), "a queue's Job makes new pods"

    def no_slot_is_left_free(self) -> None:
        if self.classes is LIMITED and self.job.classes:
            waits = [job.name for job in self.jobs if _waits_for_a_slot(job)]
            assert not waits or slots_held(self.jobs), f"{waits} wait for nobody"


class SimulatedNotifier(Notifier):
    """A notifier whose receiver answers at once, as a test wishes."""

    def __init__(self, job: SimulatedCluster) -> None:
        super().__init__(job.kube, None, Metrics(), lambda uid: None, lambda: job.now)
        self.job = job
        self.answer = NotificationState.DELIVERED
        self.outcomes: dict[str, NotificationOutcome] = {}

    @override
    def outcome_of(self, uid: str) -> NotificationOutcome | None:
        return self.outcomes.get(uid)

    @override
    def submit(self, job: AugmentationJob, notify: Notify, event_id: str) -> timedelta | None:
        assert job.status.state is not None
        assert event_id.endswith(f"-{job.status.state}"), "another end is announced than that which is recorded"
        self.outcomes[job.metadata.uid] = NotificationOutcome(event_id, self.answer)
        return timedelta(seconds=5)

    @override
    def forget(self, uid: str) -> None:
        self.outcomes.pop(uid, None)


def _waits_for_a_slot(job: SimulatedCluster) -> bool:
    status = job.status
    return status.queue is not None and status.state in (State.QUEUED, State.RUNNING)


# The gate runs the same cases each time; `make fuzz-operator` generates new ones.
AnyOrder.TestCase.settings = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "80")),
    derandomize="FUZZ_EXAMPLES" not in os.environ,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestAnyOrder = AnyOrder.TestCase
