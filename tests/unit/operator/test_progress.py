"""How far a job is: what its shards report, against what resolve found."""

from augmentation_api.estimate import NodeEstimate
from augmentation_api.status import Shard, ShardTally, SourceStatus
from augmentation_api.vocabulary import ShardState
from augmentation_operator.reconcile.progress import Expected, at_rest, progress_of

SOURCE = SourceStatus(selected_episodes=10, selected_frames=1000, copies=3)


EXPECTED = Expected(
    bytes=30_000,
    shards=2,
    node=NodeEstimate(
        placement="any",
        accelerators=0,
        cores=2,
        pods=2,
        seconds=160,
        seconds_at_most=None,
        augment_seconds=150,
        frames_per_second=10.0,
        pod_hours=0.08,
        price=1.25,
    ),
)


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


def test_remaining_time_is_that_of_all_frames_and_no_less_than_that_of_the_slowest_shard() -> None:
    even = [shard(0, 500, 20.0), shard(1, 500, 20.0)]
    assert progress_of(SOURCE, even, published=False).estimated_seconds_remaining == 50
    uneven = [shard(0, 500, 5.0), shard(1, 500, 45.0)]
    assert progress_of(SOURCE, uneven, published=False).estimated_seconds_remaining == 200


def test_until_shards_report_a_speed_the_estimate_says_what_is_left() -> None:
    waiting = progress_of(SOURCE, [], EXPECTED, published=False)
    assert (waiting.bytes.total, waiting.estimated_price) == (30_000, 1.25)
    assert waiting.estimated_seconds_remaining == 150, "two pods at 10 frames per second"
    assert progress_of(SOURCE, [shard(0, 0)], EXPECTED, published=False).estimated_seconds_remaining == 150
    slower = progress_of(SOURCE, [shard(0, 0, 5.0), shard(1, 0, 5.0)], EXPECTED, published=False)
    assert slower.estimated_seconds_remaining == 300, "what is measured goes before what was estimated"
    last = [shard(0, 1500, None, ShardState.COMPLETED), shard(1, 1000)]
    assert progress_of(SOURCE, last, EXPECTED, published=False).estimated_seconds_remaining == 50


def test_remaining_time_never_grows_while_shards_are_as_fast_as_estimated() -> None:
    seen = [150.0]
    for second in range(1, 150):
        shards = [shard(index, 10 * second, 10.0 if second > 3 else None) for index in range(2)]
        left = progress_of(SOURCE, shards, EXPECTED, published=False).estimated_seconds_remaining
        assert left is not None
        seen.append(left)
    assert seen == sorted(seen, reverse=True)


def test_published_job_has_no_estimates_left() -> None:
    done = progress_of(SOURCE, [shard(0, 1500, None, ShardState.COMPLETED)] * 2, EXPECTED, published=True)
    assert done.bytes.total == done.bytes.done > 0
    assert done.estimated_price is None


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
