"""Reads of a dataset: listings, files, ranges, snapshots."""

import os
from pathlib import Path

import httpx
import pytest
from huggingface_hub import CommitOperationAdd, HfApi, get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import EntryNotFoundError
from huggingface_hub.hf_api import RepoFile, RepoFolder

from devcluster.localhub.hub_process import requests_seen

_VIDEO = os.urandom(300_000)


@pytest.fixture
def files(api: HfApi, repo: str) -> str:
    """A dataset with a file of each kind in it."""
    added = [
        CommitOperationAdd("meta/info.json", b'{"fps": 30}'),
        CommitOperationAdd("videos/cam/a.mp4", _VIDEO),
        CommitOperationAdd("odd names/ä #1?.txt", b"odd"),
        CommitOperationAdd("empty.txt", b""),
    ]
    api.create_commit(repo, added, commit_message="add", repo_type="dataset")
    return repo


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("meta/info.json", b'{"fps": 30}'),
        ("videos/cam/a.mp4", _VIDEO),
        ("odd names/ä #1?.txt", b"odd"),
        ("empty.txt", b""),
    ],
)
def test_downloaded_file_equals_uploaded_file(api: HfApi, files: str, cache: Path, path: str, content: bytes) -> None:
    local = api.hf_hub_download(files, path, repo_type="dataset", cache_dir=cache)
    assert Path(local).read_bytes() == content


def test_second_download_is_served_from_cache_by_etag(api: HfApi, files: str, cache: Path) -> None:
    for _ in range(2):
        api.hf_hub_download(files, "videos/cam/a.mp4", repo_type="dataset", cache_dir=cache)
    requests = requests_seen(api.endpoint, "hf_owner", path_contains=f"{files}/resolve")
    assert [request["method"] for request in requests] == ["HEAD", "GET", "HEAD"]


def test_head_request_returns_headers_of_hub(api: HfApi, files: str) -> None:
    video = api.get_paths_info(files, "videos/cam/a.mp4", repo_type="dataset")[0]
    assert isinstance(video, RepoFile)
    url = hf_hub_url(files, "videos/cam/a.mp4", repo_type="dataset", endpoint=api.endpoint)
    metadata = get_hf_file_metadata(url, endpoint=api.endpoint)
    assert video.lfs is not None
    assert (metadata.etag, metadata.size) == (video.lfs.sha256, len(_VIDEO))
    assert metadata.commit_hash == api.dataset_info(files).sha
    headers = httpx.head(url).headers
    assert (headers["x-linked-etag"], headers["x-linked-size"]) == (f'"{metadata.etag}"', str(len(_VIDEO)))
    assert httpx.get(url, headers={"If-None-Match": f'"{metadata.etag}"'}).status_code == 304


def test_range_request_returns_requested_bytes(api: HfApi, files: str) -> None:
    url = hf_hub_url(files, "videos/cam/a.mp4", repo_type="dataset", endpoint=api.endpoint)
    part = httpx.get(url, headers={"Range": "bytes=1000-1999"})
    assert (part.status_code, part.content) == (206, _VIDEO[1000:2000])
    assert part.headers["content-range"] == f"bytes 1000-1999/{len(_VIDEO)}"
    assert httpx.get(url, headers={"Range": "bytes=-5"}).content == _VIDEO[-5:]
    assert httpx.get(url, headers={"Range": f"bytes={len(_VIDEO)}-"}).status_code == 416


def test_missing_file_raises_entry_not_found(api: HfApi, files: str, cache: Path) -> None:
    with pytest.raises(EntryNotFoundError):
        api.hf_hub_download(files, "nothing.mp4", repo_type="dataset", cache_dir=cache)
    assert not api.file_exists(files, "nothing.mp4", repo_type="dataset")
    with pytest.raises(EntryNotFoundError):
        list(api.list_repo_tree(files, "no/folder", repo_type="dataset"))


def test_snapshot_of_tag_has_tagged_files(api: HfApi, files: str, cache: Path) -> None:
    api.create_tag(files, tag="v3.0", repo_type="dataset")
    api.upload_file(path_or_fileobj=b"changed", path_in_repo="meta/info.json", repo_id=files, repo_type="dataset")
    snapshot = Path(api.snapshot_download(files, repo_type="dataset", revision="v3.0", cache_dir=cache))
    assert (snapshot / "meta" / "info.json").read_bytes() == b'{"fps": 30}'
    assert (snapshot / "videos" / "cam" / "a.mp4").read_bytes() == _VIDEO


def test_folder_is_listed_flat_or_recursively(api: HfApi, files: str) -> None:
    top = {item.path: type(item) for item in api.list_repo_tree(files, repo_type="dataset")}
    assert top == {
        ".gitattributes": RepoFile,
        "empty.txt": RepoFile,
        "meta": RepoFolder,
        "odd names": RepoFolder,
        "videos": RepoFolder,
    }
    below = [item.path for item in api.list_repo_tree(files, "videos", recursive=True, repo_type="dataset")]
    assert below == ["videos/cam", "videos/cam/a.mp4"]


def test_listing_of_over_thousand_files_is_paged(api: HfApi, repo: str) -> None:
    paths = [f"many/{number:04}.txt" for number in range(1001)]
    api.create_commit(repo, [CommitOperationAdd(path, b"") for path in paths], commit_message="m", repo_type="dataset")
    listed = [item.path for item in api.list_repo_tree(repo, "many", repo_type="dataset")]
    assert listed == paths
    assert len(requests_seen(api.endpoint, "hf_owner", path_contains=f"{repo}/tree")) == 2


def test_paths_info_describes_files_and_folders_and_omits_missing_paths(api: HfApi, files: str) -> None:
    paths = ["meta/info.json", "videos", "nothing"]
    assert [item.path for item in api.get_paths_info(files, paths, repo_type="dataset")] == paths[:2]


def test_last_commit_of_each_file_is_reported(api: HfApi, files: str) -> None:
    later = api.upload_file(path_or_fileobj=b"2", path_in_repo="later.txt", repo_id=files, repo_type="dataset")
    items = {item.path: item for item in api.list_repo_tree(files, expand=True, recursive=True, repo_type="dataset")}
    titles = {path: item.last_commit.title for path, item in items.items() if item.last_commit}
    assert titles[".gitattributes"] == "initial commit"
    assert titles["videos/cam/a.mp4"] == titles["meta"] == "add"
    changed = items["later.txt"].last_commit
    assert changed is not None
    assert changed.oid == later.oid


def test_file_sizes_and_hashes_are_included_on_request(api: HfApi, files: str) -> None:
    siblings = {item.rfilename: item for item in api.dataset_info(files, files_metadata=True).siblings or []}
    assert siblings["meta/info.json"].size == 11
    assert siblings["videos/cam/a.mp4"].lfs is not None


def test_lfs_objects_can_be_fetched_through_batch_api(api: HfApi, files: str) -> None:
    video = api.get_paths_info(files, "videos/cam/a.mp4", repo_type="dataset")[0]
    assert isinstance(video, RepoFile)
    assert video.lfs is not None
    body = {"operation": "download", "objects": [{"oid": video.lfs.sha256, "size": video.size}]}
    answer = httpx.post(f"{api.endpoint}/datasets/{files}.git/info/lfs/objects/batch", json=body).json()
    assert httpx.get(answer["objects"][0]["actions"]["download"]["href"]).content == _VIDEO
