"""Whole jobs from a bucket to a bucket, with a server of each kind."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from augmentation_api import FailureReason, PhaseName, worker_contract
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats import documents
from tests.integration.worker.datasets import check_times, episodes
from tests.integration.worker.jobs import UID
from tests.integration.worker.object_stores.conftest import (
    BUCKET,
    DATASET,
    client_of,
    download,
    hashes_anywhere,
    job_between,
    keys_of,
)
from tests.integration.worker.object_stores.store_servers import StoreServer
from tests.lerobot_check import check_opens_in_lerobot

RESULT = "results/demo"


def test_source_and_result_may_be_of_different_kinds(
    dataset: Path, servers: Mapping[str, StoreServer], tmp_path: Path
) -> None:
    store = servers["s3"].access(BUCKET, DATASET)
    output = store.model_copy(update={"path": "results/from-a-folder"})
    for name, left_out, settings, result in (
        ("from-folder", worker_contract.ENV_SOURCE_STORE, {"source_folder": dataset}, output.url),
        ("to-folder", worker_contract.ENV_OUTPUT_STORE, {"output_folder": tmp_path / "r"}, str(tmp_path / "r")),
    ):
        run = job_between(tmp_path / name, store, output)
        run = replace(run, environment={**run.environment, left_out: ""}).with_settings(**settings)
        run.run(PhaseName.RESOLVE)
        assert run.job.status.output is not None
        assert run.job.status.output.dataset_id == result


def test_result_in_a_store_is_that_of_a_folder_and_opens_in_lerobot(
    in_a_folder: Mapping[str, str],
    servers: Mapping[str, StoreServer],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(documents, "MOST_HELD_BYTES", 0)  # records go to the store, too
    for kind, other in (("gcs", "azure"), ("azure", "gcs")):  # S3: test_local_runs.py
        source, store = servers[kind].access(BUCKET, DATASET), servers[other]
        output = store.access(BUCKET, RESULT)
        run = job_between(tmp_path / kind, source, output)
        run.run(PhaseName.RESOLVE)
        run.run_shards(1)
        stored = [json.loads(text).get("document", {}).get("sha256") for text in run.manifests.read(0).values()]
        document = next(sha256 for sha256 in stored if sha256 is not None)
        client_of(store, RESULT).delete([f"{RESULT}/.augmentation-{UID[:8]}/{document}"])
        with pytest.raises(WorkerFailure) as lost:
            run.run(PhaseName.PUBLISH, shards=1)
        assert lost.value.reason is FailureReason.RECORDS_LOST
        run.run_shards(1)
        run.run(PhaseName.PUBLISH, shards=1)
        result = download(store, RESULT, tmp_path / f"from-{kind}")
        assert hashes_anywhere(result) == in_a_folder
        assert not [key for key in keys_of(store, RESULT) if key.startswith(".augmentation-")]
        status = run.job.status
        assert status.output is not None
        assert (status.output.dataset_id, status.output.episodes) == (output.url, 6)
        provenance = client_of(store, RESULT).read(f"{RESULT}/meta/augmentation.json", 1 << 20)
        assert provenance is not None and source.url.encode() in provenance
    run.run(PhaseName.PUBLISH, shards=1)
    assert [event.status for event in run.job.status.phase(PhaseName.PUBLISH).events][-2:] == ["resumed", "completed"]
    check_times(result, episodes(result))
    check_opens_in_lerobot(result, "lab/demo", episodes=6, frames=36)
