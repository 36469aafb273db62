"""Plots of figures as SVG: the same bytes from the same figures, and readable on white and on black."""

import io
from itertools import cycle
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchmarks.figures import Plot

COLOURS = (
    *("#3f8fc5", "#e08a3c", "#45a87a", "#c2659b", "#8f7fd1", "#b59a35"),
    *("#d1605a", "#5fb3b3", "#9b8577", "#86a83f", "#d48fb4", "#6f86a6"),
)
"""Of a middle luminance, so that each stands out from a white page and from a dark one."""
INK = "#808080"
_STYLE: dict[Any, object] = {
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "grid.alpha": 0.25,
    "grid.color": INK,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    # A salt of its own for names and no date: nothing in the file changes but by the figures.
    "svg.hashsalt": "figures",
    "svg.fonttype": "none",
    "xtick.color": INK,
    "ytick.color": INK,
}
_BAR_INCHES, _LINE_INCHES = 0.42, 3.4
_WIDTH_INCHES = 7.6
_LONG = 28
"""Characters of a label of which four fit into no line of the legend."""
_MOST_TICKS = 8
"""So many measured values are named below a plot; of more, round numbers are."""


def draw(plot: Plot) -> str:
    """The plot as an SVG document."""
    with mpl.rc_context(_STYLE):
        bars = plot.kind == "stacked-bars"
        height = 1.6 + _BAR_INCHES * len(plot.x.values) if bars else _LINE_INCHES
        figure = Figure(figsize=(_WIDTH_INCHES, height), layout="constrained")
        axes = figure.subplots()
        axes.set_title(plot.title)
        if bars:
            _draw_bars(axes, plot)
        else:
            _draw_points(axes, plot, line="-" if plot.kind == "lines" else "none")
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4 if max(map(len, labels)) < _LONG else 1)
        target = io.StringIO()
        figure.savefig(target, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return "\n".join(line.rstrip() for line in target.getvalue().splitlines()) + "\n"


def _draw_bars(axes: Axes, plot: Plot) -> None:
    """One horizontal bar for each name of the axis, the first on top."""
    names = [str(name) for name in plot.x.values]
    left = [0.0] * len(names)
    for colour, series in zip(cycle(COLOURS), plot.series, strict=False):
        values = [value or 0.0 for value in series.values]
        axes.barh(names, values, left=left, height=0.65, color=colour, label=series.label)
        left = [one + other for one, other in zip(left, values, strict=True)]
    axes.invert_yaxis()
    axes.set_xlabel(plot.y_label)
    axes.set_ylabel(plot.x.label)
    axes.grid(visible=True, axis="x")


def _draw_points(axes: Axes, plot: Plot, line: str) -> None:
    for colour, series in zip(cycle(COLOURS), plot.series, strict=False):
        points = [(x, y) for x, y in zip(plot.x.values, series.values, strict=True) if y is not None]
        axes.plot(
            *zip(*points, strict=True), linestyle=line, marker="o", markersize=4, color=colour, label=series.label
        )
    numbers = sorted({value for value in plot.x.values if not isinstance(value, str)})
    if plot.log:
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        largest = max((value for series in plot.series for value in series.values if value is not None), default=1)
        axes.set_ylim(bottom=min(0, axes.get_ylim()[0]), top=max(1.06 * largest, axes.get_ylim()[1]))
    if 0 < len(numbers) <= _MOST_TICKS and plot.kind == "lines":
        axes.set_xticks(numbers, [f"{value:,g}" for value in numbers])
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(plot.x.label)
    axes.set_ylabel(plot.y_label)
    axes.grid(visible=True)
