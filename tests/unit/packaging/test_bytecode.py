"""Everything that a pod imports is compiled in its image: its root file system is read-only."""

import pytest

from tests.unit.packaging.dockerfile import images_of, lineage, stages_of

BUILT = [
    (program, image)
    for program in ("operator", "gateway", "worker")
    for image in images_of(stages_of(f"{program}/Dockerfile"))
]


def test_each_program_has_an_image_and_the_worker_one_with_cuda() -> None:
    assert [(program, image.name) for program, image in BUILT if program == "worker"] == [
        ("worker", "cuda"),
        ("worker", "worker"),
    ]
    assert {program for program, _ in BUILT} == {"operator", "gateway", "worker"}


@pytest.fixture(params=BUILT, ids=lambda built: f"{built[0]}-{built[1].name}")
def commands(request: pytest.FixtureRequest) -> list[str]:
    """What is run in the stages that an image is made of: those that it begins with, those that it copies from."""
    program, image = request.param
    stages = stages_of(f"{program}/Dockerfile")
    parts = [*lineage(stages, image), *(stages[name] for name in image.copied_stages)]
    return [command for part in parts for command in part.arguments("RUN")]


def test_image_holds_bytecode_of_its_packages(commands: list[str]) -> None:
    installations = [command for command in commands if "uv pip install" in command]
    assert installations
    assert all("--compile-bytecode" in command for command in installations)


def test_image_holds_bytecode_of_the_standard_library_in_one_layer(commands: list[str]) -> None:
    assert sum("-m compileall" in command and 'get_path("stdlib")' in command for command in commands) == 1


def test_image_holds_bytecode_of_our_own_code(commands: list[str]) -> None:
    assert sum("-m compileall -q --invalidation-mode unchecked-hash /app" in command for command in commands) == 1
