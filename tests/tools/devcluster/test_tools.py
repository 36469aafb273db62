"""The cache of compiled tools: its content and its keys."""

import dataclasses
import re
import shutil
from pathlib import Path

import pytest

from devcluster import pins
from devcluster.errors import DevclusterError
from devcluster.go_toolchain import parse_go_version
from devcluster.tools import GO_MODULES, binary_name, cache_key, tool_path, tool_set_folder, tool_set_key

CLUSTER = next(each for each in pins.TOOL_SETS if each.module == "cluster")


@pytest.mark.parametrize(
    ("package", "binary"),
    [
        ("k8s.io/kubernetes/cmd/kubelet", "kubelet"),
        ("go.etcd.io/etcd/server/v3", "server"),
        ("sigs.k8s.io/kind", "kind"),
        ("./coredns", "coredns"),
        ("example.com/cmd/vendor", "vendor"),
    ],
)
def test_binary_has_name_that_go_gives_it(package: str, binary: str) -> None:
    assert binary_name(package) == binary


def test_every_binary_belongs_to_one_set() -> None:
    binaries = [binary for tools in pins.ALL_TOOL_SETS for binary in tools.packages]
    assert len(binaries) == len(set(binaries))


def test_binaries_of_integration_tests_are_compiled_first() -> None:
    assert {"etcd", "kube-apiserver", "kube-controller-manager"} == set(pins.TOOL_SETS[0].packages)


def test_cluster_is_complete_without_kueue() -> None:
    assert pins.KUEUE_TOOL_SET not in pins.TOOL_SETS
    assert pins.tool_set_of("kueue") is pins.KUEUE_TOOL_SET


def test_changed_pin_changes_cache_entry(tmp_path: Path) -> None:
    shutil.copytree(GO_MODULES, tmp_path, dirs_exist_ok=True)
    assert tool_set_key(CLUSTER, "amd64", tmp_path) == tool_set_key(CLUSTER, "amd64")
    go_mod = tmp_path / "cluster" / "go.mod"
    go_mod.write_text(go_mod.read_text().replace(pins.KUBERNETES, "v1.99.0"))
    assert tool_set_key(CLUSTER, "amd64", tmp_path) != tool_set_key(CLUSTER, "amd64")


def test_flags_and_architecture_change_cache_entry() -> None:
    keys = {
        tool_set_key(CLUSTER, "amd64"),
        tool_set_key(CLUSTER, "arm64"),
        tool_set_key(dataclasses.replace(CLUSTER, ldflags="-s"), "amd64"),
    }
    assert len(keys) == 3


def test_boundary_between_parts_changes_cache_entry() -> None:
    assert cache_key([b"ab", b"c"]) != cache_key([b"a", b"bc"])


def test_cached_tool_is_returned_without_compiling(tmp_path: Path) -> None:
    tool_set = pins.tool_set_of("kubectl")
    assert tool_set is not None
    folder = tool_set_folder(tool_set, tmp_path)
    folder.mkdir(parents=True)
    assert tool_path("kubectl", tmp_path) == folder / "kubectl"


def test_unknown_tool_is_rejected_with_known_ones(tmp_path: Path) -> None:
    with pytest.raises(DevclusterError, match="kube-apiserver"):
        tool_path("minikube", tmp_path)


@pytest.mark.parametrize(
    ("module", "version"),
    [
        ("k8s.io/kubernetes", pins.KUBERNETES),
        ("go.etcd.io/etcd/server/v3", pins.ETCD),
        ("github.com/coredns/coredns", pins.COREDNS),
        ("github.com/distribution/distribution/v3", pins.DISTRIBUTION),
        ("helm.sh/helm/v4", pins.HELM),
        ("helm.sh/helm/v3", pins.HELM_3),
        ("sigs.k8s.io/kind", pins.KIND),
        ("sigs.k8s.io/kueue", pins.KUEUE),
        ("github.com/containerd/containerd/v2", pins.CONTAINERD),
    ],
)
def test_stamped_versions_equal_compiled_versions(module: str, version: str) -> None:
    required = "\n".join(path.read_text() for path in GO_MODULES.glob("*/go.mod"))
    assert re.search(
        rf"^\s*(?:require\s+)?{re.escape(module)} {re.escape(version)}( // indirect)?$", required, re.MULTILINE
    )


@pytest.mark.parametrize(
    ("text", "version"), [("go1.26.8", (1, 26)), ("go1.27rc1", (1, 27)), ("devel", None), ("", None)]
)
def test_go_version_is_parsed(text: str, version: tuple[int, int] | None) -> None:
    assert parse_go_version(text) == version
