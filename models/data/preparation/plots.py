"""Plots of the data report, as SVG texts. Needs matplotlib, which training brings and a worker does not."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

INK, BAR, SECOND = "#333", "#3b6ea5", "#c8553d"
WIDE = 7.2  # inches
MOST_BARS = 30
SETTINGS: Any = {  # its type would be every name that matplotlib knows
    "svg.fonttype": "none",  # letters stay letters: the browser has fonts for Chinese, this machine may not
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
}


def bars(counts: Mapping[str, float], title: str, unit: str) -> str:
    """Lying bars, largest first, at most MOST_BARS; the title says how many there are in all."""
    ranked = sorted(counts.items(), key=lambda each: -each[1])
    shown = ranked[:MOST_BARS]
    head = title if len(ranked) == len(shown) else f"{title}: the {len(shown)} largest of {len(ranked)}"
    with _axes(head, height=0.6 + 0.2 * max(len(shown), 1)) as (axes, out):
        axes.barh([_short(name) for name, _ in shown], [value for _, value in shown], color=BAR)
        axes.invert_yaxis()
        axes.set_xlabel(unit)
    return out[0]


def ranks(counts: Sequence[int], title: str) -> str:
    """Rows of each class from the largest to the smallest, on a log scale: how long the tail is."""
    ordered = sorted(counts, reverse=True)
    with _axes(title) as (axes, out):
        axes.bar(range(1, len(ordered) + 1), ordered, width=1.0, color=BAR)
        axes.set_yscale("log")
        axes.set_xlabel("class, from the largest on")
        axes.set_ylabel("rows")
    return out[0]


def histogram(values: NDArray[np.float64], title: str, unit: str, *, log: bool = False, bins: int = 50) -> str:
    """How often each value occurs; NaN is left out. With `log`, bins are equally wide in the logarithm."""
    known = values[np.isfinite(values)]
    with _axes(title) as (axes, out):
        if len(known):
            low, high = float(known.min()), float(known.max())
            spread = np.geomspace if log and low > 0 else np.linspace
            edges = spread(low, high if high > low else low + 1, bins)
            axes.hist(known, bins=edges.tolist(), color=BAR)
            if log:
                axes.set_xscale("log")
        axes.set_xlabel(unit)
        axes.set_ylabel("rows")
    return out[0]


def price_boxes(prices: Mapping[str, NDArray[np.float64]], title: str) -> str:
    """A box a group on a log scale: quartiles, whiskers at 1.5 quartile ranges, what lies beyond as points."""
    names = list(prices)
    with _axes(title, height=0.8 + 0.25 * max(len(names), 1)) as (axes, out):
        if names:
            # On logarithms, as the outliers are found; a box of plain prices would put its whiskers elsewhere.
            axes.boxplot(
                [np.log10(prices[name]) for name in names],
                orientation="horizontal",
                tick_labels=[_short(name) for name in names],
                flierprops={"marker": ".", "markersize": 3, "markeredgecolor": SECOND},
                medianprops={"color": BAR},
            )
            axes.invert_yaxis()
            axes.xaxis.set_major_locator(MaxNLocator(6))
            axes.xaxis.set_major_formatter(lambda power, _: f"{10**power:,.0f}" if power >= 2 else f"{10**power:.3g}")
        axes.set_xlabel("price, log scale")
    return out[0]


def stacked(shares: Mapping[str, Mapping[str, float]], title: str) -> str:
    """Lying bars of one length, a colour a part; `shares` is bar -> part -> share."""
    parts = list(dict.fromkeys(part for row in shares.values() for part in row))
    names = list(shares)
    with _axes(title, height=0.8 + 0.2 * max(len(names), 1)) as (axes, out):
        left = np.zeros(len(names))
        for number, part in enumerate(parts):
            widths = np.array([shares[name].get(part, 0.0) for name in names])
            axes.barh([_short(name) for name in names], widths, left=left, label=part, color=f"C{number}")
            left += widths
        axes.invert_yaxis()
        axes.set_xlabel("share of the rows")
        if parts:
            axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    return out[0]


@contextmanager
def _axes(title: str, height: float = 2.6) -> Iterator[tuple[Axes, list[str]]]:
    """Axes to draw on; the list holds the picture once the block is left. Same data, same bytes."""
    out: list[str] = []
    with mpl.rc_context(SETTINGS | {"svg.hashsalt": title}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(WIDE, height), layout="constrained")
        axes = figure.add_subplot()
        axes.set_title(title, loc="left")
        yield axes, out
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    out.append(text[text.index("<svg") :])


def _short(name: str, most: int = 40) -> str:
    """A label without what matplotlib reads as mathematics."""
    plain = name.replace("$", r"\$") or "(none)"
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"
