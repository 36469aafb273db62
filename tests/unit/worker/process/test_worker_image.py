"""The worker's image for CPUs has no torch, and resolve and publish import no compiler of loops either."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

from tests.fixtures.worker_image import COMPILERS, WORKER, absent_modules, packages

PIXELS = {
    # A preview, which such a resolve pod makes.
    "formats.images.format -> formats.images.preview",
    "formats.lerobot.format -> formats.lerobot.preview",
    # The preview of a result that lost its first episodes, in publish.
    "formats.images.result -> formats.images.preview",
    "formats.lerobot.result -> formats.lerobot.preview",
    # Augment.
    "formats.images.result -> formats.images.shard",
    "formats.lerobot.result -> formats.lerobot.shard",
    "work -> torch",
    "media.device -> torch",
    # Both, of videos: publish decodes them and looks at no colours.
    "media.video.colors -> media.video.color_kernels",
}
"""Imports by which a function reaches what makes pixels."""
PREFIX = "augmentation_worker."
OURS = {"augmentation_api", "augmentation_kube", "augmentation_worker"}


def imports(tree: ast.AST, *, in_function: bool = False) -> Iterator[tuple[str, bool]]:
    """Names that are imported, each with whether a function does it; `from a import b` may be a.b."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from ((each.name, in_function) for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module, in_function
            yield from ((f"{node.module}.{each.name}", in_function) for each in node.names)
        else:
            yield from imports(node, in_function=in_function or isinstance(node, ast.FunctionDef))


def canonical(distribution: str) -> str:
    """Its name as a list of requirements has it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(WORKER).with_suffix("").parts).removesuffix(".__init__")


FOUND = {module_of(path): set(imports(ast.parse(path.read_text()))) for path in WORKER.rglob("*.py")}


def test_what_makes_pixels_is_imported_only_where_they_are_made() -> None:
    heavy: set[str] = set()

    def is_heavy(name: str) -> bool:
        return name in heavy or name.partition(".")[0] in absent_modules() | COMPILERS

    before = -1
    while before < len(heavy):
        before = len(heavy)
        heavy |= {module for module, names in FOUND.items() if any(is_heavy(name) for name, late in names if not late)}
    assert "augmentation_worker.transforms.pipeline" in heavy
    phases = {f"{PREFIX}{name}" for name in ("__main__", "run", "phases.resolve", "phases.publish")}
    assert phases & heavy == set()
    reached, new = set[str](), phases
    while new:
        reached |= new
        new = {name for module in new for name, _ in FOUND[module] if name in FOUND and not is_heavy(name)} - reached
    late = {
        f"{module} -> {name}".replace(PREFIX, "")
        for module in reached
        for name, in_function in FOUND[module]
        if in_function and is_heavy(name)
    }
    assert late == PIXELS


def test_kernels_are_compiled_from_files_that_the_stage_of_the_image_copies() -> None:
    """`kernels` of worker/Dockerfile has only some of the code."""
    _, _, stage = (WORKER / "Dockerfile").read_text().partition(" AS kernels\n")
    copied = re.findall(r"(?m)^COPY worker/augmentation_worker/(\w+)", stage.partition("\nFROM ")[0])
    needed, new = set[str](), {f"{PREFIX}media.compiled_kernels"}
    while new:
        needed |= new
        new = {name for module in new for name, late in FOUND[module] if not late and name in FOUND} - needed
    assert {name.split(".")[1] for name in needed if "." in name} <= set(copied)


def test_image_for_cpus_has_the_same_versions_and_no_torch() -> None:
    slim, cuda = packages("requirements.txt"), packages("cuda-requirements.txt")
    assert slim < cuda
    assert {"torch", "torchvision", "triton"} <= cuda - slim
    assert not {name for name in slim if name.startswith(("torch", "triton", "nvidia-", "cuda-"))}
    text = (WORKER / "cuda-requirements.txt").read_text()
    pinned = [line for line in (WORKER / "requirements.txt").read_text().splitlines() if line.strip()]
    assert [line for line in pinned if line.rstrip(" \\") not in text] == []


def test_image_for_cpus_has_all_that_the_worker_imports() -> None:
    """By any module, anywhere: except what GPUs and users' training pipelines need, all of it is in the list."""
    installed = packages("requirements.txt")
    known = {name: {canonical(each) for each in found} for name, found in packages_distributions().items()}
    tops = {name.partition(".")[0] for names in FOUND.values() for name, _ in names} - OURS - sys.stdlib_module_names
    outside = {top for top in tops if not known.get(top, set()) & installed}
    assert {top for top in tops if top in known} >= {"numpy", "numba", "av", "PIL", "xxhash", "pyarrow"}
    assert outside == {"torch", "torchvision", "triton"}
