"""The plan of an image dataset: which rows become which files."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augmentation_api import AugmentationJobSpec
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats.images import planner
from augmentation_worker.formats.images.dataset import ImageDataset, Layout, SourceFile
from augmentation_worker.formats.images.plan import BlockPlan
from augmentation_worker.formats.images.planner import make_plan

Sizes = dict[str, list[int]]


def dataset(sizes: Sizes, layout: Layout = Layout.PARQUET) -> ImageDataset:
    files, first = [], 0
    for split, rows_of_files in sizes.items():
        for number, rows in enumerate(rows_of_files if layout is Layout.PARQUET else [sum(rows_of_files)]):
            path = DatasetPath(f"data/{split}-{number}.parquet") if layout is Layout.PARQUET else None
            files.append(SourceFile(split, path, first, rows))
            first += rows
    return ImageDataset(
        name="lab/images",
        revision="0" * 40,
        config="default",
        layout=layout,
        schema=pa.schema([]),
        splits=tuple(sizes),
        files=tuple(files),
        columns=("image", "depth"),
        photographs=("image",),
        data_paths=frozenset(file.path for file in files if file.path),
        tables={},
    )


def planned(
    source: ImageDataset, shards: int = 1, *, mode: str = "copy", taken: Sequence[str] = (), **augmentation: Any
) -> BlockPlan:
    spec = {"source": {"hub": {"repoID": "lab/images"}}, "output": {"mode": mode}, "augmentation": augmentation}
    return make_plan(source, AugmentationJobSpec.model_validate(spec), shards, taken)


def rows_made(plan: BlockPlan) -> list[int]:
    """The source rows of all versions, in order."""
    return [
        block.file.first_row + row
        for block in plan.blocks
        for rows in block.selected
        for row in rows
        for _ in range(block.copies)
    ]


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planner, "BLOCK_ROWS", 4)


def test_the_limits_on_shards_are_those_of_blocks_whatever_the_copies() -> None:
    for copies in (1, 20):
        plan = planned(dataset({"train": [9, 4]}), copies=copies)
        assert (plan.min_shards, plan.max_shards) == (1, 4)
    many = planned(dataset({"train": [4] * 1001}), copies=20)
    assert (many.min_shards, many.max_shards) == (1, 100)


def test_versions_stand_behind_the_files_of_their_split() -> None:
    plan = planned(dataset({"train": [5, 4], "test": [3]}), copies=2)
    assert [split.patterns for split in plan.splits] == [
        ("data/train-0.parquet", "data/train-1.parquet", "augmented/train-*.parquet"),
        ("data/test-0.parquet", "augmented/test-*.parquet"),
    ]
    assert plan.splits[0].paths[2:] == tuple(f"augmented/train-0000{n}-of-00003.parquet" for n in range(3))
    assert [split.rows for split in plan.splits] == [27, 9]
    assert plan.abandoned == ()


def test_a_folder_becomes_parquet_files_of_its_rows_and_then_of_their_versions() -> None:
    plan = planned(dataset({"train": [5]}, Layout.IMAGE_FOLDER), copies=2, taken=["data/cat/1.png"])
    assert plan.splits[0].patterns == ("data-2/train-*.parquet", "augmented/train-*.parquet")
    assert [(block.rows, block.versions) for block in plan.blocks] == [(4, 0), (1, 0), (8, 8), (2, 2)]


def test_in_place_only_files_with_a_selected_row_are_replaced() -> None:
    plan = planned(dataset({"train": [5, 4, 3]}), mode="inPlace", episodes="6")
    assert plan.splits[0].patterns == ("data/train-0.parquet", "augmented/train-001-*.parquet", "data/train-2.parquet")
    assert [(block.rows, block.versions) for block in plan.blocks] == [(4, 1)]
    assert plan.abandoned == ("data/train-1.parquet",)
    assert plan.total_rows == 12


def test_rows_are_counted_through_all_splits() -> None:
    plan = planned(dataset({"train": [5, 4], "test": [3]}), copies=1, episodes="10,3:6")
    assert rows_made(plan) == [3, 4, 5, 10]
    assert plan.selected_rows == 4


def test_a_folder_of_the_source_is_not_written_into() -> None:
    plan = planned(dataset({"train": [5]}), taken=["augmented/a.parquet", "augmented-2/b.parquet"])
    assert plan.splits[0].patterns[-1] == "augmented-3/train-*.parquet"


def test_names_that_look_like_patterns_are_taken_literally() -> None:
    source = dataset({"train": [5]})
    odd = ImageDataset(**{**vars(source), "files": (SourceFile("train", DatasetPath("data/a[1]*.parquet"), 0, 5),)})
    assert planned(odd).splits[0].patterns[0] == "data/a[[]1][*].parquet"


def test_blocks_of_a_large_dataset_are_larger_instead_of_more() -> None:
    plan = planned(dataset({"train": [1_000_000]}), copies=3)
    assert len(plan.blocks) == planner.MOST_BLOCKS
    assert {block.rows for block in plan.blocks} == {3000}


@settings(deadline=None, max_examples=60)
@given(
    sizes=st.dictionaries(
        st.sampled_from(["train", "test", "dev"]), st.lists(st.integers(0, 30), min_size=1), min_size=1
    ),
    shards=st.integers(1, 7),
    in_place=st.booleans(),
    layout=st.sampled_from(list(Layout)),
    chosen=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=3),
)
def test_every_selected_row_is_made_once_whatever_the_number_of_shards(
    sizes: Sizes, shards: int, in_place: bool, layout: Layout, chosen: list[tuple[int, int]]
) -> None:
    source = dataset(sizes, layout)
    episodes = ",".join(f"{first}:{first + length}" for first, length in chosen)
    mode = "inPlace" if in_place else "copy"
    plan = planned(source, shards, mode=mode, copies=2, episodes=episodes)
    rows = (
        {row for first, length in chosen for row in range(first, first + length)} if chosen else set(range(source.rows))
    )
    wanted = sorted(rows & set(range(source.rows)))
    assert sorted(rows_made(plan)) == sorted(wanted * plan.copies)
    assert plan.blocks == planned(source, mode=mode, copies=2, episodes=episodes).blocks
    assert [block for shard in plan.shards for block in shard.blocks] == list(plan.blocks)
    carried = sorted(path for shard in plan.shards for path in shard.carried)
    assert carried == sorted(source.data_paths - set(plan.abandoned))
    assert plan.total_rows == source.rows + (0 if in_place else 2 * len(wanted))
    for split in plan.splits:
        expected = sum(file.rows for file in source.files if file.split == split.split)
        assert split.rows >= expected
