"""Jobs with a preset and with entries of single cameras, from what resolve says to what the result records."""

import json
from pathlib import Path
from typing import Any

import pytest

from augmentation_api import AugmentationJobSpec, FailureReason, PhaseName
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.local.reproduce import recorded_in
from augmentation_worker.local.run import prepared
from tests.integration.worker.image_datasets import parquet_dataset
from tests.integration.worker.jobs import LocalRun, local_run
from tests.integration.worker.lerobot_recorder import Kind, record
from tests.recorded_copies import provenance_of

TOP, WRIST = "observation.images.top", "observation.images.left_wrist"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two cameras that store their frames as images, and a depth map."""
    cameras = {TOP: Kind.PNG, WRIST: Kind.PNG, "observation.depth": Kind.DEPTH}
    return record(tmp_path_factory.mktemp("scene") / "source", "v3.0", cameras, (2, 2))


def submitted(folder: Path, source: Path, **augmentation: Any) -> LocalRun:
    spec = {"source": {"hub": {"repoID": "lab/scene"}}, "augmentation": {"copies": 1, **augmentation}}
    run = local_run(folder / "job", "", None, spec)
    return run.with_settings(source_folder=source, output_folder=folder / "result")


def warnings_of(run: LocalRun) -> list[str]:
    events = run.job.status.phase(PhaseName.RESOLVE).events
    return [event.message for event in events if event.message and "perCamera" in event.message]


@pytest.fixture(scope="module")
def pi05(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pi05")
    run = submitted(folder, source, preset="pi05", lighting={"brightness": {"min": -1, "max": 1}})
    run.run_all()
    assert not warnings_of(run)
    return folder / "result"


def test_wrist_cameras_are_exempt_from_the_geometry_of_pi05(pi05: Path) -> None:
    document = provenance_of(pi05)
    for entry in document["episodes"]:
        sampled = {camera: version["parameters"] for camera, version in entry["cameras"].items()}
        assert list(sampled[TOP]) == ["cropResize", "affine", "lighting", "hueSaturation"]
        assert list(sampled[WRIST]) == ["lighting", "hueSaturation"]
        assert sampled[TOP]["lighting"] == sampled[WRIST]["lighting"]
        assert abs(sampled[TOP]["lighting"]["brightness_percent"]) <= 1


def test_the_record_says_the_presets_values_and_needs_no_preset(pi05: Path) -> None:
    document = provenance_of(pi05)
    assert document["preset"] == "pi05"
    augmentation = document["augmentation"]
    assert "preset" not in augmentation
    assert augmentation["lighting"]["contrast"] == {"min": -40, "max": 40}
    assert augmentation["perCamera"] == [{"camera": "*wrist*", "transforms": ["lighting", "hueSaturation"]}]


def test_a_record_is_reproduced_with_the_same_pixels(pi05: Path, source: Path, tmp_path: Path) -> None:
    recorded = recorded_in(pi05)
    again = prepared(recorded.spec, source, tmp_path / "again", 1, "cpu")
    run = submitted(tmp_path, source)
    (run.folder / "job.json").write_text((again.folder / "job.json").read_text())
    run.with_settings(output_folder=tmp_path / "result").run_all()
    assert recorded_in(tmp_path / "result").hashes == recorded.hashes


def test_a_local_run_tells_what_was_written_from_what_was_left_out(source: Path, tmp_path: Path) -> None:
    asked = {"source": {"hub": {"repoID": "lab/scene"}}, "augmentation": {"preset": "pi05", "seed": 3}}
    run = prepared(AugmentationJobSpec.model_validate(asked), source, tmp_path / "result", 1, "cpu")
    assert json.loads((run.folder / "job.json").read_text())["spec"]["augmentation"] == asked["augmentation"]
    assert run.job().spec.augmentation.effective.lighting.contrast.bounds == (-40, 40)


def test_the_card_names_the_preset_and_the_cameras_that_differ(pi05: Path) -> None:
    card = (pi05 / "README.md").read_text()
    assert "| Preset | pi05: preprocess_observation of Physical-Intelligence/openpi" in card
    assert "| Transforms | cropResize, affine, lighting, hueSaturation (stacked) |" in card
    assert "| Transforms of `*wrist*` | lighting, hueSaturation |" in card


@pytest.mark.parametrize(
    ("augmentation", "reason", "said"),
    [
        (
            {"perCamera": [{"camera": "wrist", "transforms": ["noise"]}]},
            FailureReason.SELECTION_EMPTY,
            f"spec.augmentation.perCamera: the dataset has no camera 'wrist'; it has: {TOP}, {WRIST}, ",
        ),
        (
            {"cameras": [TOP], "perCamera": [{"camera": WRIST, "transforms": ["noise"]}]},
            FailureReason.SPEC_UNSUPPORTED,
            f"{WRIST} is not augmented, so its entry means nothing: remove the entry, or name the camera in",
        ),
    ],
)
def test_an_entry_of_no_camera_is_refused_in_resolve(
    source: Path, tmp_path: Path, augmentation: dict[str, Any], reason: FailureReason, said: str
) -> None:
    with pytest.raises(WorkerFailure) as caught:
        submitted(tmp_path, source, **augmentation).run(PhaseName.RESOLVE)
    assert caught.value.reason is reason
    assert said in caught.value.message


def test_columns_of_an_image_dataset_are_its_cameras(tmp_path: Path) -> None:
    columns = parquet_dataset(tmp_path / "source")
    with pytest.raises(WorkerFailure, match="perCamera: the dataset has no camera 'top'; it has: image, wrist"):
        submitted(tmp_path, columns, perCamera=[{"camera": "top", "transforms": ["noise"]}]).run(PhaseName.RESOLVE)


def test_a_pattern_that_matches_no_camera_is_a_warning(source: Path, tmp_path: Path) -> None:
    run = submitted(tmp_path, source, preset="pi05", cameras=[TOP])
    run.run(PhaseName.RESOLVE)
    (warning,) = warnings_of(run)
    assert warning.startswith(
        f"spec.augmentation.perCamera: no camera matches the pattern *wrist* of preset pi05 ({TOP}"
    )


def test_parameters_of_a_transform_that_no_camera_gets_are_a_warning(source: Path, tmp_path: Path) -> None:
    entry = {"camera": "*wrist*", "transforms": ["lighting"], "noise": {"gaussianSigma": {"min": 4}}}
    run = submitted(
        tmp_path,
        source,
        preset="pi05",
        transforms=["lighting", "noise"],
        gamma={"exponent": {"min": 0.8, "max": 1.2}},
        blur={"kind": "mixed"},
        perCamera=[entry, {"camera": "*hand*", "transforms": ["noise"]}],
    )
    run.run(PhaseName.RESOLVE)
    said = [event.message or "" for event in run.job.status.phase(PhaseName.RESOLVE).events]
    assert [text for text in said if "change nothing" in text] == [
        "The parameters of gamma change nothing, as no camera gets it: add to spec.augmentation.transforms what is "
        "meant (lighting, noise so far), or remove the parameters",
        "spec.augmentation.perCamera, entry *wrist*: the parameters of noise change nothing, as none of these cameras "
        "gets it: add to transforms what is meant, or remove the parameters",
    ]
    # The pattern is the job's own, whatever preset it names.
    assert any(f"no camera matches the pattern *hand* ({TOP}" in text for text in said)


def test_of_very_many_warnings_the_last_says_how_many_more_there_are(source: Path, tmp_path: Path) -> None:
    entries = [{"camera": f"*hand_{number}", "transforms": ["noise"]} for number in range(25)]
    run = submitted(tmp_path, source, perCamera=entries)
    run.run(PhaseName.RESOLVE)
    events = run.job.status.phase(PhaseName.RESOLVE).events
    said = [event.message or "" for event in events if event.status == "warning"]
    assert events[0].status == "started"
    assert events[-1].status == "completed"
    *first, last = said
    assert [f"*hand_{number} " in text for number, text in enumerate(first)] == [True] * len(first)
    assert len(first) >= 8
    # One of them names the depth map that is left alone.
    assert last == f"There are {26 - len(first)} more warnings: they are said once these are settled"
