"""Files whose content is on the hub before any commit names them: upload, check, download, and the commit's operation.

A blob is addressed by its sha256. One pod uploads it (no commit), another, which knows only hash and size, commits it.
huggingface_hub has no public way to commit a file that is uploaded already, so the operation is rebuilt through private
attributes; they are used here and nowhere else, and tests/integration/worker/test_uploaded_files.py holds the
installed version to it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.lfs import UploadInfo, lfs_upload, post_lfs_batch_info
from huggingface_hub.utils._headers import build_hf_headers
from huggingface_hub.utils._http import get_session, hf_raise_for_status

from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.storage.port import StoredFile

BATCH_FILES = 256
"""Objects in one LFS batch request, as huggingface_hub itself asks."""
_TRANSFERS = (None, "basic", "multipart")
_CHUNK_BYTES = 1 << 20
_LFS_JSON = "application/vnd.git-lfs+json"


class TransferUnsupported(Exception):
    """The hub takes an object only by a transfer that is not spoken here. The text is its name."""


def upload(api: HfApi, dataset: str, path: DatasetPath, content: Path | bytes) -> StoredFile:
    """Upload a blob, unless it is there; no commit is made.

    The blob goes through LFS even where the server would rather have a file of this kind in the commit itself
    ("regular"), as a server does whose .gitattributes do not track it: publish adds the rules in its commit.
    """
    addition = CommitOperationAdd(
        path_in_repo=path, path_or_fileobj=content if isinstance(content, bytes) else str(content)
    )
    addition._upload_mode = "lfs"
    addition._should_ignore = False
    uploaded = StoredFile(path, addition.upload_info.sha256.hex(), addition.upload_info.size)
    wanted, refused, transfer = _ask(api, dataset, [addition.upload_info])
    if refused:
        raise ValueError("the hub refuses an object")
    for action in wanted:
        if action.get("actions") and transfer not in _TRANSFERS:
            raise TransferUnsupported(transfer or "")
        lfs_upload(addition, action, headers=_headers(api), endpoint=api.endpoint)
    return uploaded


def addition_of(file: StoredFile) -> CommitOperationAdd:
    """The commit operation for a blob that is on the hub already, made from its hash and size alone."""
    addition = CommitOperationAdd(path_in_repo=file.path, path_or_fileobj=b"")
    addition.upload_info = UploadInfo(size=file.size, sample=b"", sha256=bytes.fromhex(file.sha256))
    addition._upload_mode = "lfs"
    addition._should_ignore = False
    addition._is_uploaded = True
    return addition


def not_stored(api: HfApi, dataset: str, files: Sequence[StoredFile]) -> list[StoredFile]:
    """Those of `files` whose blobs the hub would still want to receive."""
    missing: list[StoredFile] = []
    for start in range(0, len(files), BATCH_FILES):
        part = files[start : start + BATCH_FILES]
        infos = [UploadInfo(size=file.size, sample=b"", sha256=bytes.fromhex(file.sha256)) for file in part]
        wanted, refused, _ = _ask(api, dataset, infos)
        absent = {str(answer["oid"]) for answer in wanted if answer.get("actions", {}).get("upload")}
        absent |= {str(answer["oid"]) for answer in refused}
        missing += [file for file in part if file.sha256 in absent]
    return missing


def fetch(api: HfApi, dataset: str, file: StoredFile, target: Path) -> None:
    """Download a blob that no commit names yet, by the download operation of the Git LFS batch API.

    Raises:
        FileNotFoundError: the hub does not have it.
    """
    body = {"operation": "download", "transfers": ["basic"], "objects": [{"oid": file.sha256, "size": file.size}]}
    headers = {**_headers(api), "Accept": _LFS_JSON, "Content-Type": _LFS_JSON}
    answer = get_session().post(
        f"{api.endpoint}/datasets/{dataset}.git/info/lfs/objects/batch", json=body, headers=headers
    )
    hf_raise_for_status(answer)
    link = answer.json()["objects"][0].get("actions", {}).get("download")
    if link is None:
        raise FileNotFoundError(file.path)
    with get_session().stream("GET", link["href"], headers=link.get("header") or {}) as blob, target.open("wb") as out:
        hf_raise_for_status(blob)
        size = 0
        for chunk in blob.iter_bytes(_CHUNK_BYTES):
            size += len(chunk)
            if size > file.size:
                break  # the caller finds out that it is another file; the rest need not fill the disk
            out.write(chunk)


def _ask(
    api: HfApi, dataset: str, infos: Sequence[UploadInfo]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], str | None]:
    """What is to be done for each object, the errors, and by which transfer."""
    return post_lfs_batch_info(
        infos, token=None, repo_type="dataset", repo_id=dataset, endpoint=api.endpoint, headers=_headers(api)
    )


def _headers(api: HfApi) -> dict[str, str]:
    return dict(build_hf_headers(token=api.token, library_name=api.library_name, library_version=api.library_version))
