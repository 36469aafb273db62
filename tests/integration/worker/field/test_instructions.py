"""Copies carry their task in other words; LeRobot's loader says what it reads."""

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from augmentation_api import AugmentationJobSpec, FailureReason
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.lerobot.resolve import resolve
from augmentation_worker.storage.folder.source import FolderSource
from tests.fixtures.field.instructions import PICK, PLACE, task_aug_rows, two_tasks
from tests.integration.worker.datasets import episodes, file_hashes, rows
from tests.integration.worker.lerobot_recorder import Kind, record
from tests.integration.worker.test_folders import run_of
from tests.lerobot_check import Expected, check_all_open_in_lerobot
from tests.recorded_copies import provenance_of

TOP = "observation.images.top"
LENGTHS = (6, 5, 4)
GRAB, LIFT, DROP = "Grab the cube", "Lift it", "Drop it in the box"
PARAPHRASES = {"paraphrases": [{"task": PICK, "as": [GRAB, LIFT]}, {"task": PLACE, "as": [DROP]}]}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tasks in turns; in the last episode both, and paraphrases of the first two episodes."""
    folder = record(tmp_path_factory.mktemp("tasks") / "source", "v3.0", {TOP: Kind.VIDEO}, LENGTHS)
    two_tasks(folder, within=[2])
    task_aug_rows(folder, [[PICK, GRAB, GRAB, LIFT], [PLACE], [PICK, LIFT]])
    return folder


def augmented(source: Path, folder: Path, tasks: dict[str, Any], copies: int = 3, mode: str = "copy") -> Path:
    spec = {"copies": copies, "seed": 7, "transforms": ["gamma"], "tasks": tasks}
    run_of(folder.with_name(f"{folder.name}-job"), source, folder, augmentation=spec, output={"mode": mode}).run_all()
    return folder


def tasks_file(folder: Path) -> list[str]:
    return list(pq.read_table(folder / "meta/tasks.parquet").to_pandas().index)


def test_each_copy_carries_the_next_paraphrase(source: Path, tmp_path: Path) -> None:
    named = augmented(source, tmp_path / "named", PARAPHRASES)
    own = augmented(source, tmp_path / "own", {"from": "dataset"})
    in_place = augmented(source, tmp_path / "in-place", PARAPHRASES, mode="inPlace")
    total = sum(LENGTHS)
    said = check_all_open_in_lerobot(
        Expected(str(folder), folder.name, len(LENGTHS) * times, total * times)
        for folder, times in ((named, 4), (own, 4), (in_place, 1))
    )
    originals = [PICK, PLACE, f"{PICK} | {PLACE}"]
    both = [f"{DROP} | {GRAB}", f"{DROP} | {LIFT}", f"{DROP} | {GRAB}"]
    assert said["named"] == [*originals, GRAB, LIFT, GRAB, DROP, DROP, DROP, *both]
    assert said["own"] == [*originals, GRAB, LIFT, GRAB, PLACE, PLACE, PLACE, *originals[2:] * 3]
    assert said["in-place"] == [GRAB, DROP, both[0]]
    assert tasks_file(named) == [PICK, PLACE, GRAB, LIFT, DROP]
    assert tasks_file(in_place) == [PICK, PLACE, GRAB, DROP]
    assert tasks_file(own) == [PICK, PLACE, GRAB, LIFT]
    assert (
        file_hashes(source)["data/chunk-000/file-000.parquet"] == file_hashes(named)["data/chunk-000/file-000.parquet"]
    )

    table = episodes(named)
    assert table.column("tasks").to_pylist()[3:] == [
        [GRAB],
        [LIFT],
        [GRAB],
        *[[DROP]] * 3,
        *[[GRAB, DROP], [LIFT, DROP], [GRAB, DROP]],
    ]
    statistics = {name: table.column(f"stats/task_index/{name}").to_pylist()[9:] for name in ("min", "max", "mean")}
    assert statistics == {"min": [[2], [3], [2]], "max": [[4], [4], [4]], "mean": [[3], [3.5], [3]]}
    whole = json.loads((named / "meta/stats.json").read_text())["task_index"]
    assert whole["mean"][0] == pytest.approx(sum(rows(named).column("task_index").to_pylist()) / (4 * total))
    assert (whole["min"], whole["max"]) == ([0], [4])

    made = provenance_of(named)
    assert made["augmentation"]["tasks"] == PARAPHRASES
    assert [entry["tasks"] for entry in made["episodes"]][1:4:2] == [
        {PICK: LIFT, PLACE: DROP},
        {PICK: GRAB, PLACE: DROP},
    ]
    assert "copies carry paraphrases of the job's spec; 3 tasks are new" in (named / "README.md").read_text()


def refusal(source: Path, tasks: dict[str, Any]) -> WorkerFailure:
    with pytest.raises(WorkerFailure) as caught:
        resolved(source, tasks)
    return caught.value


def resolved(source: Path, tasks: dict[str, Any]) -> tuple[str, ...]:
    spec = {"source": {"hub": {"repoID": "lab/tasks"}}, "augmentation": {"tasks": tasks}}
    return resolve(FolderSource(source, "lab/tasks"), AugmentationJobSpec.model_validate(spec), None).warnings


def test_tasks_that_the_dataset_does_not_have_are_named_with_those_that_it_has(source: Path) -> None:
    failure = refusal(source, {"paraphrases": [{"task": PICK, "as": ["x"]}, {"task": "Fly", "as": ["x"]}]})
    assert failure.reason is FailureReason.SELECTION_EMPTY
    assert failure.message.startswith("spec.augmentation.tasks.paraphrases[1].task: the dataset has no task 'Fly'")
    assert failure.message.endswith(f"it has: {PICK!r}, {PLACE!r}")


def test_episodes_that_keep_their_tasks_are_a_warning(source: Path) -> None:
    warnings = resolved(source, {"from": "dataset"})
    assert [warning.split(":")[0] for warning in warnings] == [
        "1 of 3 selected episodes has no paraphrases",
        "1 of 3 selected episodes has several tasks, and paraphrases do not say of which they are",
    ]


def test_dataset_without_paraphrases_is_refused_where_they_are_asked_for(source: Path, tmp_path: Path) -> None:
    folder = record(tmp_path / "plain", "v3.0", {TOP: Kind.VIDEO}, LENGTHS)
    assert "no selected episode with one task has paraphrases" in refusal(folder, {"from": "dataset"}).message


def test_damaged_tasks_are_refused_in_resolve(source: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(source, tmp_path / "source"))
    path = folder / "meta/tasks.parquet"
    pq.write_table(pq.read_table(path).take([1, 0]), path)
    assert "in the order of task_index" in refusal(folder, PARAPHRASES).message
    pq.write_table(pq.read_table(path).replace_schema_metadata(None), path)
    assert "has no index of texts" in refusal(folder, PARAPHRASES).message
