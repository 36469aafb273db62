"""What is recorded about a cluster between commands: `cluster.json` in its state folder."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from devcluster.provider import Provider


@dataclass(frozen=True)
class ClusterState:
    """Written before the cluster is created, so that a killed creation can be cleaned up.

    node_image: what the node runs; if another one is wanted, the cluster has to be recreated.
    registry: host:port[/prefix] as the pods name it; registry_push: the same registry as this machine names it.
    """

    provider: Provider
    node_image: str
    gateway_port: int
    hub_port: int
    registry_port: int
    registry: str
    registry_push: str
    ready: bool = False


def state_file(folder: Path) -> Path:
    """The file inside a cluster's state folder."""
    return folder / "cluster.json"


def dump_state(state: ClusterState) -> str:
    """As JSON."""
    return json.dumps(asdict(state), indent=1) + "\n"


def parse_state(text: str) -> ClusterState | None:
    """None for anything that this version did not write: such a cluster is treated as a leftover."""
    try:
        fields = json.loads(text)
        return ClusterState(**{**fields, "provider": Provider(fields["provider"])})
    except (ValueError, TypeError, KeyError):
        return None


def read_state(folder: Path) -> ClusterState | None:
    """The recorded state, or None where there is none."""
    try:
        return parse_state(state_file(folder).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None


def write_state(folder: Path, state: ClusterState) -> None:
    """Replace the record; a reader sees the old one or the new one, never half of it."""
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f".cluster.json.{os.getpid()}"
    unfinished.write_text(dump_state(state), encoding="utf-8")
    unfinished.replace(state_file(folder))
