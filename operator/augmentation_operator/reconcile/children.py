"""The objects that a phase needs: its batch Job, and before it the identity and the records that its pods use."""

from augmentation_api import AugmentationClass, PhaseName
from augmentation_api.sharding import shard_count
from augmentation_operator.children.job import ANNOTATION_MADE_FROM, attempt_of
from augmentation_operator.manifests.class_digest import differs, is_of_class, made_from
from augmentation_operator.manifests.identity import (
    GRANTED_AHEAD,
    identity,
    is_decided_by_class,
    shard_records,
    source_listing,
)
from augmentation_operator.manifests.manifest import Manifest
from augmentation_operator.manifests.phase_jobs import augment_job, single_pod_job
from augmentation_operator.queueing.kueue.admission import queue_name_of
from augmentation_operator.reconcile.observation import Observation
from augmentation_operator.reconcile.step import Situation, Step


def children_of_phase(situation: Situation, phase: PhaseName) -> Step:
    """What has to exist for a phase that begins, in the order it is created: first what the job's identity lacks.

    Resolve creates all of it, augment names the records of many shards in the role, and publish needs nothing more.
    A new attempt may begin long after and makes sure of all.
    """
    job, augmentation_class = situation.job, situation.augmentation_class
    whole, shards = whole_identity(situation, phase), _shards_at(situation, phase)
    batch_job = _with_origin(_job_of(situation, phase), augmentation_class)
    children = {
        PhaseName.RESOLVE: (*source_listing(job), batch_job),
        PhaseName.AUGMENT: (*shard_records(job, shards), batch_job),
    }.get(phase, (batch_job,))
    if attempt_of(job):
        return Step(apply=whole, create=children)
    # The class may have changed since the phase before: its certificates are renewed, its account gets an annotation.
    renewed = tuple(manifest for manifest in whole if is_decided_by_class(manifest))
    if phase == PhaseName.RESOLVE:
        return Step(apply=renewed, create=(*(each for each in whole if each not in renewed), *children))
    if phase == PhaseName.AUGMENT and shards > GRANTED_AHEAD:
        renewed += tuple(manifest for manifest in whole if manifest["kind"] == "Role")
    return Step(apply=renewed, create=children)


def is_outdated(situation: Situation, phase: PhaseName) -> bool:
    """Whether the Job of a phase was made from its class as it was, and no pod of it has run: it is replaced."""
    child, augmentation_class = situation.child(phase), situation.augmentation_class
    if child is None or child.failed_pods or situation.job.status.class_snapshot is not None:
        return False
    if any(pod.started_at for pod in situation.seen.pods_of(phase)) or is_of_class(child.made_from, augmentation_class):
        return False
    return differs(child.made_from, _job_of(situation, phase), augmentation_class)


def _job_of(situation: Situation, phase: PhaseName) -> Manifest:
    job, augmentation_class, shards = situation.job, situation.augmentation_class, _shards_at(situation, phase)
    if phase == PhaseName.AUGMENT:
        return augment_job(job, augmentation_class, shards, queue_name_of(job, augmentation_class))
    return single_pod_job(job, augmentation_class, phase, shards)


def _with_origin(manifest: Manifest, augmentation_class: AugmentationClass) -> Manifest:
    metadata = manifest["metadata"]
    annotations = {**metadata.get("annotations", {}), ANNOTATION_MADE_FROM: made_from(manifest, augmentation_class)}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}


def whole_identity(situation: Situation, phase: PhaseName) -> tuple[Manifest, ...]:
    """All of the job's identity, for pods that failed or do not appear: somebody may have removed it or its rights."""
    return tuple(identity(situation.job, situation.augmentation_class, _shards_at(situation, phase)))


def superfluous_jobs(seen: Observation, *, failed: bool) -> tuple[str, ...]:
    """Names of the Jobs to delete: those of earlier attempts and placements, and all that may run of a failed job."""
    running = tuple(child.name for child in seen.jobs.values() if not child.is_finished) if failed else ()
    return tuple(child.name for child in seen.earlier_jobs) + running


def shard_count_of(situation: Situation) -> int:
    """The number of shards: fixed when the augment phase begins, since later pods recompute the plan from it."""
    job, source = situation.job, situation.job.status.source
    if job.status.shard_count:
        return job.status.shard_count
    assert source is not None and source.selected_frames is not None  # noqa: S101
    frames_per_shard = situation.augmentation_class.spec.frames_per_shard
    return shard_count(source, frames_per_shard=frames_per_shard, parallelism=job.spec.parallelism)


def _shards_at(situation: Situation, phase: PhaseName) -> int:
    """The number of shards, or 0 while it is not known yet."""
    return 0 if phase == PhaseName.RESOLVE else shard_count_of(situation)
