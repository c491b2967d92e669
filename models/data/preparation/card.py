"""The data card: where a table comes from, under which licence, what is in it, what cleaning did; JSON, Markdown.

After T. Gebru et al., "Datasheets for datasets" (arXiv:1803.09010), as far as a program can know it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from models.data.preparation import survey
from models.data.preparation.table import fingerprint
from models.errors import DataError

FORMAT = 1


def card(
    frame: pd.DataFrame,
    *,
    name: str,
    source: str,
    licence: str,
    note: str = "",
    counts: Mapping[str, int] | None = None,
    levels: int | None = None,
) -> dict[str, Any]:
    """The card as values for JSON. `source` and `licence` are a person's words and must be given.

    Errors: DataError when one of the two is empty.
    """
    for what, text in (("source", source), ("licence", licence)):
        if not text.strip():
            raise DataError(f"a data card names its {what}; where it is not known, say so in words")
    return {
        "format": FORMAT,
        "name": name,
        "source": source,
        "licence": licence,
        "note": note,
        "rows": len(frame),
        "fingerprint": fingerprint(frame),
        "columns": survey.columns(frame),
        "classes": survey.class_lines(survey.classes(frame, levels)),
        "text_lengths": survey.lengths(frame),
        "languages": dict(survey.languages(frame).most_common()),
        "duplicates": {key: value for key, value in survey.duplicates(frame).items() if key != "largest"},
        "price_outliers": dict(survey.outliers(frame)),
        "splits": {str(part): int(n) for part, n in frame["split"].value_counts().items()} if "split" in frame else {},
        "cleaning": dict(counts or {}),
    }


def as_markdown(made: Mapping[str, Any]) -> str:
    """A card as a page."""
    lines = [f"# Data card: {made['name']}", ""]
    lines += [f"- **{what.capitalize()}:** {_cell(made[what])}" for what in ("source", "licence", "note") if made[what]]
    lines += [f"- **Rows:** {made['rows']:,}", f"- **Fingerprint (SHA-256):** `{made['fingerprint']}`", ""]
    lines += ["## Columns", "", *_table(made["columns"], ("column", "type", "known", "missing", "distinct"))]
    lines += ["## Labels", ""]
    names = ("column", "classes", "rows", "largest", "largest_share", "rare_classes", "rare_rows")
    lines += _table(made["classes"], names) if made["classes"] else ["None.", ""]
    lines += ["## Text lengths in characters", ""]
    lines += _table([{"text": what, **values} for what, values in made["text_lengths"].items()])
    for title, key in (
        ("Languages, guessed by script", "languages"),
        ("Duplicates", "duplicates"),
        ("Price outliers", "price_outliers"),
        ("Splits", "splits"),
        ("Cleaning", "cleaning"),
    ):
        if made[key]:
            lines += [f"## {title}", "", *_table([{"what": what, "n": n} for what, n in made[key].items()])]
    return "\n".join(lines).rstrip() + "\n"


def _table(rows: list[dict[str, Any]], names: tuple[str, ...] | None = None) -> list[str]:
    if not rows:
        return ["None.", ""]
    names = names or tuple(rows[0])
    marks = ["---:" if isinstance(rows[0][name], int | float) else "---" for name in names]
    body = [f"| {' | '.join(_cell(row[name]) for name in names)} |" for row in rows]
    return [f"| {' | '.join(name.replace('_', ' ') for name in names)} |", f"|{'|'.join(marks)}|", *body, ""]


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.3f}".rstrip("0").rstrip(".")
    if isinstance(value, int):
        return f"{value:,}"
    return " ".join(str(value).split()).replace("|", "\\|").replace("<", "&lt;")
