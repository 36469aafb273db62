"""Folders beside the format's own are in the result, behind links as well, and a warning names them before."""

import shutil
from dataclasses import replace
from pathlib import Path

from augmentation_api import PhaseName
from augmentation_worker.storage.folder.backend import ENV_FOLLOW_LINKS
from tests.fixtures.field.places import with_folders_beside
from tests.integration.worker.conftest import FIXTURES
from tests.integration.worker.datasets import file_hashes
from tests.integration.worker.jobs import local_run, spec_of

BESIDE = {"annotations/subtask_annotations.jsonl", "calibration/top.json", "meta/sub/extra.json", "urdf/so101.urdf"}


def test_folders_beside_the_dataset_are_carried_and_what_stays_is_said(tmp_path: Path) -> None:
    source, disk = with_folders_beside(FIXTURES / "pusht_v30", tmp_path / "source"), tmp_path / "disk"
    for name in ("videos", "annotations"):
        disk.mkdir(exist_ok=True)
        shutil.move(source / name, disk / name)
        (source / name).symlink_to(disk / name)
    run = local_run(tmp_path / "job", "http://127.0.0.1:9", None, spec_of("a/b", copies=1, episodes="4"))
    run = run.with_settings(source_folder=source, output_folder=tmp_path / "result")
    run = replace(run, environment={**run.environment, ENV_FOLLOW_LINKS: str(disk)})
    run.run_all()
    result = tmp_path / "result"
    hashes = file_hashes(result)
    assert hashes.keys() >= BESIDE
    assert (result / "annotations/subtask_annotations.jsonl").read_text().startswith('{"subtask_index": 0')
    assert not [path for path in hashes if path.startswith("images/") or ".git/" in path or path.endswith(".txt")]
    events = {event.status: event.message or "" for event in run.job.status.phase(PhaseName.RESOLVE).events}
    assert "; 3 files beside it (annotations/, calibration/, urdf/: 0.1 kB) are carried over; " in events["completed"]
    assert events["warning"].startswith(
        "There are 2 files in data/, videos/ or images/ that no episode uses (images/observation.images.top/"
    )
    card = (result / "README.md").read_text()
    assert "`annotations/`, `calibration/`, `urdf/`: carried over from the source, unchanged." in card
    assert "episodes 0 to 5." in card
