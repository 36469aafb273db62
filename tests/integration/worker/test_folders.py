"""Sources and results in folders, as on a mounted volume or on a single machine."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from augmentation_api import FailureReason, PhaseName
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.folder.output import FolderOutput
from tests.integration.worker.conftest import FIXTURES
from tests.integration.worker.datasets import (
    AUGMENTATION_COLUMNS,
    CAMERA,
    check_result,
    check_times,
    episodes,
    file_hashes,
    rows,
)
from tests.integration.worker.jobs import UID, LocalRun, local_run, spec_of
from tests.lerobot_check import Expected, check_all_open_in_lerobot

SOURCE = FIXTURES / "pusht_v30"
NO_HUB = "http://127.0.0.1:9"


def run_of(folder: Path, source: Path, result: Path, **spec: Any) -> LocalRun:
    spec = {**spec_of("unused/unused", episodes="4:6"), **spec}
    run = local_run(folder, NO_HUB, None, spec)
    return run.with_settings(source_folder=source, output_folder=result)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SOURCE, tmp_path / "data" / "pusht"))


def refusal(run: LocalRun) -> WorkerFailure:
    with pytest.raises(WorkerFailure) as caught:
        run.run(PhaseName.RESOLVE)
    return caught.value


def check_goes_on(result: Path, folder: Path) -> None:
    """LeRobot reads it and records an episode into it; that is read by both, and augmented again."""
    shutil.copytree(result, folder)
    check_all_open_in_lerobot(
        [
            Expected(str(result), "lab/result", episodes=18, frames=1026, aggregated=True),
            Expected(str(folder), "lab/goes-on", episodes=19, frames=1029, recorded=3),
        ]
    )
    again = folder.with_name("again")
    augmentation = {"episodes": "6,17:19", "copies": 1, "transforms": ["lighting"]}
    run_of(folder.with_name("job-again"), folder, again, augmentation=augmentation).run_all(1)
    columns = [episodes(again).column(field.name).to_pylist() for field in AUGMENTATION_COLUMNS]
    marked = list(zip(*columns, strict=True))
    assert marked[:6] == [(index, -1, False) for index in range(6)]
    assert marked[6:18] == [(index // 2, index % 2, True) for index in range(12)]
    assert marked[18:] == [(18, -1, False), (0, 0, True), (5, 0, True), (18, 0, True)]


def test_folder_is_augmented_into_another_folder(source: Path, tmp_path: Path) -> None:
    before = file_hashes(source)
    output = tmp_path / "data" / "result"
    run = run_of(tmp_path / "job", source, output, augmentation={"copies": 2, "seed": 7})
    run.run_all(2)
    check_result(output, SOURCE, 2)
    assert file_hashes(source) == before
    check_goes_on(output, tmp_path / "goes-on")
    assert sorted(path.name for path in output.parent.iterdir()) == ["pusht", "result"]
    status = run.job.status.output
    assert status is not None
    assert (status.dataset_id, status.episodes) == (str(output), 18)


def test_result_in_folder_equals_result_on_hub(source: Path, tmp_path: Path, results: Any) -> None:
    output = tmp_path / "result"
    run_of(tmp_path / "job", source, output, augmentation={"copies": 2, "seed": 7}).run_all(1)
    actual, expected = file_hashes(output), file_hashes(results[1][1])
    # They name the source, or belong to the hub.
    differ = {"meta/augmentation.json", "meta/augmentation.png", "README.md", ".gitattributes"}
    assert {path: value for path, value in actual.items() if path not in differ} == {
        path: value for path, value in expected.items() if path not in differ
    }


def test_in_place_result_keeps_source_under_another_name(source: Path, tmp_path: Path) -> None:
    before = file_hashes(source)
    run = run_of(tmp_path / "job", source, source, output={"mode": "inPlace"})
    run.run_all(1)
    backup = source.with_name(f"pusht.before-{UID[:8]}")
    assert file_hashes(backup) == before
    assert rows(source).equals(rows(backup))
    check_times(source, episodes(source))
    run.run(PhaseName.PUBLISH, shards=1)
    assert [event.status for event in run.job.status.phase(PhaseName.PUBLISH).events][-2:] == ["resumed", "completed"]


def test_restarted_publish_finishes_its_renames(source: Path, tmp_path: Path) -> None:
    run = run_of(tmp_path / "job", source, source)
    run.run_all(1)
    expected = file_hashes(source)
    source.rename(source.with_name(f".pusht.augmenting-{UID[:8]}"))
    run.run(PhaseName.PUBLISH, shards=1)
    assert file_hashes(source) == expected


def test_restarted_shard_skips_recorded_units(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "result"
    run = run_of(tmp_path / "job", source, output)
    run.run(PhaseName.RESOLVE)
    run.run_shards(1)
    staging = output.with_name(f".result.augmenting-{UID[:8]}")
    video = next((staging / "videos" / CAMERA).rglob("file-001.mp4"))
    stamp = video.stat().st_mtime_ns
    run.run_shards(1)
    assert video.stat().st_mtime_ns == stamp
    (staging / "left over.txt").write_text("of an earlier version")
    run.run(PhaseName.PUBLISH, shards=1)
    assert not (output / "left over.txt").exists()


def test_missing_stored_file_is_lost_and_named(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "result"
    run = run_of(tmp_path / "job", source, output)
    run.run(PhaseName.RESOLVE)
    run.run_shards(1)
    next(output.with_name(f".result.augmenting-{UID[:8]}").rglob("file-001.mp4")).unlink()
    with pytest.raises(WorkerFailure, match=r"not stored any more: .*file-001\.mp4; retry the job") as caught:
        run.run(PhaseName.PUBLISH, shards=1)
    assert caught.value.reason is FailureReason.RECORDS_LOST
    assert not output.exists()


def test_folder_with_other_content_is_conflict(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "result"
    output.mkdir()
    (output / "notes.txt").write_text("precious")
    failure = refusal(run_of(tmp_path / "job", source, output))
    assert failure.reason is FailureReason.OUTPUT_CONFLICT
    assert "notes.txt" in failure.message
    assert [path.name for path in output.iterdir()] == ["notes.txt"]


def test_source_changed_during_job_fails_it(source: Path, tmp_path: Path) -> None:
    run = run_of(tmp_path / "job", source, tmp_path / "result")
    run.run(PhaseName.RESOLVE)
    (source / "meta" / "note.txt").write_text("new")
    with pytest.raises(WorkerFailure, match="has changed since"):
        run.run_shards(1)


def test_missing_source_folder_is_reported(tmp_path: Path) -> None:
    failure = refusal(run_of(tmp_path / "job", tmp_path / "nowhere", tmp_path / "result"))
    assert failure.reason is FailureReason.SOURCE_NOT_FOUND
    assert "nowhere" in failure.message


def test_paths_in_info_outside_dataset_are_rejected(source: Path, tmp_path: Path) -> None:
    document = json.loads((source / "meta/info.json").read_text())
    (tmp_path / "data" / "secret.parquet").write_bytes(b"secret")
    document["data_path"] = "../secret.parquet"
    (source / "meta/info.json").write_text(json.dumps(document))
    failure = refusal(run_of(tmp_path / "job", source, tmp_path / "result"))
    assert failure.reason is FailureReason.SOURCE_INVALID


def test_empty_folder_becomes_result(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "result"
    output.mkdir()
    run_of(tmp_path / "job", source, output).run_all(1)
    assert FolderOutput(output, "result", UID).published() is not None


def test_size_of_the_video_counts_and_the_result_says_it(source: Path, tmp_path: Path) -> None:
    document = json.loads((source / "meta/info.json").read_text())
    document["features"][CAMERA]["shape"][:2] = [448, 448]
    (source / "meta/info.json").write_text(json.dumps(document))
    run = run_of(tmp_path / "job", source, tmp_path / "result")
    run.run_all()
    info = json.loads((tmp_path / "result" / "meta/info.json").read_text())
    assert info["features"][CAMERA]["shape"][:2] == [224, 224]


def test_truncated_video_is_invalid(source: Path, tmp_path: Path) -> None:
    video = next((source / "videos").rglob("*.mp4"))
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    run = run_of(tmp_path / "job", source, tmp_path / "result")
    with pytest.raises(WorkerFailure, match="episode 4: camera") as caught:
        run.run_all()
    assert caught.value.reason is FailureReason.SOURCE_INVALID
    assert not (tmp_path / "result").exists()
