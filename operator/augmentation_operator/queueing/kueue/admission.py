"""Whether Kueue lets a child Job run, what the status says of it, and how a user's suspend reaches Kueue.

A Job in a queue is started and stopped by Kueue alone, which changes the Job's `suspend` when its Workload is admitted
or evicted: a Job that somebody else suspends is started again at once. So a user's suspend is told to the Workload.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from augmentation_api import AugmentationClass, AugmentationJob, ConditionType, FailureReason, PhaseName
from augmentation_api.status import Queue
from augmentation_api.vocabulary import AdmissionReason
from augmentation_operator.children.job import ChildJob
from augmentation_operator.manifests.patch import Patch, queue_job, suspend_job
from augmentation_operator.queueing.kueue.view import activate_workload
from augmentation_operator.queueing.kueue.waiting import Wait, queue_name_of, refusal, told, why_it_waits
from augmentation_operator.reconcile.observation import Observation
from augmentation_operator.reconcile.rejection import Rejection
from augmentation_operator.reconcile.status_draft import StatusDraft

_SOON = timedelta(seconds=4)
_WHILE_HELD = timedelta(seconds=10)


@dataclass
class KueueAdmission:
    """Kueue's part of one decision: writes into the draft, and collects what is to be done.

    Attributes:
        patches: as Decision.patches.
        requeue_after: when to decide anew if nothing happens before; None: nothing is waited for here.
    """

    job: AugmentationJob
    augmentation_class: AugmentationClass
    seen: Observation
    draft: StatusDraft
    patches: list[Patch] = field(default_factory=list)
    requeue_after: timedelta | None = None

    def manages(self, child: ChildJob | None) -> bool:
        """Whether Kueue starts and stops a Job (None: the augment Job that is yet to be made)."""
        if child is None:
            return self._queue_name is not None
        return bool(child.queue_name) or (self.seen.kueue is not None and self.seen.kueue.workload is not None)

    def lets_run(self, child: ChildJob) -> bool:
        """Whether a Job may run and that is on record. Time before that counts towards no limit."""
        recorded = self.job.status.condition(ConditionType.ADMITTED)
        return not self.manages(child) or (not child.suspended and recorded is not None and recorded.status == "True")

    def takes_job(self) -> bool:
        """Whether the augment Job can be handed to its queue. It is not made for one that does not exist."""
        if self.job.spec.suspend:
            return True
        wait = self._waits(self._queue_name or "", PhaseName.PROVISION)
        if self.seen.kueue is None or self.seen.kueue.state.takes_jobs:
            return True
        self.draft.begin(PhaseName.PROVISION)
        self.draft.set(current_phase=PhaseName.PROVISION)
        self.draft.message(wait.message)
        return False

    def holds(self, child: ChildJob, shown: PhaseName) -> bool:
        """Whether a Job that Kueue manages may not run now."""
        if self.job.spec.suspend:
            self._hold(child)
            return True
        if not child.suspended:
            self.admitted(child)
            return False
        view = self.seen.kueue
        if view is not None and view.workload is not None:
            if view.workload.is_held:
                self._activate(view.workload.name, True)
            if not view.workload.queue_name and not child.queue_name and self._queue_name:
                # A Kueue that manages all Jobs: this one, too, has to name a queue.
                self.patches.append(queue_job(child.name, self._queue_name))
            if view.workload.refusal:
                why = refusal(child.queue_name, view.workload)
                self.draft.fail(Rejection(FailureReason.QUEUE_REFUSED, why), shown)
                return True
        self.draft.message(self._waits(child.queue_name, shown).message)
        return True

    def admitted(self, child: ChildJob) -> None:
        """Say that Kueue lets a Job run."""
        queue = f"queue {child.queue_name}" if child.queue_name else "its queue"
        self.draft.condition(ConditionType.ADMITTED, True, AdmissionReason.ADMITTED, f"admitted by Kueue from {queue}")
        self.draft.set(queue=None)

    @property
    def _queue_name(self) -> str | None:
        return queue_name_of(self.job, self.augmentation_class)

    def _hold(self, child: ChildJob) -> None:
        """A user's suspend. A Job whose Workload is not made yet is held as soon as it is."""
        workload = self.seen.kueue.workload if self.seen.kueue else None
        if workload is None:
            if not child.suspended:
                self.patches.append(suspend_job(child.name, True))
            self._look_within(_WHILE_HELD)
        elif workload.is_active:
            self._activate(workload.name, False)
        if self.job.status.condition(ConditionType.ADMITTED) is not None:
            self.draft.condition(ConditionType.ADMITTED, False, AdmissionReason.SUSPENDED, "spec.suspend is true")
        self.draft.set(queue=None)

    def _activate(self, workload: str, active: bool) -> None:
        self.patches.append(activate_workload(workload, active))
        self._look_within(_SOON)

    def _waits(self, queue: str, shown: PhaseName) -> Wait:
        """Tell what a Job waits for. Counts what Kueue has taken back: once, with its event."""
        view = self.seen.kueue
        wait = why_it_waits(queue, self.job.metadata.namespace, view)
        recorded = self.job.status.condition(ConditionType.ADMITTED)
        if recorded is None or recorded.reason != wait.reason:
            self._look_within(_SOON)  # it has just begun to wait, and Kueue may have more to say in a moment
        self.draft.condition(ConditionType.ADMITTED, False, wait.reason, wait.message)
        known = view is not None and view.position is not None
        self.draft.set(queue=Queue(position=view.position, depth=view.depth) if view and known else None)
        self._look_within(wait.requeue_after)
        eviction = view.workload.eviction if view and view.workload else None
        if eviction is not None and not eviction.is_deactivation:
            key = f"evicted-{int(eviction.at.timestamp())}"
            self.draft.preempted(shown, key, error=told(eviction), at=eviction.at)
        return wait

    def _look_within(self, delay: timedelta) -> None:
        self.requeue_after = delay if self.requeue_after is None else min(delay, self.requeue_after)
