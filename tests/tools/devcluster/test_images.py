"""Images: selection, isolation of builds, and garbage collection in the registry."""

import os
from pathlib import Path

import pytest

from devcluster.errors import DevclusterError
from devcluster.image_builder import working_containers
from devcluster.images import IMAGES, choose_images, read_references, write_references
from devcluster.installer_settings import parse_pip_settings, pip_conf, uv_cache, uv_toml
from devcluster.packages import missing_packages
from devcluster.registry import remove_unfinished_uploads, superseded_tags


def test_all_images_but_that_of_gpus_are_built_by_default() -> None:
    assert {image.name for image in IMAGES} - {image.name for image in choose_images([])} == {"worker-cuda"}
    assert [image.name for image in choose_images(["worker-cuda"])] == ["worker-cuda"]


def test_build_order_is_independent_of_argument_order() -> None:
    assert [image.name for image in choose_images(["worker", "operator"])] == ["operator", "worker"]


def test_unknown_image_is_rejected_with_known_ones() -> None:
    with pytest.raises(DevclusterError, match=r"planner.*operator"):
        choose_images(["planner"])


def test_building_one_image_keeps_references_of_others(tmp_path: Path) -> None:
    path = tmp_path / "state" / "images.json"
    write_references(path, {"operator": "r/operator@sha256:1", "worker": "r/worker@sha256:1"})
    path.write_text(path.read_text().replace("{", '{"of an earlier version": "r/metadata@sha256:1", ', 1))
    write_references(path, {"worker": "r/worker@sha256:2"})
    assert read_references(path) == {"operator": "r/operator@sha256:1", "worker": "r/worker@sha256:2"}


def test_build_uses_package_index_but_no_local_paths() -> None:
    listed = (
        "global.index-url='https://index.example/simple'\n"
        "global.find-links='/opt/wheels'\n"
        ":env:.default-timeout='180'\n"
        "global.trusted-host='a b'\n"
        "list.format='columns'\n"
    )
    settings = parse_pip_settings(listed)
    assert settings == {"index-url": "https://index.example/simple", "timeout": "180", "trusted-host": "a b"}


def test_environment_takes_precedence_over_pip_config_file() -> None:
    listed = "global.index-url='https://file.example'\n:env:.index-url='https://env.example'\n"
    assert parse_pip_settings(listed) == {"index-url": "https://env.example"}


def test_pip_config_values_are_separated_by_newlines() -> None:
    assert "trusted-host = a\n    b\n" in pip_conf({"trusted-host": "a b"})


def test_uv_uses_same_indexes_as_pip() -> None:
    config = uv_toml({"index-url": "https://index.example", "extra-index-url": "https://one https://two"})
    assert 'index-url = "https://index.example"' in config
    assert 'extra-index-url = ["https://one", "https://two"]' in config


def test_uv_cache_is_at_its_default_path() -> None:
    assert uv_cache({"UV_CACHE_DIR": "/wheels"}) == Path("/wheels")
    assert uv_cache({"XDG_CACHE_HOME": "/cache"}) == Path("/cache/uv")
    assert uv_cache({}) == Path.home() / ".cache" / "uv"


def test_only_packages_of_absent_programs_are_installed() -> None:
    packages = {"podman": "podman", "iptables": "iptables", "ip6tables": "iptables"}
    assert missing_packages(packages, ["podman", "iptables"]) == ["iptables"]
    assert missing_packages(packages, packages) == []


def test_containers_of_killed_build_are_distinguished_from_others() -> None:
    listed = (
        "adb01af48eb9 devcluster-python-base-working-container\n"
        "e736439c94ea   490e29bd3527-working-container-1\n"
        "32a90967498b augmentation-control-plane\n"
        "aaaaaaaaaaaa debian-working-container\n"
    )
    assert working_containers(listed) == ["adb01af48eb9", "e736439c94ea"]


def test_leftovers_of_killed_push_are_deleted_from_registry(tmp_path: Path) -> None:
    repository = tmp_path / "docker" / "registry" / "v2" / "repositories" / "team" / "augmentation-worker"
    for name in ("_uploads/0a/data", "_manifests/tags/1/current/link"):
        (repository / name).parent.mkdir(parents=True)
        (repository / name).touch()
    remove_unfinished_uploads(tmp_path)
    assert [path.name for path in repository.rglob("*") if path.is_file()] == ["link"]


def test_registry_keeps_newest_tags_of_each_image(tmp_path: Path) -> None:
    repositories = tmp_path / "docker" / "registry" / "v2" / "repositories"
    for repository in ("augmentation-worker", "team/augmentation-gateway"):
        for age, name in enumerate(("new", "old", "older")):
            link = repositories / repository / "_manifests" / "tags" / name / "current" / "link"
            link.parent.mkdir(parents=True)
            link.write_text("sha256:0")
            os.utime(link, (1000 - age, 1000 - age))
    assert sorted(path.name for path in superseded_tags(tmp_path, 2)) == ["older", "older"]
    assert superseded_tags(tmp_path, 3) == []
