"""Kubernetes' programs, compiled from pinned Go modules and kept in the cache.

>>> from devcluster.tools import tool_path
>>> tool_path("kube-apiserver")     # compiles it on the first call (minutes), answers at once from then on
"""

import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from devcluster import pins, settings
from devcluster.errors import DevclusterError
from devcluster.go_toolchain import GoToolchain, find_toolchain
from devcluster.locking import held
from devcluster.pins import ToolSet
from devcluster.process import output_of, run_logged
from devcluster.progress import step

GO_MODULES = Path(__file__).resolve().parent / "go"


def cache_key(parts: Iterable[bytes]) -> str:
    """Twelve hex digits that change with any of the parts, or with their boundaries."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()[:12]


def tool_set_key(tool_set: ToolSet, architecture: str, modules: Path = GO_MODULES) -> str:
    """The cache key of a set: its module's files, what is built from them and for which processor."""
    module = modules / tool_set.module
    sources = sorted(path for path in module.rglob("*") if path.is_file())
    recipe = [tool_set.packages, tool_set.ldflags, tool_set.tags, architecture]
    return cache_key(
        [
            json.dumps(recipe, sort_keys=True).encode(),
            *(part for path in sources for part in (str(path.relative_to(module)).encode(), path.read_bytes())),
        ]
    )


def host_architecture() -> str:
    """The processor as Go names it."""
    machine = platform.machine()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def tool_set_folder(tool_set: ToolSet, cache: Path) -> Path:
    """Where a finished set lies; the folder exists only when every binary in it does."""
    return cache / "tools" / f"{tool_set.name}-{tool_set_key(tool_set, host_architecture())}"


def tool_path(name: str, cache: Path | None = None) -> Path:
    """The path of a binary of pins.TOOL_SETS, compiled first if the cache lacks it.

    Raises DevclusterError for an unknown name, MissingRequirement where there is neither Go nor pip.
    """
    cache = cache or settings.cache_folder(os.environ)
    tool_set = pins.tool_set_of(name)
    if tool_set is None:
        known = ", ".join(sorted(binary for each in pins.ALL_TOOL_SETS for binary in each.packages))
        raise DevclusterError(f"No tool is called {name!r}; there are {known}.")
    ensure_tool_sets([tool_set], cache)
    return tool_set_folder(tool_set, cache) / name


def ensure_tool_sets(tool_sets: Iterable[ToolSet], cache: Path) -> None:
    """Compile the sets that the cache lacks, one after the other: each uses all cores."""
    wanted = list(tool_sets)
    if all(tool_set_folder(each, cache).exists() for each in wanted):
        return
    with held(cache / "build.lock", "building"):
        missing = [each for each in wanted if not tool_set_folder(each, cache).exists()]
        if not missing:
            return
        # What killed builds left; nobody else builds while the lock is held.
        for unfinished in (cache / "tools").glob(".*"):
            shutil.rmtree(unfinished, ignore_errors=True)
        go = find_toolchain(cache)
        for each in missing:
            _build(each, go, cache)


def _build(tool_set: ToolSet, go: GoToolchain, cache: Path) -> None:
    target = tool_set_folder(tool_set, cache)
    target.parent.mkdir(parents=True, exist_ok=True)
    log = cache / "logs" / f"{target.name}.log"
    module = GO_MODULES / tool_set.module
    with (
        step(f"compile {', '.join(tool_set.packages)}") as running,
        tempfile.TemporaryDirectory(prefix=f".{tool_set.name}-", dir=target.parent) as unfinished,
    ):
        built = Path(unfinished) / "bin"
        built.mkdir()
        options = ["-trimpath", "-buildvcs=false", "-mod=readonly", "-v", "-ldflags", tool_set.ldflags]
        if tool_set.tags:
            options += ["-tags", ",".join(tool_set.tags)]
        run_logged(
            [go.program, "build", *options, "-o", f"{built}/", *tool_set.packages.values()],
            log,
            running=running,
            environment=go.environment(cache),
            folder=module,
        )
        for binary, package in tool_set.packages.items():
            produced = built / binary_name(package)
            if produced.name != binary:
                produced.rename(built / binary)
        # A rename within one folder is atomic: a killed build leaves a dot folder, never half an entry.
        built.rename(target)


def binary_name(package: str) -> str:
    """What `go build` calls a package's binary: the last element of its path that is not a major version."""
    elements = package.split("/")
    last = elements[-1]
    return elements[-2] if last[:1] == "v" and last[1:].isdigit() else last


def go_module(module: str, path: str, cache: Path) -> Path:
    """The unpacked Go module `path` that the folder `go/<module>` pins, fetched first if the cache lacks it.

    Some carry more than code: kind its node image's files, Kueue its chart, JobSet its CRDs. Raises DevclusterError.
    """
    go = find_toolchain(cache)
    answer = output_of(
        [go.program, "-C", str(GO_MODULES / module), "mod", "download", "-json", path],
        environment=go.environment(cache),
        timeout=300,
    )
    if answer is None:
        raise DevclusterError(f"The Go module {path} could not be fetched: check the network and GOPROXY.")
    return Path(json.loads(answer)["Dir"])
