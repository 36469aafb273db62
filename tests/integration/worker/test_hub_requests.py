"""What a job with many shards asks of a hub, counted: a source of 10,000 files, and what each shard adds to it."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import set_client_factory
from huggingface_hub.utils._http import default_client_factory

from augmentation_api import AugmentationJob, worker_contract
from augmentation_api.status import SourceStatus
from augmentation_worker.cluster.manifest import LocalManifests
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.storage.hub.backend import HubBackend
from augmentation_worker.storage.port import NO_CONVENTIONS, StorageContext
from devcluster.localhub.hub_process import requests_seen, running_hub
from devcluster.localhub.mode import FREE_USER_QUOTAS, Mode
from devcluster.localhub.rate_limits import bucket_of
from devcluster.localhub.repository import Add
from devcluster.localhub.snapshot import regular_file
from devcluster.localhub.store import Store
from tests.integration.worker.conftest import TOKENS, WRITE
from tests.integration.worker.jobs import UID

COUNTED, SHARDS, FILES = 5, 100, 10_000
CONTENT = b"a frame"


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[str]:
    store = Store(tmp_path / "hub")
    source = store.create("lab/large", private=True, author="lab")
    entry = regular_file(CONTENT)
    source.store_blob(entry, CONTENT)
    names = [f"videos/chunk-{n // 1000:03}/episode_{n:06}.mp4" for n in range(FILES)]
    source.apply("main", [Add(name, entry) for name in names], title="all", message="", author="lab", parent=None)
    store.create("lab/result", private=True, author="lab")
    store.close()
    set_client_factory(default_client_factory)
    with running_hub(tmp_path / "hub", TOKENS, Mode(quotas=FREE_USER_QUOTAS)) as url:
        yield url


def test_shards_do_not_ask_for_the_list_of_files(endpoint: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(WRITE)
    manifests = LocalManifests(tmp_path / "manifests")
    spec = {"source": {"hub": {"repoID": "lab/large"}}, "output": {"hub": {"repoID": "lab/result"}}}
    job = AugmentationJob.from_wire({"metadata": {"name": "a", "namespace": "lab", "uid": UID}, "spec": spec})

    def pod(**place: int) -> HubBackend:
        environment = {
            worker_contract.ENV_HUB_ENDPOINT: endpoint,
            worker_contract.ENV_HUB_TOKEN_FILE: str(tmp_path / "token"),
            **{name: str(value) for name, value in place.items()},
        }
        scratch = tmp_path / "scratch"
        return HubBackend(StorageContext(job, environment, scratch, NO_CONVENTIONS, lambda *_: None, manifests))

    found = pod().find_source()
    pinned = SourceStatus(repo_id=found.name, revision=found.revision)
    alone = Counter(bucket_of(each["path"]) for each in requests_seen(endpoint, WRITE))
    for shard in range(COUNTED):
        own = pod(**{worker_contract.ENV_SHARD_INDEX: shard, worker_contract.ENV_SHARD_COUNT: SHARDS})
        source, output = own.open_source(pinned), own.open_output("lab/result")
        assert source.files.keys() == found.files.keys()
        for number in (shard, shard + 5000):
            path = DatasetPath(f"videos/chunk-{number // 1000:03}/episode_{number:06}.mp4")
            local = source.open(path)
            assert local.read_bytes() == CONTENT
            local.write_bytes(f"{number}".encode())
            output.put(path, local)
            source.drop(path)
    seen = Counter(bucket_of(each["path"]) for each in requests_seen(endpoint, WRITE))
    pinned_by, pages, puts = 2, 11, 2
    assert alone == {"api": pinned_by + pages}
    assert seen["api"] - alone["api"] == COUNTED * puts * 2, (
        "the LFS batch and its check for each file that is uploaded"
    )
    assert seen["resolvers"] == COUNTED * 2, "one request for each file that is read"
    reading = alone["api"] + SHARDS * (seen["api"] - alone["api"] - COUNTED * puts * 2) // COUNTED
    assert reading < FREE_USER_QUOTAS["api"] / 10, "all but the uploads, which keep to what is left in a window"
