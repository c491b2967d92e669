"""The column `split` of a table: by shares, or by the hash buckets of the project's protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from models.data.preparation.groups import joined
from models.data.preparation.leaks import published_splits
from models.data.preparation.stratify import grouped_split
from models.data.preparation.survey import path_to, with_normal
from models.data.preparation.table import is_missing
from models.errors import DataError

SHARES = {"train": 8.0, "validate": 1.0, "test": 1.0}
GROUPS = ("group", "duplicate_group", "title_normal")


def split_by_share(
    frame: pd.DataFrame,
    shares: Mapping[str, float] | None = None,
    groups: Sequence[str] = (),
    by: str = "category",
    levels: int | None = None,
    seed: int = 7,
) -> pd.DataFrame:
    """The table with `split`; rows that are equal in any of the columns `groups` are in one part.

    Default: SHARES, and GROUPS as far as the table has them. Errors: DataError when a column is not there.
    """
    table = with_normal(frame)
    wanted = tuple(groups) or tuple(name for name in GROUPS if name in table)
    _check(table, (*wanted, by))
    group = joined((table[name].tolist() for name in wanted), len(table))
    classes = [path_to(value, levels) for value in table[by].tolist()]
    return frame.assign(split=pd.Series(grouped_split(group.tolist(), classes, shares or SHARES, seed), dtype=object))


def split_by_protocol(frame: pd.DataFrame, groups: Sequence[str] = ()) -> pd.DataFrame:
    """The table with `split` by the SHA-1 of one column, lower-cased; default: `group` if all rows have it, else title.

    Collect a grouping key as `group`, which cleaning leaves as it is: a title that was mended hashes elsewhere.
    Errors: DataError when more than one column is given, as the protocol has one grouping key, or it is not there.
    """
    if len(groups) > 1:
        raise DataError(f"the published split has one grouping key, not {len(groups)}: {', '.join(groups)}")
    _check(frame, groups)
    whole = not is_missing(frame, "group").any()
    key = groups[0] if groups else "group" if whole else "title"
    keys = [str(value).lower() for value in frame[key].tolist()]
    return frame.assign(split=pd.Series(published_splits(keys), dtype=object))


def _check(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    absent = [name for name in columns if name not in frame]
    if absent:
        raise DataError(f"the table has no columns {absent}; it has {', '.join(map(str, frame.columns))}")
