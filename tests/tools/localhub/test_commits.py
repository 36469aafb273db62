"""Commits to a dataset."""

import os
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete, HfApi
from huggingface_hub.errors import (
    BadRequestError,
    EntryNotFoundError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoFile

from devcluster.localhub.hub_process import requests_seen


def _file(api: HfApi, repo: str, path: str) -> RepoFile:
    (entry,) = api.get_paths_info(repo, path, repo_type="dataset", expand=True)
    assert isinstance(entry, RepoFile)
    return entry


def test_small_text_file_is_sent_inside_commit(api: HfApi, repo: str) -> None:
    commit = api.upload_file(path_or_fileobj=b"hello\n", path_in_repo="meta/a.txt", repo_id=repo, repo_type="dataset")
    file = _file(api, repo, "meta/a.txt")
    assert (file.size, file.lfs) == (6, None)
    assert file.blob_id == "ce013625030ba8dba906f756967f9e9ca394464a"  # what `git hash-object` says
    assert file.last_commit is not None
    assert file.last_commit.oid == commit.oid
    assert requests_seen(api.endpoint, "hf_owner", path_contains=f"lfs-storage/{repo}") == []


@pytest.mark.parametrize("path", ["data/a.parquet", "videos/a.mp4", "images/a.png"])
def test_tracked_file_type_goes_through_lfs(api: HfApi, repo: str, path: str) -> None:
    api.upload_file(path_or_fileobj=b"0123", path_in_repo=path, repo_id=repo, repo_type="dataset")
    file = _file(api, repo, path)
    assert file.lfs is not None
    assert file.lfs.sha256 == "1be2e452b46d7a0d9656bbb1f768e8248eba1b75baed65f5d99eafa948899a6a"


def test_file_above_ten_megabytes_goes_through_lfs(api: HfApi, repo: str) -> None:
    api.upload_file(path_or_fileobj=bytes(10_000_001), path_in_repo="log.txt", repo_id=repo, repo_type="dataset")
    assert _file(api, repo, "log.txt").lfs is not None


def test_gitattributes_of_repository_decide_on_lfs(api: HfApi, repo: str) -> None:
    rules = b"*.tsv filter=lfs diff=lfs merge=lfs -text\n/raw/** filter=lfs\nraw/keep.md -filter\n"
    api.upload_file(path_or_fileobj=rules, path_in_repo=".gitattributes", repo_id=repo, repo_type="dataset")
    paths = ["a/b.tsv", "raw/x/y.json", "raw/keep.md", "video.mp4"]
    for path in paths:
        api.upload_file(path_or_fileobj=b"0", path_in_repo=path, repo_id=repo, repo_type="dataset")
    assert [_file(api, repo, path).lfs is not None for path in paths] == [True, True, False, False]


def test_folder_becomes_one_commit(api: HfApi, repo: str, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    pq.write_table(pa.table({"index": range(100)}), tmp_path / "data" / "file-000.parquet")
    (tmp_path / "info.json").write_text("{}")
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n# Card\n")
    api.upload_folder(folder_path=tmp_path, repo_id=repo, repo_type="dataset")
    assert len(api.list_repo_commits(repo, repo_type="dataset")) == 2
    assert sorted(api.list_repo_files(repo, repo_type="dataset")) == [
        ".gitattributes",
        "README.md",
        "data/file-000.parquet",
        "info.json",
    ]


def test_commit_deletes_and_adds_files_and_folders(api: HfApi, repo: str) -> None:
    added = [CommitOperationAdd(path, b"1") for path in ("a.txt", "old/b.txt", "old/c/d.txt")]
    api.create_commit(repo, added, commit_message="add", repo_type="dataset")
    deleted = [CommitOperationDelete("a.txt"), CommitOperationDelete("old/")]
    api.create_commit(
        repo, [*deleted, CommitOperationAdd("new.txt", b"2")], commit_message="change", repo_type="dataset"
    )
    assert sorted(api.list_repo_files(repo, repo_type="dataset")) == [".gitattributes", "new.txt"]


def test_lfs_file_is_copied_without_upload(api: HfApi, repo: str) -> None:
    api.upload_file(path_or_fileobj=b"frames", path_in_repo="a.mp4", repo_id=repo, repo_type="dataset")
    copy = CommitOperationCopy("a.mp4", "b/a.mp4")
    api.create_commit(repo, [copy], commit_message="copy", repo_type="dataset")
    assert _file(api, repo, "b/a.mp4").lfs == _file(api, repo, "a.mp4").lfs


def test_deleting_missing_entry_raises_entry_not_found(api: HfApi, repo: str) -> None:
    with pytest.raises(EntryNotFoundError):
        api.delete_file("nothing.txt", repo, repo_type="dataset")


def test_commit_on_outdated_parent_is_rejected(api: HfApi, repo: str) -> None:
    parent = api.dataset_info(repo).sha
    first = api.create_commit(
        repo, [CommitOperationAdd("a.txt", b"1")], commit_message="1", repo_type="dataset", parent_commit=parent
    )
    with pytest.raises(HfHubHTTPError) as refusal:
        api.create_commit(
            repo, [CommitOperationAdd("a.txt", b"2")], commit_message="2", repo_type="dataset", parent_commit=parent
        )
    assert refusal.value.response.status_code == 412
    assert api.dataset_info(repo).sha == first.oid


def test_uploading_unchanged_content_creates_no_commit(api: HfApi, repo: str) -> None:
    for path in ("a.txt", "a.mp4"):
        first = api.upload_file(path_or_fileobj=b"same", path_in_repo=path, repo_id=repo, repo_type="dataset")
        second = api.upload_file(path_or_fileobj=b"same", path_in_repo=path, repo_id=repo, repo_type="dataset")
        assert second.oid == first.oid


def test_commits_are_listed_newest_first(api: HfApi, repo: str) -> None:
    for number in range(3):
        add = CommitOperationAdd("a.txt", str(number).encode())
        api.create_commit(repo, [add], commit_message=f"{number}", commit_description="why", repo_type="dataset")
    commits = api.list_repo_commits(repo, repo_type="dataset")
    assert [commit.title for commit in commits] == ["2", "1", "0", "initial commit"]
    assert (commits[0].message, commits[0].authors) == ("why", ["demo"])


def test_commit_of_missing_lfs_object_is_rejected(api: HfApi, repo: str) -> None:
    before = api.dataset_info(repo).sha
    ghost = CommitOperationAdd("ghost.mp4", b"never sent")
    ghost._upload_mode, ghost._is_uploaded = "lfs", True
    with pytest.raises(BadRequestError, match="was not uploaded"):
        api.create_commit(repo, [ghost], commit_message="ghost", repo_type="dataset")
    assert api.dataset_info(repo).sha == before


def test_lfs_object_of_one_dataset_cannot_be_committed_to_another(api: HfApi, private_repo: str) -> None:
    secret = CommitOperationAdd("secret.mp4", b"for my eyes")
    api.preupload_lfs_files(private_repo, [secret], repo_type="dataset", free_memory=False)
    api.create_repo(f"{private_repo}-leak", repo_type="dataset")
    with pytest.raises(BadRequestError, match="was not uploaded"):
        api.create_commit(f"{private_repo}-leak", [secret], commit_message="leak", repo_type="dataset")


def test_bytes_with_other_hash_than_announced_are_rejected(api: HfApi, repo: str) -> None:
    announced = {"oid": "ab" * 32, "size": 4}
    url = f"{api.endpoint}/datasets/{repo}.git/info/lfs/objects/batch"
    body = {"operation": "upload", "transfers": ["basic"], "objects": [announced]}
    answer = httpx.post(url, json=body, headers={"Authorization": "Bearer hf_owner"}).json()
    href = answer["objects"][0]["actions"]["upload"]["href"]
    assert httpx.put(href, content=b"1234").status_code == 400
    assert httpx.put(href, content=b"123456789").status_code == 400
    assert httpx.put(href.replace("size=4", "size=9"), content=b"123456789").status_code == 403
    retried = httpx.post(url, json=body, headers={"Authorization": "Bearer hf_owner"}).json()
    assert "actions" in retried["objects"][0]


@pytest.mark.parametrize("path", ["../out.txt", "a//b.txt", "/abs.txt", ".git/config", "a/./b", ""])
def test_path_outside_dataset_is_rejected(api: HfApi, repo: str, path: str) -> None:
    lines = f'{{"key": "header", "value": {{"summary": "x"}}}}\n{{"key": "deletedFile", "value": {{"path": "{path}"}}}}'
    answer = httpx.post(
        f"{api.endpoint}/api/datasets/{repo}/commit/main", content=lines, headers={"Authorization": "Bearer hf_owner"}
    )
    assert (answer.status_code, "Invalid path" in answer.json()["error"]) == (400, True)


def test_path_cannot_be_both_file_and_folder(api: HfApi, repo: str) -> None:
    api.upload_file(path_or_fileobj=b"1", path_in_repo="a", repo_id=repo, repo_type="dataset")
    with pytest.raises(BadRequestError, match="is a file"):
        api.upload_file(path_or_fileobj=b"1", path_in_repo="a/b", repo_id=repo, repo_type="dataset")


def test_commit_to_missing_repository_or_branch_names_it(api: HfApi, repo: str) -> None:
    add = [CommitOperationAdd("a.txt", os.urandom(8))]
    with pytest.raises(RevisionNotFoundError):
        api.create_commit(repo, add, commit_message="x", repo_type="dataset", revision="no-branch")
    with pytest.raises(RepositoryNotFoundError):
        api.create_commit("demo/never-made", add, commit_message="x", repo_type="dataset")
