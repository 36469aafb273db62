"""The tests themselves: each can fail by what it checks, and not only by an error on the way."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[2]
CHECKS = ("all_open", "assert_", "await_", "check", "eventually", "expect", "raises", "refused", "until", "wait")
"""What the names of functions begin with that fail by themselves."""
PASS_BY_NOT_RAISING = {
    "test_job_on_hub_references_no_object_of_namespace",
}


@pytest.mark.parametrize("file", sorted(TESTS.rglob("test_*.py")), ids=lambda path: str(path.relative_to(TESTS)))
def test_each_test_checks_something(file: Path) -> None:
    tests = list(_tests_of(ast.parse(file.read_text())))
    idle = [test.name for test in tests if test.name not in PASS_BY_NOT_RAISING and not _checks_something(test)]
    assert not idle, f"{file.name}: nothing is asserted in {', '.join(idle)}"


def _tests_of(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node


def _checks_something(test: ast.AST) -> bool:
    return any(isinstance(node, ast.Assert) or _is_check(node) for node in ast.walk(test))


def _is_check(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return str(name).lstrip("_").startswith(CHECKS)
