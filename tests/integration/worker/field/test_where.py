"""Episodes are chosen by what meta/episodes says of them."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from augmentation_api import AugmentationJobSpec, FailureReason
from augmentation_api.episode_ranges import short_text_of
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.images.resolve import resolve as resolve_images
from augmentation_worker.formats.lerobot.metadata import load_metadata
from augmentation_worker.formats.lerobot.preview import preview
from augmentation_worker.formats.lerobot.resolve import resolve
from augmentation_worker.formats.port import Resolution
from augmentation_worker.local.reproduce import recorded_in
from augmentation_worker.storage.folder.source import FolderSource
from tests.fixtures.field import images
from tests.fixtures.field.instructions import PICK, PLACE
from tests.fixtures.field.outcomes import outcomes, split_episodes_file
from tests.integration.worker.lerobot_recorder import Kind
from tests.integration.worker.lerobot_recorder import record as record_dataset
from tests.integration.worker.test_folders import run_of

TOP = "observation.images.top"
LENGTHS = (4, 5, 6, 3, 4)


def recorded(folder: Path, version: str) -> Path:
    """Episodes with outcomes; of v3.0, in several files of meta/episodes."""
    record_dataset(folder, version, {TOP: Kind.VIDEO}, LENGTHS)
    outcomes(folder)
    if version == "v3.0":
        split_episodes_file(folder)
    return folder


@pytest.fixture(scope="module", params=["v3.0", "v2.1"])
def source(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    return recorded(tmp_path_factory.mktemp("where") / "source", request.param)


def spec_of(**augmentation: object) -> AugmentationJobSpec:
    return AugmentationJobSpec.model_validate(
        {"source": {"hub": {"repoID": "lab/where"}}, "augmentation": augmentation}
    )


def resolved(source: Path, where: str, **augmentation: object) -> Resolution:
    return resolve(FolderSource(source, "lab/where"), spec_of(where=where, **augmentation), None)


@pytest.mark.parametrize(
    ("where", "selected"),
    [
        ("success == true and task contains 'CUBE'", "0,4"),
        ("success", "0,3:5"),
        ("not success", "1"),
        ("success == null", "2"),
        ("`operator/name` in ['Ann', 'Čeněk']", "0,2,4"),
        ("operator/name == null or length >= 6", "2:4"),
        (f"tasks == '{PLACE}'", "1,3"),
        (f"task != '{PICK}'", "1,3"),
        ("length < 5 and episode_index > 0", "3:5"),
    ],
)
def test_episodes_are_chosen(source: Path, where: str, selected: str) -> None:
    chosen = load_metadata(FolderSource(source, "lab/where"), where=where).chosen
    assert chosen is not None
    assert short_text_of(chosen.rows) == selected


def test_what_is_selected_fulfils_all_that_is_asked(source: Path) -> None:
    resolution = resolved(source, "success", episodes="0:4", copies=1)
    assert resolution.summary.startswith("2 of 5 episodes (7 frames) fulfil spec.augmentation.where and become 2 ")
    one = resolved(source, "success == null", copies=1)
    assert " fulfils spec.augmentation.where and becomes 1 augmented one (" in one.summary
    assert resolution.source.selected == "0,3"
    assert resolved(source, "success", splits=["train"]).source.selected == "0,3:5"
    assert resolve(FolderSource(source, "lab/where"), spec_of(episodes="0:4"), None).source.selected is None


@pytest.mark.parametrize(
    ("where", "more", "reason", "said"),
    [
        (
            "success == true and task contains 'cup'",
            {},
            FailureReason.SELECTION_EMPTY,
            "selects none of the 5 episodes, 0 to 4 (success == true: 3; task contains 'cup': 0, as task holds "
            "'Pick up the cube', 'Put it into the box, naïvely')",
        ),
        (
            "success",
            {"episodes": "1:3"},
            FailureReason.SELECTION_EMPTY,
            "spec.augmentation.episodes: '1:3' with spec.augmentation.where: 'success' selects none of the 5 episodes, "
            "0 to 4 (where alone: 3; success == true: 3)",
        ),
        (
            "sucess == true",
            {},
            FailureReason.SELECTION_EMPTY,
            "spec.augmentation.where: meta/episodes has no column sucess to compare; it has: success, task,",
        ),
        ("stats/index/min == 0", {}, FailureReason.SELECTION_EMPTY, "has no column stats/index/min"),
        (
            "length contains '4'",
            {},
            FailureReason.SPEC_UNSUPPORTED,
            "spec.augmentation.where: the column length holds numbers, and cannot be compared with '4' by contains: "
            "compare it with a number, without quotes, by ==, !=, <, <=, >, >= or in (at character 8: contains '4')",
        ),
    ],
)
def test_a_condition_that_does_not_fit_is_explained(
    source: Path, where: str, more: dict[str, str], reason: FailureReason, said: str
) -> None:
    with pytest.raises(WorkerFailure) as caught:
        resolved(source, where, **more)
    assert caught.value.reason is reason
    assert said in caught.value.message.replace("meta/episodes.jsonl", "meta/episodes")


def test_an_image_dataset_has_no_episodes_to_choose(tmp_path: Path) -> None:
    folder = images.palette_masks(tmp_path / "source")
    with pytest.raises(
        WorkerFailure, match=r"where: lab/where is an image dataset, of which rows are chosen by"
    ) as caught:
        resolve_images(FolderSource(folder, "lab/where"), spec_of(where="length > 3"), tmp_path / "scratch", None)
    assert caught.value.reason is FailureReason.SPEC_UNSUPPORTED


def test_preview_shows_the_first_that_is_chosen_and_none_that_is_not(source: Path) -> None:
    asked = {"source": {"hub": {"repoID": "lab/where"}}, "augmentation": {"where": "not success", "copies": 1}}
    files = FolderSource(source, "lab/where")
    shown = preview(files, AugmentationJobSpec.model_validate({**asked, "preview": {}}))
    assert shown == preview(files, AugmentationJobSpec.model_validate({**asked, "preview": {"episode": 1}}))
    with pytest.raises(WorkerFailure, match="0 is none of the 1 episodes that the job selects"):
        preview(files, AugmentationJobSpec.model_validate({**asked, "preview": {"episode": 0}}))


def test_chosen_episodes_are_augmented_and_the_record_says_by_what(tmp_path: Path) -> None:
    source, result = recorded(tmp_path / "source", "v3.0"), tmp_path / "result"
    where = "success == true and not length < 4"
    run = run_of(tmp_path / "job", source, result, augmentation={"copies": 1, "transforms": ["gamma"], "where": where})
    run.run_all(2)
    added = pq.read_table(result / "meta/episodes").slice(len(LENGTHS))
    assert added.column("tasks").to_pylist() == [[PICK], [PICK]]
    assert added.column("success").to_pylist() == [True, True]
    assert {episode for episode, _ in recorded_in(result).hashes} == {"episode 5", "episode 6"}
    assert recorded_in(result).spec.augmentation.where == where
    assert "| Augmented where | success == true and not length &#60; 4 |" in (result / "README.md").read_text()
