"""What shards stored is lost before it is published: it is named, made again, and nothing else is."""

import json
from pathlib import Path

import pytest

from augmentation_api import FailureReason, PhaseName
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats import documents
from devcluster.localhub.hub_process import requests_seen
from tests.integration.worker.conftest import WRITE
from tests.integration.worker.jobs import LocalRun
from tests.integration.worker.test_other_hubs import MODES, datasets, job, serving

__all__ = ["datasets"]


def refused(run: LocalRun) -> str:
    with pytest.raises(WorkerFailure) as caught:
        run.run(PhaseName.PUBLISH, shards=1)
    assert caught.value.reason is FailureReason.RECORDS_LOST
    return caught.value.message


def test_what_a_hub_has_lost_is_made_again_and_nothing_else(
    datasets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This hub gives back what a commit names alone: documents are read on branches."""
    monkeypatch.setattr(documents, "MOST_HELD_BYTES", 0)
    with serving(datasets, tmp_path / "hub", MODES["public"]) as hub:

        def uploads() -> int:
            return len(requests_seen(hub.endpoint, WRITE, method="PUT", path_contains="/lfs-storage/lab/result/"))

        run = job(tmp_path, hub)
        run.run(PhaseName.RESOLVE)
        run.run_shards(1)
        manifest, made = run.manifests.read(0), uploads()
        blobs = next((tmp_path / "hub").rglob("result/blobs"))
        before = {blob.name: blob.read_bytes() for blob in blobs.iterdir()}
        in_document = {key: json.loads(text).get("document", {}).get("sha256") for key, text in manifest.items()}
        rows_file = json.loads(before[in_document["data"]].partition(b" ")[2])["files"][0]

        (blobs / in_document["video-0-000002-000004"]).unlink()
        assert "observation.image of episode" in refused(run)
        run.run_shards(1)
        assert uploads() - made == 1, "the document; the file that it names is still there"

        (blobs / rows_file["sha256"]).unlink()
        assert rows_file["path"] in refused(run)
        run.run_shards(1)
        assert uploads() - made == 2, "the file; its document is still there"

        assert run.manifests.read(0) == manifest, "the same bytes, and the same records"
        assert {blob.name: blob.read_bytes() for blob in blobs.iterdir()}.items() >= before.items()
        told = [event.message or "" for event in run.job.status.phase(PhaseName.AUGMENT).events]
        assert sum("is not stored any more, and made again" in message for message in told) == 2
        run.run(PhaseName.PUBLISH, shards=1)
        assert hub.head("lab/result") == hub.head("lab/result", "v3.0")
        assert [branch.name for branch in hub.api.list_repo_refs("lab/result", repo_type="dataset").branches] == [
            "main"
        ]
