"""Contract with huggingface_hub's private attributes that hub/uploaded_files.py depends on."""

from pathlib import Path

import pytest
from huggingface_hub import HfApi

from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.storage.hub import uploaded_files
from augmentation_worker.storage.port import StoredFile
from tests.integration.worker.conftest import WRITE, Hub

NAME = "lab/contract"


@pytest.fixture(scope="module")
def api(hub: Hub) -> HfApi:
    api = HfApi(endpoint=hub.endpoint, token=WRITE)
    api.create_repo(NAME, repo_type="dataset")
    return api


def test_blob_is_uploaded_by_one_process_and_committed_by_another_by_its_hash(
    hub: Hub, api: HfApi, tmp_path: Path
) -> None:
    local = tmp_path / "video.mp4"
    local.write_bytes(b"frames" * 1000)
    head = hub.head(NAME)
    uploaded = uploaded_files.upload(api, NAME, DatasetPath("videos/a.mp4"), local)
    assert hub.head(NAME) == head, "an upload is no commit"
    stored = StoredFile(uploaded.path, uploaded.sha256, uploaded.size)
    HfApi(endpoint=hub.endpoint, token=WRITE).create_commit(
        NAME, [uploaded_files.addition_of(stored)], commit_message="add", repo_type="dataset", parent_commit=head
    )
    (entry,) = api.get_paths_info(NAME, "videos/a.mp4", repo_type="dataset")
    assert entry.lfs.sha256 == uploaded.sha256  # type: ignore[union-attr]
    path = api.hf_hub_download(NAME, "videos/a.mp4", repo_type="dataset", local_dir=tmp_path / "back")
    assert Path(path).read_bytes() == local.read_bytes()


def test_missing_blobs_are_found(api: HfApi) -> None:
    existing = uploaded_files.upload(api, NAME, DatasetPath("videos/b.mp4"), b"there")
    absent = StoredFile(DatasetPath("videos/c.mp4"), "0" * 64, 5)
    assert uploaded_files.not_stored(api, NAME, [existing, absent]) == [absent]


def test_uncommitted_blob_can_be_downloaded(api: HfApi, tmp_path: Path) -> None:
    uploaded = uploaded_files.upload(api, NAME, DatasetPath("videos/d.mp4"), b"not committed")
    uploaded_files.fetch(api, NAME, uploaded, tmp_path / "d.mp4")
    assert (tmp_path / "d.mp4").read_bytes() == b"not committed"
    with pytest.raises(FileNotFoundError):
        uploaded_files.fetch(api, NAME, StoredFile(DatasetPath("videos/e.mp4"), "0" * 64, 5), tmp_path / "e.mp4")


def test_small_file_is_uploaded_through_lfs(api: HfApi) -> None:
    uploaded = uploaded_files.upload(api, NAME, DatasetPath("notes.txt"), b"text")
    assert uploaded_files.not_stored(api, NAME, [uploaded]) == []
