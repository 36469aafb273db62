"""The page of figures: made of the published documents alone, the same from the same, and up to date."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.figures import Axis, Figures, Plot, Series, Table, cell_text, read_figures
from benchmarks.plots import draw

FIGURES = Figures(
    title="Codecs",
    what="Milliseconds a frame.",
    command="python -m benchmarks.codecs",
    tables=[Table("Time", ["codec", "ms"], [["av1|g=2", 6.41], ["h264", None]])],
    plots=[
        Plot("Cost", "lines", Axis("cores", [1, 2]), "frames a second", [Series("av1", [1.0, None])], log=True),
        Plot("Parts", "stacked-bars", Axis("", ["one job"]), "seconds", [Series("decode", [3]), Series("encode", [9])]),
    ],
    machine="a CPU, 2 cores",
    date="2026-01-02",
)
PLOT = Path("performance/codecs-1.svg")


@pytest.fixture(scope="module")
def made() -> dict[Path, str]:
    return report.pages({"codecs": FIGURES})


def test_document_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = FIGURES.write("codecs", tmp_path)
    again = read_figures(path)
    assert (again.title, again.machine, again.short) == ("Codecs", "a CPU, 2 cores", False)
    assert again.write("again", tmp_path).read_text() == path.read_text()
    with pytest.raises(ValueError, match="cell for each of the columns"):
        Table("Time", ["codec", "ms"], [["av1"]])


def test_page_has_tables_plots_machine_date_and_command_and_says_what_is_missing(made: dict[Path, str]) -> None:
    page = made[report.PAGE]
    assert "| codec | ms |\n| --- | --: |\n| av1\\|g=2 | 6.41 |\n| h264 | - |\n" in page
    assert f"![Cost]({PLOT})" in page
    assert "2026-01-02, a CPU, 2 cores: `python -m benchmarks.codecs`" in page
    assert "make bench-gpu" in page.partition("## Not measured")[2]
    assert "## Not measured" not in report.pages({"gpu": replace(FIGURES, plots=[])})[report.PAGE]
    assert ">encode<" in made[Path("performance/codecs-2.svg")]


def test_page_begins_with_what_each_benchmark_says() -> None:
    said = replace(FIGURES, title="A job, from POST on", plots=[], notes=["It is fast.", "By itself."])
    head, _, rest = report.pages({"codecs": replace(FIGURES, plots=[]), "growth": said})[report.PAGE].partition("\n## ")
    assert head.endswith("\n\n- [Codecs](#codecs)\n- [A job, from POST on](#a-job-from-post-on): It is fast.\n")
    assert "It is fast.\n\nBy itself.\n" in rest


def test_plots_are_the_same_of_the_same_figures(made: dict[Path, str]) -> None:
    assert draw(FIGURES.plots[0]) == made[PLOT]


def test_measured_again_replaces_its_own_figures_only_and_short_forms_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "draw", lambda plot: plot.title)
    measured, results, docs = tmp_path / "measured", tmp_path / "results", tmp_path / "docs"
    FIGURES.write("codecs", results)
    FIGURES.write("growth", results)
    replace(FIGURES, title="New").write("codecs", measured)
    replace(FIGURES, title="Short", short=True).write("growth", measured)
    assert list(report.take(measured, results)) == ["codecs: published", "growth: a short form, not published"]
    titles = {name: each.title for name, each in report.published(results).items()}
    assert titles == {"codecs": "New", "growth": "Codecs"}
    report.write(report.pages(report.published(results)), docs)
    assert report.outdated(report.pages(report.published(results)), docs) == []
    (results / "growth.json").unlink()
    fewer = report.pages(report.published(results))
    growth = ["performance/growth-1.svg", "performance/growth-2.svg"]
    assert sorted(map(str, report.outdated(fewer, docs))) == ["performance.md", *growth]
    report.write(fewer, docs)
    assert report.outdated(fewer, docs) == []


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (None, "-"),
        ("a", "a"),
        (12345, "12,345"),
        (0.00123, "0.00123"),
        (12.34, "12.3"),
        (999.7, "1,000"),
        (0.0, "0.00"),
    ],
)
def test_numbers_have_three_digits(cell: str | int | float | None, text: str) -> None:
    assert cell_text(cell) == text
