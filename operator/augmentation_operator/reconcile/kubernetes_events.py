"""The Kubernetes Events of a job: one for all that a write of its status reports, and one for each warning."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from augmentation_api import AugmentationJob, AugmentationJobStatus, ConditionType, PhaseName, PhaseStatus, State
from augmentation_api.identifiers import FIELD_MANAGER_OPERATOR
from augmentation_api.model import to_rfc3339
from augmentation_api.redaction import quotable
from augmentation_api.vocabulary import HEALTH_CONDITIONS, NotificationState
from augmentation_operator.manifests.manifest import Manifest

NAMESPACE_TERMINATING = "NamespaceTerminating"
"""Reason of the Placed condition in a namespace that is being deleted, which takes no Events any more."""
NOTE_LIMIT = 1024
"""Maximum characters of an Event's message, by the API server's validation."""
_WARNINGS = {
    (ConditionType.ACCEPTED, "False"),
    (ConditionType.PLACED, "False"),
    (ConditionType.FAILED, "True"),
}


@dataclass(frozen=True)
class KubernetesEvent:
    """An Event that is to be created.

    Attributes:
        reason: CamelCase.
        is_warning: whether something is wrong.
        since: distinguishes it from the same change at another time.
    """

    reason: str
    message: str
    is_warning: bool
    since: str

    def manifest(self, job: AugmentationJob, now: str) -> Manifest:
        """The Event; its name is derived from its content, so that it is created once."""
        metadata = job.metadata
        content = f"{metadata.uid} {self.reason} {self.since} {self.message}"
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{metadata.name}.{hashlib.sha256(content.encode()).hexdigest()[:16]}",
                "namespace": metadata.namespace,
            },
            "involvedObject": {
                "apiVersion": job.api_version,
                "kind": job.kind,
                "name": metadata.name,
                "namespace": metadata.namespace,
                "uid": metadata.uid,
            },
            "type": "Warning" if self.is_warning else "Normal",
            "reason": self.reason,
            "message": quotable(self.message, NOTE_LIMIT),
            "source": {"component": FIELD_MANAGER_OPERATOR},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }


def kubernetes_events(before: AugmentationJobStatus, after: AugmentationJobStatus) -> list[KubernetesEvent]:
    """What has changed and is worth an Event: conditions, phases, a notification that was given up.

    Each Event is a call of the API server. What is no warning is one Event, with the reason of what came last.
    """
    changes = [*_of_conditions(before, after), *_of_phases(before, after), *_of_notification(before, after)]
    warnings = [event for event in changes if event.is_warning]
    news = [event for event in changes if not event.is_warning]
    if not news:
        return warnings
    return [replace(news[-1], message="; ".join(event.message for event in news)), *warnings]


def _of_phases(before: AugmentationJobStatus, after: AugmentationJobStatus) -> Iterator[KubernetesEvent]:
    changed = [name for name in PhaseName if after.phase(name).status != before.phase(name).status]
    for name in changed:
        phase = after.phase(name)
        if phase.status == PhaseStatus.IN_PROGRESS:
            yield KubernetesEvent(f"{name.capitalize()}Started", f"{name} has begun", False, str(phase.started_at))
        elif phase.status == PhaseStatus.COMPLETED and name == changed[-1] and after.state != State.COMPLETED:
            # Otherwise the Event of the next phase or of the job's end, created along with it, implies it.
            yield KubernetesEvent(f"{name.capitalize()}Completed", f"{name} is done", False, str(phase.completed_at))


def _of_conditions(before: AugmentationJobStatus, after: AugmentationJobStatus) -> Iterator[KubernetesEvent]:
    for condition in after.conditions:
        if condition.type in HEALTH_CONDITIONS or condition.reason == NAMESPACE_TERMINATING:
            continue
        recorded = before.condition(condition.type)
        if recorded is None or (recorded.status, recorded.reason) != (condition.status, condition.reason):
            is_warning = (condition.type, condition.status) in _WARNINGS
            since = to_rfc3339(condition.last_transition_time)
            yield KubernetesEvent(condition.reason, condition.message or condition.reason, is_warning, since)


def _of_notification(before: AugmentationJobStatus, after: AugmentationJobStatus) -> Iterator[KubernetesEvent]:
    recorded, current = before.notification, after.notification
    if current is not None and current != recorded and current.state is NotificationState.FAILED:
        message = f"the end of the job was not announced: {current.message or 'the receiver did not accept it'}"
        yield KubernetesEvent("NotificationFailed", message, True, current.id)
