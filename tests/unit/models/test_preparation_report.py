"""The report and the card: whole pages of their own that say what is there, and run nothing that a title says."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from models.data.preparation.card import as_markdown, card
from models.data.preparation.clean import Duplicates, Options, clean
from models.data.preparation.collect import gather
from models.data.preparation.parts import split_by_share
from models.data.preparation.report import report
from models.data.preparation.table import fingerprint, typed
from models.errors import DataError

HOSTILE = 'Shirt </title><script>alert("x")</script> $\\frac{1}{0}$ 红色'


def products() -> pd.DataFrame:
    colours, kinds = ("Red", "Blue", "红色", "Green $5$"), ("Shirt", "Shoe", "Scarf")
    rows = [
        {
            "title": f"Brand {number} {colours[number % 4]} {kinds[number % 3]} for the long summer",
            "category": f"Clothing > {kinds[number % 3]}",
            "price": 10 + number % 5,
            "currency": "EUR",
            "attributes": {"colour": colours[number % 4]},
        }
        for number in range(60)
    ]
    rows += [{"title": HOSTILE, "price": 5_000_000, "category": "Clothing > <i>Shirt</i>", "currency": "EUR"}]
    return gather((f"shop:{number}", row) for number, row in enumerate(rows, 1)).frame


class Tags(HTMLParser):
    """Counts tags, and keeps every address that a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.fetched += [value for name, value in attrs if value and name in ("src", "href") and tag != "use"]


def test_the_report_is_one_page_with_its_plots_inside() -> None:
    done = clean(products(), Options(duplicates=Duplicates.keep))
    frame = split_by_share(done.frame, {"train": 2, "test": 1})
    page = report(frame, "a <shop>", done.counts)
    tags = Tags()
    tags.feed(page)
    assert tags.names.count("svg") >= 8
    assert "script" not in tags.names
    assert [address for address in tags.fetched if not address.startswith("#")] == []
    assert "a &lt;shop&gt;" in page
    assert fingerprint(frame) in page
    headings = re.findall(r"<h2>(.*?)</h2>", page)
    assert len(headings) == 8
    assert page == report(frame, "a <shop>", done.counts)  # same data, same bytes


def test_the_report_names_what_leaks_and_what_is_far_off() -> None:
    frame = clean(products(), Options(duplicates=Duplicates.keep)).frame
    torn = frame.assign(split=np.where(np.arange(len(frame)) % 2, "train", "test").astype(object))
    page = report(torn, "torn", near=0.6)
    assert "<td>test</td><td>train</td>" in page
    assert "5,000,000.00 EUR" in page
    assert "The table is not split yet" in report(frame, "whole")


def test_a_table_with_titles_alone_is_reported_too() -> None:
    page = report(typed({"title": ["one", "two", "two"]}, 3), "bare")
    assert "No row has a price" in page
    assert "1 rows have a title that came before" in page
    with pytest.raises(DataError, match="no rows"):
        report(typed({}, 0), "empty")


def test_the_card_names_source_licence_columns_and_what_cleaning_did() -> None:
    done = clean(products())
    made = card(done.frame, name="shop", source="a | shop", licence="MIT", counts=done.counts, levels=1)
    assert json.loads(json.dumps(made)) == made
    assert made["rows"] == len(done.frame)
    assert made["fingerprint"] == fingerprint(done.frame)
    assert made["cleaning"] == done.counts
    (category,) = (line for line in made["classes"] if line["column"] == "category")
    assert (category["classes"], category["largest"]) == (1, "Clothing")
    text = as_markdown(made)
    assert "- **Licence:** MIT" in text
    assert "a \\| shop" in text
    assert f"| rows in | {len(done.frame)} |" in text
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert all(len({line.replace("\\|", "").count("|") for line in block}) == 1 for block in tables)


@pytest.mark.parametrize(("source", "licence"), [("", "MIT"), ("shop", " ")])
def test_a_card_without_source_or_licence_is_refused(source: str, licence: str) -> None:
    with pytest.raises(DataError, match="a data card names its"):
        card(products(), name="shop", source=source, licence=licence)
