"""Routes about whole datasets: create, delete, describe, list; branches and tags; who am I."""

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from devcluster.localhub.access import (
    can_see,
    hub_of,
    identify,
    parameter,
    readable,
    require_writer,
    visible_to,
    writable,
)
from devcluster.localhub.errors import HubError
from devcluster.localhub.repository import Repository
from devcluster.localhub.snapshot import Commit

_DATASET = "/api/datasets/{namespace}/{name}"


async def create(request: Request) -> Response:
    """POST repos/create."""
    body = await _json_object(request)
    identity = identify(request)
    namespace = str(body.get("organization") or (identity.name if identity else ""))
    author = require_writer(identity, namespace).name
    repo_id = _dataset_id(body, namespace)
    private = bool(body.get("private", False)) or body.get("visibility") == "private"
    url = f"{request.url.scheme}://{request.url.netloc}/datasets/{repo_id}"
    try:
        await run_in_threadpool(hub_of(request).store.create, repo_id, private=private, author=author)
    except HubError as error:
        if error.status != 409:
            raise
        # With exist_ok the client takes the answer's url all the same.
        return JSONResponse({"error": error.message, "url": url}, status_code=409)
    return JSONResponse({"url": url, "name": repo_id, "private": private})


async def delete(request: Request) -> Response:
    """DELETE repos/delete."""
    body = await _json_object(request)
    identity = identify(request)
    repo_id = _dataset_id(body, str(body.get("organization") or (identity.name if identity else "")))
    store = hub_of(request).store
    require_writer(identity, visible_to(identity, store, repo_id).namespace)
    await run_in_threadpool(store.delete, repo_id)
    return Response()


def describe(request: Request) -> Response:
    """GET datasets/{id} and datasets/{id}/revision/{rev}."""
    repository = readable(request)
    revision = parameter(request, "revision") if "revision" in request.path_params else "main"
    commit = repository.commit(revision)
    blobs = request.query_params.get("blobs", "").lower() in ("true", "1")
    siblings = [_sibling(commit, path, blobs) for path in sorted(commit.files)]
    return JSONResponse(_summary(repository, commit) | {"siblings": siblings})


async def change_settings(request: Request) -> Response:
    """PUT settings: who sees the dataset, and whether it says that it is gated."""
    repository = writable(request)
    body = await _json_object(request)
    private = body.get("private")
    if "visibility" in body:
        private = body["visibility"] == "private"
    await run_in_threadpool(repository.change_visibility, private=private, gated=body.get("gated"))
    return JSONResponse({"private": repository.private, "gated": repository.gated})


def list_datasets(request: Request) -> Response:
    """GET datasets, filtered by author and search."""
    identity = identify(request)
    author = request.query_params.get("author")
    words = [word.lower() for word in request.query_params.getlist("search")]
    found = [
        _summary(repository, repository.commit("main"))
        for repository in hub_of(request).store.repositories()
        if can_see(identity, repository)
        and author in (None, repository.namespace)
        and all(word in repository.id.lower() for word in words)
    ]
    limit = request.query_params.get("limit", "")
    return JSONResponse(found[: int(limit)] if limit.isdecimal() else found)


def refs(request: Request) -> Response:
    """GET datasets/{id}/refs."""
    repository = readable(request)

    def listed(kind: Any) -> list[dict[str, str]]:
        named = repository.refs(kind).items()
        return [{"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": oid} for name, oid in named]

    return JSONResponse({"branches": listed("heads"), "tags": listed("tags"), "converts": [], "pullRequests": []})


async def create_tag(request: Request) -> Response:
    """POST tag/{revision}: the name is in the body, the URL has what it points at."""
    repository = writable(request)
    name = str((await _json_object(request)).get("tag", ""))
    await run_in_threadpool(repository.create_ref, "tags", name, parameter(request, "revision"))
    return Response()


def delete_tag(request: Request) -> Response:
    """DELETE tag/{name}."""
    writable(request).delete_ref("tags", parameter(request, "revision"))
    return Response()


async def create_branch(request: Request) -> Response:
    """POST branch/{name}."""
    repository = writable(request)
    start = str((await _json_object(request)).get("startingPoint") or "main")
    await run_in_threadpool(repository.create_ref, "heads", parameter(request, "branch"), start)
    return Response()


def delete_branch(request: Request) -> Response:
    """DELETE branch/{name}."""
    writable(request).delete_ref("heads", parameter(request, "branch"))
    return Response()


def check_access(request: Request) -> Response:
    """GET auth-check and auth-check/write."""
    _ = writable(request) if request.url.path.endswith("/write") else readable(request)
    return Response()


def whoami(request: Request) -> Response:
    """GET whoami-v2."""
    identity = identify(request)
    if identity is None:
        raise HubError(401, "Invalid username or password.")
    name = identity.name
    auth = {"type": "access_token", "accessToken": {"displayName": name, "role": identity.role}}
    return JSONResponse({"type": "user", "id": name, "name": name, "fullname": name, "orgs": [], "auth": auth})


def validate_yaml(request: Request) -> Response:
    """POST validate-yaml: the client asks before it commits a README; this hub has no opinion on cards."""
    return JSONResponse({"errors": [], "warnings": []})


def _summary(repository: Repository, commit: Commit) -> dict[str, object]:
    return {
        "_id": repository.id,
        "id": repository.id,
        "author": repository.namespace,
        "sha": commit.oid,
        "createdAt": repository.created,
        "lastModified": commit.date,
        "private": repository.private,
        "gated": repository.gated,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "tags": [],
        "cardData": {},
        "usedStorage": sum(entry.size for entry in commit.files.values()),
    }


def _sibling(commit: Commit, path: str, blobs: bool) -> dict[str, object]:
    sibling: dict[str, object] = {"rfilename": path}
    if blobs:
        entry = commit.files[path]
        sibling |= {"size": entry.size, "blobId": entry.git_oid}
        if entry.lfs:
            sibling["lfs"] = {"sha256": entry.sha256, "size": entry.size, "pointerSize": entry.pointer_size}
    return sibling


def _dataset_id(body: dict[str, Any], namespace: str) -> str:
    if body.get("type") != "dataset":
        raise HubError(400, "This hub holds datasets only: pass repo_type='dataset'")
    return f"{namespace}/{body.get('name', '')}"


async def _json_object(request: Request) -> dict[str, Any]:
    try:
        body = await request.json() if await request.body() else {}
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise HubError(400, "The body must be a JSON object")
    return body


ROUTES = [
    Route("/api/whoami-v2", whoami),
    Route("/api/validate-yaml", validate_yaml, methods=["POST"]),
    Route("/api/repos/create", create, methods=["POST"]),
    Route("/api/repos/delete", delete, methods=["DELETE"]),
    Route("/api/datasets", list_datasets),
    Route(_DATASET, describe),
    Route(f"{_DATASET}/revision/{{revision}}", describe),
    Route(f"{_DATASET}/settings", change_settings, methods=["PUT"]),
    Route(f"{_DATASET}/refs", refs),
    Route(f"{_DATASET}/tag/{{revision}}", create_tag, methods=["POST"]),
    Route(f"{_DATASET}/tag/{{revision}}", delete_tag, methods=["DELETE"]),
    Route(f"{_DATASET}/branch/{{branch}}", create_branch, methods=["POST"]),
    Route(f"{_DATASET}/branch/{{branch}}", delete_branch, methods=["DELETE"]),
    Route(f"{_DATASET}/auth-check", check_access),
    Route(f"{_DATASET}/auth-check/write", check_access),
]
