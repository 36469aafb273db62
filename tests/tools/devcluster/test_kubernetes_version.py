"""Control planes of other Kubernetes versions: what they are built from."""

from pathlib import Path

import pytest

from devcluster import kubernetes_version
from devcluster.errors import MissingRequirement
from devcluster.kubernetes_version import module_file, own_libraries, parse_version, program_path

KUBERNETES = """\
module k8s.io/kubernetes

go 1.22.0

require (
	github.com/blang/semver/v4 v4.0.0
	k8s.io/api v0.0.0
	k8s.io/klog/v2 v2.130.1
)

require (
	github.com/NYTimes/gziphandler v1.1.1 // indirect
	k8s.io/endpointslice v0.0.0
)

replace (
	k8s.io/api => ./staging/src/k8s.io/api
	k8s.io/endpointslice => ./staging/src/k8s.io/endpointslice
)
"""


@pytest.mark.parametrize("text", ["1.31.14", "v1.31.14"])
def test_version_is_named_with_all_its_numbers(text: str) -> None:
    assert parse_version(text) == "v1.31.14"


@pytest.mark.parametrize("text", ["1.31", "latest", "2.0.0", "1.31.14-rc.1", "1.31.14; rm"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(MissingRequirement, match=r"as in 1\.31\.14"):
        parse_version(text)


def test_kubernetes_own_libraries_are_taken_in_the_versions_that_are_served() -> None:
    assert own_libraries(KUBERNETES) == ["k8s.io/api", "k8s.io/endpointslice"]
    served = {"k8s.io/api": ["v0.31.14", "v0.32.0"], "k8s.io/endpointslice": ["v0.30.14", "v0.31.13", "v0.31.15"]}
    text = module_file(KUBERNETES, "v1.31.14", served)
    assert "\tk8s.io/api => k8s.io/api v0.31.14\n" in text
    # This proxy lacks v0.31.14: the patch release before it.
    assert "\tk8s.io/endpointslice => k8s.io/endpointslice v0.31.13\n" in text
    assert "./staging" not in text
    assert "require k8s.io/kubernetes v1.31.14" in text
    assert "\tgithub.com/NYTimes/gziphandler v1.1.1 // indirect\n" in text


def test_only_the_api_server_and_the_controllers_are_of_the_version_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(kubernetes_version, "tool_path", lambda name, cache: Path("/pinned") / name)
    monkeypatch.setattr(kubernetes_version, "_ensure_control_plane", lambda version, cache: cache / version)
    assert program_path("kube-apiserver", tmp_path) == Path("/pinned/kube-apiserver")
    monkeypatch.setenv("KUBERNETES_VERSION", "1.31.14")
    assert program_path("kube-apiserver", tmp_path) == tmp_path / "v1.31.14" / "kube-apiserver"
    assert program_path("etcd", tmp_path) == Path("/pinned/etcd")
