"""Write docs/chart-values.md, the table of the chart's values, from the comments of values.yaml; --check only compares.

A value's description is the comment above it. A map in block style is a group: its comment has a row, and each of its
fields another.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parent / "augmentation-operator"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "chart-values.md"
HEAD = """\
# Values of the chart

Generated from `deploy/helm/augmentation-operator/values.yaml` by `make chart-values`; do not edit. How to install with
them: [installation.md](installation.md).

| value | default | |
|---|---|---|
"""
_DEFAULT_LIMIT = 90
WHOLE = ("classes", "resources")
"""Values that are one row each."""


def rows(text: str) -> Iterator[str]:
    """Rows of the table, in the order of the file."""
    yield from _rows(yaml.compose(text), (), text.splitlines())


def _rows(node: yaml.MappingNode, path: tuple[str, ...], lines: list[str]) -> Iterator[str]:
    for key, value in node.value:
        name = (*path, key.value)
        comment = _comment_above(lines, key.start_mark.line)
        has_fields = isinstance(value, yaml.MappingNode) and not value.flow_style
        if has_fields and key.value not in WHOLE:
            if comment:
                yield _row(name, "", comment)
            yield from _rows(value, name, lines)
        else:
            yield _row(name, _short(yaml.safe_load(yaml.serialize(value))), comment)


def _comment_above(lines: list[str], line: int) -> str:
    begin = line
    while begin > 0 and lines[begin - 1].lstrip().startswith("#"):
        begin -= 1
    return " ".join(each.strip().removeprefix("#").strip() for each in lines[begin:line])


def _row(name: tuple[str, ...], default: str, comment: str) -> str:
    description = comment.replace("|", "\\|").replace("<", "&lt;")
    return f"| `{'.'.join(name)}` | {default} | {description} |"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return f"`{text}`" if len(text) <= _DEFAULT_LIMIT else "see values.yaml"


def main() -> int:
    """Exit status 1 if --check found that the page differs."""
    text = HEAD + "\n".join(rows((CHART / "values.yaml").read_text())) + "\n"
    if PAGE.exists() and PAGE.read_text() == text:
        return 0
    if "--check" in sys.argv[1:]:
        print(f"{PAGE.name} differs from values.yaml: run `make chart-values` and commit it")
        return 1
    PAGE.write_text(text)
    print(f"wrote {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
