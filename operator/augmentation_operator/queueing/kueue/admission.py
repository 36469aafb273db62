"""Kueue's answer to a job that asks for nodes, and what has to be asked of Kueue to know it.

A Job in a queue is started and stopped by Kueue alone, which changes the Job's `suspend` when its Workload is admitted
or evicted: a Job that somebody else suspends is started again at once. So a user's suspend goes to the Workload.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from augmentation_api import AugmentationClass, AugmentationJob, ConditionType, PhaseName
from augmentation_api.status import Queue
from augmentation_api.vocabulary import AdmissionReason
from augmentation_operator.children.job import ChildJob
from augmentation_operator.manifests.manifest import Patch, queue_job, suspend_job
from augmentation_operator.queueing.admission import Admission, Admitted, Interruption, Refused, Waiting
from augmentation_operator.queueing.kueue.view import KueueView, Workload, activate_workload
from augmentation_operator.queueing.kueue.wait_reason import (
    dispatch_message,
    eviction_message,
    refusal_message,
    why_it_waits,
)

_SOON = timedelta(seconds=4)
_WHILE_SUSPENDED = timedelta(seconds=10)


def queue_name_of(job: AugmentationJob, augmentation_class: AugmentationClass | None) -> str | None:
    """The LocalQueue that a job's augment Job is for: the job's own, else its class's; None: no queue of Kueue's."""
    return job.spec.queue_name or (augmentation_class.spec.queue_name if augmentation_class else None)


def question(
    job: AugmentationJob, jobs: Mapping[PhaseName, ChildJob], queue: str | None
) -> tuple[str, ChildJob | None] | None:
    """What to ask Kueue about just now: a queue (empty: unknown which) and a Job (None: it is yet to be created).

    Nothing while the Job runs, or while none is to be created for a queue.

    A Job that is suspended may be held by Kueue even if nobody named a queue: by a LocalQueue that is the default of
    its namespace, or by a Kueue that manages all Jobs.
    """
    child = next((child for child in jobs.values() if not child.is_finished), None)
    if child is not None:
        return (child.queue_name, child) if child.suspended or job.spec.suspend else None
    begins = job.status.shard_count is not None and not job.status.has_completed(PhaseName.AUGMENT)
    if queue and begins and PhaseName.AUGMENT not in jobs and not job.spec.suspend and not job.spec.cancel:
        return queue, None
    return None


def is_managed(child: ChildJob, view: KueueView | None) -> bool:
    """Whether Kueue starts and stops a Job."""
    return bool(child.queue_name) or (view is not None and view.workload is not None)


def admission_to_queue(job: AugmentationJob, queue: str, view: KueueView | None) -> Waiting:
    """The answer for an augment Job that is yet to be created. It is not created for a queue that does not exist."""
    return replace(_waiting(job, queue, view), keeps_job=view is None or view.state.takes_jobs)


def admission_of(
    job: AugmentationJob, child: ChildJob, view: KueueView | None, queue: str | None, parallelism: int = 1
) -> Admission | None:
    """The answer for a Job that Kueue manages; None: it has failed, so that nothing is asked any more.

    Args:
        parallelism: how many of its pods the job wants to run concurrently.
    """
    workload = view.workload if view else None
    if child.has_failed:
        return None
    if child.is_dispatched and not child.is_complete:
        return Refused(dispatch_message(child.queue_name))
    if child.is_complete or (not child.suspended and not job.spec.suspend):
        name = f"queue {child.queue_name}" if child.queue_name else "its queue"
        # Kueue lowers the parallelism of a Job that it admits in part, and lets nobody change it while the Job runs.
        part = (
            ""
            if child.is_complete or child.parallelism == parallelism
            else (
                f" with {child.parallelism} concurrent shards; the job asks for {parallelism}, which counts when it is "
                "admitted again"
            )
        )
        return Admitted(AdmissionReason.ADMITTED, f"admitted by Kueue from {name}{part}")
    if job.spec.suspend:
        return _suspended(child, workload)
    patches = _patches(child, workload, queue)
    if workload is not None and workload.refusal:
        return Refused(refusal_message(child.queue_name, workload), patches)
    return replace(_waiting(job, child.queue_name, view), patches=patches, keeps_job=True)


def _suspended(child: ChildJob, workload: Workload | None) -> Waiting:
    """The answer while the user suspends the job. A Job that has no Workload yet is held as soon as it has one."""
    patches: tuple[Patch, ...] = ()
    if workload is None and not child.suspended:
        patches = (suspend_job(child.name, True),)
    if workload is not None and workload.is_active:
        patches = (activate_workload(workload.name, False),)
    requeue_after = _WHILE_SUSPENDED if workload is None else _SOON if patches else None
    return Waiting(
        AdmissionReason.SUSPENDED, "spec.suspend is true", patches=patches, requeue_after=requeue_after, keeps_job=True
    )


def _patches(child: ChildJob, workload: Workload | None, queue: str | None) -> tuple[Patch, ...]:
    """What lets a Job queue: its Workload active again after a suspend, and a queue named where Kueue manages all."""
    if workload is None:
        return ()
    activation = (activate_workload(workload.name, True),) if workload.is_held else ()
    nameless = not workload.queue_name and not child.queue_name
    return (*activation, *((queue_job(child.name, queue),) if nameless and queue else ()))


def _waiting(job: AugmentationJob, queue: str, view: KueueView | None) -> Waiting:
    waiting, recorded = why_it_waits(queue, job.metadata.namespace, view), job.status.condition(ConditionType.ADMITTED)
    workload = view.workload if view else None
    if recorded is None or recorded.reason != waiting.reason or (workload is not None and workload.is_held):
        # It has just begun to wait, or is about to queue again: Kueue has more to say in a moment.
        waiting = replace(waiting, requeue_after=min(_SOON, waiting.requeue_after or _SOON))
    if view is not None and view.position is not None:
        waiting = replace(waiting, place=Queue(position=view.position, depth=view.depth))
    eviction = workload.eviction if workload else None
    if eviction is not None and not eviction.is_deactivation:
        waiting = replace(waiting, interruption=Interruption(eviction_message(eviction), eviction.at))
    return waiting
