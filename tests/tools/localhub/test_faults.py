"""Injected faults of chosen requests, and the client's reaction."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError

from devcluster.localhub.hub_process import clear_faults, inject_fault, requests_seen

_OWNER = {"Authorization": "Bearer hf_owner"}


def _upload(api: HfApi, repo: str, path: str = "a.txt", content: bytes = b"1") -> str:
    return api.upload_file(path_or_fileobj=content, path_in_repo=path, repo_id=repo, repo_type="dataset").oid


def test_commit_fails_configured_number_of_times_and_then_succeeds(api: HfApi, repo: str) -> None:
    inject_fault(api.endpoint, "hf_owner", path_contains=f"{repo}/commit/", status=503, count=2)
    for _ in range(2):
        with pytest.raises(HfHubHTTPError) as failure:
            _upload(api, repo)
        assert failure.value.response.status_code == 503
    oid = _upload(api, repo)
    assert api.dataset_info(repo).sha == oid
    statuses = [item["status"] for item in requests_seen(api.endpoint, "hf_owner", path_contains=f"{repo}/commit/")]
    assert statuses == [503, 503, 200]


def test_fault_can_skip_first_matching_request(api: HfApi, repo: str) -> None:
    inject_fault(api.endpoint, "hf_owner", path_contains=f"{repo}/commit/", status=500, skip=1)
    _upload(api, repo)
    with pytest.raises(HfHubHTTPError):
        _upload(api, repo, content=b"2")


def test_connection_lost_before_commit_leaves_no_commit(api: HfApi, repo: str) -> None:
    before = api.dataset_info(repo).sha
    inject_fault(api.endpoint, "hf_owner", method="POST", path_contains=f"{repo}/commit/", disconnect=True)
    with pytest.raises(Exception, match=r"disconnected|reset"):
        _upload(api, repo)
    assert api.dataset_info(repo).sha == before
    assert requests_seen(api.endpoint, "hf_owner", path_contains=f"{repo}/commit/")[-1]["status"] == 0


def test_connection_lost_after_commit_leaves_commit(api: HfApi, repo: str) -> None:
    inject_fault(api.endpoint, "hf_owner", path_contains=f"{repo}/commit/", disconnect=True, after=True)
    with pytest.raises(Exception, match=r"disconnected|reset"):
        _upload(api, repo)
    assert "a.txt" in api.list_repo_files(repo, repo_type="dataset")


def test_interrupted_download_resumes_at_its_offset(api: HfApi, repo: str, cache: Path) -> None:
    content = os.urandom(12_000_000)  # the client keeps what came in whole chunks, and one is 10 MiB
    _upload(api, repo, "a.mp4", content)
    inject_fault(api.endpoint, "hf_owner", method="GET", path_contains=f"{repo}/resolve/", cut_after_bytes=11_000_000)
    local = api.hf_hub_download(repo, "a.mp4", repo_type="dataset", cache_dir=cache)
    assert Path(local).read_bytes() == content
    gets = requests_seen(api.endpoint, "hf_owner", method="GET", path_contains=f"{repo}/resolve/")
    assert [item["status"] for item in gets] == [200, 206]


def test_client_retries_failed_upload(api: HfApi, repo: str) -> None:
    inject_fault(api.endpoint, "hf_owner", method="PUT", path_contains=repo, status=503)
    _upload(api, repo, "a.mp4", os.urandom(100_000))
    puts = requests_seen(api.endpoint, "hf_owner", method="PUT", path_contains=repo)
    assert [item["status"] for item in puts] == [503, 200]


def test_delay_postpones_response(api: HfApi, repo: str) -> None:
    inject_fault(api.endpoint, "hf_owner", path_contains=f"{repo}/refs", delay_seconds=0.3)
    start = time.monotonic()
    api.list_repo_refs(repo, repo_type="dataset")
    assert time.monotonic() - start >= 0.3


def test_held_request_is_answered_when_faults_are_cleared(api: HfApi, repo: str) -> None:
    inject_fault(api.endpoint, "hf_owner", path_contains=f"{repo}/refs", hold=True, skip=1)
    assert api.list_repo_refs(repo, repo_type="dataset").branches
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(api.list_repo_refs, repo, repo_type="dataset")
        while httpx.get(f"{api.endpoint}/_faults", headers=_OWNER).json()["faults"]:
            time.sleep(0.01)
        assert api.dataset_info(repo).id == repo, "other requests are answered"
        assert not held.done()
        clear_faults(api.endpoint, "hf_owner")
        assert held.result(60).branches
    assert api.list_repo_refs(repo, repo_type="dataset").branches


def test_faults_are_listed_and_cleared(api: HfApi, repo: str) -> None:
    inject_fault(api.endpoint, "hf_owner", path_contains=repo, status=500, count=None)
    url = f"{api.endpoint}/_faults"
    (listed,) = httpx.get(url, headers=_OWNER).json()["faults"]
    assert (listed["path_contains"], listed["status"], listed["count"]) == (repo, 500, None)
    assert httpx.delete(url, headers=_OWNER).status_code == 204
    assert api.dataset_info(repo).id == repo


@pytest.mark.parametrize(
    "rule", [{}, {"status": 500, "disconnect": True}, {"typo": 1}, {"after": True, "delay_seconds": 1}, [], "x"]
)
def test_invalid_fault_rule_is_rejected(endpoint: str, rule: object) -> None:
    assert httpx.post(f"{endpoint}/_faults", json=rule, headers=_OWNER).status_code == 400
