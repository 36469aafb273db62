"""The decision at the heart of the operator: from a job, its class and its children to what should be done next.

A pure function of plain data. It looks only at the present state, so it may be called at any moment, as often as one
likes, after any process was killed: what is recorded stays, what is missing is made, what is over is not repeated.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from augmentation_api import (
    AugmentationClass,
    AugmentationJob,
    AugmentationJobStatus,
    ConditionType,
    FailureReason,
    PhaseName,
    State,
)
from augmentation_api.failure import is_permanent_exit_code
from augmentation_api.sharding import shard_count
from augmentation_api.status import Queue
from augmentation_api.vocabulary import AdmissionReason
from augmentation_operator.children.job import ChildJob
from augmentation_operator.children.pod import ChildPod
from augmentation_operator.children.turn import attempt_of, placement_index
from augmentation_operator.manifests.identity import GRANTED_AHEAD, identity
from augmentation_operator.manifests.ownership import Manifest
from augmentation_operator.manifests.patch import Patch, suspend_job
from augmentation_operator.manifests.phase_jobs import augment_job, publish_job, resolve_job
from augmentation_operator.manifests.shard_records import shard_records
from augmentation_operator.queueing.kueue.admission import KueueAdmission
from augmentation_operator.queueing.kueue.waiting import queue_name_of
from augmentation_operator.reconcile.authority import refusal_of
from augmentation_operator.reconcile.completion import (
    SOON,
    cancelled,
    completed,
    is_published,
    report_is_due,
    reports_result,
    settled,
    what_may_be_there,
)
from augmentation_operator.reconcile.decision import Decision
from augmentation_operator.reconcile.failure_reason import explain, why_failed
from augmentation_operator.reconcile.observation import Observation
from augmentation_operator.reconcile.obstacle import IMAGE_PULL_DEADLINE, PODS_REFUSED, Obstacle, gravest_obstacle
from augmentation_operator.reconcile.placement import next_rung, placement_of, time_left, waited_for
from augmentation_operator.reconcile.progress import progress_of, shards_of_attempt
from augmentation_operator.reconcile.rejection import Rejection
from augmentation_operator.reconcile.restart import is_wanted_again, started_again
from augmentation_operator.reconcile.status_draft import StatusDraft
from augmentation_operator.reconcile.usage import usage_of

CLASS_GRACE = timedelta(seconds=60)
"""How long a job waits for its class once it was missed: manifests applied together arrive in any order."""

_WATCHFUL = timedelta(seconds=10)
"""How often to ask anew what keeps pods from starting."""


def decide(job: AugmentationJob, chosen: AugmentationClass | Rejection, seen: Observation, now: datetime) -> Decision:
    """What should be done for a job now.

    Args:
        chosen: the class of the job, or why there is none (select_class).
        now: in whole seconds, as the API keeps time.
    """
    if job.status.state is not None and job.status.state.is_final:
        return started_again(job, seen, now) if is_wanted_again(job) else settled(job, seen, now)
    decision = _course_of(job, chosen, seen, now)
    after = decision.status
    stops = job.spec.suspend or job.spec.cancel or (after.state is not None and after.state.is_final)
    usage = usage_of(
        job, None if isinstance(chosen, Rejection) else chosen, seen, now, news=after != job.status, ends=stops
    )
    return replace(decision, status=after.model_copy(update={"usage": usage}))


def _course_of(
    job: AugmentationJob, chosen: AugmentationClass | Rejection, seen: Observation, now: datetime
) -> Decision:
    """What should be done for a job that has not ended."""
    if (end := completed(job, seen, now)) is not None:
        return end
    if job.spec.cancel:
        return cancelled(job, seen, now)
    if (forbidden := refusal_of(job)) is not None:
        return _forbidden(job, forbidden, now)
    if isinstance(chosen, Rejection):
        return _without_class(job, chosen, seen, now)
    return _Course(job, chosen, seen, now).decide()


def _without_class(job: AugmentationJob, rejection: Rejection, seen: Observation, now: datetime) -> Decision:
    """Hold a job whose class is not there; fail it when the class has not come in time. What runs may end first."""
    draft = StatusDraft(job, now)
    draft.condition(ConditionType.ACCEPTED, False, rejection.reason, rejection.message)
    accepted = job.status.condition(ConditionType.ACCEPTED)
    missed = now - accepted.last_transition_time if accepted and accepted.status == "False" else timedelta(0)
    if missed >= CLASS_GRACE and all(child.is_over for child in seen.jobs.values()):
        draft.fail(rejection, _present_phase(job))
        return Decision(draft.build())
    draft.message(rejection.message)
    return Decision(draft.build(), requeue_after=CLASS_GRACE - missed if missed < CLASS_GRACE else None)


def _forbidden(job: AugmentationJob, rejection: Rejection, now: datetime) -> Decision:
    """Fail a job that may not run at all; what runs of it is stopped as of any job that has failed."""
    draft = StatusDraft(job, now)
    draft.condition(ConditionType.ACCEPTED, False, rejection.reason, rejection.message)
    draft.fail(rejection, _present_phase(job))
    return Decision(draft.build())


def _present_phase(job: AugmentationJob) -> PhaseName:
    """The first phase that is not recorded as completed."""
    return next((name for name in PhaseName if not job.status.has_completed(name)), PhaseName.PUBLISH)


def refused(job: AugmentationJob, decision: Decision, message: str, now: datetime) -> AugmentationJobStatus:
    """The status of a decision whose children the API server refused to make, in the server's words."""
    draft = StatusDraft(job.model_copy(update={"status": decision.status}), now)
    draft.condition(ConditionType.PLACED, False, "Refused", message)
    draft.message(f"Kubernetes refuses what this job needs: {message}")
    return draft.build()


class _Course:
    """One walk along the phases: each is entered when the one before it is over."""

    def __init__(self, job: AugmentationJob, chosen: AugmentationClass, seen: Observation, now: datetime) -> None:
        self._job, self._class, self._seen, self._now = job, chosen, seen, now
        self._draft = StatusDraft(job, now)
        self._apply: list[Manifest] = []
        self._create: list[Manifest] = []
        self._patches: list[Patch] = []
        self._kueue = KueueAdmission(job, chosen, seen, self._draft)
        self._look_again: timedelta | None = None

    def decide(self) -> Decision:
        """Walk as far as the phases allow."""
        self._draft.condition(
            ConditionType.ACCEPTED, True, "ClassSelected", f"runs as AugmentationClass {self._class.metadata.name}"
        )
        self._draft.set(class_name=self._class.metadata.name)
        self._note_suspension()
        if not self._overran() and self._resolved() and self._knows_size() and self._augmented():
            self._publish()
        return self._decision()

    # The phases, in order. Each answers whether the next may begin.

    def _resolved(self) -> bool:
        if self._draft.is_completed(PhaseName.RESOLVE):
            return True
        child = self._run(PhaseName.RESOLVE, lambda: [resolve_job(self._job, self._class)], shards=0)
        if child is None:
            return False
        source = self._job.status.source
        if source is None or source.selected_frames is None:
            return self._await_report(PhaseName.RESOLVE, child, "status.source")
        self._draft.complete(PhaseName.RESOLVE, child.completed_at)
        return True

    def _augmented(self) -> bool:
        if self._draft.is_completed(PhaseName.AUGMENT):
            return True
        shards = self._shards()
        if self._job.status.shard_count is None:
            # Recorded before anything is made from it: whoever comes next counts on the same number.
            self._draft.set(shard_count=shards, current_phase=PhaseName.PROVISION)
            if not self._job.spec.suspend and not self._takes_turns():
                # All that is known as it begins, so that the next step has nothing left to write.
                self._begin(PhaseName.PROVISION)
                progress = progress_of(self._job.status.source, shards_of_attempt(self._job), published=False)
                self._draft.set(placement=waited_for(self._job, self._class, self._now), progress=progress)
            self._look_within(timedelta(0))
            return False
        existing = self._seen.jobs.get(PhaseName.AUGMENT)
        if not self._may_take_nodes(existing):
            return False
        if existing is not None and not self._draft.is_completed(PhaseName.PROVISION):
            self._draft.begin(PhaseName.PROVISION, existing.created_at)
        pods = self._seen.pods_of(PhaseName.AUGMENT)
        started = [pod.started_at for pod in pods if pod.started_at]
        if started or any(shard.state for shard in shards_of_attempt(self._job)):
            self._provisioned(min(started, default=self._now))
        elif self._leaves_rung(existing, pods) or self._clears_rungs():
            return False
        child = self._run(
            PhaseName.AUGMENT,
            lambda: [
                *shard_records(self._job, shards),
                augment_job(self._job, self._class, shards, queue_name_of(self._job, self._class)),
            ],
            shards,
        )
        self._draft.set(progress=progress_of(self._job.status.source, shards_of_attempt(self._job), published=False))
        if child is None:
            return False
        self._draft.complete(PhaseName.PROVISION, min(started, default=child.completed_at))
        self._draft.complete(PhaseName.AUGMENT, child.completed_at)
        return True

    def _may_take_nodes(self, existing: ChildJob | None) -> bool:
        """Whether the augment Job may be there: it waits in one queue or the other, never in both."""
        if self._kueue.manages(existing):
            return existing is not None or self._kueue.takes_job()
        return self._has_slot(existing)

    def _takes_turns(self) -> bool:
        """Whether a job has to wait for its turn before it is provisioned."""
        return self._kueue.manages(None) or self._class.spec.limits.max_jobs_per_namespace is not None

    def _has_slot(self, existing: ChildJob | None) -> bool:
        """Whether the job may take nodes now: where its class has a limit, it waits in the queue for a slot first."""
        place, suspended = self._seen.place, self._job.spec.suspend
        recorded = self._job.status.condition(ConditionType.ADMITTED)
        if suspended and recorded is not None:
            self._draft.condition(ConditionType.ADMITTED, False, AdmissionReason.SUSPENDED, "spec.suspend is true")
        if suspended or place is None:
            if not suspended and recorded is not None and recorded.status == "False":
                told = "the class has no limit any more"
                self._draft.condition(ConditionType.ADMITTED, True, AdmissionReason.NO_LIMIT, told)
            self._draft.set(queue=None)
            return True
        if place.has_slot:
            is_new = recorded is None or recorded.status != "True"
            told = f"may take nodes: at most {place.limit} jobs of this class do at once in this namespace"
            self._draft.condition(ConditionType.ADMITTED, True, AdmissionReason.SLOT_TAKEN, told)
            self._draft.set(queue=None)
            if is_new:  # recorded before anything is made, so that a restart counts this slot as taken
                self._look_within(timedelta(0))
            return not is_new
        if existing is not None and not existing.suspended and not existing.is_over:
            self._patches.append(suspend_job(existing.name, True))
        waits = f"waiting in the queue: {place.position} of {place.depth} jobs are ahead"
        why = f"{waits} (at most {place.limit} of class {self._class.metadata.name} take nodes at once here)"
        self._draft.begin(PhaseName.PROVISION)
        self._draft.condition(ConditionType.ADMITTED, False, AdmissionReason.QUEUED, why)
        self._draft.set(current_phase=PhaseName.PROVISION, queue=Queue(position=place.position, depth=place.depth))
        self._draft.message(why)
        self._look_within(place.requeue_after)
        return False

    def _leaves_rung(self, existing: ChildJob | None, pods: Sequence[ChildPod]) -> bool:
        """Whether the job goes on to the next rung of the ladder, since no node of this one was found in time."""
        if self._draft.is_completed(PhaseName.PROVISION) or self._job.spec.suspend:
            return False
        self._draft.set(placement=waited_for(self._job, self._class, self._now))
        left = time_left(self._job, self._class, self._now)
        if existing is None or existing.is_over or left is None or any(pod.node for pod in pods):
            return False
        if not self._kueue.lets_run(existing):
            return False
        if left > timedelta(0):
            self._look_within(left)
            return False
        rung, ahead = placement_index(self._job), next_rung(self._job, self._class, self._now)
        given_up = self._class.spec.placement_at(rung)
        obstacle = gravest_obstacle(existing, pods, self._seen, self._class.spec.image)
        why = (
            f"placement {given_up.name}: no node within {given_up.time_limit_seconds} s"
            f"{f' ({obstacle.message})' if obstacle else ''}; trying {ahead.placement}"
        )
        key = f"rung-{attempt_of(self._job)}-{rung}"
        self._draft.event(PhaseName.PROVISION, key, "placement given up", error=why)
        self._draft.condition(ConditionType.PLACED, False, "PlacementTimedOut", why)
        self._draft.message(why)
        self._draft.set(placement=ahead)
        self._look_within(timedelta(0))
        return True

    def _clears_rungs(self) -> bool:
        """Whether pods of a rung that was given up are still to be gone: one of them may have got its node just now."""
        if all(child.is_over for child in self._seen.earlier_jobs) and all(
            pod.is_over for pod in self._seen.earlier_pods
        ):
            return False
        self._look_within(SOON)
        return True

    def _publish(self) -> None:
        child = self._run(
            PhaseName.PUBLISH, lambda: [publish_job(self._job, self._class, self._shards())], self._shards()
        )
        if child is not None and not reports_result(self._job):
            self._await_report(PhaseName.PUBLISH, child, "status.output.revision")

    # What the phases have in common.

    def _run(self, phase: PhaseName, manifests: Callable[[], list[Manifest]], shards: int) -> ChildJob | None:
        """See to it that the Job of a phase runs. Gives the Job once it is complete."""
        # A phase that has a node to wait for is provisioned first.
        waits_for_node = phase == PhaseName.AUGMENT and not self._draft.is_completed(PhaseName.PROVISION)
        shown = PhaseName.PROVISION if waits_for_node else phase
        self._draft.set(current_phase=shown)
        child = self._seen.jobs.get(phase)
        if child is None:
            if not self._job.spec.suspend:
                self._begin(shown)
                self._give_identity(phase, shards)
                self._create += manifests()
            return None
        self._draft.begin(shown, child.created_at)
        self._note_start(phase)
        if child.has_failed:
            self._draft.fail(why_failed(child, self._seen.pods_of(phase)), shown)
            return None
        if child.is_complete:
            self._draft.placed()
            if self._kueue.manages(child):
                self._kueue.admitted(child)
            return child
        if not self._kueue.manages(child):
            self._match_suspension(child)
        elif self._kueue.holds(child, shown):
            return None
        self._watch_pods(phase, shown)
        return None

    def _begin(self, phase: PhaseName) -> None:
        self._draft.begin(phase)
        self._draft.message(_STORY[phase])
        self._draft.set(retry_count=self._job.status.retry_count or 0)

    def _give_identity(self, phase: PhaseName, shards: int) -> None:
        """Make what a phase that begins lacks of the job's identity.

        Resolve makes all of it, augment names the records of many shards in the role, and publish finds what it needs.
        A new attempt may begin long after and makes sure of all. What is missing all the same shows in pods that fail
        or do not come, and is made again then.
        """
        whole = identity(self._job, shards)
        if attempt_of(self._job):
            self._apply += whole
        elif phase == PhaseName.RESOLVE:
            self._create += whole
        elif phase == PhaseName.AUGMENT and shards > GRANTED_AHEAD:
            self._apply += [manifest for manifest in whole if manifest["kind"] == "Role"]

    def _note_start(self, phase: PhaseName) -> None:
        started = [pod.started_at for pod in self._seen.pods_of(phase) if pod.started_at]
        if self._job.status.started_at is None and started:
            self._draft.set(started_at=min(started))
        if started:
            self._draft.set(state=State.RUNNING)
        retries = sum(child.failed_pods - child.has_failed for child in self._seen.jobs.values())
        self._draft.set(retry_count=max(0, retries, self._job.status.retry_count or 0))

    def _provisioned(self, at: datetime) -> None:
        """The first augment pod runs: say where."""
        placement = placement_of(self._job, self._class, self._seen.pods_of(PhaseName.AUGMENT), self._seen.node_labels)
        placement = placement or self._job.status.placement
        if placement is not None:
            where = f"{placement.node}" + (f" ({placement.instance_type})" if placement.instance_type else "")
            self._draft.set(placement=placement)
            if not self._draft.is_completed(PhaseName.PROVISION) or self._pod_runs():
                self._draft.condition(ConditionType.PLACED, True, "Running", f"running on {where}")
            attempt = attempt_of(self._job)
            key = f"placed-{attempt}" if attempt else "placed"
            self._draft.event(PhaseName.PROVISION, key, "placed", message=f"running on {where}")
        self._draft.complete(PhaseName.PROVISION, at)
        self._draft.begin(PhaseName.AUGMENT, at)

    def _pod_runs(self) -> bool:
        return any(pod.runs for pod in self._seen.pods)

    def _watch_pods(self, phase: PhaseName, shown: PhaseName) -> None:
        """Tell what the pods of a running phase wait for or stumble over; give up on what will never start."""
        recorded = {event.id for event in self._draft.phase(shown).events}
        pods = self._seen.pods_of(phase)
        runs = any(pod.runs for pod in pods)
        if not runs or any(not pod.started_at and not pod.is_over for pod in pods):
            # What keeps a pod from starting may be told by no change of it; what happens to one that runs is.
            self._look_within(_WATCHFUL)
        story = self._note_failed_pods(pods, phase, shown) or _STORY[shown]
        obstacle = gravest_obstacle(self._seen.jobs.get(phase), pods, self._seen, self._class.spec.image)
        new = (event for event in self._draft.phase(shown).events if event.id not in recorded)
        refused = obstacle is not None and obstacle.reason == PODS_REFUSED
        if refused or any(event.status == "retrying" for event in new):
            # It may be that somebody took the account or its rights away.
            self._apply += identity(self._job, 0 if phase == PhaseName.RESOLVE else self._shards())
        if obstacle is not None and self._is_hopeless(obstacle, shown):
            self._draft.condition(ConditionType.PLACED, False, obstacle.reason, obstacle.message)
            self._draft.fail(Rejection(FailureReason.IMAGE_PULL_FAILED, obstacle.message), shown)
            return
        if runs:
            self._draft.placed()
        if obstacle is None:
            self._draft.message(story)
        elif runs:
            self._draft.message(f"{story}; {obstacle.message}")
        else:
            self._draft.condition(ConditionType.PLACED, False, obstacle.reason, obstacle.message)
            self._draft.message(obstacle.message)

    def _note_failed_pods(self, pods: Iterable[ChildPod], phase: PhaseName, shown: PhaseName) -> str | None:
        """Record each failed pod as an event. Gives the story while the last thing that happened is such a failure.

        A permanent failure is no such event: nothing is tried again, and the Job says in a moment that it has failed.
        A pod that Kubernetes took away has not failed: it counts as preempted, and takes nothing of the backoff limit.
        """
        for pod in pods:
            code = pod.termination.exit_code if pod.termination else 0
            if pod.disruption and (code or not pod.is_over):
                why, told = pod.disruption.reason, pod.disruption.message or "no reason was given"
                error = f"pod {pod.name} was taken away ({why}): {told}"
                self._draft.preempted(shown, f"preempted-{pod.name}", error=error, at=pod.disruption.at)
            elif pod.termination and code and not is_permanent_exit_code(code):
                error = explain(pod.termination, phase).message
                at = pod.termination.finished_at or pod.created_at
                self._draft.event(shown, pod.name, "retrying", error=error, at=at)
        latest = max(self._draft.phase(shown).events, key=lambda event: str(event.timestamp), default=None)
        if latest is None or latest.status not in ("retrying", "preempted"):
            return None
        return f"{shown}: trying again after: {latest.error}"

    def _is_hopeless(self, obstacle: Obstacle, shown: PhaseName) -> bool:
        """Whether to give up: counted from when the pull first failed, however long node and pull took before."""
        if not obstacle.is_image or obstacle.pod is None:
            return False
        first = self._draft.event(shown, f"pull-{obstacle.pod.name}", "waiting", error=obstacle.message)
        return obstacle.is_final or self._now - (first.timestamp or self._now) > IMAGE_PULL_DEADLINE

    def _await_report(self, phase: PhaseName, child: ChildJob, field: str) -> bool:
        """A pod succeeded, and what it wrote is not seen yet: wait a little, then call it missing."""
        if report_is_due(child, self._now):
            self._draft.fail(
                Rejection(
                    FailureReason.INTERNAL_ERROR,
                    f"the {phase} pod succeeded without writing {field}: does the class's image "
                    f"{self._class.spec.image} keep the worker contract of this version?",
                ),
                phase,
            )
        self._look_within(SOON)
        return False

    def _knows_size(self) -> bool:
        """Whether it is known into how many shards the work is cut; fails the job where that is gone."""
        source = self._job.status.source
        if self._job.status.shard_count or (source is not None and source.selected_frames is not None):
            return True
        gone = (
            "status.source is not there any more, or cannot be read, though the resolve phase has completed: a worker "
            "has written over it. Create the job again"
        )
        self._draft.fail(Rejection(FailureReason.INTERNAL_ERROR, gone), PhaseName.PROVISION)
        return False

    def _shards(self) -> int:
        """Fixed when the augment phase begins: later pods recompute the plan from it."""
        if self._job.status.shard_count:
            return self._job.status.shard_count
        source = self._job.status.source
        assert source is not None and source.selected_frames is not None  # noqa: S101
        return shard_count(
            source, frames_per_shard=self._class.spec.frames_per_shard, parallelism=self._job.spec.parallelism
        )

    def _overran(self) -> bool:
        """Fail a job that ran longer than it may since it started or was resumed, as a batch/v1 Job does."""
        limit, started = self._job.spec.active_deadline_seconds, self._job.status.started_at
        if limit is None or started is None or self._job.spec.suspend or is_published(self._seen):
            return False
        admitted = self._job.status.condition(ConditionType.ADMITTED)
        if admitted is not None and admitted.status == "False":
            return False
        pauses = (self._draft.since(ConditionType.SUSPENDED), admitted.last_transition_time if admitted else None)
        started = max([started, *(ended for ended in pauses if ended)])
        left = timedelta(seconds=limit) - (self._now - started)
        if left > timedelta(0):
            self._look_within(left)
            return False
        self._draft.fail(
            Rejection(
                FailureReason.DEADLINE_EXCEEDED,
                f"the job ran longer than spec.activeDeadlineSeconds ({limit} s): raise it in a new job"
                + (f" ({there})" if (there := what_may_be_there(self._job)) else ""),
            ),
            _present_phase(self._job),
        )
        return True

    def _note_suspension(self) -> None:
        suspended = self._job.spec.suspend
        if suspended:
            self._draft.condition(ConditionType.SUSPENDED, True, "SuspendedByUser", "spec.suspend is true")
        elif self._job.status.condition(ConditionType.SUSPENDED) is not None:
            self._draft.condition(ConditionType.SUSPENDED, False, "Resumed", "spec.suspend is false")

    def _match_suspension(self, child: ChildJob) -> None:
        if child.suspended != self._job.spec.suspend:
            self._patches.append(suspend_job(child.name, self._job.spec.suspend))

    def _look_within(self, delay: timedelta) -> None:
        self._look_again = delay if self._look_again is None else min(delay, self._look_again)

    def _decision(self) -> Decision:
        if self._kueue.requeue_after is not None:
            self._look_within(self._kueue.requeue_after)
        superfluous = tuple(child.name for child in self._seen.earlier_jobs)
        if self._draft.has_failed:
            superfluous += tuple(child.name for child in self._seen.jobs.values() if not child.is_over)
        elif self._job.spec.suspend:
            self._draft.message("suspended: set spec.suspend to false to go on")
        is_held = self._job.spec.suspend or self._draft.holds(ConditionType.ADMITTED, "False")
        if is_held and not self._draft.has_failed and not self._pod_runs():
            self._draft.unplaced()
        return Decision(
            status=self._draft.build(),
            apply=tuple(self._apply),
            create=tuple(self._create),
            delete_jobs=superfluous,
            patches=(*self._patches, *self._kueue.patches),
            requeue_after=self._look_again,
        )


_STORY = {
    PhaseName.RESOLVE: "resolving: pinning the revision and checking the dataset",
    PhaseName.PROVISION: "waiting for a node",
    PhaseName.AUGMENT: "augmenting",
    PhaseName.PUBLISH: "publishing: merging, checking and committing the result",
}
