"""Rows of any files -> the table of products, by a mapping that the user gives; what does not fit is kept apart."""

from __future__ import annotations

import ast
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd

from models.data.preparation.decimals import price
from models.data.preparation.sources import Row, records
from models.data.preparation.table import ADDED, ATTRIBUTE, COLUMNS, UNKNOWN, ending_of, kind_of, typed
from models.errors import DataError
from schemas.events import MAX_PRICE, MAX_TIME_MS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SHOWN = 200  # signs of a rejected row that are kept to find it again
LEVELS = (" >> ", " > ")


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that did not enter the table, or left it: where it stood, why, and how it begins."""

    source: str
    reason: str
    begins: str


@dataclass(slots=True)
class Collected:
    """The table, the rows that are not in it, and what was counted on the way."""

    frame: pd.DataFrame
    rejected: list[Rejected]
    counts: dict[str, int]  # read, kept, "rejected: REASON", and of kept rows what was changed
    not_taken: list[str] = field(default_factory=list)  # columns of the files that no column of the table takes


def collect(
    files: Iterable[Path],
    mapping: Mapping[str, str] | None = None,
    constants: Mapping[str, str] | None = None,
    *,
    missing_words: Iterable[str] = (),
    encoding: str = "utf-8-sig",
) -> Collected:
    """Rows of CSV, JSON-lines and Parquet files. Errors: DataError (see `gather` and `sources.records`)."""
    rows = (
        (f"{file.name}:{number}", row) for file in files for number, row in enumerate(records(Path(file), encoding), 1)
    )
    return gather(rows, mapping, constants, missing_words=missing_words)


def gather(
    rows: Iterable[tuple[str, Row]],
    mapping: Mapping[str, str] | None = None,
    constants: Mapping[str, str] | None = None,
    *,
    missing_words: Iterable[str] = (),
) -> Collected:
    """(place, row) pairs -> the table.

    `mapping` says which column of the source fills one of ours (`title` -> `productDisplayName`); one that is not
    mapped is filled by a column of its own name. `constants` gives one value for all rows (`currency` -> `INR`).
    `missing_words` are values that mean unknown, whatever the column; without any, only "" does.
    A row is rejected when it has no title, when its price or time is none, or when it cannot be read at all; a row
    without product_id gets its place as one. read = kept + rejected, always.
    Errors: DataError when a name is none of the table's, or a mapped column is in no row.
    """
    mapping, constants = dict(mapping or {}), dict(constants or {})
    wrong = [name for name in (*mapping, *constants) if kind_of(name) is None]
    if wrong:
        raise DataError(f"the table of products has no columns {wrong}; it has {', '.join(COLUMNS)}, {ATTRIBUTE}NAME")
    unknown = frozenset((*missing_words, ""))
    kept: list[dict[str, Any]] = []
    rejected: list[Rejected] = []
    counts: Counter[str] = Counter(read=0, kept=0)
    seen: dict[str, None] = {}
    for place, row in rows:
        counts["read"] += 1
        if isinstance(row, str):
            rejected.append(Rejected(place, row, ""))
            counts[f"rejected: {row.split(':')[0]}"] += 1
            continue
        seen.update(dict.fromkeys(row))
        flat = _flat(row)
        try:
            values = _values(flat, mapping, constants, unknown, counts)
        except _Unfit as unfit:
            begins = msgspec.json.encode(row, enc_hook=str).decode()[:SHOWN]
            rejected.append(Rejected(place, str(unfit), begins))
            counts[f"rejected: {unfit.reason}"] += 1
            continue
        values.setdefault("source", place)
        if not values.get("product_id"):
            values["product_id"] = place
            counts["product_id made from the place"] += 1
        kept.append(values)
        counts["kept"] += 1
    _check_mapped(mapping, seen, counts["read"])
    columns = {name: _column(kept, name) for name in dict.fromkeys(name for row in kept for name in row)}
    taken = {*mapping.values(), *COLUMNS, *ADDED, "attributes"}
    untaken = [name for name in seen if name not in taken and kind_of(name) is None]
    return Collected(typed(columns, len(kept)), rejected, dict(counts), untaken)


def read(file: Path) -> pd.DataFrame:
    """A table that `table.write` wrote. Errors: DataError when it is missing, or no table of products."""
    if not file.is_file():
        raise DataError(f"there is no table {file}; make one with shelfstream data collect")
    ending_of(file)
    found = collect([file])
    if found.rejected:
        first = found.rejected[0]
        raise DataError(f"{file} is no table of products ({first.source}: {first.reason}); collect it first")
    return found.frame


class _Unfit(Exception):
    """Why a row cannot be a product."""

    def __init__(self, reason: str, value: str = "") -> None:
        super().__init__(f"{reason}: {value}" if value else reason)
        self.reason = reason


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with `attributes` as columns of their own; Parquet hands a map on as pairs."""
    inner = row.get("attributes")
    if isinstance(inner, list):
        inner = dict(pair for pair in inner if isinstance(pair, tuple) and len(pair) == 2)
    if not isinstance(inner, dict):
        return dict(row)
    flat = {name: value for name, value in row.items() if name != "attributes"}
    return flat | {f"{ATTRIBUTE}{name}": value for name, value in inner.items() if name}


def _values(
    row: Mapping[str, Any],
    mapping: Mapping[str, str],
    constants: Mapping[str, str],
    unknown: frozenset[str],
    counts: Counter[str],
) -> dict[str, Any]:
    wanted = {name: name for name in row if kind_of(name) is not None} | dict(mapping)
    values: dict[str, Any] = dict(constants)
    changes: Counter[str] = Counter()
    for name, source in wanted.items():
        raw = row.get(source)
        if raw is None or (isinstance(raw, str) and raw.strip() in unknown):
            if isinstance(raw, str) and raw.strip():
                changes[f"missing word in {name}"] += 1
            continue
        kind = kind_of(name)
        if kind == "number":
            values[name] = _number(name, raw, values, changes)
        elif kind == "time":
            values[name] = _time_ms(raw)
        else:
            values[name] = _category(raw, changes) if name == "category" else _text(raw)
    if not values.get("title", "").strip():
        raise _Unfit("no title")
    counts.update(changes)  # of kept rows only
    return values


def _text(raw: Any) -> str:
    if isinstance(raw, str):
        return raw
    if isinstance(raw, float) and raw.is_integer():
        return str(int(raw))  # an id that a table library read as a number
    if isinstance(raw, int | float):
        return str(raw)
    if isinstance(raw, bytes):
        raise _Unfit("bytes where a text should be")
    return msgspec.json.encode(raw, enc_hook=str).decode()


def _number(name: str, raw: Any, values: dict[str, Any], changes: Counter[str]) -> float:
    if isinstance(raw, float) and math.isnan(raw):
        return math.nan
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        if not 0 <= raw <= MAX_PRICE:
            raise _Unfit(f"{name} is out of range", str(raw)[:SHOWN])
        value = float(raw)
    else:
        found = price(str(raw))
        if found is None:
            raise _Unfit(f"{name} is no number", str(raw)[:SHOWN])
        value, currency = found
        if currency and name == "price" and not values.get("currency"):
            values["currency"] = currency
            changes["currency read from the price"] += 1
    if name == "price" and value == 0:
        changes["price of zero taken as unknown"] += 1
        return math.nan
    return value


def _time_ms(raw: Any) -> int:
    """Milliseconds, or RFC 3339 text; without an offset it is read as UTC."""
    text = str(raw)[:SHOWN].strip()
    if isinstance(raw, datetime):
        value = _millis(raw)
    elif isinstance(raw, int | float) and not isinstance(raw, bool):
        value = int(raw) if abs(raw) <= MAX_TIME_MS else -2  # also where raw is no number
    elif text.isascii() and text.isdigit():
        value = int(text)
    else:
        try:
            value = _millis(datetime.fromisoformat(text.replace(" +0000", "+00:00")))
        except ValueError:
            raise _Unfit("no time", text) from None
    if not -1 <= value <= MAX_TIME_MS:
        raise _Unfit("time is outside 1970 to 2100", text)
    return value


def _millis(moment: datetime) -> int:
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - EPOCH) // timedelta(milliseconds=1)


def _category(raw: Any, changes: Counter[str]) -> str:
    """A path with " > " between its levels; also from a list of levels, or the text of a list with one path."""
    if isinstance(raw, str) and raw.startswith("["):
        try:
            raw = ast.literal_eval(raw)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return str(raw)
    levels = raw if isinstance(raw, list | tuple) else [raw]
    text = LEVELS[1].join(_text(level) for level in levels)
    path = text.replace(*LEVELS)
    if path != text:
        changes["category path spelled with >"] += 1
    return path


def _check_mapped(mapping: Mapping[str, str], seen: Mapping[str, None], read: int) -> None:
    absent = [source for source in mapping.values() if source not in seen and not source.startswith(ATTRIBUTE)]
    if absent and read:
        raise DataError(f"no row has the columns {absent} that --map names; the rows have {list(seen)}")


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> Iterator[Any]:
    kind = kind_of(name)
    assert kind is not None
    return (row.get(name, UNKNOWN[kind]) for row in rows)
