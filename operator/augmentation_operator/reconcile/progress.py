"""Progress of a job: the sum of its shards' entries."""

from collections.abc import Iterable, Sequence
from math import ceil

from augmentation_api import AugmentationJob
from augmentation_api.spec import MAX_SECONDS
from augmentation_api.status import MAX_COUNT, MAX_FRAMES_PER_SECOND, Progress, Shard, SourceStatus, Tally
from augmentation_api.vocabulary import ShardState
from augmentation_operator.children.job import attempt_of


def _sum(tallies: Iterable[Tally | None], total: int | None = None) -> Tally:
    """The sums, no larger than the CRD allows, whatever a worker claims to have done."""
    present = [tally for tally in tallies if tally is not None]
    return Tally(
        total=min(MAX_COUNT, sum(tally.total for tally in present) if total is None else total),
        done=min(MAX_COUNT, sum(tally.done for tally in present)),
        failed=min(MAX_COUNT, sum(tally.failed for tally in present)),
    )


def at_rest(progress: Progress) -> Progress:
    """The progress of a job that has ended: without a speed and an estimate."""
    return progress.model_copy(update={"frames_per_second": None, "estimated_seconds_remaining": None})


def shards_of_attempt(job: AugmentationJob) -> list[Shard]:
    """The shards' entries; those of an earlier attempt keep what was finished, but do not run."""
    began = job.status.queued_at
    if not attempt_of(job) or began is None:
        return list(job.status.shards)
    return [
        shard
        if shard.updated_at and shard.updated_at >= began
        else shard.model_copy(update={"state": None, "frames_per_second": None})
        for shard in job.status.shards
    ]


def progress_of(source: SourceStatus | None, shards: Sequence[Shard], *, published: bool) -> Progress:
    """Progress of the whole job.

    Totals come from what resolve found, so that they stand before the first shard reports. 100 percent is kept for
    the moment the dataset is there.
    """
    if source is None or source.selected_frames is None:
        return Progress()
    frames = _sum((shard.frames for shard in shards), total=source.selected_frames * (source.copies or 1))
    running = [shard for shard in shards if shard.state == ShardState.RUNNING]
    speed = min(MAX_FRAMES_PER_SECOND, sum(shard.frames_per_second or 0.0 for shard in running))
    left = max(0, frames.total - frames.done)
    percent = 100 if published else min(99, 99 * frames.done // frames.total if frames.total else 0)
    return Progress(
        episodes=_sum((shard.episodes for shard in shards), total=source.selected_episodes or 0),
        frames=frames,
        bytes=_sum(shard.bytes for shard in shards),
        percent=percent,
        frames_per_second=round(speed, 1) if speed else None,
        # A speed close to zero gives no estimate, and may be too small to divide by.
        estimated_seconds_remaining=ceil(left / speed) if speed * MAX_SECONDS > left else None,
    )
