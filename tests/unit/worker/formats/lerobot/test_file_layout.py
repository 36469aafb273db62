"""Which episodes share a file: every selected one is in exactly one per stream, in order, and no limit is passed."""

import time
from dataclasses import replace
from itertools import zip_longest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from augmentation_api import Augmentation
from augmentation_api.vocabulary import OutputMode
from augmentation_worker.formats.lerobot.episodes import EpisodeFiles, Episodes, VideoSpans
from augmentation_worker.formats.lerobot.format_version import FileNumber
from augmentation_worker.formats.lerobot.layout import NewNumbers, cut_files, estimated_bytes
from augmentation_worker.formats.lerobot.plan import EpisodePlan
from augmentation_worker.formats.lerobot.planner import make_plan
from augmentation_worker.formats.shares import balanced_shares
from tests.unit.worker.formats.lerobot.samples import (
    DEPTH,
    FIXTURE_V21,
    TOP,
    WRIST,
    episode_rows,
    fixture_metadata,
    job,
    metadata_of,
)

weights = some.lists(some.integers(1, 100), min_size=1, max_size=60)


@settings(max_examples=100, deadline=None)
@given(weights=weights, shards=some.integers(1, 9), limit=some.integers(-1, 400))
def test_files_hold_consecutive_episodes_of_one_shard_within_the_limit(
    weights: list[int], shards: int, limit: int
) -> None:
    shares = balanced_shares([1] * len(weights), shards)
    cuts = cut_files(np.array(weights), shares, limit)
    assert [place for file in range(len(cuts)) for place in cuts.places(file)] == list(range(len(weights)))
    for shard, share in enumerate(shares):
        files = [cuts.places(file) for file in cuts.of_shard(shard)]
        assert [place for file in files for place in file] == [*share]
        for file, following in zip_longest(files, files[1:]):
            taken = sum(weights[place] for place in file)
            assert len(file) == 1 or taken <= limit
            assert following is None or taken + weights[following.start] > limit  # no file ends too early
    assert all(place in cuts.places(cuts.file_of(place)) for place in range(len(weights)))


@given(
    chunk=some.integers(0, 3), file=some.integers(0, 12), chunks_size=some.integers(1, 9), count=some.integers(0, 40)
)
def test_new_numbers_are_those_that_follow_one_another(chunk: int, file: int, chunks_size: int, count: int) -> None:
    number, numbers = FileNumber(chunk, file), NewNumbers(FileNumber(chunk, file), chunks_size)
    for place in range(count):
        number = number.following(chunks_size)
        assert numbers[place] == number


def test_an_estimate_is_the_sources_bytes_per_frame_and_never_nothing() -> None:
    lengths, sizes, frames = (np.array(values) for values in ([10, 1, 10**9], [1000, 0, 10**12], [100, 5, 1]))
    assert estimated_bytes(lengths, 3, sizes, frames).tolist() == [300, 1, 2**40]


def planned(lengths: list[int], shards: int, limit: int, left_out: set[int], mode: OutputMode) -> EpisodePlan:
    metadata = metadata_of(episode_rows(lengths))
    spec = job(Augmentation(copies=2), mode)
    return make_plan(metadata, spec, shards, size_of=lambda path: 1000, checkpoint_bytes=limit, left_out=left_out)


@settings(max_examples=60, deadline=None)
@given(
    lengths=some.lists(some.integers(1, 60), min_size=1, max_size=25),
    shards=some.integers(1, 7),
    limit=some.integers(0, 6000),
    left_out=some.sets(some.integers(0, 24)),
    mode=some.sampled_from(OutputMode),
)
def test_a_shard_alone_plans_what_all_plan_and_files_stay_where_episodes_are_left_out(
    lengths: list[int], shards: int, limit: int, left_out: set[int], mode: OutputMode
) -> None:
    whole = planned(lengths, shards, limit, set(), mode)
    seen: dict[str, list[int]] = {TOP: [], WRIST: []}
    for index in reversed(range(shards)):
        alone = planned(lengths, shards, limit, set(), mode).shards[index]
        assert alone == whole.shards[index]
        left = planned(lengths, shards, limit, left_out, mode).shards[index]
        assert [(unit.key, unit.number, unit.selected) for unit in left.units] == [
            (unit.key, unit.number, unit.selected) for unit in alone.units
        ]
        assert not left_out.intersection(episode.source.index for episode in left.episodes)
        keys = [unit.key for unit in alone.units]
        assert len(set(keys)) == len(keys)
        for unit in alone.units:
            seen[unit.stream or ""] += unit.selected
            assert all(copy.videos[unit.stream or ""] == unit.number for each in unit.episodes for copy in each.copies)
    assert all(sorted(indices) == list(range(len(lengths))) for indices in seen.values())
    less = planned(lengths, shards, limit, left_out, mode)
    assert len(less.episodes) == len([*less.episodes]) == len(set(range(len(lengths))) - left_out)
    assert less.data_numbers == tuple(sorted(set(less.data_numbers)))


def test_in_v21_a_unit_is_a_run_of_episodes_each_copy_with_its_file() -> None:
    metadata = fixture_metadata(FIXTURE_V21)
    spec = job(Augmentation(copies=2))
    (shard,) = make_plan(metadata, spec, 1, size_of=lambda path: 2**20, checkpoint_bytes=5 * 2**20).shards
    units = [(unit.kind.value, unit.selected, unit.number) for unit in shard.units]
    assert units == [("video", (0, 1), None), ("rows", (0, 1), None), ("video", (2, 3), None), ("rows", (2, 3), None)]


@pytest.mark.parametrize(("name", "key"), [("video_files_size_in_mb", "video"), ("data_files_size_in_mb", "data")])
def test_the_datasets_own_limits_hold_where_they_are_lower(name: str, key: str) -> None:
    metadata = metadata_of(episode_rows([10] * 8), **{name: 1})
    plan = make_plan(metadata, job(Augmentation(copies=1)), 1, size_of=lambda path: 2**20)  # two episodes a file
    counts = {"video": len(plan.shards[0].units) // 2, "data": len(plan.shards[0].data_files)}
    assert counts == {"video": 1, "data": 1} | {key: 4}


def test_a_shard_of_a_hundred_thousand_episodes_is_planned_without_the_others() -> None:
    count = 100_000
    ends = np.arange(1, count + 1) * 300
    files = EpisodeFiles(np.zeros(count, np.int64), np.arange(count) // 100)
    spans = VideoSpans(files, (np.arange(count) % 100 * 30).astype(np.float64))
    lengths = np.full(count, 300)
    episodes = Episodes(
        np.arange(count), lengths, ends - lengths, ends, files, dict.fromkeys((TOP, WRIST, DEPTH), spans)
    )
    metadata = metadata_of(episode_rows([300] * 2))
    info = metadata.info.model_copy(update={"total_episodes": count, "total_frames": 300 * count})
    metadata = replace(metadata, episodes=episodes, info=info)
    begin = time.process_time()
    plan = make_plan(metadata, job(Augmentation(copies=3)), 1000, size_of=lambda path: 10**9)
    shard = plan.shards[500]
    assert time.process_time() - begin < 10  # half a second on a quiet core
    assert len(shard.episodes) == 100
    assert shard.episodes[0].copies[0].episode_index == count + 3 * shard.episodes[0].source.index
    assert len(plan.episodes) == count
