"""Programs that come from Debian's packages: installed where we may, named in one sentence where we may not."""

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from devcluster.errors import MissingRequirement
from devcluster.process import run_logged
from devcluster.progress import step

# A file that shows that the package is there: a program on the path, or an absolute path of something else.
PODMAN_PACKAGES = {
    "podman": "podman",
    "runc": "runc",
    # podman's network: netavark makes the bridge with iptables, aardvark-dns answers names on it.
    "/usr/lib/podman/netavark": "netavark",
    "/usr/lib/podman/aardvark-dns": "aardvark-dns",
    "iptables": "iptables",
}
BUILD_PACKAGES = {"buildah": "buildah", "mmdebstrap": "mmdebstrap"}


def missing_packages(wanted: Mapping[str, str], present: Iterable[str]) -> list[str]:
    """The packages, sorted, of the programs in `wanted` that are not in `present`."""
    there = set(present)
    return sorted({package for program, package in wanted.items() if program not in there})


def ensure_packages(wanted: Mapping[str, str], purpose: str, cache: Path) -> None:
    """Install with apt-get what `wanted` (program → package) lacks.

    Raises MissingRequirement, naming the packages and `purpose`, where this is not root on a Debian-like system.
    """
    missing = missing_packages(wanted, (program for program in wanted if _is_there(program)))
    if not missing:
        return
    names = " ".join(missing)
    if shutil.which("apt-get") is None:
        raise MissingRequirement(
            f"{purpose} needs {names}, and there is no apt-get: install it with the package manager of this system."
        )
    if os.geteuid() != 0:
        raise MissingRequirement(f"{purpose} needs {names}: run `sudo apt-get install {names}`.")
    log = cache / "logs" / "packages.log"
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    with step(f"install {names}") as running:
        run_logged(["apt-get", "update"], log, running=running, environment=quiet)
        install = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
        run_logged(install, log, running=running, environment=quiet)


def _is_there(program: str) -> bool:
    # Root's programs are not always on the path of a service or of su.
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])
    return Path(program).exists() if program.startswith("/") else shutil.which(program, path=path) is not None
