"""Routes that change a dataset's content: how to upload each file, and the commit; and the list of commits."""

import base64
import binascii
import json
from collections.abc import Iterator
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from devcluster.localhub.access import hub_of, identify, parameter, readable, require_writer, writable
from devcluster.localhub.attributes import LARGE_FILE_BYTES, is_large_file
from devcluster.localhub.errors import HubError
from devcluster.localhub.pagination import page_of
from devcluster.localhub.repository import Add, Change, Delete, Repository
from devcluster.localhub.snapshot import Commit, lfs_file, regular_file

_DATASET = "/api/datasets/{namespace}/{name}"
_LARGEST_COMMIT_BYTES = 64 * 1024 * 1024


async def preupload(request: Request) -> Response:
    """POST preupload/{revision}: `lfs` or `regular` for each file, and the oid of what is there now."""
    repository = writable(request)
    try:
        files = [(str(file["path"]), int(file["size"])) for file in (await request.json())["files"]]
    except (ValueError, KeyError, TypeError):
        raise HubError(400, 'The body must be {"files": [{"path", "size", "sample"}, …]}') from None
    commit = await run_in_threadpool(repository.commit, parameter(request, "revision"))
    attributes = _gitattributes(repository, commit)
    return JSONResponse({"files": [_upload_mode(commit, attributes, path, size) for path, size in files]})


async def create(request: Request) -> Response:
    """POST commit/{revision}: newline-delimited JSON, a header first and then one line a change."""
    repository = writable(request)
    author = require_writer(identify(request)).name
    if request.query_params.get("create_pr") in ("1", "true", "True"):
        raise HubError(400, "This hub has no pull requests: commit to a branch")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_COMMIT_BYTES:
            raise HubError(413, "Commit too large: upload big files through LFS")
    mode = hub_of(request).mode
    try:
        commit = await run_in_threadpool(_apply, repository, parameter(request, "revision"), bytes(body), author)
    except HubError as error:
        raise (HubError(mode.moved_head_status, error.message) if error.status == 412 else error) from None
    if mode.lost_commit_files is not None and len(body.splitlines()) > mode.lost_commit_files:
        raise HubError(504, "Gateway Time-out")  # the commit is made: only its answer is lost
    url = f"{request.url.scheme}://{request.url.netloc}/datasets/{repository.id}/commit/{commit.oid}"
    return JSONResponse({"success": True, "commitOid": commit.oid, "commitUrl": url, "hookOutput": ""})


def list_commits(request: Request) -> Response:
    """GET commits/{revision}, newest first."""
    repository = readable(request)
    commit = repository.commit(parameter(request, "revision"))
    described = [
        {
            "id": entry.oid,
            "title": entry.title,
            "message": entry.message,
            "date": entry.date,
            "authors": [{"user": entry.author}],
        }
        for entry in repository.history(commit)
    ]
    here = f"/api/datasets/{repository.id}/commits/{commit.oid}"
    return page_of(request, described, here, 1000)


def _apply(repository: Repository, branch: str, body: bytes, author: str) -> Commit:
    try:
        lines = [json.loads(line) for line in body.splitlines() if line.strip()]
        header, *operations = [(str(line["key"]), dict(line["value"])) for line in lines]
        if header[0] != "header":
            raise ValueError("the first line must be the header")
        title = str(header[1]["summary"])
        changes = list(_changes(repository, operations))
    except (ValueError, KeyError, TypeError) as error:
        raise HubError(400, f"Malformed commit: {error!r}") from None
    return repository.apply(
        branch,
        changes,
        title=title,
        message=str(header[1].get("description") or ""),
        author=author,
        parent=header[1].get("parentCommit"),
    )


def _changes(repository: Repository, operations: list[tuple[str, dict[str, Any]]]) -> Iterator[Change]:
    for key, value in operations:
        path = _checked_path(str(value["path"]))
        match key:
            case "file":
                yield _add_regular(repository, path, value)
            case "lfsFile":
                yield _add_large(repository, path, value)
            case "deletedFile":
                yield Delete(path, folder=False)
            case "deletedFolder":
                yield Delete(path, folder=True)
            case _:
                raise HubError(400, f"Unknown operation in commit: {key}")


def _add_regular(repository: Repository, path: str, value: dict[str, Any]) -> Add:
    try:
        data = base64.b64decode(value["content"], validate=True)
    except binascii.Error:
        raise HubError(400, f'The content of "{path}" is not base64') from None
    if len(data) > LARGE_FILE_BYTES:
        raise HubError(400, f'"{path}" is larger than {LARGE_FILE_BYTES} bytes: upload it through LFS')
    entry = regular_file(data)
    repository.store_blob(entry, data)
    return Add(path, entry)


def _add_large(repository: Repository, path: str, value: dict[str, Any]) -> Add:
    oid = str(value["oid"])
    size = repository.blob_size(oid) if value.get("algo") == "sha256" else None
    if size is None:
        raise HubError(400, f'The LFS pointer of "{path}" points to a file that was not uploaded: {oid}')
    if value.get("size", size) != size:  # a copy inside the repository states no size
        raise HubError(400, f'"{path}" was uploaded with {size} bytes, the commit says {value["size"]}')
    return Add(path, lfs_file(oid, size))


def _checked_path(path: str) -> str:
    parts = path.removesuffix("/").split("/")
    if any(part in ("", ".", "..", ".git") for part in parts) or any(ord(character) < 32 for character in path):
        raise HubError(400, f"Invalid path in commit: {path!r}")
    return "/".join(parts)


def _upload_mode(commit: Commit, attributes: str, path: str, size: int) -> dict[str, object]:
    mode = "lfs" if is_large_file(path, size, attributes) else "regular"
    known = commit.files.get(path)
    return {"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": known.etag if known else None}


def _gitattributes(repository: Repository, commit: Commit) -> str:
    entry = commit.files.get(".gitattributes")
    return repository.blob(entry.sha256).read_text(errors="replace") if entry else ""


ROUTES = [
    Route(f"{_DATASET}/preupload/{{revision}}", preupload, methods=["POST"]),
    Route(f"{_DATASET}/commit/{{revision}}", create, methods=["POST"]),
    Route(f"{_DATASET}/commits/{{revision}}", list_commits),
]
