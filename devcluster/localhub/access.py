"""Who may do what: public datasets are for everybody, private ones for their user, writing takes that user's token."""

import hashlib
import hmac
from dataclasses import dataclass

from starlette.requests import Request

from devcluster.localhub.errors import HubError, repo_not_found
from devcluster.localhub.mode import Mode
from devcluster.localhub.repository import Repository
from devcluster.localhub.store import Store
from devcluster.localhub.tokens import Identity, Tokens


@dataclass(frozen=True)
class Hub:
    """What every route needs."""

    store: Store
    tokens: Tokens
    mode: Mode

    def signature(self, *facts: object) -> str:
        """Proof, for a URL that is used without a token, that this hub gave it out for just these facts."""
        message = "\n".join(map(str, facts)).encode()
        return hmac.new(self.store.secret, message, hashlib.sha256).hexdigest()


def hub_of(request: Request) -> Hub:
    """The hub a request is for."""
    hub: Hub = request.app.state.hub
    return hub


def parameter(request: Request, name: str) -> str:
    """A path parameter. A slash inside one, as in the branch `fix/light`, is still encoded (see `EncodedSlashes`)."""
    return str(request.path_params[name]).replace("%2F", "/")


def repo_id(request: Request) -> str:
    """`namespace/name` from the URL."""
    return f"{request.path_params['namespace']}/{request.path_params['name']}"


def identify(request: Request) -> Identity | None:
    """Whose token came along: None without one, 401 for an unknown one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return None
    identity = hub_of(request).tokens.identify(token.strip())
    if identity is None:
        raise HubError(401, "Invalid credentials in Authorization header")
    return identity


def readable(request: Request) -> Repository:
    """The dataset of the URL, if the caller may see it; otherwise RepoNotFound, as if it did not exist."""
    return visible_to(identify(request), hub_of(request).store, repo_id(request))


def writable(request: Request) -> Repository:
    """The dataset of the URL, if the caller may change it; 403 where they can only see it."""
    identity = identify(request)
    repository = visible_to(identity, hub_of(request).store, repo_id(request))
    require_writer(identity, repository.namespace)
    return repository


def visible_to(identity: Identity | None, store: Store, name: str) -> Repository:
    """A dataset, if this user may see it."""
    try:
        repository = store.repository(name)
    except HubError:
        raise repo_not_found(name, authenticated=identity is not None) from None
    if not can_see(identity, repository):
        raise repo_not_found(name, authenticated=identity is not None)
    return repository


def can_see(identity: Identity | None, repository: Repository) -> bool:
    """Whether a dataset exists and is visible to this user."""
    return not repository.private or (identity is not None and identity.name == repository.namespace)


def require_writer(identity: Identity | None, namespace: str | None = None) -> Identity:
    """Let only a write token pass, of this namespace if one is given: 401 without a token, 403 with a lesser one."""
    if identity is None:
        raise HubError(401, "Invalid username or password.")
    if identity.role != "write" or namespace not in (None, identity.name):
        raise HubError(403, f"You don't have the rights to write to {namespace or 'this hub'} with this token")
    return identity
