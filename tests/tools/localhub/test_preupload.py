"""Blobs uploaded by one process and committed by another that never saw their bytes: how shards publish."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import EntryNotFoundError

from devcluster.localhub.hub_process import requests_seen

_COMMIT_ELSEWHERE = """
import sys
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.lfs import UploadInfo

endpoint, repo, path, sha256, size = sys.argv[1:]
add = CommitOperationAdd(path, b"")
add.upload_info = UploadInfo(size=int(size), sample=b"", sha256=bytes.fromhex(sha256))
add._upload_mode = "lfs"
add._is_uploaded = True
api = HfApi(endpoint=endpoint, token="hf_owner")
print(api.create_commit(repo, [add], commit_message="publish", repo_type="dataset").oid)
"""


def test_blob_uploaded_by_one_process_is_committed_by_another(api: HfApi, repo: str, cache: Path) -> None:
    content = os.urandom(200_000)
    shard = CommitOperationAdd("videos/cam/file-000.mp4", content)
    api.preupload_lfs_files(repo, [shard], repo_type="dataset")
    facts = [shard.path_in_repo, shard.upload_info.sha256.hex(), str(len(content))]
    publish = subprocess.run(
        [sys.executable, "-c", _COMMIT_ELSEWHERE, api.endpoint, repo, *facts],
        env=os.environ | {"HF_HUB_DISABLE_XET": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    commits = api.list_repo_commits(repo, repo_type="dataset")
    assert [commits[0].commit_id, commits[0].title] == [publish.stdout.strip(), "publish"]
    assert len(commits) == 2
    assert len(requests_seen(api.endpoint, "hf_owner", method="PUT", path_contains=repo)) == 1
    local = api.hf_hub_download(repo, "videos/cam/file-000.mp4", repo_type="dataset", cache_dir=cache)
    assert Path(local).read_bytes() == content


def test_uncommitted_blob_is_not_listed(api: HfApi, repo: str, cache: Path) -> None:
    api.preupload_lfs_files(repo, [CommitOperationAdd("a.mp4", b"not yet")], repo_type="dataset")
    assert api.list_repo_files(repo, repo_type="dataset") == [".gitattributes"]
    assert len(api.list_repo_commits(repo, repo_type="dataset")) == 1
    with pytest.raises(EntryNotFoundError):
        api.hf_hub_download(repo, "a.mp4", repo_type="dataset", cache_dir=cache)


def test_existing_blob_is_not_uploaded_twice(api: HfApi, repo: str) -> None:
    for path in ("a.mp4", "b.mp4"):
        api.preupload_lfs_files(repo, [CommitOperationAdd(path, b"same")], repo_type="dataset")
    assert len(requests_seen(api.endpoint, "hf_owner", method="PUT", path_contains=repo)) == 1


def test_shards_upload_concurrently(api: HfApi, repo: str) -> None:
    shards = [CommitOperationAdd(f"videos/{number}.mp4", os.urandom(100_000)) for number in range(12)]
    api.preupload_lfs_files(repo, shards, repo_type="dataset", num_threads=6, free_memory=False)
    api.create_commit(repo, shards, commit_message="publish", repo_type="dataset")
    listed = api.list_repo_tree(repo, "videos", repo_type="dataset")
    assert sorted(item.path for item in listed) == sorted(shard.path_in_repo for shard in shards)
