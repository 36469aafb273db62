"""A dataset in a folder of a repository: read by its path, and named where no path is given."""

from collections.abc import Callable
from pathlib import Path

import pytest

from augmentation_api import FailureReason, PhaseName
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.registry import format_of
from augmentation_worker.storage.folder.source import FolderSource
from tests.fixtures.field.places import COMMIT, in_hub_cache, in_sub_folders
from tests.integration.worker.conftest import FIXTURES, Hub
from tests.integration.worker.datasets import check_result
from tests.integration.worker.jobs import LocalRun, spec_of
from tests.recorded_copies import provenance_of

PATH = "pick_cube/lerobot"


@pytest.fixture(scope="module")
def several(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A repository with two datasets."""
    folder = in_sub_folders(FIXTURES / "pusht_v30", tmp_path_factory.mktemp("several") / "all", PATH, "task_b")
    hub.publish("lab/several", folder, tag=None)
    return "lab/several"


def refusal(run: LocalRun) -> WorkerFailure:
    with pytest.raises(WorkerFailure) as caught:
        run.run(PhaseName.RESOLVE)
    return caught.value


def in_folder(dataset: str, path: str) -> dict[str, object]:
    return spec_of(dataset, copies=1) | {"source": {"hub": {"repoID": dataset, "path": path}}}


def test_only_the_folder_is_read_and_the_result_begins_at_its_root(
    hub: Hub, submit: Callable[..., LocalRun], several: str, tmp_path: Path
) -> None:
    run = submit(in_folder(several, PATH) | {"output": {"hub": {"repoID": "lab/of-a-folder"}}})
    run.run_all()
    result = hub.download("lab/of-a-folder", tmp_path / "result")
    check_result(result, FIXTURES / "pusht_v30", 1)
    assert {path.name for path in result.iterdir()} - {".cache"} == {
        ".gitattributes", "README.md", "data", "meta", "videos"
    }  # fmt: skip
    made = provenance_of(result)
    assert made["source"] == {"repoID": several, "revision": hub.head(several), "path": PATH}
    assert f"| Folder of the source | `{PATH}` |" in (result / "README.md").read_text()
    source = run.job.status.source
    assert source is not None
    assert source.repo_id == several


def test_the_source_itself_is_not_replaced_by_the_result_of_a_folder(
    submit: Callable[..., LocalRun], several: str
) -> None:
    failure = refusal(submit(in_folder(several, PATH) | {"output": {"hub": {"repoID": several}}}))
    assert failure.reason is FailureReason.OUTPUT_CONFLICT
    assert PATH in failure.message
    assert "leave spec.output.hub.repoID out" in failure.message


def test_a_folder_that_is_not_there_is_named_with_those_that_are(submit: Callable[..., LocalRun], several: str) -> None:
    failure = refusal(submit(in_folder(several, "cube/lerobot")))
    assert failure.reason is FailureReason.SOURCE_NOT_FOUND
    assert "'cube/lerobot'" in failure.message
    assert failure.message.endswith(f"its folders: {PATH}")


@pytest.mark.parametrize("path", ["\x07bell", "back\\slash"])
def test_a_path_that_is_none_is_refused(submit: Callable[..., LocalRun], several: str, path: str) -> None:
    failure = refusal(submit(in_folder(several, path)))
    assert failure.reason is FailureReason.SPEC_UNSUPPORTED
    assert failure.message.startswith("spec.source.hub.path: ")


def test_without_a_path_the_folders_are_named(submit: Callable[..., LocalRun], several: str) -> None:
    failure = refusal(submit(spec_of(several)))
    assert failure.reason is FailureReason.SOURCE_FORMAT_UNSUPPORTED
    assert f"{PATH}, task_b, one for a job; set spec.source.hub.path to {PATH}" in failure.message


def test_a_folder_of_a_volume_names_the_path_to_set(tmp_path: Path) -> None:
    folder = in_sub_folders(FIXTURES / "pusht_v30", tmp_path / "dataset", PATH)
    with pytest.raises(WorkerFailure) as caught:
        format_of(FolderSource(folder, "claim:robots", volume_path="robots"))
    assert caught.value.message.endswith(
        f"a LeRobot dataset lies in its folder {PATH}; set spec.source.volume.path to robots/{PATH}"
    )


def test_an_image_dataset_beside_a_lerobot_dataset_is_still_read(tmp_path: Path) -> None:
    folder = in_sub_folders(FIXTURES / "pusht_v30", tmp_path / "dataset", PATH)
    (folder / "train.parquet").write_bytes(b"PAR1PAR1")
    assert format_of(FolderSource(folder, str(folder))).name == "image dataset"


def test_the_folder_of_a_hub_cache_names_the_snapshot(tmp_path: Path) -> None:
    folder = in_hub_cache(FIXTURES / "pusht_v30", tmp_path)
    (folder / "snapshots" / ("f" * 40)).mkdir()
    (folder / "snapshots" / ("0" * 40)).mkdir()
    (folder / "snapshots" / ("0" * 40) / "README.md").write_text("older")
    with pytest.raises(WorkerFailure) as caught:
        FolderSource(folder, str(folder))
    assert caught.value.reason is FailureReason.SOURCE_FORMAT_UNSUPPORTED
    assert f"set --source to {folder}/snapshots/{COMMIT} (or another of its 2 snapshots)" in caught.value.message


def test_the_whole_hub_cache_names_the_snapshots_in_it(tmp_path: Path) -> None:
    in_hub_cache(FIXTURES / "pusht_v30", tmp_path)
    with pytest.raises(WorkerFailure) as caught:
        format_of(FolderSource(tmp_path, str(tmp_path)))
    assert caught.value.message.endswith(f"--source to {tmp_path}/datasets--me--cube/snapshots/{COMMIT}")
