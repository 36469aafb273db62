"""Names, ports and folders come from the environment alone."""

from pathlib import Path

import pytest

from devcluster.errors import MissingRequirement
from devcluster.settings import from_environment

HOME = {"HOME": "/home/ada"}


def test_without_any_variable_the_cluster_is_named_augmentation_and_lies_in_the_home_folder() -> None:
    settings = from_environment(HOME)
    assert settings.name == "augmentation"
    assert settings.cache == Path("/home/ada/.cache/augmentation-devcluster")
    assert settings.kubeconfig == Path("/home/ada/.local/state/augmentation-devcluster/augmentation/kubeconfig")
    assert settings.ports == {}
    assert not settings.existing


def test_xdg_folders_are_respected_unless_they_are_relative() -> None:
    settings = from_environment({**HOME, "XDG_CACHE_HOME": "/big/disk", "XDG_STATE_HOME": "relative"})
    assert settings.cache == Path("/big/disk/augmentation-devcluster")
    assert settings.state.parent == Path("/home/ada/.local/state/augmentation-devcluster")


def test_each_cluster_name_has_a_state_folder_of_its_own() -> None:
    one, two = (from_environment({**HOME, "CLUSTER_NAME": name}) for name in ("one", "two"))
    assert one.state != two.state
    assert one.cache == two.cache


@pytest.mark.parametrize("name", ["Upper", "-dash", "dash-", "a" * 41, "a b", "../up"])
def test_a_name_that_could_not_be_a_host_name_is_refused(name: str) -> None:
    with pytest.raises(MissingRequirement, match="CLUSTER_NAME"):
        from_environment({**HOME, "CLUSTER_NAME": name})


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(MissingRequirement, match="HUB_PORT"):
        from_environment({**HOME, "HUB_PORT": port})


def test_an_existing_cluster_keeps_its_image_references_apart() -> None:
    made = from_environment(HOME)
    given = from_environment({**HOME, "CLUSTER": "existing", "REGISTRY": "registry.example:5000/team/"})
    assert given.images_file != made.images_file
    assert given.registry_given == "registry.example:5000/team"


def test_an_unknown_kind_of_cluster_is_refused() -> None:
    with pytest.raises(MissingRequirement, match="existing"):
        from_environment({**HOME, "CLUSTER": "minikube"})
