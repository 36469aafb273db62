"""The images install the versions that the tests ran with."""

import re
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from devcluster import pins as devcluster_pins

CHECKOUT = Path(__file__).resolve().parents[3]


PROGRAMS = {
    "operator": "operator/requirements.txt",
    "gateway": "gateway/requirements.txt",
    "worker": "worker/requirements.txt",
    "worker-cuda": "worker/cuda-requirements.txt",
}
INSTALLED = list(PROGRAMS.values())
ALL_INSTALLED = [*INSTALLED, "devcluster/localhub/requirements.txt", "builder-requirements.txt"]
DOCKERFILES = ["operator/Dockerfile", "gateway/Dockerfile", "worker/Dockerfile", "devcluster/localhub/Dockerfile"]


def pins(file: Path) -> dict[str, str]:
    lines = (re.split(r"[;\\]", line)[0].strip() for line in file.read_text().splitlines())
    return dict(line.split("==") for line in lines if line and not line.startswith(("#", "--hash")))


@pytest.mark.parametrize("program", PROGRAMS)
def test_image_installs_versions_of_constraints_file(program: str) -> None:
    constraints = pins(CHECKOUT / "constraints.txt")
    requirements = pins(CHECKOUT / PROGRAMS[program])
    differing = {name: version for name, version in requirements.items() if constraints.get(name) != version}
    assert requirements
    assert not differing, "run `make constraints`"


def needed(program: str, machine: str) -> set[str]:
    """The distributions that an extra of ours needs in an image, those that they need, and so on."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    extras: dict[str, list[str]] = project["optional-dependencies"]
    environment = {"platform_system": "Linux", "sys_platform": "linux", "os_name": "posix", "platform_machine": machine}
    found, new = set[str](), [Requirement(f"{project['name']}[{program}]")]
    seen = set[str]()
    while new:
        requirement = new.pop()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        name = canonicalize_name(requirement.name)
        if name == project["name"]:
            asks = [*project["dependencies"], *(each for extra in requirement.extras for each in extras[extra])]
        else:
            found.add(name)
            asks = requires(name) or []
        for each in map(Requirement, asks):
            places = ({**environment, "extra": extra} for extra in ("", *requirement.extras))
            if each.marker is None or any(map(each.marker.evaluate, places)):
                new.append(each)
    return found


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_image_installs_all_that_its_program_needs(program: str, machine: str) -> None:
    """They are installed without their dependencies."""
    assert needed(program, machine) - pins(CHECKOUT / PROGRAMS[program]).keys() == set(), "run `make constraints`"


def test_images_are_built_with_pinned_uv() -> None:
    assert pins(CHECKOUT / "builder-requirements.txt") == {"uv": pins(CHECKOUT / "constraints.txt")["uv"]}


@pytest.mark.parametrize("file", ALL_INSTALLED)
def test_every_installed_package_is_pinned_by_hash(file: str) -> None:
    text = (CHECKOUT / file).read_text()
    # A requirement continues over lines that end with a backslash.
    requirements = text.replace("\\\n", " ").splitlines()
    assert requirements
    assert [
        requirement for requirement in requirements if not re.search(r"--hash=sha256:[0-9a-f]{64}", requirement)
    ] == []


@pytest.mark.parametrize("file", DOCKERFILES)
def test_image_build_requires_hashes(file: str) -> None:
    text = (CHECKOUT / file).read_text().replace("\\\n", " ")
    installs = re.findall(r"pip install[^&]*", text)
    assert len(installs) >= 2
    assert all("--require-hashes" in command for command in installs)


@pytest.mark.parametrize("file", DOCKERFILES)
def test_base_image_is_pinned_by_digest(file: str) -> None:
    (base,) = re.findall(r"(?m)^ARG BASE_IMAGE=(.*)$", (CHECKOUT / file).read_text())
    assert base == devcluster_pins.PUBLIC_PYTHON_IMAGE
    assert re.search(r"@sha256:[0-9a-f]{64}$", base)


def test_pin_files_name_no_package_index() -> None:
    for file in [*CHECKOUT.glob("constraints*.txt"), *(CHECKOUT / name for name in ALL_INSTALLED)]:
        assert "://" not in file.read_text()
