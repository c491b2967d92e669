"""From the labels of our closed training sets to Shopify category ids: `mapping.tsv`, chosen and read by hand.

One line a label: catalogue, label, category id (or `none` where no category is right: coupons, mixed lots), and the
path of the id for whoever reads it. Marketplace labels are paths of its tree; the longest that is named counts.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from models.errors import DataError
from models.taxonomy.tree import NONE

FILE = Path(__file__).with_name("mapping.tsv")
COLUMNS = ("catalogue", "label", "category", "path")
STEP = " >> "  # between the levels of a marketplace label


@cache
def mapping(file: Path = FILE) -> dict[tuple[str, str], str]:
    """(catalogue, label) -> id or `none`. Errors: DataError for a line unlike the header, or one that comes twice."""
    found: dict[tuple[str, str], str] = {}
    for number, cells in enumerate(rows(file), start=2):
        key = (cells[0], cells[1])
        if key in found:
            raise DataError(f"{file} line {number}: {key[0]} label {key[1]!r} stands twice; keep one")
        found[key] = cells[2]
    return found


def rows(file: Path = FILE) -> list[list[str]]:
    """The cells of each line below the header. Errors: DataError."""
    lines = file.read_text(encoding="utf-8").splitlines()
    if not lines or tuple(lines[0].split("\t")) != COLUMNS:
        raise DataError(f"{file} begins with {lines[:1]}, wanted the columns {COLUMNS} between tabs")
    table = [line.split("\t") for line in lines[1:]]
    for number, cells in enumerate(table, start=2):
        if len(cells) != len(COLUMNS):
            raise DataError(
                f"{file} line {number} has {len(cells)} cells, wanted {len(COLUMNS)}: {lines[number - 1]!r}"
            )
    return table


def category_of(catalogue: str, label: str) -> str | None:
    """The id of a label; None where the label is mapped to none, or is not in the mapping."""
    known = mapping()
    levels = label.split(STEP)
    for count in range(len(levels), 0, -1):
        found = known.get((catalogue, STEP.join(levels[:count])))
        if found is not None:
            return None if found == NONE else found
    return None
