"""A job whose spec this version of the operator cannot read: it can still be stopped.

The CRD lets a spec pass that the models do not know after a release was taken back, say. Nothing is begun for such a
job, and what runs goes on; but `spec.cancel` and `spec.suspend`, read by themselves, stop it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from augmentation_api import AugmentationJob, AugmentationJobSpec, FailureReason, ObjectMeta, PhaseName, Source
from augmentation_api.readable_status import readable_status
from augmentation_operator.reconcile.completion import cancel, complete, stop_with_namespace
from augmentation_operator.reconcile.decision import SOON, Decision
from augmentation_operator.reconcile.failure_reason import Rejection
from augmentation_operator.reconcile.observation import Observation
from augmentation_operator.reconcile.status_draft import StatusDraft


def without_unreadable_spec(body: Mapping[str, Any]) -> AugmentationJob:
    """The job with only those fields of its spec that stop it. Raises ValidationError if its metadata is invalid."""
    spec = body.get("spec") or {}
    attempt = spec.get("attempt")
    return AugmentationJob.model_construct(
        metadata=ObjectMeta.model_validate(body["metadata"]),
        spec=AugmentationJobSpec.model_construct(
            source=Source.model_construct(),
            cancel=spec.get("cancel") is True,
            suspend=spec.get("suspend") is True,
            attempt=attempt if isinstance(attempt, int) else 0,
        ),
        status=readable_status(body.get("status", {})).status,
    )


def decide_without_spec(job: AugmentationJob, findings: str, seen: Observation, now: datetime) -> Decision | None:
    """What should be done for a job of `without_unreadable_spec`; None: nothing."""
    draft, state = StatusDraft(job, now), job.status.state
    if state is None:
        draft.fail(Rejection(FailureReason.SPEC_INVALID, findings), PhaseName.RESOLVE)
        draft.message(f"the spec cannot be read: {findings}")
        return Decision(draft.build())
    if state.is_final:
        return Decision(draft.build())
    if (end := complete(job, seen, now)) is not None:
        return end
    if seen.namespace_terminates or job.spec.cancel:
        return (stop_with_namespace if seen.namespace_terminates else cancel)(job, seen, now)
    if job.spec.suspend:
        draft.message(f"suspended, and the spec cannot be read by this version of the operator: {findings}")
        # Deleted, not suspended: only Kueue suspends its Jobs, and a Job that is missing is created again.
        return Decision(draft.build(), delete_jobs=seen.living_jobs, requeue_after=None if seen.is_still else SOON)
    return None
