"""A real hub server, and the unmodified `huggingface_hub` client as three people: owner, reader, nobody."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi, constants

from devcluster.localhub.hub_process import clear_faults, running_hub

TOKENS = "demo:hf_owner:write,demo:hf_owner_reads:read,other:hf_stranger:write"
_numbers = itertools.count()


@pytest.fixture(autouse=True, scope="session")
def _lfs_uploads() -> Iterator[None]:
    # HF_HUB_DISABLE_XET=1, in a way that holds even where another test imported the client before.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        yield


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_hub(tmp_path_factory.mktemp("hub"), TOKENS) as url:
        yield url


@pytest.fixture
def api(endpoint: str) -> Iterator[HfApi]:
    """The owner of namespace `demo`."""
    yield HfApi(endpoint=endpoint, token="hf_owner")
    clear_faults(endpoint, "hf_owner")


@pytest.fixture
def read_only(endpoint: str) -> HfApi:
    """The same user with a read token."""
    return HfApi(endpoint=endpoint, token="hf_owner_reads")


@pytest.fixture
def stranger(endpoint: str) -> HfApi:
    """Another user, who may write in a namespace of their own."""
    return HfApi(endpoint=endpoint, token="hf_stranger")


@pytest.fixture
def nobody(endpoint: str) -> HfApi:
    """No token at all."""
    return HfApi(endpoint=endpoint, token=False)


@pytest.fixture
def name() -> str:
    """A dataset id not used before."""
    return f"demo/dataset-{next(_numbers)}"


@pytest.fixture
def repo(api: HfApi, name: str) -> str:
    """A new public dataset."""
    api.create_repo(name, repo_type="dataset")
    return name


@pytest.fixture
def private_repo(api: HfApi, name: str) -> str:
    """A new private dataset with one file."""
    api.create_repo(name, repo_type="dataset", private=True)
    api.upload_file(path_or_fileobj=b"secret", path_in_repo="a.txt", repo_id=name, repo_type="dataset")
    return name


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """An empty download cache."""
    return tmp_path / "cache"
