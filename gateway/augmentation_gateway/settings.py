"""Settings, read once from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from augmentation_gateway.streams import HEARTBEAT_SECONDS

DEFAULT_KEYS_FILE = Path("/etc/augmentation-gateway/keys/keys.json")
DEFAULT_PORT = 8080


class SettingsError(ValueError):
    """A setting that cannot be used; the message names the variable, its value and the fix."""


@dataclass(frozen=True)
class Settings:
    """What an administrator may choose.

    Attributes:
        keys_file: JSON file with the API keys, usually a mounted Secret (`AUGMENTATION_KEYS_FILE`).
        namespaces: namespaces whose jobs are served; empty: all of them, which takes a ClusterRole
            (`AUGMENTATION_NAMESPACES`, comma-separated).
        host: address to listen on (`HOST`).
        port: port to listen on (`PORT`). Not AUGMENTATION_GATEWAY_PORT: Kubernetes itself sets that variable, to an
            URL, in pods beside a Service named augmentation-gateway.
        heartbeat_seconds: after so long a silence an event stream says that it is still there
            (`AUGMENTATION_HEARTBEAT_SECONDS`).
        log_level: debug, info, warning or error (`AUGMENTATION_LOG_LEVEL`).
    """

    keys_file: Path = DEFAULT_KEYS_FILE
    namespaces: tuple[str, ...] = ()
    host: str = "0.0.0.0"  # noqa: S104 - in a pod, the address that the Service reaches
    port: int = DEFAULT_PORT
    heartbeat_seconds: float = HEARTBEAT_SECONDS
    log_level: str = "info"


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the variables named above. Raises SettingsError."""
    port = environ.get("PORT") or str(DEFAULT_PORT)
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise SettingsError(f"PORT={port!r} is not a port: give a number from 1 to 65535")
    level = (environ.get("AUGMENTATION_LOG_LEVEL") or "info").lower()
    if level not in ("debug", "info", "warning", "error"):
        raise SettingsError(f"AUGMENTATION_LOG_LEVEL={level!r} is unknown: use debug, info, warning or error")
    heartbeat = environ.get("AUGMENTATION_HEARTBEAT_SECONDS") or str(HEARTBEAT_SECONDS)
    try:
        heartbeat_seconds = float(heartbeat)
    except ValueError:
        heartbeat_seconds = 0.0
    if not 0 < heartbeat_seconds <= 3600:
        raise SettingsError(f"AUGMENTATION_HEARTBEAT_SECONDS={heartbeat!r} is no time: give seconds, above 0")
    return Settings(
        keys_file=Path(environ.get("AUGMENTATION_KEYS_FILE") or DEFAULT_KEYS_FILE),
        namespaces=tuple(
            dict.fromkeys(
                name for part in environ.get("AUGMENTATION_NAMESPACES", "").split(",") if (name := part.strip())
            )
        ),
        host=environ.get("HOST") or Settings.host,
        port=int(port),
        heartbeat_seconds=heartbeat_seconds,
        log_level=level,
    )
