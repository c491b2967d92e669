"""Product titles with labels: one domain as every data set of titles is handed on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.data.splits import KEPT_OUT, buckets
from models.errors import DataError


@dataclass(frozen=True, slots=True)
class LabelledTitles:
    """n titles of one domain, with the labels of its heads. Rows of the kept-out bucket are never in it."""

    domain: str
    titles: list[str]
    keys: list[str]  # grouping key of each row
    buckets: NDArray[np.int8]  # (n,)
    labels: dict[str, list[str]]  # head -> (n,) labels, "" = unknown
    category: str  # the head whose label is the category

    def __len__(self) -> int:
        return len(self.titles)

    def where(self, wanted: Sequence[int]) -> LabelledTitles:
        """Only the rows whose bucket is wanted, in the same order."""
        rows = np.flatnonzero(np.isin(self.buckets, list(wanted)))
        return LabelledTitles(
            domain=self.domain,
            titles=[self.titles[i] for i in rows],
            keys=[self.keys[i] for i in rows],
            buckets=self.buckets[rows],
            labels={head: [values[i] for i in rows] for head, values in self.labels.items()},
            category=self.category,
        )

    def fingerprint(self) -> str:
        """SHA-256 of titles and labels in order: tells whether two runs saw the same data."""
        digest = hashlib.sha256(self.domain.encode())
        for row in zip(self.titles, *self.labels.values(), strict=True):
            digest.update("\x1f".join(row).encode("utf-8", "surrogatepass") + b"\x1e")
        return digest.hexdigest()


def labelled(
    domain: str, titles: list[str], keys: list[str], labels: dict[str, list[str]], category: str
) -> LabelledTitles:
    """Build the struct, leaving out the kept-out bucket."""
    tenth = buckets(keys)
    whole = LabelledTitles(domain, titles, keys, tenth, labels, category)
    return whole.where([b for b in range(10) if b != KEPT_OUT])


def read_table(file: Path, columns: Sequence[str]) -> pd.DataFrame:
    """A CSV with every cell as the text that is written there ('NA' is a value, not a hole).

    Errors: DataError when the file is missing or lacks one of `columns`.
    """
    try:
        frame = pd.read_csv(file, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{file} cannot be read: {error}; give the folder of the data sets with --data") from error
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise DataError(f"{file} lacks the columns {missing}, it has {list(frame.columns)}")
    return frame
