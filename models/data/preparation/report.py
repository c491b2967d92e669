"""The data report: one HTML file that needs nothing else, with plots of what a table holds and what is odd in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup

from models.data.preparation import survey
from models.data.preparation.clean import NEAR
from models.data.preparation.leaks import in_order
from models.data.preparation.table import ADDED, fingerprint
from models.errors import DataError

TEMPLATE = Path(__file__).with_name("report.html")
MOST_BOXES = 12  # categories with prices that are drawn
LEAST_IN_BOX = 5  # prices
WIDE = 500  # characters; texts up to this length are drawn on a plain scale


def report(
    frame: pd.DataFrame,
    name: str,
    counts: Mapping[str, int] | None = None,
    *,
    levels: int | None = None,
    near: float = NEAR,
) -> str:
    """The page, as HTML. `counts` is what cleaning counted; `levels` cuts category paths; `near` is for leaks.

    Errors: DataError when the table is empty, or matplotlib is not installed.
    """
    if not len(frame):
        raise DataError("the table has no rows; there is nothing to report")
    if find_spec("matplotlib") is None:
        raise DataError('the report needs matplotlib; install it with: pip install "shelfstream[train]"')
    frame = survey.with_normal(frame)
    found = survey.classes(frame, levels)
    page: dict[str, Any] = {
        "name": name,
        "rows": len(frame),
        "fingerprint": fingerprint(frame),
        "counts": dict(counts or {}),
        "columns": survey.columns(frame),
        "classes": survey.class_lines(found),
        "rare": survey.RARE,
        "lengths": survey.lengths(frame),
        "duplicates": survey.duplicates(frame),
        "outliers": survey.outliers(frame),
        "outlier_rows": _outlier_rows(frame),
        "languages": survey.languages(frame),
        "leaks": survey.shared_texts(frame, near) if "split" in frame else None,
        "splits": Counter(frame["split"]) if "split" in frame else {},
        "near": near,
        "plots": {key: Markup(svg) for key, svg in _plots(frame, found, levels).items()},
    }
    # Everything but the plots is escaped: titles come from shops, and a title may hold a script.
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True).from_string(
        TEMPLATE.read_text(encoding="utf-8")
    )
    return template.render(page)


def _plots(frame: pd.DataFrame, found: Mapping[str, Counter[str]], levels: int | None) -> dict[str, str]:
    from models.data.preparation import plots

    missing = {line["column"]: line["missing"] for line in survey.columns(frame) if line["column"] not in ADDED}
    out = {"missing": plots.bars(missing, "Missing values", "rows")}
    for name, counts in found.items():
        out[f"classes {name}"] = plots.bars(counts, name, "rows")
        if len(counts) > plots.MOST_BARS:
            out[f"ranks {name}"] = plots.ranks(list(counts.values()), f"{name}: rows by rank of the class")
    for name in ("title", "description"):
        length = np.array([len(text) for text in frame[name] if text], np.float64)
        if len(length):
            out[f"length {name}"] = plots.histogram(
                length, f"Length of the {name}", "characters", log=bool(length.max() > WIDE)
            )
    prices = frame["price"].to_numpy(np.float64)
    if np.isfinite(prices).any():
        out["prices"] = plots.histogram(prices, "Prices", "price, log scale", log=True)
        boxes = _boxes(frame, levels)
        if boxes:
            out["price boxes"] = plots.price_boxes(boxes, "Prices by category (first level)")
    if languages := survey.languages(frame):
        out["languages"] = plots.bars(languages, "Languages, guessed by script", "rows")
    if "split" in frame and "category" in found:
        out["splits"] = plots.stacked(_split_shares(frame, levels), "Splits: share of each of the largest categories")
    return out


def _boxes(frame: pd.DataFrame, levels: int | None) -> dict[str, Any]:
    known = frame[frame["price"].notna() & (frame["category"] != "")]
    first = [survey.path_to(path, 1 if levels is None else levels) for path in known["category"]]
    grouped = {name: part.to_numpy(np.float64) for name, part in known["price"].groupby(np.array(first, dtype=object))}
    largest = sorted(grouped, key=lambda name: -len(grouped[name]))[:MOST_BOXES]
    return {str(name): grouped[name] for name in largest if len(grouped[name]) >= LEAST_IN_BOX}


def _split_shares(frame: pd.DataFrame, levels: int | None) -> dict[str, dict[str, float]]:
    category = np.array([survey.path_to(path, levels) for path in frame["category"]], dtype=object)
    table = pd.crosstab(category, frame["split"].to_numpy(), normalize="index")
    table = table[in_order(table.columns)]
    largest = [name for name, _ in Counter(category).most_common(20) if name]
    return {name: {str(part): float(share) for part, share in table.loc[name].items()} for name in largest}


def _outlier_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows that quartiles and standard deviations both call far off, dearest first."""
    if "price_outlier" not in frame:
        return []
    far = frame[frame["price_outlier"] == "iqr z"].sort_values("price", ascending=False)
    return far[["title", "category", "price", "currency", "source"]].head(20).to_dict("records")  # type: ignore[return-value]
