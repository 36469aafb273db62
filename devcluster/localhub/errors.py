"""Errors in the shape that `huggingface_hub` maps to its exceptions: a status, `X-Error-Code` and `X-Error-Message`."""

from typing import cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response


class HubError(Exception):
    """An error that is reported to the client.

    Args:
        status: HTTP status.
        message: what was wrong, and what would be right.
        code: value of `X-Error-Code`; the client raises RepositoryNotFoundError, RevisionNotFoundError or
            EntryNotFoundError for RepoNotFound, RevisionNotFound and EntryNotFound.
    """

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code


def repo_not_found(repo_id: str, *, authenticated: bool = True) -> HubError:
    """A missing repository and one the caller may not see look the same; without a token the hub says 401, not 404."""
    return HubError(404 if authenticated else 401, f"Repository not found: {repo_id}", "RepoNotFound")


def revision_not_found(revision: str) -> HubError:
    """No branch, tag or commit of that name."""
    return HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")


def entry_not_found(path: str) -> HubError:
    """No file or folder of that path at the revision. The client looks for this very wording after a bad deletion."""
    return HubError(404, f'A file with this name doesn\'t exist: "{path}"', "EntryNotFound")


def error_response(request: Request, error: Exception) -> Response:
    """Starlette exception handler for `HubError`."""
    error = cast(HubError, error)  # what it is registered for
    if not request.app.state.hub.mode.error_codes:
        status = 404 if error.code is not None else error.status
        return JSONResponse({"error": error.message}, status_code=status)
    # A header holds one line of ASCII, and the message may quote a path in any script.
    headers = {"X-Error-Message": " ".join(error.message.encode("ascii", "replace").decode().split())}
    if error.code is not None:
        headers["X-Error-Code"] = error.code
    return JSONResponse({"error": error.message}, status_code=error.status, headers=headers)
