"""Metadata that LeRobot never looks at is no reason to refuse a dataset, and what is there is in the result."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from augmentation_api import AugmentationJobSpec, FailureReason
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.lerobot.metadata import load_metadata
from augmentation_worker.formats.lerobot.resolve import resolve
from augmentation_worker.formats.port import Resolution
from augmentation_worker.storage.folder.source import FolderSource
from tests.fixtures.field import metadata as odd
from tests.integration.worker.datasets import check_times, episodes, info
from tests.integration.worker.lerobot_recorder import FPS, Kind, record
from tests.integration.worker.test_folders import run_of
from tests.lerobot_check import check_opens_in_lerobot
from tests.policy_check import failed_checks, normalized_differences

TOP, WRIST = "observation.images.top", "observation.images.wrist"
LENGTHS = (6, 5, 4, 5)
FRAMES = sum(LENGTHS)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of two data files, with a state, and splits as Open-H has them."""
    folder = tmp_path_factory.mktemp("recorded") / "source"
    cameras = {TOP: Kind.VIDEO, WRIST: Kind.VIDEO}
    record(folder, "v3.0", cameras, LENGTHS, files=2, splits=odd.OPEN_H_SPLITS)
    odd.add_state(folder)
    odd.quantiles_in_stats_json_only(folder)
    odd.unknown_entries(folder)
    return folder


@pytest.fixture(scope="module")
def incorrect(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with everything wrong that LeRobot does not look at."""
    folder = Path(shutil.copytree(recorded, tmp_path_factory.mktemp("incorrect") / "source"))
    odd.stale_file_index(folder)
    odd.extra_video_frames(folder, TOP)
    odd.last_frames_times(folder, WRIST)
    odd.smaller_totals(folder)
    return folder


@pytest.fixture(scope="module")
def groot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = record(tmp_path_factory.mktemp("groot") / "source", "v2.1", {TOP: Kind.VIDEO}, LENGTHS)
    odd.add_state(folder)
    odd.as_gr00t(folder, TOP)
    odd.extra_video_frames(folder, TOP)
    return folder


def augmented(source: Path, folder: Path, **spec: object) -> Path:
    spec = {"augmentation": {"copies": 1, "seed": 7, "transforms": ["gamma"]}, **spec}
    run_of(folder / "job", source, folder / "result", **spec).run_all(2)
    return folder / "result"


@pytest.fixture(scope="module")
def result(incorrect: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return augmented(incorrect, tmp_path_factory.mktemp("result"))


@pytest.fixture(scope="module")
def groot_result(groot: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return augmented(groot, tmp_path_factory.mktemp("groot-result"))


def resolved(source: Path, **augmentation: object) -> Resolution:
    spec = {"source": {"hub": {"repoID": "lab/odd"}}, "augmentation": augmentation}
    return resolve(FolderSource(source, "lab/odd"), AugmentationJobSpec.model_validate(spec), None)


def stats_of(folder: Path) -> dict[str, dict[str, Any]]:
    document: dict[str, dict[str, Any]] = json.loads((folder / "meta/stats.json").read_text())
    return document


def check_where_rows_are(folder: Path) -> None:
    """Check that each episode's rows are in the file that meta/episodes names, and its frames where it ends."""
    document = info(folder)
    for row in episodes(folder).to_pylist():
        numbers = {name: row[f"data/{name}"] for name in ("chunk_index", "file_index")}
        table = pq.read_table(folder / str(document["data_path"]).format(**numbers))
        assert table.column("episode_index").to_pylist().count(row["episode_index"]) == row["length"]
        for camera in (TOP, WRIST):
            begin, end = (row[f"videos/{camera}/{name}_timestamp"] for name in ("from", "to"))
            assert end == pytest.approx(begin + row["length"] / FPS)


def test_resolve_says_what_is_wrong_and_what_the_result_has(recorded: Path, incorrect: Path) -> None:
    assert resolved(recorded, splits=["train"], copies=1).warnings == (
        "meta/info.json of the result has splits of several ranges, as copies come after all originals: train "
        "'0:2,4:6', perfect '0:3,4:6'. Readers that know one range only have to be given the episodes",
    )
    said = resolved(incorrect, splits=["test"]).warnings
    assert [sentence.partition(":")[0] for sentence in said] == [
        "meta/info.json counts 3 episodes and 15 frames, meta/episodes lists 4 and 20",
        "data/file_index is wrong for 2 episodes, the first of them 2, whose rows lie in other files",
        f"to_timestamp of {TOP} is not from_timestamp + length / 10 for 4 episodes, the first of them 0",
        f"to_timestamp of {WRIST} is not from_timestamp + length / 10 for 4 episodes, the first of them 0",
    ]


def test_splits_for_evaluation_are_warned_of_and_shown(recorded: Path) -> None:
    resolution = resolved(recorded)
    assert any("val (2:3), test (3:4)" in said for said in resolution.warnings)
    splits = {split.name: split.episodes for split in resolution.source.splits or ()}
    assert splits == odd.OPEN_H_SPLITS
    assert resolved(recorded, splits=["val", "test"]).source.selected_episodes == 2


def test_the_result_is_right_where_its_source_is_not(result: Path) -> None:
    document = info(result)
    assert (document["total_episodes"], document["total_frames"]) == (8, 40)
    assert document["splits"] == {"train": "0:2,4:6", "val": "2:3,6:7", "test": "3:4,7:8", "perfect": "0:3,4:7"}
    check_where_rows_are(result)
    check_times(result, episodes(result))


def test_what_nobody_here_knows_is_carried(incorrect: Path, result: Path) -> None:
    before, after = info(incorrect), info(result)
    assert after["tools"] == before["tools"]
    assert after["features"]["action"] == before["features"]["action"]  # type: ignore[index]
    collected = episodes(incorrect).column("collected").to_pylist()
    assert episodes(result).column("collected").to_pylist() == collected * 2


def test_no_statistic_is_lost_and_each_is_that_of_the_rows(incorrect: Path, result: Path) -> None:
    before, after = stats_of(incorrect), stats_of(result)
    assert {feature: list(values) for feature, values in after.items()} == {
        feature: list(values) for feature, values in before.items()
    }
    for feature in ("action", odd.STATE, "timestamp", "frame_index", "index"):
        exact = odd.statistics(result, feature, tuple(after[feature]))
        if feature != "index":  # every row is there twice: the same distribution
            exact |= {name: value for name, value in before[feature].items() if name.startswith("q")}
        for name, value in after[feature].items():
            np.testing.assert_allclose(value, exact[name], rtol=1e-6, atol=1e-6, err_msg=f"{feature}/{name}")
    for camera in (TOP, WRIST):
        low, high = (np.subtract(after[camera][name], before[camera][name]) for name in ("q01", "q99"))
        assert (low <= 0).all()
        assert (high >= 0).all()
        assert np.abs(low).max() > 0, "gamma has changed the images"


def test_in_place_metadata_is_right_and_the_splits_stay(incorrect: Path, tmp_path: Path) -> None:
    made = augmented(incorrect, tmp_path, output={"mode": "inPlace"})
    document = info(made)
    assert (document["total_episodes"], document["total_frames"]) == (4, 20)
    assert document["splits"] == odd.OPEN_H_SPLITS
    check_where_rows_are(made)
    check_times(made, episodes(made))
    before, after = stats_of(incorrect), stats_of(made)
    assert after["action"]["q01"] == before["action"]["q01"]
    assert after[TOP]["q50"] != before[TOP]["q50"]


def test_gr00ts_own_files_and_fields_stay_and_its_statistics_normalize(groot: Path, groot_result: Path) -> None:
    for name in ("modality.json", "relative_stats.json"):
        assert (groot_result / "meta" / name).read_bytes() == (groot / "meta" / name).read_bytes()
    document = info(groot_result)
    assert (document["splits"], document["total_videos"], document["total_chunks"]) == ({"train": "0:8"}, 8, 1)
    lines = [json.loads(line) for line in (groot_result / "meta/episodes.jsonl").read_text().splitlines()]
    assert [line["tasks"] for line in lines] == ["push"] * 8
    assert lines[7]["scene"] == {"lights": ["left", "right"]}
    for state in (np.array(odd.state_of(index)) for index in (0, 7, 19)):
        np.testing.assert_array_equal(gr00t_normalized(groot_result, state), gr00t_normalized(groot, state))


def gr00t_normalized(folder: Path, state: "np.ndarray[Any, np.dtype[np.float64]]") -> "np.ndarray[Any, Any]":
    """A state as GR00T's loader normalizes it: each statistic cut into joints, then q01 … q99 to -1 … 1.

    Isaac-GR00T, gr00t/data/dataset.py (statistics of a modality) and gr00t/data/transform/state_action.py (`q99`).
    """
    modality = json.loads((folder / "meta/modality.json").read_text())["state"]
    statistics = stats_of(folder)[odd.STATE]
    parts = []
    for part in modality.values():
        joints = np.arange(part["start"], part["end"])
        cut = {name: np.array(values)[joints] for name, values in statistics.items()}
        normalized = 2 * (state[joints] - cut["q01"]) / (cut["q99"] - cut["q01"]) - 1
        parts.append(np.clip(normalized, -1, 1))
    return np.concatenate(parts)


def test_lerobot_and_three_policies_take_the_results(recorded: Path, result: Path, groot_result: Path) -> None:
    differences = normalized_differences(recorded, result, 2 * len(LENGTHS), 2 * FRAMES)
    assert set(differences) == {"act", "diffusion", "pi05"}
    assert max(differences.values()) < 1e-5
    assert failed_checks(result) == []
    check_opens_in_lerobot(groot_result, "lab/groot", 2 * len(LENGTHS), 2 * FRAMES)


def test_data_files_that_metadata_names_and_are_not_there_are_not_missed(recorded: Path, tmp_path: Path) -> None:
    source = Path(shutil.copytree(recorded, tmp_path / "source"))
    odd.missing_file_index(source)
    found = load_metadata(FolderSource(source, "lab/odd"))
    assert [tuple(episode.data_file) for episode in found.episodes] == [(0, 0), (0, 0), (0, 1), (0, 1)]
    assert found.table.column("data/file_index").to_pylist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ((slice(0, 11), slice(11, 19)), ["data/chunk-000/file-001.parquet has 8 rows, its episodes have 9"]),
        ((slice(0, 8), slice(8, 20)), ["data/chunk-000/file-000.parquet has 8 rows, its episodes have 11"]),
    ],
)
def test_rows_that_do_not_fit_the_episodes_are_named(
    recorded: Path, tmp_path: Path, rows: tuple[slice, slice], words: list[str]
) -> None:
    source = Path(shutil.copytree(recorded, tmp_path / "source"))
    table = odd.rows(source)
    for path, part in zip(odd.data_files(source), rows, strict=True):
        pq.write_table(table.take(pa.array(range(part.start, part.stop))), path)
    with pytest.raises(WorkerFailure) as caught:
        resolved(source)
    assert caught.value.reason is FailureReason.SOURCE_INVALID
    assert all(word in caught.value.message for word in words), caught.value.message


def test_a_split_that_there_is_not_is_refused_in_resolve(recorded: Path) -> None:
    with pytest.raises(WorkerFailure, match=r"has no split 'validation'; it has: train, val, test, perfect"):
        resolved(recorded, splits=["validation"])
    with pytest.raises(WorkerFailure, match=r"episodes: '3' with spec.augmentation.splits: \['train'\] selects none"):
        resolved(recorded, splits=["train"], episodes="3")
