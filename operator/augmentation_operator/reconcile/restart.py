"""Starting a job again: `spec.attempt` above the recorded one on a job that has failed or was cancelled.

What is finished stays: the pinned revision, the number of shards and the shards' records, so that a new attempt makes
only the episodes that are missing. Every attempt has Jobs of its own names; nothing an earlier one left is taken for
its own, however late it is seen.
"""

from datetime import datetime

from augmentation_api import AugmentationJob, State
from augmentation_operator.children.turn import attempt_of
from augmentation_operator.reconcile.completion import SOON
from augmentation_operator.reconcile.decision import Decision
from augmentation_operator.reconcile.observation import Observation
from augmentation_operator.reconcile.status_draft import StatusDraft


def is_wanted_again(job: AugmentationJob) -> bool:
    """Whether a job that has ended is to start again."""
    return job.status.state in (State.FAILED, State.CANCELLED) and job.spec.attempt > attempt_of(job)


def started_again(job: AugmentationJob, seen: Observation, now: datetime) -> Decision:
    """The first step of a new attempt. No pod of an earlier one may still write what a new pod is about to write."""
    if not seen.is_still:
        return Decision(job.status, delete_jobs=seen.living_jobs, requeue_after=SOON)
    draft = StatusDraft(job, now)
    draft.start_again(job.spec.attempt)
    return Decision(draft.build(), requeue_after=SOON)
