"""Writes docs/performance.md and its plots from the figures of the benchmarks.

    python -m benchmarks.report            from benchmarks/results/*.json, the published figures
    python -m benchmarks.report --take     first publish what was measured: build/bench/*.json, but for short forms
    python -m benchmarks.report --check    change nothing; exit status 1 if the page is not what the figures say

A benchmark that is measured again replaces its own section; the others stay as they were, with their date and machine.
"""

import argparse
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.figures import CHECKOUT, MEASURED, Cell, Figures, Table, cell_text, read_figures
from benchmarks.plots import draw

RESULTS = CHECKOUT / "benchmarks" / "results"
DOCS = CHECKOUT / "docs"
PAGE, PLOTS = Path("performance.md"), Path("performance")
ORDER = (
    "augment_video",
    "codecs",
    "first_picture",
    "whole_job",
    "shard_process",
    "growth",
    "estimate",
    "operator_scale",
    "gpu",
)
"""Of the sections; others follow by name."""
UNMEASURED = {
    "gpu": "On a GPU, by `make bench-gpu`: each transform and four stacked at 480x640 and 1080p as a fraction of the\n"
    "  copy bandwidth; the same by torchvision.v2, kornia, triton-augment, DALI and CV-CUDA; the whole path with CPU\n"
    "  encoders and with NVENC; frames for each watt",
}
"""What the page says is missing, as long as there are no figures."""
HEAD = """# Performance

What the benchmarks of this repository measured, each with its machine, date and command. Variants that are compared
took turns in one run; ratios carry over to other machines better than times do. `make bench` measures again and writes
this page ([0072](decisions/0072-figures-are-documents.md)): edit the benchmarks, not the page. What they say, in short:

"""


def pages(figures: Mapping[str, Figures]) -> dict[Path, str]:
    """The page and its plots, by their path in docs/."""
    made: dict[Path, str] = {}
    names = sorted(figures, key=_place)
    parts = [HEAD + "".join(map(_in_short, map(figures.__getitem__, names)))]
    for name in names:
        parts.append(f"## {figures[name].title}\n\n{figures[name].what}\n")
        for number, plot in enumerate(figures[name].plots, start=1):
            path = PLOTS / f"{name}-{number}.svg"
            made[path] = draw(plot)
            parts.append(f"![{plot.title}]({path})\n")
        parts += (f"{note}\n" for note in figures[name].notes)
        parts += (_table(table) for table in figures[name].tables)
        parts.append(f"{figures[name].date}, {figures[name].machine}: `{figures[name].command}`\n")
    if missing := [f"- {what}" for name, what in UNMEASURED.items() if name not in figures]:
        parts.append("## Not measured\n\n" + "\n".join(missing) + "\n")
    return {PAGE: "\n".join(parts), **made}


def _in_short(figures: Figures) -> str:
    """A line that leads to a section, and its first note: what the figures say."""
    anchor = re.sub(r"[^\w -]", "", figures.title.lower()).replace(" ", "-")
    return f"- [{figures.title}](#{anchor}){': ' + figures.notes[0] if figures.notes else ''}\n"


def _place(name: str) -> tuple[int, str]:
    return (ORDER.index(name) if name in ORDER else len(ORDER), name)


def _table(table: Table) -> str:
    numbers = [all(not isinstance(row[column], str) for row in table.rows) for column in range(len(table.columns))]
    rows = [
        [_escaped(name) for name in table.columns],
        ["--:" if each else "---" for each in numbers],
        *([_escaped(cell) for cell in row] for row in table.rows),
    ]
    title = f"**{table.title}**\n\n" if table.title else ""
    return title + "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def _escaped(cell: Cell) -> str:
    return cell_text(cell).replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def published(folder: Path = RESULTS) -> dict[str, Figures]:
    """The published figures, by the name of their benchmark."""
    return {path.stem: read_figures(path) for path in sorted(folder.glob("*.json"))}


def take(measured: Path = MEASURED, results: Path = RESULTS) -> Iterator[str]:
    """Publish what was measured, but for short forms; gives what was done with each, in words."""
    results.mkdir(parents=True, exist_ok=True)
    for path in sorted(measured.glob("*.json")):
        if read_figures(path).short:
            yield f"{path.stem}: a short form, not published"
        else:
            shutil.copyfile(path, results / path.name)
            yield f"{path.stem}: published"


def outdated(made: Mapping[Path, str], docs: Path = DOCS) -> list[Path]:
    """Paths of docs/ that are not what was made, or were not made."""
    there = {path.relative_to(docs) for path in (docs / PLOTS).glob("*.svg")}
    wrong = [path for path, text in made.items() if not (docs / path).exists() or (docs / path).read_text() != text]
    return sorted([*wrong, *(there - made.keys())])


def write(made: Mapping[Path, str], docs: Path = DOCS) -> None:
    """Write the page and its plots, and remove plots of earlier figures."""
    for path in outdated(made, docs):
        if path in made:
            (docs / path).parent.mkdir(parents=True, exist_ok=True)
            (docs / path).write_text(made[path])
        else:
            (docs / path).unlink()


def main() -> int:
    """Exit status 1 if --check found that the page differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--take", action="store_true", help="first publish what was measured in this checkout")
    parser.add_argument("--check", action="store_true", help="change nothing; fail if the page is out of date")
    asked = parser.parse_args()
    if asked.take:
        print("\n".join(take()))
    made = pages(published())
    if asked.check and (wrong := outdated(made)):
        print(f"docs/{wrong[0]} is not what benchmarks/results says: run `python -m benchmarks.report`")
        return 1
    if not asked.check:
        write(made)
        print(f"wrote {DOCS / PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
