"""What there is to say of a clean table, as plain values: the numbers behind the report and the card."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

from models.data.preparation.duplicates import conflicts
from models.data.preparation.leaks import Leaks, leaks
from models.data.preparation.normal import normalise
from models.data.preparation.table import COLUMNS, attributes_of, is_missing, kind_of
from models.errors import DataError

RARE = 5  # rows; classes with fewer are too small to learn or to judge
LONGEST = 5  # duplicate groups that are shown
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


def path_to(category: str, levels: int | None) -> str:
    """The first `levels` of a category path; all of it where None."""
    return category if levels is None else " > ".join(category.split(" > ")[:levels])


def columns(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A line a column: name, type, known, missing, distinct. Columns that no row fills are left out."""
    lines = []
    for name in map(str, frame):
        unknown = is_missing(frame, name)
        missing = int(unknown.sum())
        if missing == len(frame) and name in COLUMNS:
            continue
        known = len(frame) - missing
        distinct = int(frame[name][~unknown].nunique())
        lines.append({"column": name, "type": kind_of(name), "known": known, "missing": missing, "distinct": distinct})
    return lines


def classes(frame: pd.DataFrame, levels: int | None = None) -> dict[str, Counter[str]]:
    """Column -> rows of each class, for category and attributes; unknown labels are left out."""
    found = {}
    for name in ("category", *attributes_of(frame)):
        values = frame[name].tolist()
        if name == "category":
            values = [path_to(value, levels) for value in values]
        counts = Counter(value for value in values if value)
        if counts:
            found[name] = counts
    return found


def class_lines(found: dict[str, Counter[str]]) -> list[dict[str, Any]]:
    """A line a column: classes, the share of the largest, classes with fewer than RARE rows, rows in those."""
    return [
        {
            "column": name,
            "classes": len(counts),
            "rows": counts.total(),
            "largest": counts.most_common(1)[0][0],
            "largest_share": counts.most_common(1)[0][1] / counts.total(),
            "rare_classes": sum(count < RARE for count in counts.values()),
            "rare_rows": sum(count for count in counts.values() if count < RARE),
        }
        for name, counts in found.items()
    ]


def lengths(frame: pd.DataFrame) -> dict[str, dict[str, float]]:
    """title, description -> quantiles of the length in characters, of the rows that have one."""
    out = {}
    for name in ("title", "description"):
        known = np.array([len(text) for text in frame[name].tolist() if text])
        if len(known):
            out[name] = {
                f"{q:.0%}": float(value) for q, value in zip(QUANTILES, np.quantile(known, QUANTILES), strict=True)
            }
    return out


def duplicates(frame: pd.DataFrame) -> dict[str, Any]:
    """Rows whose title came before, rows whose title has other labels too, and groups of nearly equal titles."""
    normal = with_normal(frame)
    sizes = normal["duplicate_group"].value_counts() if "duplicate_group" in normal else pd.Series(dtype=np.int64)
    many = sizes[sizes > 1]
    largest = []
    for name, size in many.head(LONGEST).items():
        titles = normal.loc[normal["duplicate_group"] == name, "title"]
        largest.append({"rows": int(size), "titles": list(dict.fromkeys(titles))[:LONGEST]})
    return {
        "repeated_titles": int(normal["title_normal"].duplicated().sum()),
        "contradicting_rows": int(conflicts(normal).sum()),
        "near_groups": len(many),
        "near_rows": int(many.sum()),
        "largest": largest,
    }


def outliers(frame: pd.DataFrame) -> Counter[str]:
    """Flag -> rows, of what cleaning flagged; empty when it did not run or nothing was far off."""
    return Counter(flag for flag in frame.get("price_outlier", []) if flag)


def languages(frame: pd.DataFrame) -> Counter[str]:
    """Guessed language -> rows, of a cleaned table."""
    return Counter(frame.get("language_guess", []))


def shared_texts(frame: pd.DataFrame, threshold: float) -> Leaks:
    """Leaks between the parts of the column `split`. Errors: DataError when the table has none."""
    if "split" not in frame:
        raise DataError("the table has no column split; add it with shelfstream data split")
    return leaks(with_normal(frame)["title_normal"].tolist(), frame["split"].tolist(), threshold)


def with_normal(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with normal titles, also where it was not cleaned."""
    if "title_normal" in frame:
        return frame
    return frame.assign(title_normal=pd.Series([normalise(title) for title in frame["title"]], dtype=object))
