import pytest

from augmentation_api import Augmentation
from augmentation_api.vocabulary import OutputMode
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.lerobot.carried_files import carried_files, folders_beside
from augmentation_worker.formats.lerobot.planner import check_order_of_data_files, make_plan
from augmentation_worker.storage.git_attributes import with_large_file_rules
from tests.unit.worker.formats.lerobot.samples import episode_rows, fixture_metadata, job, metadata_of


def test_what_publish_writes_itself_is_not_carried_over() -> None:
    metadata = fixture_metadata()
    paths = [
        "README.md",
        ".gitattributes",
        "LICENSE",
        "meta/info.json",
        "meta/stats.json",
        "meta/tasks.parquet",
        "meta/augmentation.json",
        "meta/augmentation.parquet",
        "meta/episodes/chunk-000/file-000.parquet",
        "images/big.png",
        "videos/observation.image/notes.txt",
        "data/chunk-000/notes.csv",
        "annotations/subtasks.jsonl",
        "annotations/.git/config",
        "urdf/so101.urdf",
        *metadata.data_paths,
        *metadata.video_paths,
    ]
    carried = carried_files(metadata, make_plan(metadata, job(Augmentation()), 1), [*map(DatasetPath, paths)])
    beside = ("annotations/subtasks.jsonl", "urdf/so101.urdf")
    assert carried == ("LICENSE", beside[0], "meta/tasks.parquet", beside[1])
    assert folders_beside(carried) == ("annotations", "urdf")
    in_place = make_plan(metadata, job(Augmentation(), OutputMode.IN_PLACE), 1)
    assert carried_files(metadata, in_place, [*map(DatasetPath, paths)]) == carried


def test_large_file_rules_are_added_once_and_only_where_they_are_missing() -> None:
    rules = with_large_file_rules("")
    assert "*.mp4 filter=lfs" in rules
    assert "*.parquet filter=lfs" in rules
    assert with_large_file_rules(rules) == rules
    partly = with_large_file_rules("*.parquet filter=lfs diff=lfs merge=lfs -text")
    added = [f"{pattern} filter=lfs diff=lfs merge=lfs -text" for pattern in ("*.mp4", "*.png")]
    assert partly.splitlines()[1:] == added


def test_numbers_without_leading_zeros_are_refused_where_files_would_be_read_in_another_order() -> None:
    columns = episode_rows([5] * 9, episodes_per_file=1)
    metadata = metadata_of(columns, data_path="data/{chunk_index}/{file_index}.parquet")
    check_order_of_data_files(metadata, make_plan(metadata, job(Augmentation()), 1))
    with pytest.raises(WorkerFailure, match=r"data/0/10\.parquet .* leading zeros"):
        check_order_of_data_files(metadata, make_plan(metadata, job(Augmentation()), 2))
