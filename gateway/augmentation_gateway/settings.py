"""Settings, read once from the environment."""

from __future__ import annotations

import dataclasses
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from augmentation_gateway.limits.limits import Limits
from augmentation_gateway.limits.rate_limit import REQUESTS_PER_SECOND
from augmentation_gateway.limits.streams import HEARTBEAT_SECONDS

DEFAULT_KEYS_FILE = Path("/etc/augmentation-gateway/keys/keys.json")
DEFAULT_PORT = 8080
_OBJECT_NAME = r"[a-z0-9][a-z0-9.-]*"


class SettingsError(ValueError):
    """A setting that cannot be used; the message names the variable, its value and the fix."""


@dataclass(frozen=True)
class Settings:
    """What an administrator may choose.

    Attributes:
        keys_secret: namespace and name of the Secret with the API keys, followed through the Kubernetes API; None: the
            keys are in a file (`AUGMENTATION_KEYS_SECRET`, `NAMESPACE/NAME`).
        keys_file: JSON file with the API keys, where no Secret is named (`AUGMENTATION_KEYS_FILE`).
        oidc_file: JSON file that names an OIDC issuer and grants (`AUGMENTATION_OIDC_FILE`); None: keys only.
        tls_folder: folder with tls.crt and tls.key, to serve HTTPS; None: HTTP (`AUGMENTATION_TLS_FOLDER`).
        namespaces: namespaces whose jobs are served; empty: all of them, which takes a ClusterRole
            (`AUGMENTATION_NAMESPACES`, comma-separated).
        host: address to listen on (`HOST`).
        port: port to listen on (`PORT`). Not AUGMENTATION_GATEWAY_PORT: Kubernetes itself sets that variable, to an
            URL, in pods beside a Service named augmentation-gateway.
        metrics: host and port to answer `/metrics` at, for Prometheus alone; None: nowhere
            (`AUGMENTATION_METRICS_ADDRESS`, `HOST:PORT`).
        heartbeat_seconds: after so long a silence an event stream says that it is still there
            (`AUGMENTATION_HEARTBEAT_SECONDS`).
        requests_per_second: how often a key may ask each replica, where its entry names no rate; 0: as often as it
            likes (`AUGMENTATION_REQUESTS_PER_SECOND`).
        limits: how much of the gateway clients may use (`AUGMENTATION_CONNECTIONS` and the others, see limits.py).
        allowed_origins: origins of web pages that may use the gateway, `*` for all; empty: none
            (`AUGMENTATION_ALLOWED_ORIGINS`, comma-separated).
        page: whether there is a page for people at `/` (`AUGMENTATION_PAGE`, true or false).
        docs: whether there are `/docs` and `/redoc`, and `/openapi.json` without a page (`AUGMENTATION_DOCS`, true or
            false).
        log_level: debug, info, warning or error (`AUGMENTATION_LOG_LEVEL`).
    """

    keys_secret: tuple[str, str] | None = None
    keys_file: Path = DEFAULT_KEYS_FILE
    oidc_file: Path | None = None
    tls_folder: Path | None = None
    namespaces: tuple[str, ...] = ()
    host: str = "0.0.0.0"  # noqa: S104 - in a pod, the address that the Service reaches
    port: int = DEFAULT_PORT
    metrics: tuple[str, int] | None = None
    heartbeat_seconds: float = HEARTBEAT_SECONDS
    requests_per_second: float = REQUESTS_PER_SECOND
    limits: Limits = field(default_factory=Limits)
    allowed_origins: tuple[str, ...] = ()
    page: bool = True
    docs: bool = True
    log_level: str = "info"


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the variables named above. Raises SettingsError."""
    port = environ.get("PORT") or str(DEFAULT_PORT)
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise SettingsError(f"PORT={port!r} is not a port: give a number from 1 to 65535")
    level = (environ.get("AUGMENTATION_LOG_LEVEL") or "info").lower()
    if level not in ("debug", "info", "warning", "error"):
        raise SettingsError(f"AUGMENTATION_LOG_LEVEL={level!r} is unknown: use debug, info, warning or error")
    return Settings(
        keys_secret=_secret(environ.get("AUGMENTATION_KEYS_SECRET", "")),
        keys_file=Path(environ.get("AUGMENTATION_KEYS_FILE") or DEFAULT_KEYS_FILE),
        oidc_file=Path(environ["AUGMENTATION_OIDC_FILE"]) if environ.get("AUGMENTATION_OIDC_FILE") else None,
        tls_folder=Path(environ["AUGMENTATION_TLS_FOLDER"]) if environ.get("AUGMENTATION_TLS_FOLDER") else None,
        namespaces=_names(environ.get("AUGMENTATION_NAMESPACES", "")),
        host=environ.get("HOST") or Settings.host,
        port=int(port),
        metrics=_address(environ.get("AUGMENTATION_METRICS_ADDRESS", "")),
        heartbeat_seconds=_number(environ, "AUGMENTATION_HEARTBEAT_SECONDS", HEARTBEAT_SECONDS, 0.01, 3600),
        requests_per_second=_number(environ, "AUGMENTATION_REQUESTS_PER_SECOND", REQUESTS_PER_SECOND, 0, 1e6),
        limits=_limits(environ),
        allowed_origins=_names(environ.get("AUGMENTATION_ALLOWED_ORIGINS", "")),
        page=_truth(environ, "AUGMENTATION_PAGE"),
        docs=_truth(environ, "AUGMENTATION_DOCS"),
        log_level=level,
    )


def _truth(environ: Mapping[str, str], name: str) -> bool:
    text = (environ.get(name) or "true").lower()
    if text not in ("true", "false"):
        raise SettingsError(f"{name}={text!r} is unknown: use true or false")
    return text == "true"


def _address(text: str) -> tuple[str, int] | None:
    """'0.0.0.0:8081' → ('0.0.0.0', 8081)."""
    if not text:
        return None
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise SettingsError(f"AUGMENTATION_METRICS_ADDRESS={text!r} is no address: give HOST:PORT")
    return host, int(port)


def _secret(text: str) -> tuple[str, str] | None:
    """'a/b' → ('a', 'b')."""
    if not text:
        return None
    if not re.fullmatch(rf"{_OBJECT_NAME}/{_OBJECT_NAME}", text):
        raise SettingsError(f"AUGMENTATION_KEYS_SECRET={text!r} cannot be used: give NAMESPACE/NAME of a Secret")
    namespace, _, name = text.partition("/")
    return namespace, name


def _limits(environ: Mapping[str, str]) -> Limits:
    given = {}
    for each in dataclasses.fields(Limits):
        name = f"AUGMENTATION_{each.name.upper()}"
        least = 1 if each.name in ("connections", "keep_alive_seconds") else 0
        number = _number(environ, name, float(getattr(Limits, each.name)), least, 1_000_000)
        if number != int(number):
            raise SettingsError(f"{name}={environ[name]!r} cannot be used: give a whole number")
        given[each.name] = int(number)
    return Limits(**given)


def _names(text: str) -> tuple[str, ...]:
    """'a, b,a' → ('a', 'b')."""
    return tuple(dict.fromkeys(name for part in text.split(",") if (name := part.strip())))


def _number(environ: Mapping[str, str], name: str, otherwise: float, least: float, most: float) -> float:
    text = environ.get(name) or str(otherwise)
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not least <= number <= most:
        raise SettingsError(f"{name}={text!r} cannot be used: give a number from {least:g} to {most:g}")
    return number
