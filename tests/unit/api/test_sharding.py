"""How many shards a job is cut into."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from augmentation_api.sharding import shard_count
from augmentation_api.status import MAX_SHARDS, SourceStatus

frames_of = st.integers(0, 10**10)
frames_per_shard_of = st.integers(1, 10**7)
parallelism_of = st.none() | st.integers(1, 1000)
limit_of = st.integers(1, MAX_SHARDS)


def shards_of(
    frames: int, *, frames_per_shard: int = 20_000, parallelism: int | None = None, copies: int = 1, **source: Any
) -> int:
    status = SourceStatus(selected_frames=frames, copies=copies, **source)
    return shard_count(status, frames_per_shard=frames_per_shard, parallelism=parallelism)


def test_a_small_job_is_one_shard() -> None:
    assert shards_of(20_000, min_shards=1, max_shards=50) == 1


def test_one_frame_too_many_for_a_shard_makes_a_second_shard() -> None:
    assert shards_of(20_001, min_shards=1, max_shards=50) == 2


def test_frames_of_all_copies_count() -> None:
    assert shards_of(20_000, copies=3, min_shards=1, max_shards=50) == 3


def test_parallelism_raises_the_number_of_shards() -> None:
    assert shards_of(100, parallelism=8, min_shards=1, max_shards=50) == 8


def test_there_are_no_more_shards_than_the_worker_reports() -> None:
    assert shards_of(10**6, frames_per_shard=1000, parallelism=8, min_shards=1, max_shards=3) == 3


def test_there_are_no_fewer_shards_than_the_worker_reports() -> None:
    assert shards_of(100, min_shards=7, max_shards=50) == 7


def test_a_job_without_frames_is_still_one_shard() -> None:
    assert shards_of(0) == 1


@given(frames_of, frames_per_shard_of, parallelism_of, limit_of, limit_of)
def test_the_count_is_within_the_reported_limits(
    frames: int, frames_per_shard: int, parallelism: int | None, one: int, other: int
) -> None:
    least, most = sorted((one, other))
    limits = {"min_shards": least, "max_shards": most}
    assert least <= shards_of(frames, frames_per_shard=frames_per_shard, parallelism=parallelism, **limits) <= most


@given(frames_of, frames_of, frames_per_shard_of, parallelism_of, limit_of, limit_of)
def test_more_frames_never_mean_fewer_shards(
    some: int, more: int, frames_per_shard: int, parallelism: int | None, least: int, most: int
) -> None:
    few, many = (
        shards_of(frames, frames_per_shard=frames_per_shard, parallelism=parallelism, min_shards=least, max_shards=most)
        for frames in sorted((some, more))
    )
    assert few <= many


@pytest.mark.parametrize(
    ("source", "shards"),
    [({"selected_episodes": 3}, 3), ({"selected_episodes": 1400, "blocks": 14}, 14), ({"selected_episodes": 1000}, 50)],
)
def test_without_reported_limits_an_episode_or_block_is_never_split(source: dict[str, Any], shards: int) -> None:
    assert shards_of(10**6, **source) == shards
