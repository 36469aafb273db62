"""Settings of the gateway, from its environment."""

import re
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field

from augmentation_gateway.credentials.keys_file import DEFAULT_KEYS_FILE, ENV_KEYS_FILE
from augmentation_gateway.limits.limits import Limits
from augmentation_gateway.limits.rate_limit import REQUESTS_PER_SECOND
from augmentation_gateway.limits.streams import HEARTBEAT_SECONDS

_OBJECT_NAME: Final = r"[a-z0-9][a-z0-9.-]*"


def _names(text: object) -> object:
    """'a, b,a' → ('a', 'b')."""
    if not isinstance(text, str):
        return text
    return tuple(dict.fromkeys(name for part in text.split(",") if (name := part.strip())))


def _address(text: object) -> object:
    """'0.0.0.0:8081' → ('0.0.0.0', 8081)."""
    if not isinstance(text, str):
        return text
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise ValueError("give HOST:PORT, such as 0.0.0.0:8081")
    return host, int(port)


def _secret(text: object) -> object:
    """'a/b' → ('a', 'b')."""
    if not isinstance(text, str):
        return text
    if not re.fullmatch(rf"{_OBJECT_NAME}/{_OBJECT_NAME}", text):
        raise ValueError("give NAMESPACE/NAME of a Secret")
    return tuple(text.split("/"))


def _lower(text: object) -> object:
    return text.lower() if isinstance(text, str) else text


def _truth(text: object) -> object:
    if isinstance(text, str) and text.lower() not in ("true", "false"):
        raise ValueError("give true or false")
    return text


Truth = Annotated[bool, BeforeValidator(_truth)]
Names = Annotated[tuple[str, ...], BeforeValidator(_names)]


class Settings(Limits):
    """All settings of an administrator, except the limits.

    Attributes:
        keys_secret: namespace and name of the Secret with the API keys, followed through the Kubernetes API; None: the
            keys are in a file. NAMESPACE/NAME in the variable.
        keys_file: JSON file with the API keys, where no Secret is named.
        oidc_file: JSON file that names an OIDC issuer and grants; None: keys only.
        tls_folder: folder with tls.crt and tls.key, to serve HTTPS; None: HTTP.
        namespaces: namespaces whose jobs are served, separated by commas in the variable; empty: all of them, which
            takes a ClusterRole.
        host: address to listen on (`HOST`).
        port: port to listen on (`PORT`). Not AUGMENTATION_GATEWAY_PORT: Kubernetes itself sets that variable, to an
            URL, in pods of a namespace with a Service named augmentation-gateway.
        metrics_address: host and port of `/metrics`, for Prometheus alone; None: it is not served.
        heartbeat_seconds: after this long without an event, an event stream sends a comment.
        requests_per_second: rate limit per key and replica, where the key's entry has none; 0: no limit.
        allowed_origins: origins of web pages that may use the gateway, separated by commas in the variable, `*` for
            all; empty: none.
        page: whether the web page is served at `/`.
        docs: whether `/docs` and `/redoc` are served, and `/openapi.json` without a page.
        log_level: debug, info, warning or error.
    """

    keys_secret: Annotated[tuple[str, str], BeforeValidator(_secret)] | None = None
    keys_file: Path = Field(DEFAULT_KEYS_FILE, validation_alias=ENV_KEYS_FILE)
    oidc_file: Path | None = None
    tls_folder: Path | None = None
    namespaces: Names = ()
    host: str = Field("0.0.0.0", validation_alias="HOST")  # noqa: S104 - in a pod, the address that the Service reaches
    port: int = Field(8080, ge=1, le=2**16 - 1, validation_alias="PORT")
    metrics_address: Annotated[tuple[str, int], BeforeValidator(_address)] | None = None
    heartbeat_seconds: float = Field(HEARTBEAT_SECONDS, ge=0.01, le=3600)
    requests_per_second: float = Field(REQUESTS_PER_SECOND, ge=0, le=1e6)
    allowed_origins: Names = ()
    page: Truth = True
    docs: Truth = True
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = "info"
