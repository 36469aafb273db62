"""Why a Job waits for Kueue: a reason and a message, with the fix where action is required."""

from datetime import timedelta

from augmentation_api.counted import are
from augmentation_api.vocabulary import AdmissionReason
from augmentation_operator.queueing.admission import Waiting
from augmentation_operator.queueing.kueue.view import Eviction, KueueView, QueueState, Workload

_WITHOUT = "limits.maxJobsPerNamespace of a class queues jobs without Kueue"


def why_it_waits(queue: str, namespace: str, view: KueueView | None) -> Waiting:
    """Why a Job waits for Kueue; `queue` is empty where the Job names none."""
    view = view or KueueView()
    return (
        _of_queue(queue, namespace, view)
        or _of_workload(queue, namespace, view)
        or _of_quota(queue, view)
        or _in_turn(queue, view)
    )


def _of_queue(queue: str, namespace: str, view: KueueView) -> Waiting | None:
    """What is wrong with the queue itself."""
    named = f"queueName {queue!r}"
    match view.state:
        case QueueState.NOT_INSTALLED:
            return _trouble(
                AdmissionReason.KUEUE_NOT_INSTALLED,
                f"{named}: Kueue (0.15 or newer) is not installed in this cluster: install it, or leave queueName out "
                f"of the AugmentationClass or of a new job ({_WITHOUT})",
            )
        case QueueState.MISSING:
            return _trouble(
                AdmissionReason.QUEUE_NOT_FOUND,
                f"{named}: there is no such LocalQueue in namespace {namespace!r}: create it, or correct queueName in "
                "the AugmentationClass or in a new job",
            )
        case QueueState.FORBIDDEN:
            return _trouble(
                AdmissionReason.QUEUE_FORBIDDEN,
                f"{named}: the operator is not allowed to read it: grant the operator the rights of its chart "
                f"({view.detail})",
            )
        case QueueState.INACTIVE:
            return _trouble(
                AdmissionReason.QUEUE_INACTIVE, f"waiting in queue {queue}, which is not active: {view.detail}"
            )
    return None


def _of_workload(queue: str, namespace: str, view: KueueView) -> Waiting | None:
    """What action the Workload requires."""
    workload = view.workload
    if view.missing_priority:
        return _trouble(
            AdmissionReason.PRIORITY_CLASS_NOT_FOUND,
            f"workloadPriorityClassName {view.missing_priority!r}: there is no such WorkloadPriorityClass: create it "
            "(the job goes on then), or correct the name in a new job or in the AugmentationClass",
        )
    if workload is not None and not workload.is_active:
        why = f" ({workload.eviction.message})" if workload.eviction else ""
        return _trouble(
            AdmissionReason.DEACTIVATED,
            f"Kueue holds this job: its Workload {workload.name} is deactivated{why}; set spec.active of the Workload "
            "to true to resume it",
        )
    if workload is not None and not workload.queue_name and not queue:
        return _trouble(
            AdmissionReason.QUEUE_NOT_NAMED,
            "Kueue manages every Job here, and this one names no queue: set queueName in the AugmentationClass or in a "
            f"new job, or create a LocalQueue named default in namespace {namespace!r}",
        )
    return None


def _of_quota(queue: str, view: KueueView) -> Waiting | None:
    """What the queue could not give if it were empty. The job stays: Kueue starts it once the quota is raised."""
    workload = view.workload
    if workload is None or not workload.never_fits:
        return None
    return _trouble(
        AdmissionReason.EXCEEDS_QUOTA,
        f"this job asks for more than queue {queue or workload.queue_name} has in all ({workload.never_fits}), so that "
        "it cannot start: have an administrator raise the quota of its ClusterQueue, and it does; or lower "
        "spec.parallelism, or the resources of the AugmentationClass for a new job",
    )


def _in_turn(queue: str, view: KueueView) -> Waiting:
    workload = view.workload
    queue = queue or (workload.queue_name if workload else "")
    if workload is None:
        return Waiting(AdmissionReason.QUEUED, f"waiting in queue {queue}", requeue_after=timedelta(seconds=2))
    place = ""
    if view.position is not None:
        place = f": {view.position} of {view.depth} jobs {are(view.position)} ahead"
    requeue_after = timedelta(seconds=5 + (view.position or 0) // 2)
    if workload.eviction is not None and not workload.eviction.is_deactivation:
        reason = AdmissionReason.PREEMPTED if workload.eviction.is_preemption else AdmissionReason.EVICTED
        return Waiting(
            reason,
            f"{eviction_message(workload.eviction)}; waiting in queue {queue}{place}",
            requeue_after=requeue_after,
        )
    why = f" ({workload.waits_for})" if workload.waits_for else ""
    return Waiting(AdmissionReason.QUEUED, f"waiting in queue {queue}{place}{why}", requeue_after=requeue_after)


def refusal_message(queue: str, workload: Workload) -> str:
    """Why a job fails whose Job Kueue admitted but could not start: its queue and its class do not fit."""
    return (
        f"Kueue admitted this job from queue {queue} but could not start it: {workload.refusal}; make the node "
        "selectors of the AugmentationClass's placements agree with those of the queue's ResourceFlavors"
    )


def dispatch_message(queue: str) -> str:
    """Why a job fails whose queue sends Jobs to other clusters."""
    return (
        f"queue {queue} sends its Jobs to other clusters (MultiKueue), where this job's workers would find neither the "
        "AugmentationJob that they report to nor its records: name a LocalQueue in queueName whose ClusterQueue has no "
        "MultiKueue admission check"
    )


def eviction_message(eviction: Eviction) -> str:
    """An eviction in a sentence."""
    if eviction.is_preemption:
        return f"preempted: Kueue gave the quota to another job ({eviction.message})"
    return f"stopped by Kueue ({eviction.reason}): {eviction.message}"


def _trouble(reason: AdmissionReason, message: str) -> Waiting:
    return Waiting(reason, message, requeue_after=timedelta(seconds=5))
