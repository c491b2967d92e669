"""Cleaning of the table of products: every change is counted, and every row that leaves says why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.data.preparation.collect import SHOWN, Rejected
from models.data.preparation.duplicates import (
    Near,
    conflicts,
    contents,
    first_of,
    labels,
    near_copies,
    near_titles,
    title_key,
)
from models.data.preparation.normal import language, normalise
from models.data.preparation.outliers import price_flags
from models.data.preparation.repair import repaired
from models.data.preparation.table import ATTRIBUTE, COLUMNS, in_order, is_missing, kind_of, typed
from models.data.preparation.units import amounts, with_one_spelling
from models.errors import DataError

NOT_PROSE = ("product_id", "image_uri", "group", "source", "currency", "language")
AMOUNTS = {"mass": "mass_g", "volume": "volume_ml", "length": "length_mm", "storage": "storage_gb"}
NEAR = 0.85  # share of common shingles: one word in ten differs, or a few letters


class Duplicates(StrEnum):
    """Which repeated rows leave; the first one always stays."""

    keep = "keep"
    rows = "rows"  # equal in all they say, labels included
    titles = "titles"  # the same normal title, whatever their labels
    near = "near"  # as rows, and titles nearly equal with the same numbers and labels


class Outliers(StrEnum):
    """What happens to rows whose price is far from the others."""

    flag = "flag"
    drop = "drop"  # where quartiles and standard deviations agree


@dataclass(frozen=True, slots=True)
class Options:
    """What cleaning may do."""

    require: tuple[str, ...] = ()  # columns that a row must have, besides its title
    fill: tuple[tuple[str, str], ...] = ()  # column, text for where it is unknown
    duplicates: Duplicates = Duplicates.rows
    outliers: Outliers = Outliers.flag
    near: float = NEAR


@dataclass(slots=True)
class Cleaned:
    """The clean table, the rows that left it, and all that was counted. rows in = rows out + dropped."""

    frame: pd.DataFrame
    dropped: list[Rejected]
    counts: dict[str, int]


def clean(frame: pd.DataFrame, options: Options | None = None) -> Cleaned:
    """Mend texts, add normal titles, amounts, languages, flags and duplicate groups; drop what `options` says.

    1. Texts: mojibake, HTML, control characters, spaces. 2. Rows without what is required leave; the rest is filled.
    3. Normal title with one spelling of units; amounts; language. 4. Outliers of price. 5. Duplicates.
    Errors: DataError when an option names a column that the table has not, or `near` is not within (0, 1].
    """
    options = options or Options()
    _check(frame, options)
    counts: Counter[str] = Counter({"rows in": len(frame)})
    dropped: list[Rejected] = []
    table = typed({name: frame[name].tolist() for name in map(str, frame) if _is_source(name)}, len(frame))
    table = _mended(table, counts)
    for column in ("title", *options.require):
        table = _without(table, is_missing(table, column).to_numpy(), _always(f"no {column}"), dropped)
    table = _filled(table, options.fill, counts)
    table = _described(table, counts)
    table["price_outlier"] = price_flags(
        table["price"].to_numpy(np.float64), (table["category"] + "\x1f" + table["currency"]).tolist()
    )
    counts.update(f"price outlier by {flag.replace(' ', ' and ')}" for flag in table["price_outlier"] if flag)
    if options.outliers is Outliers.drop:
        table = _without(table, (table["price_outlier"] == "iqr z").to_numpy(), _price_reason(table), dropped)
    counts["rows with contradicting labels of one title"] = int(conflicts(table).sum())
    table = _once(table, options, dropped)
    near = near_titles(table["title_normal"].tolist(), options.near)
    table["duplicate_group"] = _group_names(table, near)
    counts["pairs of nearly equal titles"] = len(near.pairs)
    counts["rows in a duplicate group"] = int((table["duplicate_group"].duplicated(keep=False)).sum())
    counts.update(f"dropped: {each.reason.split(':')[0]}" for each in dropped)
    counts["rows out"] = len(table)
    return Cleaned(table[in_order(table.columns)], dropped, dict(counts))


def _check(frame: pd.DataFrame, options: Options) -> None:
    named = (*options.require, *(name for name, _ in options.fill))
    wrong = [name for name in named if name not in frame]
    if wrong:
        raise DataError(f"the table has no columns {wrong}; it has {', '.join(frame.columns)}")
    numbers = [name for name, _ in options.fill if kind_of(name) != "text"]
    if numbers:
        raise DataError(f"{numbers} are no texts; unknown numbers are filled where they become features (Standard)")
    if not 0 < options.near <= 1:
        raise DataError(f"near is {options.near}; a similarity lies above 0 and not above 1")


def _is_source(name: str) -> bool:
    return name in COLUMNS or name == "split" or name.startswith(ATTRIBUTE)


def _mended(table: pd.DataFrame, counts: Counter[str]) -> pd.DataFrame:
    columns = {}
    for name in map(str, table):
        if kind_of(name) == "text" and name not in NOT_PROSE:
            found: Counter[str] = Counter()
            columns[name] = repaired(table[name].tolist(), found)
            counts.update({f"{name}: {step}": n for step, n in found.items()})
    return table.assign(**{name: pd.Series(values, dtype=object) for name, values in columns.items()})


def _filled(table: pd.DataFrame, fill: Iterable[tuple[str, str]], counts: Counter[str]) -> pd.DataFrame:
    for name, text in fill:
        missing = is_missing(table, name)
        counts[f"{name}: filled with {text!r}"] += int(missing.sum())
        table = table.assign(**{name: table[name].where(~missing, text)})
    return table


def _described(table: pd.DataFrame, counts: Counter[str]) -> pd.DataFrame:
    plain = [normalise(title) for title in table["title"].tolist()]
    normal = [with_one_spelling(title) for title in plain]
    counts["title: unit spelled in the common way"] = sum(a != b for a, b in zip(plain, normal, strict=True))
    said = [f"{title} {text}" for title, text in zip(table["title"], table["description"], strict=True)]
    found = [amounts(title) for title in normal]
    columns: dict[str, Any] = {
        "title_normal": pd.Series(normal, dtype=object),
        "language_guess": pd.Series([language(text) for text in said], dtype=object),
    }
    for kind, column in AMOUNTS.items():
        columns[column] = pd.Series([each.get(kind, np.nan) for each in found], dtype=np.float64)
    return table.assign(**columns)


def _once(table: pd.DataFrame, options: Options, dropped: list[Rejected]) -> pd.DataFrame:
    if options.duplicates is Duplicates.keep:
        return table
    titles = options.duplicates is Duplicates.titles
    first = first_of(table["title_normal"].tolist() if titles else contents(table))
    what = "same title as" if titles else "same row as"
    ids = table["source"].tolist()
    table = _without(table, first != np.arange(len(table)), lambda row: f"{what}: {ids[first[row]]}", dropped)
    if options.duplicates is Duplicates.near:
        names = table["title_normal"].tolist()
        copies = near_copies(near_titles(names, options.near), names, labels(table))
        ids = table["source"].tolist()
        gone = np.isin(np.arange(len(table)), sorted(copies))
        table = _without(table, gone, lambda row: f"nearly the same title as: {ids[copies[row]]}", dropped)
    return table


def _without(
    table: pd.DataFrame, gone: NDArray[np.bool_], reason: Callable[[int], str], dropped: list[Rejected]
) -> pd.DataFrame:
    """The table without the rows `gone`, each of which goes to `dropped`."""
    places, titles = table["source"].tolist(), table["title"].tolist()
    dropped += [Rejected(places[row], reason(row), titles[row][:SHOWN]) for row in np.flatnonzero(gone).tolist()]
    return table[~gone].reset_index(drop=True)


def _always(reason: str) -> Callable[[int], str]:
    return lambda row: reason


def _price_reason(table: pd.DataFrame) -> Callable[[int], str]:
    prices = table["price"].tolist()
    return lambda row: f"price is an outlier: {prices[row]:g}"


def _group_names(table: pd.DataFrame, near: Near) -> NDArray[np.object_]:
    titles = table["title_normal"].tolist()
    return np.array([title_key(titles[first]) for first in near.groups.tolist()], dtype=object)
