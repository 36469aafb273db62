"""Whatever happens in whatever order: the promises of a job's life hold after every step."""

import os
from collections.abc import Callable
from itertools import pairwise

from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from augmentation_api import AugmentationJobStatus, ConditionType, FailureReason, PhaseName, PhaseStatus, State
from tests.unit.operator.simulated_cluster import (
    AUGMENT,
    PROVISION,
    PUBLISH,
    RESOLVE,
    Children,
    SimulatedCluster,
    make_class,
)
from tests.unit.operator.simulated_kueue import SimulatedKueue

FAILURES = [
    FailureReason.HUB_UNAVAILABLE,
    FailureReason.INTERNAL_ERROR,
    FailureReason.SOURCE_INVALID,
    FailureReason.OUTPUT_CONFLICT,
]
LADDER = [{"name": "best", "timeLimitSeconds": 120, "pricePerHour": 2}, {"name": "other", "pricePerHour": 1}]
CLASSES = (make_class(placements=LADDER),)


LIES: list[Callable[[SimulatedCluster], None]] = [
    lambda cluster: cluster.report_output(),
    lambda cluster: cluster.report_shard(0, state="completed", frames={"total": 2**53 - 1, "done": 2**53 - 1}),
    lambda cluster: cluster.report_shard(1, state="running", framesPerSecond=1e-300),
    lambda cluster: cluster.report_shard(
        2, state="running", framesPerSecond=1e308, updatedAt="2020-01-01T00:00:00+99:99"
    ),
    lambda cluster: cluster.report_shard(-1, state="all of them", episodes="many"),
    lambda cluster: cluster.report_event(AUGMENT, timestamp="0000-01-01T00:00:00Z"),
    lambda cluster: cluster.report_event(PUBLISH, status=["started"], data={"much": 7}),
]


class AnyOrder(RuleBasedStateMachine):
    """A user, Kubernetes and workers act at random; the operator looks now and then, dies and may be old-sighted."""

    @initialize(
        phase=st.sampled_from([RESOLVE, AUGMENT, PUBLISH]),
        deadline=st.sampled_from([None, 600]),
        must_succeed=st.booleans(),
        queued=st.booleans(),
    )
    def begin(self, phase: PhaseName, deadline: int | None, must_succeed: bool, queued: bool) -> None:
        self.must_succeed = must_succeed
        spec = {"queueName": "team-a"} if queued else {}
        self.cluster = SimulatedCluster(classes=CLASSES, backoffLimitPerShard=1, activeDeadlineSeconds=deadline, **spec)
        self.cluster.kueue = SimulatedKueue() if queued else None
        self.last = self.cluster.status
        self.old: Children | None = None
        self.cluster.reach(AUGMENT if queued else phase)

    # A user, time, Kubernetes, workers.

    @rule(data=st.data())
    def something_happens(self, data: st.DataObject) -> None:
        live = [(pod.phase, pod.index) for pod in self.cluster.running_pods if not pod.terminating]
        waiting = [(phase, index) for phase, index in live if not self.cluster.pod_of(phase, index).state]
        running = [pod for pod in live if pod not in waiting]
        possible: list[Callable[[], None]] = [
            lambda: self.cluster.change(cancel=True),
            lambda: self.cluster.change(suspend=not self.cluster.spec.get("suspend")),
            lambda: self.cluster.pass_time(data.draw(st.sampled_from([1, 5, 40, 200]))),
            self.cluster.end_terminating_pods,
            self.class_comes_or_goes,
        ]
        if self.cluster.status.state in (State.FAILED, State.CANCELLED):
            possible += 4 * [self.cluster.retry]
        if any(self.cluster.has_job(phase) for phase in PhaseName):
            possible.append(lambda: self.delete_a_child(data.draw(st.sampled_from(sorted(self.cluster.jobs)))))
        if self.cluster.kueue and self.cluster.job_name(AUGMENT) in self.cluster.kueue.workloads:
            possible += [*(3 * [self.cluster.admit]), self.cluster.evict, self.kueue_comes_or_goes]
        if waiting:
            possible += 4 * [lambda: self.pod_starts(*data.draw(st.sampled_from(waiting)))]
            possible.append(lambda: self.pod_finds_no_node(*data.draw(st.sampled_from(waiting))))
        if len(live) < len(self.cluster.running_pods):
            possible += 4 * [self.cluster.end_terminating_pods]
        if running:
            possible += 4 * [lambda: self.worker_reports_and_succeeds(*data.draw(st.sampled_from(running)))]
            possible.append(lambda: self.worker_reports_and_goes_on(*data.draw(st.sampled_from(running))))
            possible.append(lambda: self.worker_lies(data.draw(st.sampled_from(LIES))))
            possible.append(lambda: self.cluster.lose_pod(*data.draw(st.sampled_from(running))))
            possible.append(lambda: self.cluster.preempt_pod(*data.draw(st.sampled_from(running))))
            possible.append(lambda: self.worker_is_killed(*data.draw(st.sampled_from(running))))
            possible.append(
                lambda: self.worker_gives_up(*data.draw(st.sampled_from(running)), data.draw(st.sampled_from(FAILURES)))
            )
        data.draw(st.sampled_from(possible))()

    def delete_a_child(self, name: str) -> None:
        phase = next((phase for phase in PhaseName if self.cluster.job_name(phase) == name), None)
        if phase is not None:
            self.cluster.delete_job(phase)
            # Only so a name is made twice, and only once the watches have shown that the first Job is gone.
            self.old = None

    def class_comes_or_goes(self) -> None:
        self.cluster.classes = () if self.cluster.classes else CLASSES

    def kueue_comes_or_goes(self) -> None:
        assert self.cluster.kueue is not None
        self.cluster.kueue.installed = not self.cluster.kueue.installed

    def pod_starts(self, phase: PhaseName, index: int) -> None:
        self.cluster.start_pod(phase, index)

    def pod_finds_no_node(self, phase: PhaseName, index: int) -> None:
        self.cluster.wait_for_node(phase, index=index)

    def worker_gives_up(self, phase: PhaseName, index: int, failure: FailureReason) -> None:
        self.cluster.fail_pod(phase, index=index, failure=failure, message=f"gave up: {failure}")

    def worker_is_killed(self, phase: PhaseName, index: int) -> None:
        self.cluster.fail_pod(phase, exit_code=137, index=index)

    def worker_reports_and_succeeds(self, phase: PhaseName, index: int) -> None:
        self.worker_reports_and_goes_on(phase, index)
        self.cluster.succeed_pod(phase, index)

    def worker_reports_and_goes_on(self, phase: PhaseName, index: int) -> None:
        if phase == RESOLVE:
            self.cluster.report_source()
        elif phase == AUGMENT:
            self.cluster.report_shard(index, state="running", frames={"total": 1000, "done": 10}, framesPerSecond=5)
        else:
            self.cluster.report_output()

    def worker_lies(self, lie: Callable[[SimulatedCluster], None]) -> None:
        """One that was taken over writes what it likes into the workers' fields, whatever the phase."""
        lie(self.cluster)

    # The operator.

    @rule(how=st.sampled_from(["rests", "rests", "looks once", "is killed", "falls behind", "sees old news"]))
    def operator_acts(self, how: str) -> None:
        if how == "rests":
            self.cluster.settle()
            self.a_held_job_is_placed_nowhere(self.cluster.status)
        elif how == "looks once":
            self.cluster.reconcile()
        elif how == "is killed":
            self.cluster.reconcile_and_die()
        elif how == "falls behind" or self.old is None:
            self.old = self.cluster.children()
        else:
            self.cluster.reconcile(self.old)

    def teardown(self) -> None:
        """Whatever happened: once all goes well again, the job ends."""
        if not hasattr(self, "cluster"):
            return
        event(f"was {self.cluster.status.state} in {self.cluster.status.current_phase}")
        self.cluster.classes = CLASSES
        self.cluster.change(suspend=False)
        if self.cluster.kueue:
            self.cluster.kueue.installed = True
        for _ in range(12):
            if self.cluster.status.state in (State.FAILED, State.CANCELLED) and self.must_succeed:
                self.every_promise_holds()
                self.cluster.retry()
            self.cluster.settle()
            self.cluster.end_terminating_pods()
            if self.cluster.kueue and self.cluster.job_name(AUGMENT) in self.cluster.kueue.workloads:
                self.cluster.admit()
            for pod in [pod for pod in self.cluster.running_pods if not pod.terminating]:
                self.pod_starts(pod.phase, pod.index)
                self.worker_reports_and_succeeds(pod.phase, pod.index)
            self.cluster.pass_time(61)
        self.every_promise_holds()
        state = self.cluster.status.state
        event(f"ended {state}")
        assert state is not None
        assert state.is_final
        assert state == State.COMPLETED or not self.must_succeed

    # The promises.

    @invariant()
    def every_promise_holds(self) -> None:
        before, now = self.last, self.cluster.status
        self.final_stays_final_until_started_again(before, now)
        self.completed_phases_stay_completed(before, now)
        self.phases_go_in_order(now)
        self.no_job_is_made_before_the_phase_before_it_is_over(now)
        self.at_most_one_phase_is_active()
        self.no_two_attempts_run_at_once()
        self.completed_means_published(before, now)
        self.cancelled_means_that_nothing_runs_and_says_what_may_be_there(before, now)
        self.failed_means_a_reason_and_a_failed_phase(now)
        self.the_augment_job_has_as_many_indices_as_recorded(now)
        self.a_rung_is_never_climbed_again(before, now)
        self.usage_only_grows(before, now)
        self.what_a_queue_holds_makes_no_new_pods()
        assert AugmentationJobStatus.model_validate(now.to_wire()) == now
        self.last = now

    def final_stays_final_until_started_again(self, before: AugmentationJobStatus, now: AugmentationJobStatus) -> None:
        if before.attempt != now.attempt and before.state is not None:
            assert before.state in (State.FAILED, State.CANCELLED)
            assert now.attempt == self.cluster.spec["attempt"]
        elif before.state is not None and before.state.is_final:
            assert (now.state, now.message, now.conditions) == (before.state, before.message, before.conditions)

    def completed_phases_stay_completed(self, before: AugmentationJobStatus, now: AugmentationJobStatus) -> None:
        for phase in PhaseName:
            again = before.attempt != now.attempt and phase == PROVISION and not before.has_completed(AUGMENT)
            if before.has_completed(phase) and not again:
                assert now.has_completed(phase)
                assert now.phase(phase).completed_at == before.phase(phase).completed_at

    def phases_go_in_order(self, now: AugmentationJobStatus) -> None:
        for earlier, later in pairwise(PhaseName):
            assert now.phase(later).started_at is None or now.has_completed(earlier), f"{later} before {earlier}"

    def no_job_is_made_before_the_phase_before_it_is_over(self, now: AugmentationJobStatus) -> None:
        if self.cluster.has_job(AUGMENT):
            assert now.source is not None
        if self.cluster.has_job(PUBLISH) and not now.has_completed(AUGMENT):
            assert self.cluster.job_of(AUGMENT).complete_at is not None

    def at_most_one_phase_is_active(self) -> None:
        active = [job.name for job in self.cluster.jobs.values() if not job.is_over]
        assert len(active) <= 1, active

    def no_two_attempts_run_at_once(self) -> None:
        assert len({pod.job_name for pod in self.cluster.running_pods}) <= 1

    def completed_means_published(self, before: AugmentationJobStatus, now: AugmentationJobStatus) -> None:
        if now.state == State.COMPLETED and before.state != State.COMPLETED:
            assert now.output is not None
            assert now.output.revision
            assert self.cluster.job_of(PUBLISH).complete_at is not None
            assert all(now.has_completed(phase) for phase in PhaseName)

    def cancelled_means_that_nothing_runs_and_says_what_may_be_there(
        self, before: AugmentationJobStatus, now: AugmentationJobStatus
    ) -> None:
        if now.state == State.CANCELLED and before.state != State.CANCELLED:
            assert not self.cluster.running_pods
            published_nothing = now.phase(PUBLISH).started_at is None
            assert ("nothing was published" in (now.message or "")) == published_nothing

    def a_rung_is_never_climbed_again(self, before: AugmentationJobStatus, now: AugmentationJobStatus) -> None:
        if before.placement is not None and before.attempt == now.attempt:
            assert now.placement is not None
            assert (now.placement.rung or 0) >= (before.placement.rung or 0)

    def usage_only_grows(self, before: AugmentationJobStatus, now: AugmentationJobStatus) -> None:
        if before.usage is not None:
            assert now.usage is not None
            assert (now.usage.cpu_seconds or 0) >= (before.usage.cpu_seconds or 0)
            assert (now.usage.price or 0) >= (before.usage.price or 0)

    def what_a_queue_holds_makes_no_new_pods(self) -> None:
        for name, workload in (self.cluster.kueue.workloads if self.cluster.kueue else {}).items():
            if not workload.admitted:
                assert all(pod.terminating for pod in self.cluster.running_pods if pod.job_name == name)

    def a_held_job_is_placed_nowhere(self, now: AugmentationJobStatus) -> None:
        suspended = now.condition(ConditionType.SUSPENDED)
        is_held = suspended is not None and suspended.status == "True"
        runs = any(pod.state for pod in self.cluster.running_pods)
        if is_held and not runs and self.cluster.classes and now.state in (State.QUEUED, State.RUNNING):
            assert now.condition(ConditionType.PLACED) is None

    def failed_means_a_reason_and_a_failed_phase(self, now: AugmentationJobStatus) -> None:
        if now.state == State.FAILED:
            failed = now.condition(ConditionType.FAILED)
            assert failed is not None
            assert failed.reason
            assert failed.message
            assert any(phase.status == PhaseStatus.FAILED and phase.error for phase in now.phases)

    def the_augment_job_has_as_many_indices_as_recorded(self, now: AugmentationJobStatus) -> None:
        if self.cluster.has_job(AUGMENT):
            assert now.shard_count == self.cluster.job_of(AUGMENT).completions


# The gate runs the same cases each time; `make fuzz-operator` makes up new ones.
AnyOrder.TestCase.settings = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "80")),
    derandomize="FUZZ_EXAMPLES" not in os.environ,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestAnyOrder = AnyOrder.TestCase
