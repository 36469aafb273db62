"""The objects that a phase needs: its batch Job, and before it the identity and the records that its pods use."""

from augmentation_api import PhaseName
from augmentation_api.sharding import shard_count
from augmentation_operator.children.job import attempt_of
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
    if phase == PhaseName.AUGMENT:
        queue = queue_name_of(job, augmentation_class)
        children = (*shard_records(job, shards), augment_job(job, augmentation_class, shards, queue))
    else:
        children = (single_pod_job(job, augmentation_class, phase, shards),)
    if phase == PhaseName.RESOLVE:
        children = (*source_listing(job), *children)
    if attempt_of(job):
        return Step(apply=whole, create=children)
    # The class may have changed since the phase before: its certificates are renewed, its account gets an annotation.
    renewed = tuple(manifest for manifest in whole if is_decided_by_class(manifest))
    if phase == PhaseName.RESOLVE:
        return Step(apply=renewed, create=(*(each for each in whole if each not in renewed), *children))
    if phase == PhaseName.AUGMENT and shards > GRANTED_AHEAD:
        renewed += tuple(manifest for manifest in whole if manifest["kind"] == "Role")
    return Step(apply=renewed, create=children)


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
