"""Which engine runs the node: Docker where one answers, else podman as root on Linux."""

import enum
import os
import sys
from pathlib import Path

from devcluster.errors import MissingRequirement
from devcluster.process import output_of

CONTAINERS_CONF = Path(__file__).resolve().parent / "containers.conf"


class Provider(enum.StrEnum):
    """The engines kind can use here."""

    DOCKER = "docker"
    PODMAN = "podman"


def choose_provider(
    *, asked: str, docker_answers: bool, linux_root: bool, recorded: Provider | None = None
) -> Provider:
    """Decide from facts.

    asked: the value of KIND_EXPERIMENTAL_PROVIDER, kind's own variable; empty where it is unset.
    recorded: what the cluster was made with, which it keeps unless another engine is asked for.
    Raises MissingRequirement where neither engine can be had.
    """
    if asked not in ("", *Provider):
        raise MissingRequirement(f"KIND_EXPERIMENTAL_PROVIDER={asked!r} is not supported: use docker or podman.")
    if asked == Provider.DOCKER and not docker_answers:
        raise MissingRequirement(
            "No Docker engine answers `docker info`: start one, or unset KIND_EXPERIMENTAL_PROVIDER."
        )
    podman_wanted = (asked or recorded) == Provider.PODMAN
    if docker_answers and not podman_wanted:
        return Provider.DOCKER
    if linux_root:
        return Provider.PODMAN
    raise MissingRequirement(
        "No Docker engine answers `docker info`, and kind on podman needs root on Linux:"
        " start Docker, or run this as root."
    )


def detect_provider(recorded: Provider | None = None) -> Provider:
    """The provider for this machine, now."""
    asked = os.environ.get("KIND_EXPERIMENTAL_PROVIDER", "")
    ask = (asked or recorded) != Provider.PODMAN
    # A client without an engine exits non-zero; one whose remote engine is unreachable may hang.
    answers = ask and output_of(["docker", "info", "--format", "{{.ID}}"], timeout=10) is not None
    return choose_provider(asked=asked, docker_answers=answers, linux_root=_is_linux_root(), recorded=recorded)


def provider_without_registry() -> Provider:
    """podman, for a machine whose Docker cannot pull kind's node image. Raises MissingRequirement without root."""
    if os.environ.get("KIND_EXPERIMENTAL_PROVIDER", "") != Provider.DOCKER and _is_linux_root():
        return Provider.PODMAN
    raise MissingRequirement(
        "Docker cannot pull kind's node image, and building it here needs podman and root on Linux:"
        " give Docker a registry (a mirror will do), or run this as root."
    )


def _is_linux_root() -> bool:
    return sys.platform == "linux" and os.geteuid() == 0


def podman_environment() -> dict[str, str]:
    """What podman, buildah and kind see when podman is the engine."""
    return {"CONTAINERS_CONF": str(CONTAINERS_CONF), "KIND_EXPERIMENTAL_PROVIDER": Provider.PODMAN.value}
