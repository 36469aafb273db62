"""Large files: the Git LFS batch API with the `basic` transfer, and the blobs it sends people to.

https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md. An upload makes a blob, never a file: only a commit
that names the blob lists it. The client sends blobs without its token, so the URL it is given carries a signature.
"""

import hmac
import re
import time
from typing import Any
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from devcluster.localhub.access import hub_of, readable, repo_id, writable
from devcluster.localhub.durable import Incoming
from devcluster.localhub.errors import HubError
from devcluster.localhub.repository import Repository

_STORAGE = "/lfs-storage/{namespace}/{name}/{oid}"
_URL_SECONDS = 24 * 3600
_BUFFER_BYTES = 1024 * 1024
_SHA256 = re.compile(r"[0-9a-f]{64}")


async def batch(request: Request) -> Response:
    """POST {id}.git/info/lfs/objects/batch, operation upload or download."""
    try:
        body = await request.json()
        operation = str(body["operation"])
        objects = [(str(item["oid"]), int(item["size"])) for item in body["objects"]]
    except (ValueError, KeyError, TypeError):
        raise HubError(400, "The body must be a Git LFS batch request") from None
    if operation not in ("upload", "download"):
        raise HubError(400, f"Unknown LFS operation: {operation}")
    repository = writable(request) if operation == "upload" else readable(request)
    answers = [_answer(request, repository, operation, oid, size) for oid, size in objects]
    transfer = "basic"
    if hub_of(request).mode.xet_only:
        transfer, answers = "xet", [_for_xet_only(answer) for answer in answers]
    return JSONResponse(
        {"transfer": transfer, "objects": answers, "hash_algo": "sha256"}, media_type="application/vnd.git-lfs+json"
    )


async def upload(request: Request) -> Response:
    """PUT of a blob to the URL the batch gave out: streamed to the disk, kept if hash and size are as announced."""
    repository, oid, size = _signed_for(request, "upload")
    with Incoming(hub_of(request).store.incoming) as incoming:
        buffer = bytearray()
        async for chunk in request.stream():
            buffer += chunk
            if incoming.size + len(buffer) > size:
                raise HubError(400, f"More than the announced {size} bytes")
            if len(buffer) >= _BUFFER_BYTES:
                await run_in_threadpool(incoming.write, bytes(buffer))
                buffer.clear()
        await run_in_threadpool(incoming.write, bytes(buffer))
        if (incoming.sha256, incoming.size) != (oid, size):
            raise HubError(400, f"Received {incoming.size} bytes with sha256 {incoming.sha256}, not what was announced")
        await run_in_threadpool(incoming.keep, repository.blob(oid))
    return Response(headers={"ETag": f'"{oid}"'})


def download(request: Request) -> Response:
    """GET of a blob from the URL the batch gave out."""
    repository, oid, _ = _signed_for(request, "download")
    if repository.blob_size(oid) is None:
        raise HubError(404, f"No such object: {oid}")
    return FileResponse(repository.blob(oid), media_type="application/octet-stream", headers={"ETag": f'"{oid}"'})


async def verify(request: Request) -> Response:
    """POST {id}.git/info/lfs/verify: whether an upload arrived."""
    repository = writable(request)
    try:
        body = await request.json()
        oid, size = str(body["oid"]), int(body["size"])
    except (ValueError, KeyError, TypeError):
        raise HubError(400, 'The body must be {"oid", "size"}') from None
    if not _SHA256.fullmatch(oid) or repository.blob_size(oid) != size:
        raise HubError(404, f"No such object: {oid}")
    return JSONResponse({"success": True})


def _answer(request: Request, repository: Repository, operation: str, oid: str, size: int) -> dict[str, Any]:
    answer: dict[str, Any] = {"oid": oid, "size": size, "authenticated": True}
    if not _SHA256.fullmatch(oid) or size < 0:
        return answer | {"error": {"code": 422, "message": "oid must be a sha256 and size a number of bytes"}}
    hub = hub_of(request)
    there = repository.blob_size(oid) == size
    if operation == "download":
        if not there or not (hub.mode.gives_back_uncommitted or repository.is_committed(oid)):
            return answer | {"error": {"code": 404, "message": "Object does not exist"}}
        return answer | {"actions": {"download": {"href": _url(request, repository.id, operation, oid, size)}}}
    if there or (hub.mode.remembers_deleted and hub.store.was_deleted(repository.id, oid)):
        return answer  # no action: nothing to upload
    host = f"{request.url.scheme}://{request.url.netloc}"
    return answer | {
        "actions": {
            "upload": {"href": _url(request, repository.id, operation, oid, size)},
            "verify": {"href": f"{host}/datasets/{repository.id}.git/info/lfs/verify"},
        }
    }


def _for_xet_only(answer: dict[str, Any]) -> dict[str, Any]:
    """Instead of an address to upload to: what a xet client is told."""
    if "upload" not in answer.get("actions", {}):
        return answer
    return answer | {"actions": {"upload": {"href": "https://cas-server.example/", "header": {"X-Xet-Cas-Url": ""}}}}


def _url(request: Request, name: str, operation: str, oid: str, size: int) -> str:
    # By the name the client itself used: the same hub has one name inside a cluster and another outside.
    expires = int(time.time()) + _URL_SECONDS
    signature = hub_of(request).signature(operation, name, oid, size, expires)
    query = urlencode({"size": size, "expires": expires, "signature": signature})
    return f"{request.url.scheme}://{request.url.netloc}/lfs-storage/{name}/{oid}?{query}"


def _signed_for(request: Request, operation: str) -> tuple[Repository, str, int]:
    oid = request.path_params["oid"]
    size, expires = request.query_params.get("size", ""), request.query_params.get("expires", "")
    expected = hub_of(request).signature(operation, repo_id(request), oid, size, expires)
    given = request.query_params.get("signature", "")
    if not hmac.compare_digest(given.encode(), expected.encode()) or int(expires) < time.time():
        raise HubError(403, "The URL is not signed for this, or is too old: ask the LFS batch API for a new one")
    return hub_of(request).store.repository(repo_id(request)), oid, int(size)


ROUTES = [
    Route("/datasets/{namespace}/{name}.git/info/lfs/objects/batch", batch, methods=["POST"]),
    Route("/datasets/{namespace}/{name}.git/info/lfs/verify", verify, methods=["POST"]),
    Route(_STORAGE, upload, methods=["PUT"]),
    Route(_STORAGE, download),
]
