"""Make all artefacts of a release in dist/, and check each from an empty folder: `make release`.

The wheel and the source archive, the packed Helm chart, the documentation as a site, and their SHA-256 sums. Each is
used as its user would use it: the wheel in a new environment outside the checkout, which augments the sample dataset;
the chart rendered from its archive and, with `--charts`, from the registry it was pushed to. Images are built by
`docker buildx build --platform linux/amd64,linux/arm64 -f worker/Dockerfile .`; that what they install exists for both
processors is checked here.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import yaml

from devcluster.errors import DevclusterError
from devcluster.process import run_logged
from devcluster.progress import say, step
from devcluster.settings import CHECKOUT
from devcluster.tools import tool_path

DIST: Final = CHECKOUT / "dist"
CHART: Final = CHECKOUT / "deploy" / "helm" / "augmentation-operator"
LOG: Final = CHECKOUT / "build" / "release.log"
SAMPLE: Final = CHECKOUT / "tests" / "fixtures" / "pusht_v30"
SAMPLE_JOB: Final = CHECKOUT / "deploy" / "samples" / "augmentationjob.yaml"
# The base image is Debian 12: glibc 2.36.
PLATFORMS: Final = ("x86_64-manylinux_2_36", "aarch64-manylinux_2_36")
REQUIREMENTS: Final = {
    "operator": "operator/requirements.txt",
    "gateway": "gateway/requirements.txt",
    "worker": "worker/requirements.txt",
    "worker-cuda": "worker/cuda-requirements.txt",
}
UV: Final = CHECKOUT / ".venv" / "bin" / "uv"


def main() -> int:
    """Make, check and list the artefacts. An error that the user can fix is reported in one sentence."""
    parser = argparse.ArgumentParser(prog="python -m deploy.release")
    parser.add_argument("--charts", metavar="oci://HOST/PREFIX", help="registry that the chart is pushed to")
    parser.add_argument("--plain-http", action="store_true", help="the registry has no TLS")
    chosen = parser.parse_args()
    LOG.unlink(missing_ok=True)
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir()
    try:
        version = _version()
        wheel, archive = _build_python(version)
        chart = _pack_chart(version)
        _pack_site(version)
        with tempfile.TemporaryDirectory(prefix="augmentation-release-") as folder:
            _check_wheel(wheel, archive, Path(folder))
            _check_chart(chart, Path(folder))
            if chosen.charts:
                _push_chart(chart, chosen.charts, ["--plain-http"] if chosen.plain_http else [], Path(folder))
            _check_platforms(Path(folder))
        _write_sums()
    except DevclusterError as error:
        say(f"release: {error}")
        return error.exit_status
    for path in sorted(DIST.iterdir()):
        say(f"  dist/{path.name}  {path.stat().st_size:,} bytes")
    return 0


def _version() -> str:
    """The version of the distribution, which the chart must have, too. Raises DevclusterError."""
    version: str = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["version"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    if {chart["version"], chart["appVersion"]} != {version}:
        raise DevclusterError(
            f"pyproject.toml has version {version}, Chart.yaml has {chart['version']} of {chart['appVersion']}: "
            "make them equal."
        )
    return version


def _build_python(version: str) -> tuple[Path, Path]:
    with step("wheel and source archive") as running:
        run_logged([UV, "build", "--out-dir", DIST, CHECKOUT], LOG, running=running)
    return (
        DIST / f"augmentation_operator-{version}-py3-none-any.whl",
        DIST / f"augmentation_operator-{version}.tar.gz",
    )


def _pack_chart(version: str) -> Path:
    with step("chart"):
        run_logged([tool_path("helm"), "package", CHART, "--destination", DIST], LOG)
    return DIST / f"augmentation-operator-{version}.tgz"


def _pack_site(version: str) -> None:
    with step("documentation"), tarfile.open(DIST / f"augmentation-docs-{version}.tar.gz", "w:gz") as packed:
        packed.add(CHECKOUT / "build" / "site", f"augmentation-docs-{version}")


def _check_wheel(wheel: Path, archive: Path, folder: Path) -> None:
    """Install and run it where nothing of the checkout is found. Raises DevclusterError."""
    with step("the wheel holds every file of the packages"):
        with zipfile.ZipFile(wheel) as opened:
            packed = {name for name in opened.namelist() if ".dist-info/" not in name}
        missing = _package_files() - packed
        if missing or packed - _package_files():
            raise DevclusterError(
                f"The wheel lacks {sorted(missing)}, and has {sorted(packed - _package_files())} too many."
            )
    with step("the source archive makes the same wheel") as running:
        run_logged([UV, "build", "--wheel", "--out-dir", folder / "again", archive], LOG, running=running)
        if _contents(wheel) != _contents(folder / "again" / wheel.name):
            raise DevclusterError("The wheel that is built from the source archive is another one.")
    python = folder / "environment" / "bin" / "python"
    with step("install the wheel in a new environment") as running:
        run_logged([UV, "venv", "--python", sys.executable, python.parent.parent], LOG, running=running)
        wanted = f"augmentation-operator[operator,gateway,worker,client] @ {wheel.as_uri()}"
        constraints = ["--constraint", CHECKOUT / "constraints.txt"]
        run_logged([UV, "pip", "install", "--python", python, *constraints, wanted], LOG, running=running)
    for program in ("augmentation", "augmentation-operator", "augmentation-gateway", "augmentation-worker"):
        with step(f"{program} --help"):
            _run([python.parent / program, "--help"], folder)
    worker = python.parent / "augmentation-worker"
    shutil.copytree(SAMPLE, folder / "pusht")
    shutil.copy(SAMPLE_JOB, folder / "job.yaml")
    with step("augmentation-worker preview") as running:
        arguments = ["-f", "job.yaml", "--source", "pusht", "-o", "preview.png"]
        run_logged([worker, "preview", *arguments], LOG, running=running, folder=folder, environment=_alone())
        if not (folder / "preview.png").read_bytes().startswith(b"\x89PNG"):
            raise DevclusterError("preview.png is no picture.")
    with step("augmentation-worker run") as running:
        arguments = ["-f", "job.yaml", "--source", "pusht", "--output", "augmented"]
        run_logged([worker, "run", *arguments], LOG, running=running, folder=folder, environment=_alone())
        made = json.loads((folder / "augmented" / "meta" / "info.json").read_text())["total_episodes"]
        expected = 4 * json.loads((SAMPLE / "meta" / "info.json").read_text())["total_episodes"]
        if made != expected:
            raise DevclusterError(f"The augmented sample has {made} episodes instead of {expected}.")


def _check_chart(chart: Path, folder: Path) -> None:
    """Render it from its archive: the same as from the checkout. Raises DevclusterError."""
    with step("helm template of the packed chart"):
        packed, unpacked = (_rendered([path], folder) for path in (chart, CHART))
        if packed != unpacked:
            raise DevclusterError("The packed chart does not render as deploy/helm does.")


def _push_chart(chart: Path, charts: str, options: Sequence[str], folder: Path) -> None:
    with step(f"push the chart to {charts}"):
        run_logged([tool_path("helm"), "push", chart, charts, *options], LOG)
    with step("helm template of the pushed chart"):
        pulled = _rendered([f"{charts}/augmentation-operator", "--version", _version(), *options], folder)
        if pulled != _rendered([chart], folder):
            raise DevclusterError("The pushed chart does not render as the packed one does.")


def _check_platforms(folder: Path) -> None:
    """Every requirement of the images has a wheel for each processor. Raises DevclusterError."""
    for platform in PLATFORMS:
        for program, requirements in REQUIREMENTS.items():
            with step(f"what the {program} image installs exists for {platform.split('-')[0]}") as running:
                target = ["--python-platform", platform, "--python-version", "3.11", "--target", folder / program]
                hashed = ["--require-hashes", "--no-deps", "--only-binary", ":all:"]
                run_logged(
                    [UV, "pip", "install", "--dry-run", *target, *hashed, "--requirement", CHECKOUT / requirements],
                    LOG,
                    running=running,
                )


def _write_sums() -> None:
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in sorted(DIST.iterdir())]
    (DIST / "SHA256SUMS").write_text("\n".join(lines) + "\n")


def _package_files() -> set[str]:
    """Files of the packages as a wheel names them."""
    packages = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    listed = _run(["git", "ls-files", *packages["packages"]], CHECKOUT).splitlines()
    return {name.partition("/")[2] for name in listed}


def _contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def _rendered(chart: Sequence[str | Path], folder: Path) -> str:
    programs = ("operator", "gateway", "worker", "workerCuda")
    images = [f"--set=images.{program}=registry.example/{program}:1" for program in programs]
    return _run([tool_path("helm"), "template", "augmentation", *chart, *images], folder)


def _alone() -> Mapping[str, str]:
    """Variables with which nothing of the checkout is imported."""
    return {"PYTHONPATH": "", "PYTHONSAFEPATH": "1"}


def _run(argv: Sequence[str | Path], folder: Path) -> str:
    """Standard output. Raises DevclusterError in the program's own words."""
    ended = subprocess.run(
        [str(word) for word in argv],
        cwd=folder,
        env={**os.environ, **_alone()},
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise DevclusterError(f"{Path(argv[0]).name} ended with status {ended.returncode}: {ended.stderr.strip()}")
    return ended.stdout


if __name__ == "__main__":
    sys.exit(main())
