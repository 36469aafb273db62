"""Why a job cannot run, or a phase failed: the worker's own message where it left one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import ValidationError

from augmentation_api import FailureReason, PhaseName
from augmentation_api.redaction import without_credentials
from augmentation_api.worker_contract import TerminationMessage
from augmentation_operator.children.job import ChildJob
from augmentation_operator.children.pod import ChildPod, Termination
from augmentation_operator.kubernetes_messages import is_disk_exhausted

_KILLED_BY_SIGNAL = 128


@dataclass(frozen=True)
class Rejection:
    """A typed reason, and a message that names the cause and the fix."""

    reason: FailureReason
    message: str


def why_failed(job: ChildJob, pods: Sequence[ChildPod]) -> Rejection:
    """Why a Job failed: a pod's own message, else that of Kubernetes.

    Of several failed pods a permanent failure counts first, since that ended the Job and others were stopped for it;
    then one that left words of its own; then the newest.
    """
    if job.failed_reason == "DeadlineExceeded":
        return Rejection(FailureReason.DEADLINE_EXCEEDED, job.failed_message)
    failures = [pod.termination for pod in pods if pod.termination and pod.termination.exit_code and not pod.disruption]
    if not failures:
        return Rejection(FailureReason.WORKER_CRASHED, f"the {job.phase} pods failed: {job.failed_message}")
    return explain(max(failures, key=_weight), job.phase)


def _weight(failure: Termination) -> tuple[bool, bool, datetime]:
    return (
        failure.is_permanent,
        _own_words(failure) is not None,
        failure.finished_at or datetime.min.replace(tzinfo=UTC),
    )


def explain(termination: Termination, phase: PhaseName) -> Rejection:
    """Why a pod of a phase failed."""
    if termination.by_node:
        words = f"the pod was stopped by its node ({termination.reason}): {termination.message}"
        if is_disk_exhausted(termination.message):
            return Rejection(FailureReason.STORAGE_EXHAUSTED, f"{words} Raise scratchSize of its AugmentationClass.")
        return Rejection(FailureReason.WORKER_CRASHED, words)
    if termination.other:
        words = without_credentials(termination.message).strip()[-300:]
        return Rejection(
            FailureReason.WORKER_CRASHED,
            f"the container {termination.other} of the pod, which is not the worker's, ended with exit code "
            f"{termination.exit_code}{f' ({words})' if words else ''}: correct it where it comes from, podTemplate of "
            "the AugmentationClass or a webhook of the cluster",
        )
    own_words = _own_words(termination)
    if own_words is not None:
        return Rejection(own_words.reason, own_words.message)
    if termination.reason == "OOMKilled":
        resources = "resources" if phase == PhaseName.AUGMENT else "metadataResources"
        return Rejection(
            FailureReason.WORKER_CRASHED,
            f"the worker ran out of memory: raise {resources}.limits.memory of its AugmentationClass",
        )
    # Before it is cut: half of a credential is not recognized.
    last_words = without_credentials(termination.message).strip()[-300:]
    how = (
        f"was killed by signal {termination.exit_code - _KILLED_BY_SIGNAL}"
        if termination.exit_code > _KILLED_BY_SIGNAL
        else f"ended with exit code {termination.exit_code}"
    )
    return Rejection(
        FailureReason.WORKER_CRASHED, f"the worker {how}" + (f"; its last words: {last_words}" if last_words else "")
    )


def _own_words(termination: Termination) -> TerminationMessage | None:
    try:
        return TerminationMessage.model_validate_json(termination.message)
    except ValidationError:
        return None
