"""Whether the end of a job is to be announced, and what its status says of that.

The event is recorded as pending in the same write as the end itself, so that no crash loses it; and as delivered after
the receiver has accepted it, so that a crash in between repeats it, under the same id.
"""

from dataclasses import dataclass, replace

from augmentation_api import AugmentationJob, AugmentationJobStatus
from augmentation_api.notify import Notify
from augmentation_api.status import Notification
from augmentation_api.vocabulary import NotificationState
from augmentation_operator.reconcile.decision import Decision


@dataclass(frozen=True)
class NotificationOutcome:
    """How the last delivery of an event ended. PENDING: it failed, and is retried."""

    event_id: str
    state: NotificationState
    message: str | None = None


def announce(job: AugmentationJob, notify: Notify | None, after: AugmentationJobStatus) -> AugmentationJobStatus:
    """The status with an event to be sent, where a job ends now and its class wants that. Never of a preview."""
    if notify is None or job.spec.preview is not None or after.state is None or not after.state.is_final:
        return after
    event_id = f"{job.metadata.uid}-{after.attempt or 0}-{after.state}"
    pending = Notification(id=event_id, state=NotificationState.PENDING)
    return after.model_copy(update={"notification": pending})


def follow(
    job: AugmentationJob, notify: Notify | None, decision: Decision, outcome: NotificationOutcome | None
) -> Decision:
    """The decision for a job that has ended, with what became of its event; it is not deleted before that is known."""
    recorded = job.status.notification
    if recorded is None or recorded.state is not NotificationState.PENDING:
        return decision
    if notify is None:
        message = "its AugmentationClass names no address any more"
        outcome = NotificationOutcome(recorded.id, NotificationState.FAILED, message)
    if outcome is not None and outcome.event_id == recorded.id:
        recorded = recorded.model_copy(update={"state": outcome.state, "message": outcome.message})
    status = decision.status.model_copy(update={"notification": recorded})
    still_pending = recorded.state is NotificationState.PENDING
    return replace(decision, status=status, delete_resource=False, announce=recorded.id if still_pending else None)
