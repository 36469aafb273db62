"""What the images install is what everything else was tested with."""

import re
import tomllib
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]


def pins(file: Path) -> dict[str, str]:
    lines = (line.split(";")[0].strip() for line in file.read_text().splitlines())
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


@pytest.mark.parametrize("program", ["operator", "gateway", "worker"])
def test_an_image_installs_the_versions_of_the_constraints_file(program: str) -> None:
    constraints = pins(CHECKOUT / "constraints.txt")
    requirements = pins(CHECKOUT / program / "requirements.txt")
    differing = {name: version for name, version in requirements.items() if constraints.get(name) != version}
    assert requirements
    assert not differing, "run `make constraints`"


@pytest.mark.parametrize("program", ["operator", "gateway", "worker"])
def test_an_image_installs_all_that_its_program_needs(program: str) -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    needed = project["dependencies"] + project["optional-dependencies"][program]
    names = {re.split(r"[\[><=~]", each)[0].replace("_", "-") for each in needed}
    assert names <= set(pins(CHECKOUT / program / "requirements.txt")), "run `make constraints`"


@pytest.mark.parametrize("program", ["operator", "gateway", "worker"])
def test_an_image_is_built_with_the_pinned_uv(program: str) -> None:
    used = re.search(r"UV_VERSION=(\S+)", (CHECKOUT / program / "Dockerfile").read_text())
    assert used is not None
    assert used[1] == pins(CHECKOUT / "constraints.txt")["uv"]


def test_no_pin_file_names_where_packages_come_from() -> None:
    for file in [*CHECKOUT.glob("constraints*.txt"), *CHECKOUT.glob("*/requirements.txt")]:
        assert "://" not in file.read_text()
