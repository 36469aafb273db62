"""How many shards a job is cut into."""

from hypothesis import given
from hypothesis import strategies as st

from augmentation_api.sharding import (
    EPISODE_RECORD_BYTES,
    RECORDS_BYTES,
    VIDEO_RECORD_BYTES,
    most_episodes_per_shard,
    shard_count,
)
from augmentation_api.status import MAX_SHARDS
from augmentation_api.worker_contract import MAX_EPISODES_PER_SHARD

episodes_of = st.integers(1, 300_000)
frames_of = st.integers(0, 10**10)
frames_per_shard_of = st.integers(1, 10**7)
parallelism_of = st.none() | st.integers(1, 1000)


def test_a_small_job_is_one_shard() -> None:
    assert shard_count(episodes=50, augmented_frames=20_000, frames_per_shard=20_000, parallelism=None) == 1


def test_a_frame_more_than_a_shard_should_hold_is_a_second_shard() -> None:
    assert shard_count(episodes=50, augmented_frames=20_001, frames_per_shard=20_000, parallelism=None) == 2


def test_a_user_who_wants_more_at_once_gets_more_shards() -> None:
    assert shard_count(episodes=50, augmented_frames=100, frames_per_shard=20_000, parallelism=8) == 8


def test_an_episode_is_never_split() -> None:
    assert shard_count(episodes=3, augmented_frames=10**6, frames_per_shard=1000, parallelism=8) == 3


def test_a_job_without_frames_is_still_one_shard() -> None:
    assert shard_count(episodes=0, augmented_frames=0, frames_per_shard=1000, parallelism=None) == 1


@given(episodes_of, frames_of, frames_per_shard_of, parallelism_of)
def test_there_is_at_least_one_shard_and_never_more_than_episodes_or_the_limit(
    episodes: int, frames: int, frames_per_shard: int, parallelism: int | None
) -> None:
    shards = shard_count(
        episodes=episodes, augmented_frames=frames, frames_per_shard=frames_per_shard, parallelism=parallelism
    )
    assert 1 <= shards <= min(episodes, MAX_SHARDS)


@given(episodes_of, frames_of, frames_per_shard_of, parallelism_of, st.integers(1, 20 * 8))
def test_a_shard_holds_no_more_episodes_than_its_record_can_where_there_may_be_shards_enough(
    episodes: int, frames: int, frames_per_shard: int, parallelism: int | None, videos: int
) -> None:
    shards = shard_count(
        episodes=episodes,
        augmented_frames=frames,
        frames_per_shard=frames_per_shard,
        parallelism=parallelism,
        videos_per_episode=videos,
    )
    assert shards == MAX_SHARDS or -(-episodes // shards) <= most_episodes_per_shard(videos)


@given(st.integers(1, 20 * 64))
def test_the_records_of_a_shard_fit_into_a_config_map(videos: int) -> None:
    episodes = most_episodes_per_shard(videos)
    assert 1 <= episodes <= MAX_EPISODES_PER_SHARD
    assert episodes == 1 or episodes * (EPISODE_RECORD_BYTES + VIDEO_RECORD_BYTES * videos) <= RECORDS_BYTES < 2**20


@given(episodes_of, frames_of, frames_of, frames_per_shard_of, parallelism_of)
def test_more_frames_never_mean_fewer_shards(
    episodes: int, some: int, more: int, frames_per_shard: int, parallelism: int | None
) -> None:
    few, many = sorted((some, more))
    assert shard_count(
        episodes=episodes, augmented_frames=few, frames_per_shard=frames_per_shard, parallelism=parallelism
    ) <= shard_count(
        episodes=episodes, augmented_frames=many, frames_per_shard=frames_per_shard, parallelism=parallelism
    )
