"""A decision: objects to create, change and delete, the status to write, and when to decide again."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from augmentation_api import AugmentationJob, AugmentationJobStatus, ConditionType, PhaseName, State
from augmentation_api.status import WORKER_FIELDS
from augmentation_operator.children.job import attempt_of, placement_index
from augmentation_operator.manifests.manifest import Manifest, Patch
from augmentation_operator.reconcile.observation import Observation
from augmentation_operator.reconcile.phase_events import OPERATOR_EVENT

SOON = timedelta(seconds=2)
"""When to decide again on what is about to change: pods that stop, a report that was written."""


@dataclass(frozen=True)
class Decision:
    """The difference between the actual and the desired state. Carrying it out twice does no more than once.

    Attributes:
        status: the whole status as it should be; only the operator's part of it is written.
        apply: objects to bring to this content, in this order.
        create: objects to create unless they exist, in this order, after `apply`.
        delete_jobs: names of child Jobs to delete, with their pods.
        replace_jobs: names of child Jobs without running pods to delete, so that they are recreated.
        patches: changes of objects that exist, made in this order, before the status is written.
        delete_resource: the AugmentationJob itself is to be deleted (its time to live has passed).
        announce: id of the event that is to be sent about the end of the job; None: nothing is.
        requeue_after: when to decide again if nothing changes before.
    """

    status: AugmentationJobStatus
    apply: tuple[Manifest, ...] = ()
    create: tuple[Manifest, ...] = ()
    delete_jobs: tuple[str, ...] = ()
    replace_jobs: tuple[str, ...] = ()
    patches: tuple[Patch, ...] = ()
    delete_resource: bool = False
    announce: str | None = None
    requeue_after: timedelta | None = None


def operator_part(status: AugmentationJobStatus) -> dict[str, Any]:
    """The fields of a status that the operator owns, as it applies them.

    Left out are the workers' entries and conditions of a type that is not this project's.
    """
    wire = status.to_wire()
    for name in WORKER_FIELDS:
        wire.pop(name, None)
    if status.conditions:
        own = {str(kind) for kind in ConditionType}
        wire["conditions"] = [entry for entry in wire["conditions"] if entry["type"] in own]  # type: ignore[attr-defined]
    for phase in wire.get("phases", []):  # type: ignore[attr-defined]
        phase["events"] = [event for event in phase["events"] if event["id"].startswith(OPERATOR_EVENT)]
    return wire


def needs_fresh_read(job: AugmentationJob, decision: Decision, seen: Observation) -> bool:
    """Whether a decision needs a fresh read of the API server, since the watches may lag, one more than another.

    It does where it cannot be undone: a job ends, starts again, falls back to the next placement or is deleted; a Job
    is replaced, of which a pod may run by now; or a Job follows another one of the same phase, of an earlier attempt
    or placement, whose pods have to be gone.
    An end that no newer state could change needs none.
    """
    if _is_beyond_doubt(decision, seen):
        return False
    before, after = job.status.state, decision.status.state
    if after != before and any(state is not None and state.is_final for state in (before, after)):
        return True
    placement = (decision.status.placement.rung or 0) if decision.status.placement else 0
    follows = (attempt_of(job) > 0 or placement > 0) and any(manifest["kind"] == "Job" for manifest in decision.create)
    is_next = placement > placement_index(job)
    return decision.delete_resource or bool(decision.replace_jobs) or is_next or follows


def _is_beyond_doubt(decision: Decision, seen: Observation) -> bool:
    """Whether a job is completed, and no newer state of the cluster could say otherwise.

    A published result stays published and a complete Job complete, whatever was asked for since; and once all pods are
    seen to have ended, nothing is missing in what they used.
    """
    publish = seen.jobs.get(PhaseName.PUBLISH)
    return (
        decision.status.state == State.COMPLETED
        and not decision.delete_resource
        and publish is not None
        and publish.is_complete
        and bool(seen.pods_of(PhaseName.PUBLISH))
        and all(pod.is_finished and pod.finished_at for pod in seen.pods)
    )
