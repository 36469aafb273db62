"""Read and write access to datasets."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

from devcluster.localhub.hub_process import requests_seen


def test_public_dataset_is_readable_without_token(api: HfApi, nobody: HfApi, repo: str, cache: Path) -> None:
    api.upload_file(path_or_fileobj=b"1", path_in_repo="a.txt", repo_id=repo, repo_type="dataset")
    assert Path(nobody.hf_hub_download(repo, "a.txt", repo_type="dataset", cache_dir=cache)).read_bytes() == b"1"


@pytest.mark.parametrize(("who", "status"), [("nobody", 401), ("stranger", 404)])
def test_private_dataset_is_404_for_other_users(
    who: str, status: int, private_repo: str, cache: Path, request: pytest.FixtureRequest
) -> None:
    other: HfApi = request.getfixturevalue(who)
    with pytest.raises(RepositoryNotFoundError) as refusal:
        other.dataset_info(private_repo)
    assert refusal.value.response.status_code == status
    with pytest.raises(RepositoryNotFoundError):
        other.hf_hub_download(private_repo, "a.txt", repo_type="dataset", cache_dir=cache)
    assert private_repo not in {dataset.id for dataset in other.list_datasets()}


def test_private_dataset_is_readable_with_read_token_of_its_user(
    read_only: HfApi, private_repo: str, cache: Path
) -> None:
    local = read_only.hf_hub_download(private_repo, "a.txt", repo_type="dataset", cache_dir=cache)
    assert Path(local).read_bytes() == b"secret"


@pytest.mark.parametrize("who", ["read_only", "stranger"])
def test_only_write_token_of_namespace_may_write(who: str, repo: str, request: pytest.FixtureRequest) -> None:
    other: HfApi = request.getfixturevalue(who)
    attempts: list[Callable[[], object]] = [
        lambda: other.upload_file(path_or_fileobj=b"1", path_in_repo="a", repo_id=repo, repo_type="dataset"),
        lambda: other.preupload_lfs_files(repo, [CommitOperationAdd("a.mp4", b"1")], repo_type="dataset"),
        lambda: other.create_tag(repo, tag="v1", repo_type="dataset"),
        lambda: other.create_branch(repo, branch="b", repo_type="dataset"),
        lambda: other.delete_repo(repo, repo_type="dataset"),
        lambda: other.create_repo("demo/taken-over", repo_type="dataset"),
        lambda: other.auth_check(repo, repo_type="dataset", write=True),
    ]
    for attempt in attempts:
        with pytest.raises(HfHubHTTPError) as refusal:
            attempt()
        assert refusal.value.response.status_code == 403
    other.auth_check(repo, repo_type="dataset")


def test_write_without_token_is_rejected(nobody: HfApi, repo: str) -> None:
    with pytest.raises(HfHubHTTPError) as refusal:
        nobody.upload_file(path_or_fileobj=b"1", path_in_repo="a", repo_id=repo, repo_type="dataset")
    assert refusal.value.response.status_code == 401


def test_unknown_token_is_rejected_even_for_public_data(endpoint: str, repo: str) -> None:
    with pytest.raises(HfHubHTTPError, match="Invalid credentials") as refusal:
        HfApi(endpoint=endpoint, token="hf_guessed").dataset_info(repo)
    assert refusal.value.response.status_code == 401


def test_faults_and_log_require_write_token(endpoint: str) -> None:
    for path in ("/_faults", "/_log"):
        assert httpx.get(f"{endpoint}{path}").status_code == 401
        assert httpx.get(f"{endpoint}{path}", headers={"Authorization": "Bearer hf_owner_reads"}).status_code == 403


def test_log_contains_no_tokens_and_no_upload_signatures(api: HfApi, repo: str) -> None:
    api.upload_file(path_or_fileobj=b"1", path_in_repo="a.mp4", repo_id=repo, repo_type="dataset")
    text = repr(requests_seen(api.endpoint, "hf_owner"))
    assert "lfs-storage" in text
    assert "hf_" not in text
    assert "signature" not in text
