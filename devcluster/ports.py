"""Which host ports a new cluster gets."""

import socket
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from devcluster.cluster_state import read_state
from devcluster.errors import MissingRequirement

# Where to look for another port; below the range from which Linux hands out ports to clients.
FALLBACK_PORTS = range(20080, 32768)


def choose_ports(
    asked: Mapping[str, int],
    preferred: Mapping[str, int],
    reserved: Collection[int],
    is_free: Callable[[int], bool],
) -> dict[str, int]:
    """A port per variable of `preferred`: the asked one, else the preferred one, else the next free one.

    reserved: ports recorded by other clusters, which are theirs even while they are stopped.
    Raises MissingRequirement where an asked port is taken: a person who names a port wants that one.
    """
    chosen: dict[str, int] = {}
    for variable, port in asked.items():
        if port in reserved or port in chosen.values() or not is_free(port):
            raise MissingRequirement(f"{variable}={port} is taken: free that port, or choose another one.")
        chosen[variable] = port
    for variable, port in preferred.items():
        if variable not in chosen:
            candidates = (each for each in (port, *FALLBACK_PORTS) if each not in reserved)
            chosen[variable] = next(each for each in candidates if each not in chosen.values() and is_free(each))
    return chosen


def is_free(port: int) -> bool:
    """Whether nothing listens on the port, on any address of this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


def reserved_ports(state_root: Path, except_for: str) -> set[int]:
    """The ports of every other cluster on record."""
    reserved: set[int] = set()
    for folder in state_root.iterdir() if state_root.exists() else ():
        state = read_state(folder) if folder.is_dir() and folder.name != except_for else None
        if state is not None:
            reserved |= {state.gateway_port, state.hub_port, state.registry_port}
    return reserved
