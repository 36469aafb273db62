"""Names, ports and folders, read once from the environment."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devcluster.errors import MissingRequirement

# devcluster/ lies at the root of the checkout.
CHECKOUT = Path(__file__).resolve().parent.parent

DEFAULT_NAME = "augmentation"
PREFERRED_PORTS = {"GATEWAY_PORT": 18080, "HUB_PORT": 18081, "REGISTRY_PORT": 15000}


@dataclass(frozen=True)
class Settings:
    """What a person may choose.

    ports: variable → port asked for by name; a port that is not here may be chosen freely.
    existing: use the cluster that `kubeconfig_given` names, and create none.
    registry_given: host:port[/prefix] to push to and pull from, in place of a registry of our own.
    """

    name: str
    cache: Path
    state: Path
    ports: dict[str, int]
    existing: bool = False
    kubeconfig_given: str = ""
    registry_given: str = ""

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig of the cluster made here. ~/.kube/config is never touched."""
        return self.state / "kubeconfig"

    @property
    def images_file(self) -> Path:
        """The JSON file of our images' references (name → registry/…@sha256:…), apart for a cluster not made here."""
        folder = self.state.with_name(f"{self.name}.existing") if self.existing else self.state
        return folder / "images.json"

    @property
    def lock(self) -> Path:
        """Held by a command that changes the cluster. Next to the state folder, which is created and removed."""
        return self.state.parent / f"{self.name}.lock"


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where what is built is kept: shared by every checkout and every cluster of this user."""
    return _xdg(environ, "XDG_CACHE_HOME", ".cache") / "augmentation-devcluster"


def state_root(environ: Mapping[str, str]) -> Path:
    """The folder that holds one folder of state per cluster name."""
    return _xdg(environ, "XDG_STATE_HOME", ".local/state") / "augmentation-devcluster"


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from CLUSTER_NAME, CLUSTER, KUBECONFIG, REGISTRY, *_PORT and the XDG variables.

    Raises MissingRequirement for a value that cannot be used.
    """
    name = environ.get("CLUSTER_NAME") or DEFAULT_NAME
    # The name becomes part of a host name, a network's name and a folder's.
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", name):
        raise MissingRequirement(f"CLUSTER_NAME={name!r} has to be 1-40 lower-case letters, digits and dashes.")
    cluster = environ.get("CLUSTER", "")
    if cluster not in ("", "kind", "existing"):
        raise MissingRequirement(f"CLUSTER={cluster!r} is unknown: leave it unset for kind, or set it to 'existing'.")
    ports = {}
    for variable in PREFERRED_PORTS:
        if text := environ.get(variable, ""):
            if not text.isdigit() or not 0 < int(text) < 65536:
                raise MissingRequirement(f"{variable}={text!r} is not a port: give a number from 1 to 65535.")
            ports[variable] = int(text)
    return Settings(
        name=name,
        cache=cache_folder(environ),
        state=state_root(environ) / name,
        ports=ports,
        existing=cluster == "existing",
        kubeconfig_given=environ.get("KUBECONFIG", ""),
        registry_given=environ.get("REGISTRY", "").rstrip("/"),
    )


def _xdg(environ: Mapping[str, str], variable: str, default: str) -> Path:
    # The XDG specification: a relative path is invalid and has to be ignored.
    value = environ.get(variable, "")
    if value.startswith("/"):
        return Path(value)
    return Path(environ.get("HOME") or Path.home()) / default
