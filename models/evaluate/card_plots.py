"""The pictures of a model card: reliability, coverage against precision, worst confusions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from models.evaluate.judged import Judged
from models.evaluate.metrics import ECE_BINS, PRECISION, Cases

_COLUMNS = 4
_FEWEST = 10  # cases of a bin whose accuracy is drawn


def draw(folder: Path, judged: Sequence[Judged], confusions: Sequence[Mapping[str, Any]]) -> list[Path]:
    """Write the plots; gives their files. Equal cases give equal bytes."""
    plots = {"reliability": _grid(judged, _reliability), "coverage": _grid(judged, _coverage)}
    if confusions:
        plots["confusions"] = _bars(confusions)
    files = []
    with mpl.rc_context({"svg.hashsalt": "shelfstream"}):
        for name, figure in plots.items():
            files.append(folder / f"{name}.png")
            figure.savefig(files[-1], dpi=90, metadata={"Software": None})
    return files


def reliability(cases: Cases) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """By bin of confidence that holds cases: mean confidence, accuracy, number of cases."""
    place = np.minimum((cases.confidence * ECE_BINS).astype(np.int64), ECE_BINS - 1)
    n = np.bincount(place, minlength=ECE_BINS)
    used = n > 0
    mean = np.bincount(place, cases.confidence, ECE_BINS)[used] / n[used]
    right = np.bincount(place, cases.truth == cases.predicted, ECE_BINS)[used] / n[used]
    return mean, right, n[used]


def precisions(cases: Cases) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share of cases answered, the surest first, and the precision of those answers."""
    order = np.argsort(-cases.confidence, kind="stable")
    count = np.arange(1, len(cases) + 1)
    right = np.cumsum((cases.truth == cases.predicted)[order])
    return count / len(cases), right / count


def _grid(judged: Sequence[Judged], one: Any) -> Figure:
    rows = -(-len(judged) // _COLUMNS)
    figure = Figure(figsize=(3 * _COLUMNS, 2.8 * rows), layout="constrained")
    for axes, each in zip(np.atleast_1d(figure.subplots(rows, _COLUMNS)).ravel(), judged, strict=False):
        axes.set_title(f"{each.set}: {each.task}", fontsize=9)
        axes.tick_params(labelsize=7)
        one(axes, each.cases)
    for axes in figure.axes[len(judged) :]:
        axes.set_axis_off()
    return figure


def _reliability(axes: Axes, cases: Cases) -> None:
    mean, right, n = reliability(cases)
    enough = n >= _FEWEST
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8, linestyle=":")
    axes.plot(mean[enough], right[enough], marker="o", markersize=3, linewidth=1)
    axes.bar(mean, n / n.sum(), width=0.03, color="tab:orange", alpha=0.5)
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    axes.set_xlabel("confidence", fontsize=7)
    axes.set_ylabel("accuracy (share of cases)", fontsize=7)


def _coverage(axes: Axes, cases: Cases) -> None:
    share, precision = precisions(cases)
    axes.plot(share, precision, linewidth=1)
    axes.axhline(PRECISION, color="grey", linewidth=0.8, linestyle=":")
    axes.set(xlim=(0, 1), ylim=(min(0.9, float(precision[-1])) - 0.02, 1.005))
    axes.set_xlabel("share answered", fontsize=7)
    axes.set_ylabel("precision", fontsize=7)


def _bars(confusions: Sequence[Mapping[str, Any]]) -> Figure:
    figure = Figure(figsize=(9, 0.6 + 0.32 * len(confusions)), layout="constrained")
    axes = figure.subplots()
    names = [f"{each['task']}: {each['truth']} → {each['answer']}".replace("$", r"\$") for each in confusions]
    places = range(len(names), 0, -1)
    axes.barh(places, [each["n"] for each in confusions])
    axes.set_yticks(places, names)
    axes.tick_params(labelsize=7)
    axes.set_xlabel("wrong answers", fontsize=8)
    return figure
