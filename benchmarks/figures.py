"""The figures of a benchmark as a document, which a benchmark writes and `benchmarks/report.py` turns into a page.

A benchmark ends with

    figures = Figures(
        title="Codecs at LeRobot's group of two frames",
        what="Milliseconds of one core a frame, bytes and quality of each codec and preset, on real footage.",
        command="python -m benchmarks.codecs",
        tables=[Table("480x640", ["codec", "ms a frame"], [["av1", 6.4], ["h264", 2.0]])],
        plots=[Plot("Time", "lines", Axis("cores", [1, 2]), "frames a second", [Series("av1", [150, 300])])],
    )
    figures.print()
    figures.write("codecs")

which prints the tables and writes build/bench/codecs.json. Machine and date are filled in; what is published of the
machine is its kind, never its name or a path of it.
"""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import rich.table
from pydantic import TypeAdapter
from rich.console import Console

CHECKOUT = Path(__file__).resolve().parents[1]
MEASURED = CHECKOUT / "build" / "bench"
"""Where the benchmarks write. What is published lies in `report.RESULTS`."""

Cell = str | int | float | None
Kind = Literal["lines", "stacked-bars", "scatter"]


WIDTH = 160
"""Characters of a line that goes into a file or a pipe: there a table of eight columns is not to lose its names."""


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)


@dataclass(frozen=True)
class Table:
    """A table of figures. A number is shown in three digits at least, an int with all; None: not measured, "-"."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def __post_init__(self) -> None:
        if wrong := [row for row in self.rows if len(row) != len(self.columns)]:
            raise ValueError(f"{self.title}: {wrong[0]} has to have a cell for each of the columns {self.columns}")

    def print(self) -> None:
        """Print it to the terminal."""
        table = rich.table.Table(*self.columns, title=self.title, title_justify="left")
        for row in self.rows:
            table.add_row(*map(cell_text, row))
        _console().print(table)


@dataclass(frozen=True)
class Axis:
    """The horizontal axis: numbers, or the names of bars."""

    label: str
    values: Sequence[int | float] | Sequence[str]


@dataclass(frozen=True)
class Series:
    """One line, one kind of points, or one layer of stacked bars: a value for each of the axis; None leaves it out."""

    label: str
    values: Sequence[int | float | None]


@dataclass(frozen=True)
class Plot:
    """A plot. `log`: both axes are logarithmic, so that a power law is a straight line."""

    title: str
    kind: Kind
    x: Axis
    y_label: str
    series: Sequence[Series]
    log: bool = False

    def __post_init__(self) -> None:
        if wrong := [series.label for series in self.series if len(series.values) != len(self.x.values)]:
            raise ValueError(f"{self.title}: {wrong} have to have a value for each of {self.x.label}")


def machine_description() -> str:
    """The machine in words: model of the CPU, cores that this process may use, memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{_cpu_model()}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB"


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _today() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d")


@dataclass(frozen=True)
class Figures:
    """What a benchmark measured.

    Attributes:
        title: of its section of the report.
        what: one or two sentences: what is measured, and what it is compared with.
        command: what measures it again, from the root of the repository.
        tables: in the order of the report.
        plots: likewise.
        notes: sentences above the tables. The first one is what the figures say, which the page also begins with.
        short: made by a short form, for development: printed, and not taken into the report.
        machine: what it was measured on.
        date: of the measurement, YYYY-MM-DD.
    """

    title: str
    what: str
    command: str
    tables: Sequence[Table]
    plots: Sequence[Plot] = ()
    notes: Sequence[str] = ()
    short: bool = False
    machine: str = field(default_factory=machine_description)
    date: str = field(default_factory=_today)

    def write(self, name: str, folder: Path = MEASURED) -> Path:
        """Write the document as FOLDER/NAME.json; gives its path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.json"
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")
        return path

    def print(self) -> None:
        """Print the tables to the terminal."""
        for each in self.tables:
            each.print()
        for note in self.notes:
            _console().print(note)


_DOCUMENT = TypeAdapter(Figures)


def read_figures(path: Path) -> Figures:
    """The document that `Figures.write` wrote. Raises ValueError where it is another."""
    return _DOCUMENT.validate_json(path.read_bytes())


def cell_text(cell: Cell) -> str:
    """A cell as a reader wants it: 3 significant digits of a float below 1,000, commas between thousands."""
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 999.5 else f"{cell:#.3g}".removesuffix(".")
    return f"{cell:,}" if isinstance(cell, int) else cell
