"""Usage of a job's pods: accelerators, CPU and their price, added up while they run.

A running sum rather than a ledger of pods: `accountedUntil` moves together with the sums in one write, so whatever is
repeated after a kill counts once. It is brought up to date when a pod ends, and along with other news of a running job
at most every INTERVAL, never by a write of its own. The cost: a pod that vanishes with its node takes along what was
not counted yet.
"""

from datetime import datetime, timedelta

from augmentation_api import AugmentationClass, AugmentationJob, PhaseName
from augmentation_api.status import Usage
from augmentation_operator.children.job import placement_index
from augmentation_operator.children.pod import ChildPod
from augmentation_operator.reconcile.observation import Observation

INTERVAL = timedelta(seconds=30)


def usage_of(
    job: AugmentationJob,
    augmentation_class: AugmentationClass | None,
    seen: Observation,
    now: datetime,
    *,
    news: bool,
    ends: bool,
) -> Usage | None:
    """The sums up to now, or the recorded ones while whatever could be added may wait.

    Args:
        news: the status will be written anyway.
        ends: the job ends or its pods are being stopped, so there may be no later.
    """
    recorded = job.status.usage or Usage()
    until = recorded.accounted_until
    fresh = [pod for pod in seen.pods if pod.started_at and (until is None or (pod.finished_at or now) > until)]
    due = news and (ends or until is None or now - until >= INTERVAL)
    if not fresh or not (due or any(pod.finished_at for pod in fresh)):
        return job.status.usage
    placement = augmentation_class.spec.placement_at(placement_index(job)) if augmentation_class else None
    price = recorded.price
    if placement is not None and placement.price_per_hour is not None:
        hours = sum(_seconds(pod, until, now) for pod in fresh if pod.phase == PhaseName.AUGMENT) / 3600
        price = round((price or 0.0) + placement.price_per_hour * hours, 6)
    return Usage(
        accelerator_seconds=(recorded.accelerator_seconds or 0.0)
        + sum(pod.accelerators * _seconds(pod, until, now) for pod in fresh),
        cpu_seconds=round((recorded.cpu_seconds or 0.0) + sum(pod.cpu * _seconds(pod, until, now) for pod in fresh), 3),
        price=price,
        accounted_until=now,
    )


def _seconds(pod: ChildPod, since: datetime | None, now: datetime) -> float:
    """Seconds that a pod ran since usage was last added up."""
    if pod.started_at is None:
        return 0.0
    begin = max(pod.started_at, since) if since else pod.started_at
    return max(0.0, (min(pod.finished_at or now, now) - begin).total_seconds())
