"""Control planes of other Kubernetes versions, for `make test-kubernetes VERSION=…`: compiled once, kept in the cache.

Only the API server and the controllers differ: etcd, kubectl and all else are the pinned ones. A release of Kubernetes
pins what it is built from in its own go.mod and go.sum, so no version but the cluster's is written down here.
"""

import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from devcluster import settings
from devcluster.caches import remove_go_caches
from devcluster.errors import DevclusterError, MissingRequirement
from devcluster.go_toolchain import GoToolchain, find_toolchain
from devcluster.locking import held
from devcluster.pins import kubernetes_ldflags
from devcluster.process import output_of, run_logged
from devcluster.progress import step
from devcluster.tools import cache_key, host_architecture, tool_path

VARIABLE = "KUBERNETES_VERSION"
"""The environment variable that names the version of the integration tests' API server; unset: the pinned one."""
PROGRAMS = ("kube-apiserver", "kube-controller-manager")
_REQUIREMENTS = re.compile(r"^require \(\n.*?^\)$", re.MULTILINE | re.DOTALL)


def program_path(name: str, cache: Path | None = None) -> Path:
    """The path of a tool of devcluster.tools, of the version that the environment names where it is one of PROGRAMS."""
    version = os.environ.get(VARIABLE, "")
    if not version or name not in PROGRAMS:
        return tool_path(name, cache)
    return _ensure_control_plane(parse_version(version), cache or settings.cache_folder(os.environ)) / name


def parse_version(text: str) -> str:
    """`v1.31.14` from that or from `1.31.14`. Raises MissingRequirement for anything else."""
    version = text if text.startswith("v") else f"v{text}"
    if not re.fullmatch(r"v1\.\d{1,3}\.\d{1,3}", version):
        raise MissingRequirement(
            f"{VARIABLE}={text!r} is no Kubernetes release: name all three numbers, as in 1.31.14."
        )
    return version


def module_file(kubernetes: str, version: str, served: Mapping[str, Sequence[str]]) -> str:
    """The go.mod that builds a version's programs, from the go.mod of k8s.io/kubernetes in that version.

    Kubernetes requires its own libraries as v0.0.0 and finds them in its repository; published as modules, those of
    v1.31.14 are v0.31.14. `served` has the versions of each that there are: where a module proxy lacks that one, the
    last patch release before it serves, since patch releases of a library agree in their interfaces.
    """
    replaced = "\n".join(
        f"\t{path} => {path} {_library(version, served.get(path, ()))}" for path in own_libraries(kubernetes)
    )
    go = re.search(r"^go \S+$", kubernetes, re.MULTILINE)
    return "\n\n".join(
        [
            "module augmentation.dev/devcluster/kubernetes",
            go[0] if go else "go 1.22.0",
            f"require k8s.io/kubernetes {version}",
            *_REQUIREMENTS.findall(kubernetes),
            f"replace (\n{replaced}\n)\n",
        ]
    )


def own_libraries(kubernetes: str) -> list[str]:
    """The modules that a go.mod of k8s.io/kubernetes takes from its own repository."""
    return re.findall(r"^\s*(k8s\.io/\S+) v0\.0\.0$", kubernetes, re.MULTILINE)


def _library(version: str, served: Sequence[str]) -> str:
    minor, patch = version.removeprefix("v1.").split(".")
    patches = [int(each.rsplit(".", 1)[1]) for each in served if re.fullmatch(rf"v0\.{minor}\.\d+", each)]
    return f"v0.{minor}.{max((each for each in patches if each <= int(patch)), default=patch)}"


def _ensure_control_plane(version: str, cache: Path) -> Path:
    recipe = json.dumps([version, PROGRAMS, kubernetes_ldflags(version), host_architecture()])
    folder = cache / "tools" / f"kubernetes-{version}-{cache_key([recipe.encode()])}"
    if not folder.exists():
        with held(cache / "build.lock", "building"):
            if not folder.exists():
                _build(version, folder, find_toolchain(cache), cache)
        remove_go_caches(cache)
    return folder


def _build(version: str, folder: Path, go: GoToolchain, cache: Path) -> None:
    environment = go.environment(cache)
    answer = output_of(
        [go.program, "mod", "download", "-json", f"k8s.io/kubernetes@{version}"], environment=environment, timeout=300
    )
    if answer is None:
        raise DevclusterError(f"Kubernetes {version} could not be fetched: check the version, the network and GOPROXY.")
    sources = Path(json.loads(answer)["Dir"])
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (
        step(f"compile {' and '.join(PROGRAMS)} {version}") as running,
        tempfile.TemporaryDirectory(prefix=".kubernetes-", dir=folder.parent) as unfinished,
    ):
        module, built = Path(unfinished) / "module", Path(unfinished) / "bin"
        module.mkdir()
        built.mkdir()
        kubernetes = (sources / "go.mod").read_text()
        served = _served(own_libraries(kubernetes), go, environment)
        (module / "go.mod").write_text(module_file(kubernetes, version, served))
        (module / "go.sum").write_bytes((sources / "go.sum").read_bytes())
        packages = [f"k8s.io/kubernetes/cmd/{program}" for program in PROGRAMS]
        run_logged(
            # -mod=mod: adds the sums of Kubernetes' own libraries, which its repository does not hold.
            [go.program, "build", "-trimpath", "-buildvcs=false", "-mod=mod", "-v",
             "-ldflags", kubernetes_ldflags(version), "-o", f"{built}/", *packages],
            cache / "logs" / f"{folder.name}.log",
            running=running,
            environment=environment,
            folder=module,
        )  # fmt: skip
        built.rename(folder)


def _served(modules: Sequence[str], go: GoToolchain, environment: Mapping[str, str]) -> dict[str, list[str]]:
    listed = output_of([go.program, "list", "-m", "-versions", *modules], environment=environment, timeout=300) or ""
    return {words[0]: words[1:] for words in map(str.split, listed.splitlines()) if words}
