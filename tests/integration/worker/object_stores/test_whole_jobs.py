"""Whole jobs from a bucket to a bucket, with a server of each kind."""

from collections.abc import Mapping
from pathlib import Path

from augmentation_api import PhaseName
from tests.integration.worker.datasets import check_times, episodes, file_hashes
from tests.integration.worker.jobs import local_run, spec_of
from tests.integration.worker.object_stores.conftest import (
    BUCKET,
    DATASET,
    KINDS,
    client_of,
    download,
    job_between,
    keys_of,
)
from tests.integration.worker.object_stores.store_servers import StoreServer
from tests.lerobot_check import check_opens_in_lerobot

RESULT = "results/demo"
OF_THE_PLACE = {"meta/augmentation.json", "meta/augmentation.png", "README.md"}
"""They name the source."""


def test_result_in_a_store_is_that_of_a_folder_and_opens_in_lerobot(
    dataset: Path, servers: Mapping[str, StoreServer], tmp_path: Path
) -> None:
    in_folder = local_run(tmp_path / "job", "http://127.0.0.1:9", None, spec_of("unused/unused", copies=1))
    in_folder = in_folder.with_settings(source_folder=dataset, output_folder=tmp_path / "result")
    in_folder.run_all(2)
    wanted = {path: value for path, value in file_hashes(tmp_path / "result").items() if path not in OF_THE_PLACE}
    for kind, other in zip(KINDS, (*KINDS[1:], KINDS[0]), strict=True):
        source, store = servers[kind].access(BUCKET, DATASET), servers[other]
        output = store.access(BUCKET, RESULT)
        run = job_between(tmp_path / kind, source, output)
        run.run_all(2)
        result = download(store, RESULT, tmp_path / f"from-{kind}")
        assert {path: value for path, value in file_hashes(result).items() if path not in OF_THE_PLACE} == wanted
        assert not [key for key in keys_of(store, RESULT) if key.startswith(".augmentation-")]
        status = run.job.status
        assert status.output is not None
        assert (status.output.dataset_id, status.output.episodes) == (output.url, 6)
        provenance = client_of(store, RESULT).read(f"{RESULT}/meta/augmentation.json", 1 << 20)
        assert provenance is not None and source.url.encode() in provenance
    run.run(PhaseName.PUBLISH, shards=2)
    assert [event.status for event in run.job.status.phase(PhaseName.PUBLISH).events][-2:] == ["resumed", "completed"]
    check_times(result, episodes(result))
    check_opens_in_lerobot(result, "lab/demo", episodes=6, frames=36)
