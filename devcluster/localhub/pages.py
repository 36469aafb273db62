"""Pages for people: the public datasets, and the files of one. Everything that came from a user is escaped."""

from html import escape
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from devcluster.localhub.access import can_see, hub_of, identify, parameter, readable

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c1e21 }
table { border-collapse: collapse; width: 100% } td { border-top: 1px solid #ddd; padding: .3rem .5rem }
td.size { text-align: right; white-space: nowrap } a { color: #0b57d0; text-decoration: none } small { color: #666 }
"""


def index(request: Request) -> Response:
    """GET /: the datasets the caller may see, newest commit first."""
    identity = identify(request)
    seen = [repository for repository in hub_of(request).store.repositories() if can_see(identity, repository)]
    rows = [(repository, repository.commit("main")) for repository in seen]
    rows.sort(key=lambda row: row[1].date, reverse=True)
    cells = "".join(
        f'<tr><td><a href="/datasets/{quote(repository.id)}">{escape(repository.id)}</a></td>'
        f"<td>{escape(commit.title)}</td><td>{escape(commit.date)}</td></tr>"
        for repository, commit in rows
    )
    return _page("Datasets", f"<table>{cells}</table>" if rows else "<p>No dataset yet.</p>")


def dataset(request: Request) -> Response:
    """GET /datasets/{id}: the files at main, or at the branch, tag or commit in the URL."""
    repository = readable(request)
    revision = parameter(request, "revision") if "revision" in request.path_params else "main"
    commit = repository.commit(revision)
    resolve = f"/datasets/{quote(repository.id)}/resolve/{quote(revision, safe='')}"
    files = "".join(
        f'<tr><td><a href="{resolve}/{quote(path)}">{escape(path)}</a></td><td class="size">{entry.size:,} B</td></tr>'
        for path, entry in sorted(commit.files.items())
    )
    names = [*repository.refs("heads"), *repository.refs("tags")]
    links = " ".join(
        f'<a href="/datasets/{quote(repository.id)}/tree/{quote(name, safe="")}">{escape(name)}</a>' for name in names
    )
    about = f"{escape(revision)} · {escape(commit.title)} · {escape(commit.oid[:8])} · {escape(commit.date)}"
    return _page(repository.id, f"<p>{links}</p><p><small>{about}</small></p><table>{files}</table>")


def blob(request: Request) -> Response:
    """GET /datasets/{id}/blob/{revision}/{path}, as the client links to a file: go to its bytes."""
    repository, revision, path = readable(request), parameter(request, "revision"), parameter(request, "path")
    return RedirectResponse(f"/datasets/{repository.id}/resolve/{quote(revision, safe='')}/{quote(path)}")


async def healthz(request: Request) -> Response:
    """GET /healthz: without a thread of the pool, so that a busy hub is not taken for a dead one."""
    return PlainTextResponse("ok")


def _page(title: str, body: str) -> Response:
    return HTMLResponse(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
        f'<p><a href="/">All datasets</a></p><h1>{escape(title)}</h1>{body}</html>',
        headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"},
    )


_DATASET = "/datasets/{namespace}/{name}"

ROUTES = [
    Route("/", index),
    Route("/healthz", healthz),
    Route(_DATASET, dataset),
    Route(f"{_DATASET}/tree/{{revision}}", dataset),
    Route(f"{_DATASET}/commit/{{revision}}", dataset),
    Route(f"{_DATASET}/blob/{{revision}}/{{path:path}}", blob),
]
