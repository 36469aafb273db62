"""Files, tests and pages that docs/security.md names exist."""

import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
PAGE = CHECKOUT / "docs" / "security.md"
FOLDERS = ("api", "kube", "operator", "worker", "gateway", "client", "tests")
FILES = [path.relative_to(CHECKOUT).as_posix() for folder in FOLDERS for path in (CHECKOUT / folder).rglob("*.py")]
NAMED = sorted(set(re.findall(r"`([\w/…-]+\.py)`", PAGE.read_text())))
LINKED = sorted(set(re.findall(r"\]\(([^)#]+\.md)\)", PAGE.read_text())))


@pytest.mark.parametrize("name", NAMED)
def test_files_named_on_page_exist(name: str) -> None:
    start, shortened, rest = name.rpartition("…")
    end = f"/{rest.lstrip('/')}"
    assert any(file.startswith(start) and f"/{file}".endswith(end) for file in FILES), shortened or "no such file"


@pytest.mark.parametrize("link", LINKED)
def test_linked_pages_exist(link: str) -> None:
    assert (PAGE.parent / link).is_file()


def test_every_finding_names_test() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if re.match(r"\| (\*\*|\*reading)", line)]
    assert len(rows) > 25
    assert [row for row in rows if not re.search(r"test_\w+\.py", row.rsplit("|", 2)[1])] == []
