"""Titles with attribute values that people marked in them: which attributes were asked for, and what they found.

Source: samples of AE-110k and OA-Mine as the ExtractGPT repository gives them (Apache-2.0),
`attribute-spans/*.train.jsonl`. Grouping key: the title as written. Titles of the kept-out bucket are dropped here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from models.data.splits import KEPT_OUT, bucket
from models.errors import DataError

SETS = ("ae-110k", "oa-mine")
ABSENT = "n/a"


@dataclass(frozen=True, slots=True)
class AskedTitle:
    """A title and, for each attribute that was asked for, its values; none means the title does not say."""

    source: str
    title: str
    category: str
    asked: Mapping[str, tuple[str, ...]]
    bucket: int


class _Line(msgspec.Struct):
    input: str
    category: str
    target_scores: dict[str, dict[str, float]]


def load(data: Path) -> list[AskedTitle]:
    """Every title outside the kept-out bucket, set by set; `data` is the folder of the data sets. Errors: DataError."""
    return [row for name in SETS for row in _read(data / "attribute-spans" / f"{name}.train.jsonl", name)]


def where(rows: Sequence[AskedTitle], buckets: Sequence[int]) -> list[AskedTitle]:
    """The titles of some buckets, in the same order."""
    return [row for row in rows if row.bucket in buckets]


def _read(file: Path, source: str) -> list[AskedTitle]:
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error}; give the folder of the data sets with --data") from error
    found = []
    for number, line in enumerate(lines, 1):
        try:
            given = msgspec.json.decode(line, type=_Line)
        except msgspec.DecodeError as error:
            raise DataError(f"line {number} of {file} is not a title with target_scores: {error}") from error
        asked = {
            name: tuple(value for value in values if value != ABSENT) for name, values in given.target_scores.items()
        }
        found.append(AskedTitle(source, given.input, given.category, asked, bucket(given.input)))
    return [row for row in found if row.bucket != KEPT_OUT]
