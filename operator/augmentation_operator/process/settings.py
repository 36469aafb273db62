"""Settings of the operator, from its environment."""

import secrets
import socket
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from augmentation_kube.settings import EnvironmentSettings
from augmentation_operator.process.leadership import LEASE_NAME


def _names(text: object) -> object:
    return tuple(name.strip() for name in text.split(",") if name.strip()) if isinstance(text, str) else text


def _address(text: object) -> object:
    if not isinstance(text, str):
        return text
    host, _, port = text.rpartition(":")
    if not (port.isdecimal() and int(port) < 2**16):
        raise ValueError("give HOST:PORT, such as 0.0.0.0:9090")
    return host, int(port)


Address = Annotated[tuple[str, int], BeforeValidator(_address)]


class Settings(EnvironmentSettings):
    """The operator's settings.

    Attributes:
        namespaces: namespaces to serve, separated by commas in the variable; none: the whole cluster.
        liveness_address: host and port of the liveness endpoint.
        metrics_address: host and port of /metrics; None: it is not served.
        lease_namespace: namespace of the Lease by which one of several operators is elected; None: there is only one.
        lease_name: its name; operators of several releases in one namespace have each their own.
        identity: name of this candidate: that of its pod, in which a process starts only after the previous one ended.
        workers_egress_file: file of the chart that says what workers may connect to; None: no NetworkPolicies are kept.
        classes_file: file of the chart with the AugmentationClasses to create or update; None: there are none.
        log_level: debug, info, warning or error.
    """

    namespaces: Annotated[tuple[str, ...], BeforeValidator(_names)] = Field(
        (), validation_alias="AUGMENTATION_NAMESPACES"
    )
    liveness_address: Address = Field(("0.0.0.0", 8080), validation_alias="AUGMENTATION_LIVENESS_ADDRESS")  # noqa: S104
    metrics_address: Address | None = Field(None, validation_alias="AUGMENTATION_METRICS_ADDRESS")
    lease_namespace: str | None = Field(None, validation_alias="AUGMENTATION_LEASE_NAMESPACE")
    lease_name: str = Field(LEASE_NAME, validation_alias="AUGMENTATION_LEASE_NAME")
    identity: str = Field(
        default_factory=lambda: f"{socket.gethostname()}-{secrets.token_hex(4)}",
        validation_alias="AUGMENTATION_IDENTITY",
    )
    workers_egress_file: Path | None = Field(None, validation_alias="AUGMENTATION_WORKERS_EGRESS_FILE")
    classes_file: Path | None = Field(None, validation_alias="AUGMENTATION_CLASSES_FILE")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", validation_alias="AUGMENTATION_LOG_LEVEL")
