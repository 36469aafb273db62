"""Fixtures of the end-to-end tests: the product installed on the real cluster, and a user of it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from devcluster import settings as devcluster_settings
from devcluster.demo.access import Access
from devcluster.demo.dataset import FORMAT_TAG, SAMPLE, upload_sample
from devcluster.demo.installation import Installation, install, open_access
from tests.e2e.user import User

SOURCE = "demo/pusht"


@pytest.fixture(scope="session")
def installation() -> Installation:
    """The chart of this checkout, with its images, on the cluster that `make test` made."""
    return install(devcluster_settings.from_environment())


@pytest.fixture(scope="session")
def access(installation: Installation) -> Access:
    """A namespace and a key for these tests; jobs of previous runs are deleted."""
    access = open_access(installation, "e2e")
    installation.kubectl.run("delete", "augmentationjobs", "--all", "--namespace", access.namespace)
    return access


@pytest.fixture(scope="session")
def hub(access: Access) -> HfApi:
    """The real hub client, at the local hub, with the sample dataset on it."""
    api = HfApi(endpoint=access.hub_endpoint, token=access.hub_token)
    upload_sample(api, SOURCE)
    return api


@pytest.fixture
def small_files(hub: HfApi, tmp_path: Path) -> str:
    """The sample as a dataset whose video files, and so those of its results, hold an episode each."""
    name, folder = "demo/pusht-small-files", tmp_path / "small-files"
    shutil.copytree(SAMPLE, folder)
    info = json.loads((folder / "meta/info.json").read_text())
    (folder / "meta/info.json").write_text(json.dumps({**info, "video_files_size_in_mb": 0.001}))
    hub.create_repo(name, repo_type="dataset", exist_ok=True)
    hub.upload_folder(repo_id=name, repo_type="dataset", folder_path=folder)
    hub.create_tag(name, repo_type="dataset", tag=FORMAT_TAG, exist_ok=True)
    return name


@pytest.fixture
def user(installation: Installation, access: Access, hub: HfApi, tmp_path: Path) -> Iterator[User]:
    """A user who submits jobs and follows them; jobs that still run at the end are cancelled."""
    someone = User(installation.kubectl, access, hub, tmp_path)
    yield someone
    someone.leave()
