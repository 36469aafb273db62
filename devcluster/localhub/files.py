"""Routes that read a dataset: listings of its tree, and the files themselves."""

import json
from collections.abc import Iterator
from urllib.parse import parse_qs, quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from devcluster.localhub.access import parameter, readable
from devcluster.localhub.errors import HubError, entry_not_found
from devcluster.localhub.pagination import page_of
from devcluster.localhub.repository import Repository
from devcluster.localhub.snapshot import Commit

_DATASET = "/api/datasets/{namespace}/{name}"


def tree(request: Request) -> Response:
    """GET tree/{revision}[/path], with `recursive` and `expand`."""
    repository = readable(request)
    commit = repository.commit(parameter(request, "revision"))
    folder = parameter(request, "path").strip("/") if "path" in request.path_params else ""
    if folder not in commit.folders:
        raise entry_not_found(folder)
    expand = _is_true(request.query_params.get("expand", ""))
    within = f"{folder}/" if folder else ""
    paths = [
        path
        for path in sorted([*commit.files, *filter(None, commit.folders)])
        if path.startswith(within)
        and ("/" not in path.removeprefix(within) or _is_true(request.query_params.get("recursive", "")))
    ]
    here = f"/api/datasets/{repository.id}/tree/{commit.oid}" + (f"/{quote(folder)}" if folder else "")
    return page_of(request, list(_described(repository, commit, paths, expand)), here, 50 if expand else 1000)


async def paths_info(request: Request) -> Response:
    """POST paths-info/{revision}, a form or JSON with `paths` and `expand`; unknown paths are ignored."""
    repository = readable(request)
    body = await request.body()
    if request.headers.get("content-type", "").startswith("application/json"):
        fields = json.loads(body)
        paths, expand = list(fields.get("paths", [])), bool(fields.get("expand"))
    else:
        form = parse_qs(body.decode())
        paths, expand = form.get("paths", []), _is_true(form.get("expand", [""])[0])
    commit = await run_in_threadpool(repository.commit, parameter(request, "revision"))
    known = [path for path in paths if path in commit.files or (path and path in commit.folders)]
    return JSONResponse(await run_in_threadpool(lambda: list(_described(repository, commit, known, expand))))


def resolve(request: Request) -> Response:
    """GET or HEAD of a file's bytes, whole or a Range of them."""
    repository = readable(request)
    commit = repository.commit(parameter(request, "revision"))
    path = parameter(request, "path")
    entry = commit.files.get(path)
    if entry is None:
        raise entry_not_found(path)
    etag = f'"{entry.etag}"'
    headers = {
        "ETag": etag,
        "X-Repo-Commit": commit.oid,
        "Cache-Control": "no-cache",
        # The page links here, and what it links to was uploaded by anybody: no script of theirs may run.
        "Content-Security-Policy": "sandbox",
        "X-Content-Type-Options": "nosniff",
    }
    if entry.lfs:
        headers |= {"X-Linked-Etag": etag, "X-Linked-Size": str(entry.size)}
    if etag in (tag.strip() for tag in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers=headers)
    name = path.rsplit("/", 1)[-1]
    blob = repository.blob(entry.sha256)
    if not blob.exists():
        raise HubError(500, f'The content of "{path}" is missing from the store')
    return FileResponse(blob, filename=name, content_disposition_type="inline", headers=headers)


def _described(repository: Repository, commit: Commit, paths: list[str], expand: bool) -> Iterator[dict[str, object]]:
    changes = _last_changes(repository, commit, paths) if expand else {}
    for path in paths:
        entry = commit.files.get(path)
        item: dict[str, object]
        if entry is None:
            item = {"type": "directory", "oid": commit.folders[path], "size": 0, "path": path}
        else:
            item = {"type": "file", "oid": entry.git_oid, "size": entry.size, "path": path}
            if entry.lfs:
                item["lfs"] = {"oid": entry.sha256, "size": entry.size, "pointerSize": entry.pointer_size}
        if path in changes:
            change = changes[path]
            item["lastCommit"] = {"id": change.oid, "title": change.title, "date": change.date}
        yield item


def _last_changes(repository: Repository, commit: Commit, paths: list[str]) -> dict[str, Commit]:
    """The newest commit in which each path came to be what it is now: O(commits · paths)."""
    changes: dict[str, Commit] = {}
    current = {path: _oid(commit, path) for path in paths}
    for ancestor in repository.history(commit):
        unchanged = [path for path, oid in current.items() if _oid(ancestor, path) == oid]
        current = {path: current[path] for path in unchanged}
        changes |= dict.fromkeys(unchanged, ancestor)
        if not current:
            break
    return changes


def _oid(commit: Commit, path: str) -> str | None:
    entry = commit.files.get(path)
    return entry.git_oid if entry else commit.folders.get(path)


def _is_true(text: str) -> bool:
    return text.lower() in ("true", "1")


ROUTES = [
    Route(f"{_DATASET}/tree/{{revision}}", tree),
    Route(f"{_DATASET}/tree/{{revision}}/{{path:path}}", tree),
    Route(f"{_DATASET}/paths-info/{{revision}}", paths_info, methods=["POST"]),
    Route("/datasets/{namespace}/{name}/resolve/{revision}/{path:path}", resolve),
]
