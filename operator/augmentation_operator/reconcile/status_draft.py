"""A status under construction: it starts from what is recorded, so that nothing once written is taken back."""

from collections.abc import Iterable
from datetime import datetime

from augmentation_api import AugmentationJob, AugmentationJobStatus, ConditionType, PhaseName, PhaseStatus, State
from augmentation_api.redaction import quotable
from augmentation_api.status import TEXT_LIMIT, Condition, Phase, PhaseEvent
from augmentation_api.stored_size import cut_to_stored_size
from augmentation_operator.children.job import attempt_of
from augmentation_operator.reconcile.failure_reason import Rejection
from augmentation_operator.reconcile.health import display_state, with_health
from augmentation_operator.reconcile.phase_events import find_event, phases_of, with_event
from augmentation_operator.reconcile.progress import at_rest

MESSAGE_BYTES = 1024
"""Size of the message of a job and the error of a phase, as stored; one of the parts of MOST_STATUS_BYTES."""
FAILURE_BYTES = 768
"""Size of the message of the Failed condition: the message of the job says the same."""
CONDITION_BYTES = 384
"""Size of the message of any other condition."""


class StatusDraft:
    """Collects changes to a job's status; `build` gives the status they lead to. It never leaves its function.

    Text that is added may come from a pod, a node or the scheduler: it is escaped, cut and without credentials.
    """

    def __init__(self, job: AugmentationJob, now: datetime) -> None:
        self._job = job
        self._now = now
        self._phases = phases_of(job)
        self._conditions = {condition.type: condition for condition in job.status.conditions}
        self._fields: dict[str, object] = {}

    def set(self, **fields: object) -> None:
        """Set fields of the status by their Python names."""
        self._fields.update(fields)

    def message(self, text: str) -> None:
        """Set the summary of the current state."""
        self.set(message=_quoted(text, MESSAGE_BYTES))

    def condition(self, kind: ConditionType, holds: bool, reason: str, message: str) -> None:
        """Set a condition; its transition time moves only when its status differs from what is recorded."""
        status = "True" if holds else "False"
        before = self._job.status.condition(kind)
        unchanged_since = before.last_transition_time if before and before.status == status else None
        self._conditions[kind] = Condition(
            type=kind,
            status=status,
            reason=reason,
            message=_quoted(message, FAILURE_BYTES if kind is ConditionType.FAILED else CONDITION_BYTES),
            last_transition_time=unchanged_since or self._now,
        )

    def remove_condition(self, kind: ConditionType) -> None:
        """Remove a condition that does not apply any more."""
        self._conditions.pop(kind, None)

    def is_false(self, kind: ConditionType) -> bool:
        """Whether a condition is there, and False."""
        condition = self._conditions.get(kind)
        return condition is not None and condition.status == "False"

    def begin(self, name: PhaseName, at: datetime | None = None) -> None:
        """Mark a phase as begun."""
        phase = self._phases[name]
        self._change(name, status=PhaseStatus.IN_PROGRESS, started_at=phase.started_at or at or self._now)

    def complete(self, name: PhaseName, at: datetime | None = None) -> None:
        """Mark a phase as completed."""
        phase = self._phases[name]
        ended = phase.completed_at or at or self._now
        self._change(
            name, status=PhaseStatus.COMPLETED, started_at=phase.started_at or ended, completed_at=ended, error=None
        )

    def fail_phase(self, name: PhaseName, error: str) -> None:
        """Mark a phase as failed."""
        phase = self._phases[name]
        self._change(
            name,
            status=PhaseStatus.FAILED,
            started_at=phase.started_at or self._now,
            completed_at=self._now,
            error=_quoted(error, MESSAGE_BYTES),
        )

    def fail(self, rejection: Rejection, phase: PhaseName) -> None:
        """Mark the job as failed in a phase."""
        self.fail_phase(phase, rejection.message)
        self.condition(ConditionType.FAILED, True, rejection.reason, rejection.message)
        self.set(state=State.FAILED, current_phase=phase, completed_at=self._now)
        self.message(f"{phase} failed: {rejection.message}")

    def reset(self, name: PhaseName) -> None:
        """Mark a phase as pending again; its events stay."""
        self._phases[name] = Phase(name=name, status=PhaseStatus.PENDING, events=self._phases[name].events)

    def record(self, name: PhaseName, event: PhaseEvent) -> None:
        """Add an event of the operator's own, once. A preemption is counted with its event.

        Both are written together or not at all. An event that is older than all that are kept was counted before.
        """
        before, self._phases = self._phases, with_event(self._phases, name, event)
        if event.status == "preempted" and find_event(before, event.id) is None and find_event(self._phases, event.id):
            counted = self._fields.get("preemption_count", self._job.status.preemption_count)
            self.set(preemption_count=1 + (counted if isinstance(counted, int) else 0))

    def is_completed(self, name: PhaseName) -> bool:
        """Whether a phase is completed."""
        return self._phases[name].status == PhaseStatus.COMPLETED

    @property
    def present_phase(self) -> PhaseName:
        """The first phase that is not completed."""
        return next((name for name in PhaseName if not self.is_completed(name)), PhaseName.PUBLISH)

    def build(self) -> AugmentationJobStatus:
        """The status with all changes."""
        fields: dict[str, object] = {
            "observed_generation": self._job.metadata.generation,
            "state": self._job.status.state or State.QUEUED,
            "current_phase": self._job.status.current_phase or PhaseName.RESOLVE,
            "created_at": self._job.metadata.creation_timestamp,
            "queued_at": self._job.status.queued_at or self._now,
            "attempt": attempt_of(self._job),
            "phases": [
                phase if phase.status else phase.model_copy(update={"status": PhaseStatus.PENDING})
                for name, phase in self._phases.items()
                if name == PhaseName.RESOLVE or self._job.spec.preview is None
            ],
            "conditions": list(self._conditions.values()),
        }
        status = self._job.status.model_copy(update=fields | self._fields)
        if status.progress is not None and status.state is not None and status.state.is_final:
            status = status.model_copy(update={"progress": at_rest(status.progress)})
        conditions = self._with_generation(with_health(self._job, status, self._now))
        return status.model_copy(
            update={"conditions": conditions, "display_state": display_state(self._job, status.state)}
        )

    def _with_generation(self, conditions: Iterable[Condition]) -> list[Condition]:
        """The conditions, in order. All of this project's hold for the generation that was decided on."""
        order = {str(kind): number for number, kind in enumerate(ConditionType)}
        seen = {"observed_generation": self._job.metadata.generation}
        return sorted(
            (each.model_copy(update=seen) if each.type in order else each for each in conditions),
            # Another controller's condition stays, at the end.
            key=lambda each: order.get(each.type, len(order)),
        )

    def _change(self, name: PhaseName, **fields: object) -> None:
        self._phases[name] = self._phases[name].model_copy(update=fields)


def _quoted(text: str, most_bytes: int) -> str:
    return cut_to_stored_size(quotable(text, TEXT_LIMIT), most_bytes)
