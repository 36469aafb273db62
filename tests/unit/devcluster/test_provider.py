"""Docker where an engine answers, else podman as root on Linux, else one sentence."""

import pytest

from devcluster.errors import MissingRequirement
from devcluster.provider import Provider, choose_provider


def test_docker_is_used_where_an_engine_answers() -> None:
    assert choose_provider(asked="", docker_answers=True, linux_root=True) is Provider.DOCKER


def test_podman_is_used_by_root_where_no_engine_answers() -> None:
    assert choose_provider(asked="", docker_answers=False, linux_root=True) is Provider.PODMAN


def test_without_either_the_sentence_says_what_to_do() -> None:
    with pytest.raises(MissingRequirement, match="start Docker, or run this as root"):
        choose_provider(asked="", docker_answers=False, linux_root=False)


def test_kinds_own_variable_wins_over_what_is_there() -> None:
    assert choose_provider(asked="podman", docker_answers=True, linux_root=True) is Provider.PODMAN


def test_docker_asked_for_without_an_engine_is_refused_rather_than_replaced() -> None:
    with pytest.raises(MissingRequirement, match="docker info"):
        choose_provider(asked="docker", docker_answers=False, linux_root=True)


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(MissingRequirement, match="nerdctl"):
        choose_provider(asked="nerdctl", docker_answers=True, linux_root=True)


def test_a_cluster_made_with_podman_stays_with_it_when_docker_appears() -> None:
    chosen = choose_provider(asked="", docker_answers=True, linux_root=True, recorded=Provider.PODMAN)
    assert chosen is Provider.PODMAN


def test_missing_requirements_end_with_status_2() -> None:
    assert MissingRequirement.exit_status == 2
