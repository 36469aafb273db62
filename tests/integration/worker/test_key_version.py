"""What a seed means is pinned when a job is resolved, and recorded in its result."""

import json
from pathlib import Path
from typing import Any

import pytest

from augmentation_api import FailureReason, PhaseName
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.local.commands import draw_preview
from augmentation_worker.local.reproduce import recorded_in
from augmentation_worker.transforms.key_version import KEY_VERSION
from tests.integration.worker.jobs import LocalRun, local_run
from tests.integration.worker.lerobot_recorder import Kind, record
from tests.recorded_copies import provenance_of

TOP, WRIST = "observation.images.top", "observation.images.wrist"
RESOLVED = "augmentation-worker-resolve"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two cameras that store their frames as images."""
    cameras = {TOP: Kind.PNG, WRIST: Kind.PNG}
    return record(tmp_path_factory.mktemp("two-cameras") / "source", "v3.0", cameras, (3, 2))


def submitted(folder: Path, source: Path, **augmentation: Any) -> LocalRun:
    spec = {
        "source": {"hub": {"repoID": "lab/two"}},
        "augmentation": {"transforms": ["lighting", "noise"], "copies": 1, **augmentation},
    }
    run = local_run(folder / "job", "", None, spec)
    return run.with_settings(source_folder=source, output_folder=folder / "result")


def provenance(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = provenance_of(folder / "result")
    return document


def pixel_hashes(folder: Path) -> list[str]:
    return [
        entry["cameras"][camera]["pixelHash"] for entry in provenance(folder)["episodes"] for camera in (TOP, WRIST)
    ]


def forget_key_version(run: LocalRun) -> None:
    """Leave the status as a release without versions of keys has written it."""
    path = run.folder / "status" / f"{RESOLVED}.json"
    status = json.loads(path.read_text())
    assert status["source"].pop("keyVersion") == KEY_VERSION
    path.write_text(json.dumps(status))


@pytest.fixture(scope="module")
def shared(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shared")
    submitted(folder, source).run_all()
    return folder


@pytest.fixture(scope="module")
def independent(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("independent")
    submitted(folder, source, acrossCameras="independent").run_all()
    return folder


def test_cameras_of_a_result_share_the_light_and_not_the_noise(shared: Path) -> None:
    document = provenance(shared)
    assert document["keyVersion"] == KEY_VERSION
    assert document["augmentation"]["acrossCameras"] == "shared"
    for entry in document["episodes"]:
        top, wrist = (entry["cameras"][camera]["parameters"] for camera in (TOP, WRIST))
        assert top["lighting"] == wrist["lighting"]
        assert top["noise"] != wrist["noise"]


def test_a_job_that_an_older_release_resolved_keeps_independent_cameras(
    source: Path, independent: Path, tmp_path: Path
) -> None:
    run = submitted(tmp_path, source)
    run.run(PhaseName.RESOLVE)
    forget_key_version(run)
    run.run_shards(1)
    run.run(PhaseName.PUBLISH, shards=1)
    assert provenance(tmp_path)["augmentation"]["acrossCameras"] == "independent"
    assert pixel_hashes(tmp_path) == pixel_hashes(independent)


def test_a_record_without_a_key_version_means_independent_cameras(
    source: Path, shared: Path, independent: Path, tmp_path: Path
) -> None:
    """So a result of an older release is reproduced with its own pixels."""
    document = provenance(independent)
    del document["keyVersion"], document["augmentation"]["acrossCameras"]
    record_of_old = tmp_path / "augmentation.json"
    record_of_old.write_text(json.dumps(document))
    spec = recorded_in(record_of_old).spec.to_wire()
    assert spec["augmentation"] == recorded_in(independent / "result").spec.to_wire()["augmentation"]
    assert spec["augmentation"] != recorded_in(shared / "result").spec.to_wire()["augmentation"]


@pytest.mark.parametrize(
    ("key_version", "reason", "said"),
    [
        (KEY_VERSION + 1, FailureReason.SPEC_UNSUPPORTED, f"keyVersion {KEY_VERSION + 1}: this release samples by"),
        ("two", FailureReason.SOURCE_INVALID, "is 'two', not a number"),
    ],
)
def test_a_key_version_that_is_not_known_is_refused(
    shared: Path, tmp_path: Path, key_version: object, reason: FailureReason, said: str
) -> None:
    path = tmp_path / "augmentation.json"
    path.write_text(json.dumps({**provenance(shared), "keyVersion": key_version}))
    with pytest.raises(WorkerFailure, match=said) as caught:
        recorded_in(path)
    assert caught.value.reason is reason


def test_a_preview_shows_what_a_new_job_makes(source: Path, shared: Path) -> None:
    spec = recorded_in(shared / "result").spec
    unsaid = spec.augmentation.model_copy(update={"across_cameras": None})
    preview = draw_preview(spec.model_copy(update={"augmentation": unsaid}), source, None)
    assert preview == draw_preview(spec, source, None)
