from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from augmentation_api import Augmentation
from augmentation_api.transforms import TransformName
from augmentation_api.vocabulary import AugmentationMode, OutputMode
from augmentation_worker.formats.lerobot.format_version import FileNumber
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.plan import EpisodePlan, PlannedEpisode, RowsMade
from augmentation_worker.formats.lerobot.planner import make_plan
from augmentation_worker.formats.shares import balanced_shares
from tests.unit.worker.formats.lerobot.samples import (
    DEPTH,
    FIXTURE_V21,
    TOP,
    WRIST,
    episode_rows,
    fixture_metadata,
    info_document,
    job,
    metadata_of,
)

lengths = some.lists(some.integers(1, 60), min_size=1, max_size=25)


def metadata_with(lengths: list[int], **changes: int) -> DatasetMetadata:
    return metadata_of(episode_rows(lengths), **changes)


def large(path: str) -> int:
    """Bytes of a file of the source of which no episode shares one in the result."""
    return 10**12


def all_videos(plan: EpisodePlan, metadata: DatasetMetadata) -> list[str]:
    return [
        metadata.info.video_file(camera.key, number)
        for episode in plan.episodes
        for camera in plan.cameras
        for number in episode.video_files(camera.key)
    ]


@settings(max_examples=40, deadline=None)
@given(lengths=lengths, copies=some.integers(1, 5), shards=some.sampled_from([1, 2, 3, 7]), first=some.integers(0, 5))
def test_every_selected_episode_is_in_exactly_one_shard_and_numbers_are_contiguous(
    lengths: list[int], copies: int, shards: int, first: int
) -> None:
    metadata = metadata_with(lengths)
    augmentation = Augmentation(copies=copies, episodes=f"{first}:100")
    plan = make_plan(metadata, job(augmentation), shards)
    assert len(plan.shards) == shards
    assert [episode.source.index for episode in plan.episodes] == list(range(first, len(lengths)))
    made = [copy for episode in plan.episodes for copy in episode.copies]
    assert [copy.episode_index for copy in made] == list(range(len(lengths), plan.total_episodes))
    rows = [len_total := sum(lengths), *(copy.to_index for copy in made)]
    assert [copy.from_index for copy in made] == rows[:-1]
    assert rows[-1] == plan.total_frames >= len_total


@settings(max_examples=25, deadline=None)
@given(lengths=lengths, copies=some.integers(1, 3))
def test_the_number_of_shards_changes_nothing_but_who_does_what(lengths: list[int], copies: int) -> None:
    metadata = metadata_with(lengths)
    plans = [make_plan(metadata, job(Augmentation(copies=copies)), shards) for shards in (1, 2, 7)]
    versions = [[_without_data_files(episode) for episode in plan.episodes] for plan in plans]
    assert versions[0] == versions[1] == versions[2]
    originals = [sorted(path for shard in plan.shards for path in shard.original_videos) for plan in plans]
    assert originals[0] == originals[1] == originals[2] == sorted(metadata.video_paths)


def _without_data_files(episode: PlannedEpisode) -> PlannedEpisode:
    """A shard has files of its own: their numbers are what differs."""
    copies = tuple(replace(copy, data_file=FileNumber(0, 0), videos={}) for copy in episode.copies)
    return replace(episode, copies=copies)


@given(lengths=some.lists(some.integers(1, 1000), min_size=1, max_size=60), shards=some.integers(1, 12))
def test_shares_are_contiguous_not_empty_without_need_and_balanced(lengths: list[int], shards: int) -> None:
    shares = balanced_shares(lengths, shards)
    assert [position for share in shares for position in share] == list(range(len(lengths)))
    assert sum(len(share) > 0 for share in shares) == min(shards, len(lengths))
    fair, longest = sum(lengths) / shards, max(lengths)
    if len(lengths) > 4 * shards and longest < fair / 4:
        assert all(abs(sum(lengths[position] for position in share) - fair) <= 2 * longest for share in shares)


def test_a_plan_is_the_same_whenever_it_is_made() -> None:
    augmentation = Augmentation(copies=3)
    one, other = (make_plan(fixture_metadata(), job(augmentation), 4) for _ in range(2))
    assert [*one.shards] == [other.shards[index] for index in range(4)]
    assert (one.data_numbers, one.kept_rows, one.splits) == (other.data_numbers, other.kept_rows, other.splits)


def test_new_files_are_numbered_after_the_sources_and_fill_chunks() -> None:
    metadata = metadata_with([5] * 5, chunks_size=4)  # files 0 to 2 of chunk 0 are taken
    plan = make_plan(metadata, job(Augmentation(copies=1)), 2, size_of=large)
    assert [tuple(episode.copies[0].videos[TOP]) for episode in plan.episodes] == [
        (0, 3),
        (1, 0),
        (1, 1),
        (1, 2),
        (1, 3),
    ]
    assert [number for shard in plan.shards for number in shard.data_files] == [(0, 3), (1, 0), (1, 1), (1, 2), (1, 3)]
    together = make_plan(metadata, job(Augmentation(copies=1)), 2)
    assert [[*map(tuple, shard.data_files)] for shard in together.shards] == [[(0, 3)], [(1, 0)]]


@settings(max_examples=25, deadline=None)
@given(lengths=lengths, shards=some.integers(1, 9), chunks_size=some.sampled_from([1, 3, 1000]))
def test_no_two_files_share_a_path_and_data_files_sort_in_the_order_of_their_rows(
    lengths: list[int], shards: int, chunks_size: int
) -> None:
    metadata = metadata_with(lengths, chunks_size=max(chunks_size, (len(lengths) + 1) // 2))
    plan = make_plan(metadata, job(Augmentation(copies=2)), shards)
    data = [metadata.info.data_file(number) for shard in plan.shards for number in shard.data_files]
    paths = [*metadata.data_paths, *data]
    assert paths == sorted(set(paths))
    videos = [*metadata.video_paths, *dict.fromkeys(all_videos(plan, metadata))]
    assert len(videos) == len(metadata.video_paths) + 2 * sum(bool(shard.episodes) for shard in plan.shards)
    assert len(videos) == len(set(videos))


def test_shards_beyond_the_episodes_have_nothing_to_do() -> None:
    plan = make_plan(metadata_with([5, 5]), job(Augmentation()), 4)
    assert [len(shard.episodes) for shard in plan.shards] == [1, 1, 0, 0]
    assert [len(shard.data_files) for shard in plan.shards] == [1, 1, 0, 0]
    assert [len(shard.units) for shard in plan.shards] == [2, 2, 0, 0]


def test_only_colour_cameras_that_are_selected_are_augmented_but_all_are_carried_over() -> None:
    metadata = metadata_with([5, 5, 5])
    assert [camera.key for camera in make_plan(metadata, job(Augmentation()), 1).cameras] == [TOP, WRIST]
    plan = make_plan(metadata, job(Augmentation(cameras=[WRIST])), 1)
    assert [list(episode.copies[0].videos) for episode in plan.episodes] == [[WRIST]] * 3
    assert any(DEPTH in path for path in plan.shards[0].original_videos)


def test_an_original_video_is_carried_by_the_shard_of_its_first_episode() -> None:
    metadata = metadata_with([5] * 6)  # two episodes a file
    plan = make_plan(metadata, job(Augmentation(cameras=[TOP])), 3)
    carried = [[path for path in shard.original_videos if TOP in path] for shard in plan.shards]
    assert carried == [[f"videos/{TOP}/chunk-000/file-00{number}.mp4"] for number in range(3)]


def test_originals_without_a_selected_episode_are_carried_all_the_same() -> None:
    plan = make_plan(metadata_with([5] * 6), job(Augmentation(episodes="2")), 2)
    assert [len(shard.original_videos) for shard in plan.shards] == [9, 0]


def test_nothing_is_carried_where_the_result_goes_over_the_source() -> None:
    plan = make_plan(metadata_with([5, 5]), job(Augmentation()), 1, carry_originals=False)
    assert plan.shards[0].original_videos == ()


@pytest.mark.parametrize("shards", [1, 2, 3])
def test_copies_of_an_episode_stay_together(shards: int) -> None:
    plan = make_plan(metadata_with([5, 9, 2, 4]), job(Augmentation(copies=3)), shards)
    for before, after in pairwise(plan.episodes):
        assert before.copies[-1].episode_index + 1 == after.copies[0].episode_index


@settings(max_examples=25, deadline=None)
@given(lengths=lengths, shards=some.sampled_from([1, 2, 3, 7]), first=some.integers(0, 5))
def test_in_place_episodes_keep_their_numbers_and_rows(lengths: list[int], shards: int, first: int) -> None:
    metadata = metadata_with(lengths)
    plan = make_plan(metadata, job(Augmentation(copies=3, episodes=f"{first}:100"), OutputMode.IN_PLACE), shards)
    assert [episode.source for episode in plan.episodes] == list(metadata.episodes[first:])
    for episode in plan.episodes:
        source = episode.source
        made = [(copy.copy, copy.episode_index, copy.from_index, copy.to_index) for copy in episode.copies]
        assert made == [(0, source.index, source.from_index, source.to_index)]
    assert (plan.total_episodes, plan.total_frames) == (len(lengths), sum(lengths))
    assert not any(shard.data_files for shard in plan.shards)


def test_in_place_only_video_files_that_still_show_something_are_carried() -> None:
    metadata = metadata_with([5] * 6)  # two episodes a file
    plan = make_plan(metadata, job(Augmentation(cameras=[TOP], episodes="0:3"), OutputMode.IN_PLACE), 2)
    assert plan.abandoned == (f"videos/{TOP}/chunk-000/file-000.mp4",)
    carried = {path for shard in plan.shards for path in shard.original_videos}
    assert carried == set(metadata.video_paths) - set(plan.abandoned)
    assert not carried & set(all_videos(plan, metadata))


def test_independent_makes_versions_for_each_transform() -> None:
    augmentation = Augmentation(
        transforms=[TransformName.NOISE, TransformName.BLUR],
        mode=AugmentationMode.INDEPENDENT,
        copies_per_transform={TransformName.NOISE: 3},
    )
    plan = make_plan(metadata_with([5, 5]), job(augmentation), 1)
    assert plan.copies == 4
    assert [len(episode.copies) for episode in plan.episodes] == [4, 4]
    assert plan.total_episodes == 2 + 8


@pytest.mark.parametrize("shards", [1, 3])
def test_in_v21_each_copy_has_files_of_its_own_under_its_index(shards: int) -> None:
    metadata = fixture_metadata(FIXTURE_V21)
    metadata = replace(metadata, info=metadata.info.model_copy(update={"chunks_size": 3}))
    plan = make_plan(metadata, job(Augmentation(copies=2, episodes="1,3")), shards)
    assert plan.rows_made is RowsMade.WITH_EPISODE
    copies = [copy for episode in plan.episodes for copy in episode.copies]
    numbers = [FileNumber(1, 4), FileNumber(1, 5), FileNumber(2, 6), FileNumber(2, 7)]
    assert [copy.data_file for copy in copies] == [copy.videos["observation.image"] for copy in copies] == numbers
    assert all_videos(plan, metadata)[-1] == "videos/chunk-002/observation.image/episode_000007.mp4"
    assert not any(shard.data_files for shard in plan.shards)


def test_in_v21_in_place_files_are_overwritten_and_none_is_deleted() -> None:
    metadata = fixture_metadata(FIXTURE_V21)
    plan = make_plan(metadata, job(Augmentation(episodes="1,3"), OutputMode.IN_PLACE), 2)
    assert plan.rows_made is RowsMade.NEVER
    assert all_videos(plan, metadata) == [metadata.video_paths[1], metadata.video_paths[3]]
    assert plan.abandoned == ()
    carried = [path for shard in plan.shards for path in shard.original_videos]
    assert sorted(carried) == [metadata.video_paths[0], metadata.video_paths[2]]


def with_images(lengths: list[int], **changes: int) -> DatasetMetadata:
    """The camera TOP stores images; three episodes lie in a data file."""
    features = info_document()["features"]
    features[TOP] = {"dtype": "image", "shape": [48, 64, 3], "names": ["height", "width", "channels"]}
    return metadata_of(episode_rows(lengths, episodes_per_file=3), features=features, **changes)


def test_rows_with_images_are_units_of_their_own_even_if_only_videos_are_augmented() -> None:
    for cameras in ([], [WRIST]):
        plan = make_plan(with_images([5] * 4), job(Augmentation(copies=2, cameras=cameras)), 2, size_of=large)
        assert plan.rows_made is RowsMade.WITH_EPISODE
        assert [episode.data_files for episode in plan.episodes] == [((0, number),) for number in (2, 3, 4, 5)]
        assert all(kept.is_where_it_was for kept in plan.kept_rows)
        assert plan.abandoned == ()
    together = make_plan(with_images([5] * 4), job(Augmentation(copies=2)), 2)
    assert [episode.data_files for episode in together.episodes] == [((0, 2),), ((0, 2),), ((0, 3),), ((0, 3),)]


@settings(max_examples=50, deadline=None)
@given(lengths=lengths, chosen=some.sets(some.integers(0, 24)), shards=some.integers(1, 4))
def test_in_place_all_rows_lie_in_files_that_rise_with_them(lengths: list[int], chosen: set[int], shards: int) -> None:
    metadata = with_images(lengths, chunks_size=7 + len(lengths))
    augmentation = Augmentation(episodes=",".join(map(str, sorted(chosen))), cameras=[TOP])
    plan = make_plan(metadata, job(augmentation, OutputMode.IN_PLACE), shards)
    files = {index: kept.number for kept in plan.kept_rows for index in kept.episodes}
    made = {copy.episode_index: copy.data_file for episode in plan.episodes for copy in episode.copies}
    assert not set(files) & set(made)
    numbers = [number for _, number in sorted({**files, **made}.items())]
    assert len(numbers) == len(lengths)
    assert numbers == sorted(numbers)
    assert len(set(numbers)) == len(made) + len(plan.kept_rows)
    kept_paths = {metadata.info.data_file(number) for number in numbers}
    assert set(plan.abandoned) == set(metadata.data_paths) - kept_paths == set()
    wholes = [kept for kept in plan.kept_rows if kept.is_whole]
    assert all(len(kept.episodes) == sum(e.data_file == kept.source for e in metadata.episodes) for kept in wholes)


def test_in_place_nothing_moves_that_comes_before_the_first_replaced_episode() -> None:
    plan = make_plan(with_images([5] * 9), job(Augmentation(episodes="4", cameras=[TOP]), OutputMode.IN_PLACE), 1)
    kept = [(tuple(each.number), tuple(each.source), len(each.episodes), each.is_whole) for each in plan.kept_rows]
    assert kept == [((0, 0), (0, 0), 3, True), ((0, 1), (0, 1), 1, False), ((0, 3), (0, 1), 1, False),
                    ((0, 4), (0, 2), 3, True)]  # fmt: skip
    assert plan.episodes[0].data_files == ((0, 2),)
