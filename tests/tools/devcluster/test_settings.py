"""Names, ports and folders come from the environment alone."""

from pathlib import Path

import pytest

from devcluster.errors import MissingRequirement
from devcluster.settings import from_environment

HOME = {"HOME": "/home/ada"}


def test_default_cluster_is_named_augmentation_in_home_folder() -> None:
    settings = from_environment(HOME)
    assert settings.name == "augmentation"
    assert settings.cache == Path("/home/ada/.cache/augmentation-devcluster")
    assert settings.kubeconfig == Path("/home/ada/.local/state/augmentation-devcluster/augmentation/kubeconfig")
    assert settings.ports == {}
    assert not settings.existing


def test_absolute_xdg_folders_are_respected() -> None:
    settings = from_environment({**HOME, "XDG_CACHE_HOME": "/big/disk", "XDG_STATE_HOME": "relative"})
    assert settings.cache == Path("/big/disk/augmentation-devcluster")
    assert settings.state.parent == Path("/home/ada/.local/state/augmentation-devcluster")


def test_every_cluster_has_its_own_state_folder() -> None:
    one, two = (from_environment({**HOME, "CLUSTER_NAME": name}) for name in ("one", "two"))
    assert one.state != two.state
    assert one.cache == two.cache


@pytest.mark.parametrize("name", ["Upper", "-dash", "dash-", "a" * 41, "a b", "../up"])
def test_name_that_is_no_host_name_is_rejected(name: str) -> None:
    with pytest.raises(MissingRequirement, match="CLUSTER_NAME"):
        from_environment({**HOME, "CLUSTER_NAME": name})


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1"])
def test_invalid_port_is_rejected(port: str) -> None:
    with pytest.raises(MissingRequirement, match="HUB_PORT"):
        from_environment({**HOME, "HUB_PORT": port})


def test_existing_cluster_has_separate_image_references() -> None:
    own = from_environment(HOME)
    existing = from_environment({**HOME, "CLUSTER": "existing", "REGISTRY": "registry.example:5000/team/"})
    assert existing.images_file != own.images_file
    assert existing.registry_given == "registry.example:5000/team"


def test_unknown_cluster_type_is_rejected() -> None:
    with pytest.raises(MissingRequirement, match="existing"):
        from_environment({**HOME, "CLUSTER": "minikube"})
