"""Results of each augmentation mode, verified with LeRobot."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from augmentation_api.identifiers import backup_tag
from tests.integration.worker.conftest import FIXTURES, SAMPLE, Hub
from tests.integration.worker.datasets import (
    AUGMENTATION_COLUMNS,
    CAMERA,
    DEPTH,
    WRIST,
    check_result,
    check_times,
    episodes,
    file_hashes,
    info,
    rows,
    with_three_cameras,
)
from tests.integration.worker.jobs import UID, LocalRun, spec_of
from tests.lerobot_check import check_opens_in_lerobot
from tests.recorded_copies import provenance_of

SOURCE = FIXTURES / "pusht_v30"


def made_by(folder: Path) -> list[Mapping[str, Any]]:
    """The sampled parameters, one entry per augmented episode."""
    document = provenance_of(folder)
    return list(document["episodes"])


def test_independent_mode_creates_versions_per_transform(
    hub: Hub, submit: Callable[..., LocalRun], tmp_path: Path
) -> None:
    spec = spec_of(SAMPLE, mode="independent", transforms=["noise", "blur"], copiesPerTransform={"noise": 2})
    submit(spec | {"output": {"hub": {"repoID": "lab/independent"}}}).run_all(2)
    folder = hub.download("lab/independent", tmp_path / "result")
    check_result(folder, SOURCE, 3)
    sampled = [entry["cameras"][CAMERA]["parameters"] for entry in made_by(folder)]
    assert [list(parameters) for parameters in sampled] == [["noise"], ["noise"], ["blur"]] * 6
    assert sampled[0] != sampled[1]
    check_opens_in_lerobot(folder, "lab/independent", episodes=24, frames=1368)


def test_in_place_mode_replaces_frames_of_selected_episodes_and_cameras_only(
    hub: Hub, submit: Callable[..., LocalRun], tmp_path: Path
) -> None:
    source = with_three_cameras(SOURCE, tmp_path / "three-cameras")
    hub.publish("lab/three-in-place", source)
    spec = spec_of("lab/three-in-place", cameras=[WRIST], episodes="1,4:6")
    submit(spec | {"output": {"mode": "inPlace", "hub": {"repoID": "lab/replaced"}}}).run_all(2)
    folder = hub.download("lab/replaced", tmp_path / "result")
    assert rows(folder).equals(rows(source))
    totals = {name: info(source)[name] for name in ("total_episodes", "total_frames", "splits")}
    assert {name: info(folder)[name] for name in totals} == totals
    before, after = episodes(source), episodes(folder)
    for index, (was, now) in enumerate(zip(before.to_pylist(), after.to_pylist(), strict=True)):
        own = [now[field.name] for field in AUGMENTATION_COLUMNS]
        assert own == [index, *((0, True) if index in (1, 4, 5) else (-1, False))]
        changed = {name for name in was if now[name] != was[name]}
        assert bool(changed) == (index in (1, 4, 5))
        assert all(name.startswith((f"videos/{WRIST}/", f"stats/{WRIST}/")) for name in changed)
    for camera, files in ((CAMERA, 1), (DEPTH, 1), (WRIST, 1 + 2)):
        assert len(list((folder / "videos" / camera).rglob("*.mp4"))) == files
    check_times(folder, after)
    check_opens_in_lerobot(folder, "lab/replaced", episodes=6, frames=342)


def test_in_place_mode_keeps_source_frames_under_tag_only(
    hub: Hub, submit: Callable[..., LocalRun], tmp_path: Path
) -> None:
    before = hub.publish("lab/replaces-itself", SOURCE)
    output = {"mode": "inPlace", "hub": {"repoID": "lab/replaces-itself"}}
    submit(spec_of("lab/replaces-itself") | {"output": output}).run_all(3)
    folder = hub.download("lab/replaces-itself", tmp_path / "result")
    old_video = f"videos/{CAMERA}/chunk-000/file-000.mp4"
    assert old_video not in file_hashes(folder)
    assert len([path for path in file_hashes(folder) if path.endswith(".mp4")]) == 3  # one of each shard
    assert hub.head("lab/replaces-itself", backup_tag(UID)) == before
    backup = hub.download("lab/replaces-itself", tmp_path / "before", backup_tag(UID))
    assert file_hashes(backup)[old_video] == file_hashes(SOURCE)[old_video]
    assert rows(folder).equals(rows(SOURCE))
    check_times(folder, episodes(folder))
    check_opens_in_lerobot(folder, "lab/replaces-itself", episodes=6, frames=342)


def test_in_place_mode_produces_pixels_of_first_copy(hub: Hub, submit: Callable[..., LocalRun], tmp_path: Path) -> None:
    hashes = []
    for mode in ("copy", "inPlace"):
        name = f"lab/pixels-{mode.lower()}"
        submit(spec_of(SAMPLE, episodes="4", copies=1) | {"output": {"mode": mode, "hub": {"repoID": name}}}).run_all()
        folder = hub.download(name, tmp_path / mode)
        hashes.append([entry["cameras"][CAMERA]["pixelHash"] for entry in made_by(folder)])
    assert hashes[0] == hashes[1]
