"""The table of products: columns with fixed names and types, in Parquet or JSON lines.

Text that is unknown is "", a number NaN, a time -1. JSON lines leave unknown values out and hold `attributes` as one
object, so that a line with a time is a message of product-upsert.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import pandas as pd

from models.errors import DataError

Kind = Literal["text", "number", "time"]
ATTRIBUTE = "attributes."  # before the name of an attribute, one column each
COLUMNS: dict[str, Kind] = {
    "product_id": "text",
    "title": "text",
    "description": "text",
    "brand": "text",
    "category": "text",  # the label, a path with " > " between its levels
    "category_hint": "text",  # the shop's own words; not a label
    "price": "number",
    "currency": "text",  # ISO 4217
    "language": "text",  # BCP 47, as stated by the source
    "image_uri": "text",
    "updated_at": "time",  # milliseconds since the epoch
    "group": "text",  # grouping key, where the source has one
    "source": "text",  # file:row or topic:partition:offset, 1-based rows
}
# What cleaning and splitting add.
ADDED: dict[str, Kind] = {
    "title_normal": "text",
    "language_guess": "text",
    "duplicate_group": "text",  # rows with the same or nearly the same title
    "price_outlier": "text",  # "", "iqr", "z" or "iqr z"
    "mass_g": "number",
    "volume_ml": "number",
    "length_mm": "number",
    "storage_gb": "number",
    "split": "text",
}
UNKNOWN: dict[Kind, Any] = {"text": "", "number": np.nan, "time": -1}
_DTYPES: dict[Kind, Any] = {"text": object, "number": np.float64, "time": np.int64}
FORMATS = (".parquet", ".jsonl")


def kind_of(column: str) -> Kind | None:
    """The type of a column; None when the table has no such column."""
    if column.startswith(ATTRIBUTE) and len(column) > len(ATTRIBUTE):
        return "text"
    return COLUMNS.get(column) or ADDED.get(column)


def typed(rows: Mapping[str, Iterable[Any]], n: int) -> pd.DataFrame:
    """Columns -> the table with every column of COLUMNS, in order; those that are not given are unknown.

    Errors: DataError when a name is none of the table's.
    """
    wrong = [name for name in rows if kind_of(name) is None]
    if wrong:
        raise DataError(f"the table of products has no columns {wrong}; it has {', '.join(COLUMNS)}, {ATTRIBUTE}NAME")
    columns = {}
    for name in in_order((*COLUMNS, *rows)):
        kind = kind_of(name)
        assert kind is not None
        values = list(rows[name]) if name in rows else [UNKNOWN[kind]] * n
        columns[name] = pd.Series(values, dtype=_DTYPES[kind])
    return pd.DataFrame(columns, index=pd.RangeIndex(n))


def in_order(names: Iterable[str]) -> list[str]:
    """Names of columns, each once, in the table's order: COLUMNS, attributes by name, ADDED."""
    given = set(names)
    attributes = sorted(name for name in given if name.startswith(ATTRIBUTE))
    return [name for name in (*COLUMNS, *attributes, *ADDED) if name in given]


def attributes_of(frame: pd.DataFrame) -> list[str]:
    """The attribute columns."""
    return [name for name in frame.columns if name.startswith(ATTRIBUTE)]


def is_missing(frame: pd.DataFrame, column: str) -> pd.Series[bool]:
    """(n,) where a column is unknown."""
    kind = kind_of(column)
    unknown: pd.Series[bool] = frame[column].isna() if kind == "number" else frame[column] == UNKNOWN[kind or "text"]
    return unknown


def write(frame: pd.DataFrame, file: Path) -> None:
    """As Parquet or JSON lines, by the name's ending. Errors: DataError when it is neither."""
    ending = ending_of(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    if ending == ".parquet":
        frame.to_parquet(file, index=False)
        return
    with file.open("wb") as out:
        for row in frame.to_dict("records"):
            out.write(msgspec.json.encode(_as_object(row)) + b"\n")


def fingerprint(frame: pd.DataFrame) -> str:
    """SHA-256 over names and values in order: tells whether two runs saw the same table.

    Columns that no row fills do not count, as JSON lines cannot hold them.
    """
    filled = frame[[name for name in map(str, frame) if not is_missing(frame, name).all()]]
    digest = hashlib.sha256("\x1f".join(filled.columns).encode())
    for row in filled.itertuples(index=False):
        digest.update("\x1f".join(map(str, row)).encode("utf-8", "surrogatepass") + b"\x1e")
    return digest.hexdigest()


def ending_of(file: Path) -> str:
    """The format of a table's file by its name. Errors: DataError when it is none."""
    if file.suffix not in FORMATS:
        raise DataError(f"{file} ends in neither {' nor '.join(FORMATS)}; a table of products is one of these")
    return file.suffix


def _as_object(row: Mapping[Any, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in row.items():
        kind = kind_of(name)
        if kind is None or value == UNKNOWN[kind] or value != value:
            continue
        if name.startswith(ATTRIBUTE):
            out.setdefault("attributes", {})[name.removeprefix(ATTRIBUTE)] = value
        else:
            out[name] = value
    return out
