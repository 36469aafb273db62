"""A status under construction: starts from what is recorded, so that what was once written is never taken back."""

from datetime import datetime

from augmentation_api import AugmentationJob, AugmentationJobStatus, ConditionType, PhaseName, PhaseStatus, State
from augmentation_api.redaction import quotable
from augmentation_api.status import TEXT_LIMIT, Condition, Phase, PhaseEvent
from augmentation_operator.children.turn import attempt_of
from augmentation_operator.reconcile.events import find_event, operator_event, with_event
from augmentation_operator.reconcile.progress import at_rest
from augmentation_operator.reconcile.rejection import Rejection


class StatusDraft:
    """Collects changes to a job's status; `build` gives the status they lead to.

    Words that are added may be those of a pod, a node or the scheduler: they are escaped, cut and without credentials.
    """

    def __init__(self, job: AugmentationJob, now: datetime) -> None:
        self._job = job
        self._now = now
        self._phases = {name: job.status.phase(name) for name in PhaseName}
        self._conditions = {condition.type: condition for condition in job.status.conditions}
        self._fields: dict[str, object] = {}

    def set(self, **fields: object) -> None:
        """Set fields of the status by their Python names."""
        self._fields.update(fields)

    def message(self, text: str) -> None:
        """Set the story in one line."""
        self.set(message=quotable(text, TEXT_LIMIT))

    def condition(self, kind: ConditionType, holds: bool, reason: str, message: str) -> None:
        """Set a condition; its transition time moves only when its status differs from what is recorded."""
        status = "True" if holds else "False"
        before = self._job.status.condition(kind)
        unchanged_since = before.last_transition_time if before and before.status == status else None
        self._conditions[kind] = Condition(
            type=kind,
            status=status,
            reason=reason,
            message=quotable(message, TEXT_LIMIT),
            last_transition_time=unchanged_since or self._now,
            observed_generation=self._job.metadata.generation,
        )

    def placed(self) -> None:
        """Pods run, or ran: if something was recorded that kept them from it, or they were held, it is over."""
        recorded, drafted = self._job.status.condition(ConditionType.PLACED), self._conditions.get(ConditionType.PLACED)
        is_back = drafted is None and self.is_completed(PhaseName.PROVISION)
        if is_back or (recorded is not None and recorded.status == "False"):
            self.condition(ConditionType.PLACED, True, "Running", "running")

    def unplaced(self) -> None:
        """No pod is wanted: there is nothing to say of where they run, or of what keeps them from it."""
        self._conditions.pop(ConditionType.PLACED, None)

    def holds(self, kind: ConditionType, status: str) -> bool:
        """Whether a condition has this status in the draft."""
        condition = self._conditions.get(kind)
        return condition is not None and condition.status == status

    def since(self, kind: ConditionType) -> datetime | None:
        """When a condition last changed; None if it never applied."""
        condition = self._conditions.get(kind)
        return condition.last_transition_time if condition else None

    def begin(self, name: PhaseName, at: datetime | None = None) -> None:
        """A phase has begun."""
        phase = self._phases[name]
        self._change(name, status=PhaseStatus.IN_PROGRESS, started_at=phase.started_at or at or self._now)

    def complete(self, name: PhaseName, at: datetime | None = None) -> None:
        """A phase has ended well."""
        phase = self._phases[name]
        ended = phase.completed_at or at or self._now
        self._change(
            name, status=PhaseStatus.COMPLETED, started_at=phase.started_at or ended, completed_at=ended, error=None
        )

    def fail_phase(self, name: PhaseName, error: str) -> None:
        """A phase has ended badly."""
        phase = self._phases[name]
        self._change(
            name,
            status=PhaseStatus.FAILED,
            started_at=phase.started_at or self._now,
            completed_at=self._now,
            error=quotable(error, TEXT_LIMIT),
        )

    def record(self, name: PhaseName, event: PhaseEvent) -> None:
        """Add an event of the operator's own, once. One that preempted the job is counted with it.

        Both are written together or not at all. An event that is older than all that are kept was counted before.
        """
        before, self._phases = self._phases, dict(with_event(self._phases, name, event))
        if event.status == "preempted" and find_event(before, event.id) is None and find_event(self._phases, event.id):
            counted = self._fields.get("preemption_count", self._job.status.preemption_count)
            self.set(preemption_count=1 + (counted if isinstance(counted, int) else 0))

    def start_again(self, attempt: int) -> None:
        """A job that has ended is in a new attempt: phases that ended well stay, the others are to come.

        Provision goes with augment: the nodes of the last attempt are gone.
        """
        ended_in, why = self._job.status.current_phase or PhaseName.RESOLVE, self._job.status.message
        for name, phase in self._phases.items():
            stays = PhaseName.AUGMENT if name == PhaseName.PROVISION else name
            if not self.is_completed(name) or not self.is_completed(stays):
                self._phases[name] = Phase(name=name, status=PhaseStatus.PENDING, events=phase.events)
        for kind in (ConditionType.FAILED, ConditionType.CANCELLED):
            if self._job.status.condition(kind) is not None:
                self.condition(kind, False, "StartedAgain", f"attempt {attempt} has begun")
        self.unplaced()
        self._conditions.pop(ConditionType.ADMITTED, None)
        present = next(name for name in PhaseName if not self.is_completed(name))
        message = f"attempt {attempt} begins"
        self.record(
            ended_in, operator_event(f"attempt-{attempt}", "started again", self._now, message=message, error=why)
        )
        self.set(
            attempt=attempt,
            state=State.QUEUED,
            current_phase=present,
            queued_at=self._now,
            started_at=None,
            completed_at=None,
            cancelled_at=None,
            placement=None,
            retry_count=None,
            queue=None,
        )
        self.message(f"attempt {attempt}: starting again with {present}")

    def fail(self, rejection: Rejection, phase: PhaseName) -> None:
        """The job has failed in this phase, for this reason."""
        self.fail_phase(phase, rejection.message)
        self.condition(ConditionType.FAILED, True, rejection.reason, rejection.message)
        self.set(
            state=State.FAILED,
            current_phase=phase,
            completed_at=self._now,
        )
        self.message(f"{phase} failed: {rejection.message}")

    @property
    def has_failed(self) -> bool:
        """Whether the job was failed in this draft."""
        return self._fields.get("state") == State.FAILED

    def is_completed(self, name: PhaseName) -> bool:
        """Whether the phase has ended well."""
        return self._phases[name].status == PhaseStatus.COMPLETED

    def phase(self, name: PhaseName) -> Phase:
        """The phase as it stands now."""
        return self._phases[name]

    def build(self) -> AugmentationJobStatus:
        """The status with all changes."""
        order = list(ConditionType)
        fields: dict[str, object] = {
            "observed_generation": self._job.metadata.generation,
            "state": self._job.status.state or State.QUEUED,
            "current_phase": self._job.status.current_phase or PhaseName.RESOLVE,
            "created_at": self._job.metadata.creation_timestamp,
            "queued_at": self._job.status.queued_at or self._now,
            "attempt": attempt_of(self._job),
            "phases": [
                phase if phase.status else phase.model_copy(update={"status": PhaseStatus.PENDING})
                for phase in self._phases.values()
            ],
            "conditions": sorted(
                # A condition of somebody else stays, at the end.
                self._conditions.values(),
                key=lambda entry: order.index(ConditionType(entry.type)) if entry.type in order else len(order),
            ),
        }
        status = self._job.status.model_copy(update=fields | self._fields)
        if status.progress is not None and status.state is not None and status.state.is_final:
            return status.model_copy(update={"progress": at_rest(status.progress)})
        return status

    def _change(self, name: PhaseName, **fields: object) -> None:
        self._phases[name] = self._phases[name].model_copy(update=fields)
