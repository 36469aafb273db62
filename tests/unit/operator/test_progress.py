"""How far a job is: what its shards report, against what resolve found."""

from augmentation_api.status import Shard, ShardTally, SourceStatus
from augmentation_api.vocabulary import ShardState
from augmentation_operator.reconcile.progress import at_rest, progress_of

SOURCE = SourceStatus(selected_episodes=10, selected_frames=1000, copies=3)


def shard(index: int, done: int, speed: float | None = None, state: ShardState = ShardState.RUNNING) -> Shard:
    return Shard(
        index=index,
        state=state,
        episodes=ShardTally(total=5, done=done // 300),
        frames=ShardTally(total=1500, done=done),
        bytes=ShardTally(done=done * 10),
        frames_per_second=speed,
    )


def test_before_resolve_nothing_is_known() -> None:
    progress = progress_of(None, [], published=False)
    assert (progress.percent, progress.frames.total) == (0, 0)


def test_the_totals_stand_before_the_first_shard_reports() -> None:
    progress = progress_of(SOURCE, [], published=False)
    assert (progress.episodes.total, progress.frames.total, progress.percent) == (10, 3000, 0)


def test_the_shards_are_added_up() -> None:
    progress = progress_of(SOURCE, [shard(0, 600), shard(1, 900)], published=False)
    assert (progress.frames.done, progress.episodes.done, progress.bytes.done) == (1500, 5, 15000)


def test_half_the_frames_are_half_of_99_percent() -> None:
    assert progress_of(SOURCE, [shard(0, 1500)], published=False).percent == 49


def test_all_frames_are_99_percent_until_the_result_is_published() -> None:
    shards = [shard(0, 1500), shard(1, 1500)]
    assert progress_of(SOURCE, shards, published=False).percent == 99
    assert progress_of(SOURCE, shards, published=True).percent == 100


def test_more_frames_than_expected_are_still_99_percent() -> None:
    assert progress_of(SOURCE, [shard(0, 1500), shard(1, 1600)], published=False).percent == 99


def test_the_speeds_of_the_running_shards_are_added_up() -> None:
    shards = [shard(0, 500, 20.0), shard(1, 500, 30.0), shard(2, 0, 99.0, ShardState.COMPLETED)]
    progress = progress_of(SOURCE, shards, published=False)
    assert progress.frames_per_second == 50.0
    assert progress.estimated_seconds_remaining == 40


def test_nothing_is_promised_without_a_speed() -> None:
    for shards in ([], [shard(0, 10)], [shard(0, 10, 0.0)], [shard(0, 1500, 50.0, ShardState.COMPLETED)]):
        assert progress_of(SOURCE, shards, published=False).estimated_seconds_remaining is None


def test_a_shard_that_has_only_begun_counts_as_nothing_done() -> None:
    assert progress_of(SOURCE, [Shard(index=0)], published=False).frames.done == 0


def test_a_job_without_frames_is_not_divided_by_zero() -> None:
    assert progress_of(SourceStatus(selected_frames=0), [], published=False).percent == 0


def test_stopped_job_has_no_speed_or_estimate_and_keeps_its_progress() -> None:
    moving = progress_of(SOURCE, [shard(0, 500, 20.0)], published=False)
    still = at_rest(moving)
    assert (still.frames_per_second, still.estimated_seconds_remaining) == (None, None)
    assert still.frames == moving.frames
