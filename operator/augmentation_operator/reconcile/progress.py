"""Progress of a job: the sum of its shards' entries."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil

from augmentation_api import AugmentationClass, AugmentationJob
from augmentation_api.estimate import FIGURES, NodeEstimate, estimate
from augmentation_api.spec import MAX_SECONDS
from augmentation_api.status import MAX_COUNT, MAX_FRAMES_PER_SECOND, Progress, Shard, SourceStatus, Tally
from augmentation_api.vocabulary import ShardState
from augmentation_operator.children.job import attempt_of, placement_index


def _sum(tallies: Iterable[Tally | None], total: int | None = None) -> Tally:
    """The sums, no larger than the CRD allows, whatever a worker claims to have done."""
    present = [tally for tally in tallies if tally is not None]
    return Tally(
        total=min(MAX_COUNT, sum(tally.total for tally in present) if total is None else total),
        done=min(MAX_COUNT, sum(tally.done for tally in present)),
        failed=min(MAX_COUNT, sum(tally.failed for tally in present)),
    )


def at_rest(progress: Progress) -> Progress:
    """The progress of a job that has ended: without a speed and without estimates."""
    estimates = ("frames_per_second", "estimated_seconds_remaining", "estimated_price")
    return progress.model_copy(update=dict.fromkeys(estimates))


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


@dataclass(frozen=True)
class Expected:
    """What a job was estimated to take where its pods run.

    Attributes:
        bytes: of all augmented videos.
        shards: their number.
        node: on nodes of its placement.
    """

    bytes: int
    shards: int
    node: NodeEstimate

    @property
    def price(self) -> float | None:
        """Of all augment pods; None where the placement has none."""
        return None if self.node.price is None else round(self.node.price, 6)


def expected_of(job: AugmentationJob, augmentation_class: AugmentationClass, shards: int) -> Expected | None:
    """What a resolved job was estimated to take; None where too little is known of its source."""
    source = job.status.source
    if source is None:
        return None
    found = estimate(job.spec, source, augmentation_class.spec, FIGURES, shards=shards)
    return Expected(found.work.bytes, found.shards, found.at(placement_index(job))) if found is not None else None


def progress_of(
    source: SourceStatus | None, shards: Sequence[Shard], expected: Expected | None = None, *, published: bool
) -> Progress:
    """Progress of the whole job.

    Totals come from what resolve found, so that they stand before the first shard reports. 100 percent is kept for
    the moment the dataset is there.

    Args:
        source: as resolve found it.
        shards: their entries.
        expected: what the job was estimated to take; None where too little is known of its source.
        published: whether the result is.
    """
    if source is None or source.selected_frames is None:
        return Progress()
    frames = _sum((shard.frames for shard in shards), total=source.selected_frames * (source.copies or 1))
    running = [shard for shard in shards if shard.state == ShardState.RUNNING]
    speed = min(MAX_FRAMES_PER_SECOND, sum(shard.frames_per_second or 0.0 for shard in running))
    left = max(0, frames.total - frames.done)
    written = _sum(shard.bytes for shard in shards)
    if published:
        written = written.model_copy(update={"total": written.done})
    elif expected is not None:
        written = written.model_copy(update={"total": min(MAX_COUNT, max(written.done, expected.bytes))})
    percent = 100 if published else min(99, 99 * frames.done // frames.total if frames.total else 0)
    return Progress(
        episodes=_sum((shard.episodes for shard in shards), total=source.selected_episodes or 0),
        frames=frames,
        bytes=written,
        percent=percent,
        frames_per_second=round(speed, 1) if speed else None,
        estimated_seconds_remaining=_seconds_remaining(left, shards, expected),
        estimated_price=None if expected is None or published else expected.price,
    )


def _seconds_remaining(left: int, shards: Sequence[Shard], expected: Expected | None) -> int | None:
    """Seconds for the frames that are left, at the speeds that shards report; for others, at the expected one.

    What is left is left for as long as its slowest shard takes: shards that end leave nothing to the others.
    """
    by_estimate = expected.node.frames_per_second if expected is not None else 0.0
    running = [shard for shard in shards if shard.state == ShardState.RUNNING]
    speeds = [shard.frames_per_second or by_estimate for shard in running]
    if expected is not None and left:
        # Pods that have not reported yet. Their shards have entries once they do.
        ended = sum(shard.state == ShardState.COMPLETED for shard in shards)
        coming = min(expected.node.pods, expected.shards - ended) - len(running)
        speeds += [by_estimate] * max(0, coming)
    together = _seconds(left, sum(speeds))
    alone = [
        _seconds(max(0, shard.frames.total - shard.frames.done), speed)
        for shard, speed in zip(running, speeds, strict=False)
        if shard.frames is not None
    ]
    return None if together is None else max(together, *(each for each in alone if each is not None), 0)


def _seconds(left: int, speed: float) -> int | None:
    # A speed close to zero gives no estimate, and may be too small to divide by.
    return ceil(left / speed) if speed * MAX_SECONDS > left else None
