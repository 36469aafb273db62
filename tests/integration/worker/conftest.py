"""A real hub with the sample datasets on it, and jobs that run against it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi, set_client_factory
from huggingface_hub.utils._http import default_client_factory

from devcluster.localhub.hub_process import running_hub
from tests.integration.worker.jobs import LocalRun, local_run, spec_of

FIXTURES = Path(__file__).parents[2] / "fixtures"
WRITE, READ, OTHER = "hf_write", "hf_read", "hf_other"
TOKENS = f"lab:{WRITE}:write,lab:{READ}:read,other:{OTHER}:write"
SAMPLE = "lab/pusht"
Results = Mapping[int, tuple[LocalRun, Path]]


@dataclass(frozen=True)
class Hub:
    """A running hub."""

    endpoint: str
    api: HfApi

    def publish(self, dataset: str, folder: Path, *, tag: str | None = "v3.0") -> str:
        """Upload a dataset to the hub and return the commit."""
        self.api.create_repo(dataset, repo_type="dataset", exist_ok=True)
        commit = self.api.upload_folder(repo_id=dataset, repo_type="dataset", folder_path=folder).oid
        if tag is not None:
            self.api.create_tag(dataset, tag=tag, repo_type="dataset")
        return str(commit)

    def head(self, dataset: str, revision: str = "main") -> str:
        return str(self.api.dataset_info(dataset, revision=revision).sha)

    def download(self, dataset: str, folder: Path, revision: str = "v3.0") -> Path:
        return Path(self.api.snapshot_download(dataset, repo_type="dataset", revision=revision, local_dir=folder))


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    set_client_factory(default_client_factory)
    with running_hub(tmp_path_factory.mktemp("hub"), TOKENS) as endpoint:
        served = Hub(endpoint, HfApi(endpoint=endpoint, token=WRITE))
        served.publish(SAMPLE, FIXTURES / "pusht_v30")
        served.publish("lab/pusht_v21", FIXTURES / "pusht_v21", tag="v2.1")
        yield served


@pytest.fixture(scope="session")
def results(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Job and result of the sample with two copies per episode, for one shard and for three."""
    made = {}
    for shards in (1, 3):
        folder = tmp_path_factory.mktemp("result")
        spec = spec_of(SAMPLE) | {"output": {"hub": {"repoID": f"lab/by-{shards}"}}}
        run = local_run(folder / "job", hub.endpoint, WRITE, spec)
        run.run_all(shards)
        made[shards] = (run, hub.download(f"lab/by-{shards}", folder / "dataset"))
    return made


@pytest.fixture
def submit(hub: Hub, tmp_path: Path) -> Callable[..., LocalRun]:
    """Submit a job with this spec; the keyword `token` selects another user."""
    numbers = count()

    def submitted(spec: dict[str, Any], *, token: str | None = WRITE, **more: Any) -> LocalRun:
        return local_run(tmp_path / f"job-{next(numbers)}", hub.endpoint, token, spec, **more)

    return submitted
