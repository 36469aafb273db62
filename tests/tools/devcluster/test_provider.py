"""Docker if its engine runs, else podman as root on Linux, else an error."""

import pytest

from devcluster.errors import MissingRequirement
from devcluster.provider import Provider, choose_provider


def test_docker_is_used_if_engine_is_running() -> None:
    assert choose_provider(asked="", docker_answers=True, linux_root=True) is Provider.DOCKER


def test_podman_is_used_as_root_without_docker_engine() -> None:
    assert choose_provider(asked="", docker_answers=False, linux_root=True) is Provider.PODMAN


def test_missing_engine_is_reported_with_fix() -> None:
    with pytest.raises(MissingRequirement, match="start Docker, or run this as root"):
        choose_provider(asked="", docker_answers=False, linux_root=False)


def test_kind_provider_variable_takes_precedence() -> None:
    assert choose_provider(asked="podman", docker_answers=True, linux_root=True) is Provider.PODMAN


def test_requested_docker_without_engine_is_rejected() -> None:
    with pytest.raises(MissingRequirement, match="docker info"):
        choose_provider(asked="docker", docker_answers=False, linux_root=True)


def test_unknown_engine_is_rejected() -> None:
    with pytest.raises(MissingRequirement, match="nerdctl"):
        choose_provider(asked="nerdctl", docker_answers=True, linux_root=True)


def test_podman_cluster_keeps_podman_after_docker_starts() -> None:
    chosen = choose_provider(asked="", docker_answers=True, linux_root=True, recorded=Provider.PODMAN)
    assert chosen is Provider.PODMAN


def test_missing_requirements_exit_with_code_2() -> None:
    assert MissingRequirement.exit_status == 2
