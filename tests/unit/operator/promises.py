"""What the operator promises of a job's life, whatever happens in whatever order."""

from datetime import datetime, timedelta
from itertools import pairwise

from augmentation_api import AugmentationJobStatus, ConditionType, FailureReason, PhaseName, PhaseStatus, State
from augmentation_api.vocabulary import NotificationState
from augmentation_kube import Resource
from augmentation_operator.controller.expectations import DELIVERED_WITHIN
from tests.kubernetes.in_memory import Call, InMemoryKube
from tests.unit.operator.simulated_cluster import AUGMENT, PROVISION, PUBLISH, SimulatedCluster

WORKERS_FIELDS = {"source", "output", "shards"}


class PromisesOfJob:
    """The promises of one job: `check` compares its status with the one that was checked before."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self.cluster = cluster
        self.last = cluster.status
        self.ran: dict[str, datetime] = {}

    def check(self) -> None:
        before, now = self.last, self.cluster.status
        self.final_stays_final_until_started_again(before, now)
        self.completed_phases_stay_completed(before, now)
        self.phases_go_in_order(now)
        self.no_job_is_created_before_its_phase(now)
        self.at_most_one_phase_is_active()
        self.no_two_attempts_run_at_the_same_time()
        self.completed_means_published(before, now)
        self.cancelled_means_that_nothing_runs_and_says_what_may_exist(before, now)
        self.failed_means_a_reason_and_a_failed_phase(now)
        self.augment_job_has_as_many_indices_as_recorded(now)
        self.placement_is_never_tried_again(before, now)
        self.usage_only_grows(before, now)
        self.pending_deadline_counts_only_time_without_pods(before, now)
        self.event_of_an_end_is_settled_once(before, now)
        assert AugmentationJobStatus.model_validate(now.to_wire()) == now
        self.last = now

    def final_stays_final_until_started_again(self, before: AugmentationJobStatus, now: AugmentationJobStatus) -> None:
        if before.attempt != now.attempt and before.state is not None:
            assert before.state in (State.FAILED, State.CANCELLED)
            assert now.attempt == self.cluster.spec["attempt"]
        elif before.state is not None and before.state.is_final:
            assert (now.state, now.message) == (before.state, before.message)
            assert of_any_generation(now).conditions == of_any_generation(before).conditions

    def completed_phases_stay_completed(self, before: AugmentationJobStatus, now: AugmentationJobStatus) -> None:
        for phase in PhaseName:
            again = before.attempt != now.attempt or _waits_for_a_slot(now)
            if before.has_completed(phase) and not (again and phase == PROVISION and not before.has_completed(AUGMENT)):
                assert now.has_completed(phase)
                assert now.phase(phase).completed_at == before.phase(phase).completed_at

    def phases_go_in_order(self, now: AugmentationJobStatus) -> None:
        for earlier, later in pairwise(PhaseName):
            if earlier == PROVISION and _waits_for_a_slot(now):
                continue  # suspended in the middle of augment, and resumed: it is provisioned once more
            assert now.phase(later).started_at is None or now.has_completed(earlier), f"{later} before {earlier}"

    def no_job_is_created_before_its_phase(self, now: AugmentationJobStatus) -> None:
        if self.cluster.has_job(AUGMENT):
            assert now.source is not None
        if self.cluster.has_job(PUBLISH) and not now.has_completed(AUGMENT):
            assert self.cluster.job_of(AUGMENT).is_complete

    def at_most_one_phase_is_active(self) -> None:
        active = [job.name for job in self.cluster.jobs.values() if not job.is_over]
        assert len(active) <= 1, active

    def no_two_attempts_run_at_the_same_time(self) -> None:
        assert len({pod.job_name for pod in self.cluster.running_pods}) <= 1

    def completed_means_published(self, before: AugmentationJobStatus, now: AugmentationJobStatus) -> None:
        if now.state == State.COMPLETED and before.state != State.COMPLETED:
            assert now.output is not None
            assert now.output.revision
            assert self.cluster.job_of(PUBLISH).is_complete
            assert all(now.has_completed(phase) for phase in PhaseName)

    def cancelled_means_that_nothing_runs_and_says_what_may_exist(
        self, before: AugmentationJobStatus, now: AugmentationJobStatus
    ) -> None:
        if now.state == State.CANCELLED and before.state != State.CANCELLED:
            assert not self.cluster.running_pods
            published_nothing = now.phase(PUBLISH).started_at is None
            assert ("nothing was published" in (now.message or "")) == published_nothing

    def placement_is_never_tried_again(self, before: AugmentationJobStatus, now: AugmentationJobStatus) -> None:
        if before.placement is not None and before.attempt == now.attempt:
            assert now.placement is not None
            assert (now.placement.rung or 0) >= (before.placement.rung or 0)

    def usage_only_grows(self, before: AugmentationJobStatus, now: AugmentationJobStatus) -> None:
        if before.usage is not None:
            assert now.usage is not None
            assert (now.usage.cpu_seconds or 0) >= (before.usage.cpu_seconds or 0)
            assert (now.usage.price or 0) >= (before.usage.price or 0)

    def pending_deadline_counts_only_time_without_pods(
        self, before: AugmentationJobStatus, now: AugmentationJobStatus
    ) -> None:
        for pod in self.cluster.running_pods:
            if pod.state:
                self.ran[pod.job_name] = self.cluster.now
        failed = now.condition(ConditionType.FAILED)
        if now.state == State.FAILED != before.state and failed is not None:
            if failed.reason != FailureReason.PENDING_DEADLINE_EXCEEDED:
                return
            limit = timedelta(seconds=self.cluster.spec["pendingDeadlineSeconds"])
            phase = AUGMENT if now.current_phase == PROVISION else now.current_phase
            assert phase is not None
            ran = self.ran.get(self.cluster.job_name(phase))
            assert ran is None or self.cluster.now - ran >= limit, f"a pod of {phase} ran at {ran}"
            assert ran is None or phase == AUGMENT, f"a pod of {phase} has run"

    def event_of_an_end_is_settled_once(self, before: AugmentationJobStatus, now: AugmentationJobStatus) -> None:
        settled = before.notification
        if settled is not None and settled.state != NotificationState.PENDING and before.attempt == now.attempt:
            assert now.notification == settled

    def failed_means_a_reason_and_a_failed_phase(self, now: AugmentationJobStatus) -> None:
        if now.state == State.FAILED:
            failed = now.condition(ConditionType.FAILED)
            assert failed is not None
            assert failed.reason
            assert failed.message
            assert any(phase.status == PhaseStatus.FAILED and phase.error for phase in now.phases)

    def augment_job_has_as_many_indices_as_recorded(self, now: AugmentationJobStatus) -> None:
        if self.cluster.has_job(AUGMENT):
            assert now.shard_count == self.cluster.job_of(AUGMENT).completions

    def held_job_is_placed_nowhere(self) -> None:
        """At rest only: a job whose Job is held has no Placed condition once none of its pods runs."""
        now = self.cluster.status
        suspended = now.condition(ConditionType.SUSPENDED)
        is_held = suspended is not None and suspended.status == "True"
        runs = any(pod.state for pod in self.cluster.running_pods)
        if is_held and not runs and self.cluster.classes and now.state in (State.QUEUED, State.RUNNING):
            assert now.condition(ConditionType.PLACED) is None


class PromisesOfRequests:
    """What the operator's requests promise: `check` looks at those since it was asked last."""

    def __init__(self, kube: InMemoryKube) -> None:
        self._kube = kube
        self._checked = len(kube.calls)
        self._created: dict[str, tuple[datetime, int]] = {}

    def restart(self) -> None:
        """A new process knows nothing of what the one before it has created."""
        self._created.clear()

    def check(self, now: datetime) -> None:
        for number in range(self._checked, len(self._kube.calls)):
            call = self._kube.calls[number]
            if call.verb == "apply" and call.subresource == "status" and call.field_manager == "augmentation-operator":
                assert not WORKERS_FIELDS & call.body["status"].keys(), "the operator writes what is the workers'"
            if call.verb == "create" and call.resource is Resource.JOBS:
                self._no_job_is_created_twice(call, now)
                if number not in self._kube.failed_calls:
                    self._created[call.name] = now, len(self._kube.changes)
        self._checked = len(self._kube.calls)

    def _no_job_is_created_twice(self, call: Call, now: datetime) -> None:
        """One process creates a Job again only once it is gone, or was not seen for as long as it waits for that."""
        created_at, changes = self._created.get(call.name, (None, 0))
        if created_at is not None and now - created_at < DELIVERED_WITHIN:
            since = self._kube.changes[changes:]
            gone = any(
                change.after is None and change.before and change.before["metadata"]["name"] == call.name
                for change in since
            )
            assert gone, f"{call.name} is created again"


def of_any_generation(status: AugmentationJobStatus) -> AugmentationJobStatus:
    """A status without the generation of the spec that it is based on."""
    conditions = [condition.model_copy(update={"observed_generation": None}) for condition in status.conditions]
    return status.model_copy(update={"observed_generation": None, "conditions": conditions})


def _waits_for_a_slot(status: AugmentationJobStatus) -> bool:
    admitted = status.condition(ConditionType.ADMITTED)
    return admitted is not None and admitted.status == "False"


def slots_held(jobs: list[SimulatedCluster]) -> list[str]:
    """Names of the jobs that have a slot of the built-in queue."""
    return [job.name for job in jobs if _has_slot(job.status)]


def _has_slot(status: AugmentationJobStatus) -> bool:
    admitted = status.condition(ConditionType.ADMITTED)
    is_over = status.state is not None and status.state.is_final
    return admitted is not None and admitted.status == "True" and not is_over and not status.has_completed(AUGMENT)
