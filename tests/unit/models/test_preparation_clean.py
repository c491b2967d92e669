"""Collecting and cleaning: no row disappears uncounted, every change is one that was asked for."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.data.preparation import table
from models.data.preparation.clean import Duplicates, Options, Outliers, clean
from models.data.preparation.collect import collect, gather, read
from models.errors import DataError

CELL = (
    st.none() | st.text(max_size=12) | st.sampled_from(["Red shirt", "red  SHIRT", "5", "-1", "nan", "²", "<b>x</b>"])
)
VALUE = CELL | st.integers() | st.floats() | st.booleans() | st.lists(st.text(max_size=3), max_size=2)
ROW = st.dictionaries(st.sampled_from(["title", "price", "category", "brand", "updated_at", "attributes", "x"]), VALUE)
ROWS = st.lists(ROW | st.just("no JSON: broken"), max_size=25)
QUICK = settings(deadline=None, max_examples=60)
OPTIONS = st.builds(
    Options,
    require=st.sampled_from([(), ("price",), ("brand", "category")]),
    fill=st.sampled_from([(), (("brand", "none"),)]),
    duplicates=st.sampled_from(Duplicates),
    outliers=st.sampled_from(Outliers),
)


def places(rows: list[Any]) -> list[tuple[str, Any]]:
    return [(f"file:{number}", row) for number, row in enumerate(rows, 1)]


@QUICK
@given(ROWS)
def test_every_row_read_is_kept_or_rejected_with_a_reason(rows: list[Any]) -> None:
    found = gather(places(rows))
    counts = found.counts
    assert counts["read"] == len(rows) == len(found.frame) + len(found.rejected)
    assert counts["kept"] == len(found.frame)
    assert sum(n for what, n in counts.items() if what.startswith("rejected: ")) == len(found.rejected)
    where = [*found.frame["source"], *(each.source for each in found.rejected)]
    assert sorted(where) == sorted(place for place, _ in places(rows))
    assert all(each.reason for each in found.rejected)


@QUICK
@given(ROWS, OPTIONS)
def test_every_row_that_goes_in_comes_out_or_is_listed_with_a_reason(rows: list[Any], options: Options) -> None:
    frame = gather(places(rows)).frame
    done = clean(frame, options)
    assert done.counts["rows in"] == len(frame)
    assert done.counts["rows out"] == len(done.frame) == len(frame) - len(done.dropped)
    assert sum(n for what, n in done.counts.items() if what.startswith("dropped: ")) == len(done.dropped)
    where = [*done.frame["source"], *(each.source for each in done.dropped)]
    assert sorted(where) == sorted(frame["source"])
    assert all(each.reason for each in done.dropped)


def test_cleaning_what_is_clean_changes_nothing(tmp_path: Path) -> None:
    once = clean(messy(), Options(duplicates=Duplicates.near))
    again = clean(once.frame, Options(duplicates=Duplicates.near))
    pd.testing.assert_frame_equal(again.frame, once.frame)
    assert not again.dropped


def messy() -> pd.DataFrame:
    titles = [
        "CafÃ© Royal  beans 500 grams",
        "Café Royal Beans 500 g",
        "Puma women red round neck running shirt",
        "Puma women red round neck running shirts",
        "<b>Tea</b>",
        "Oil 1,5 litre",
        "小米手机１２８GB",
    ]
    prices = [*(9.0, 9.0), *(20.0, 20.0), *(3.0, 5.0, 200.0)]
    rows = [
        {"title": title, "price": price, "currency": "EUR", "category": "a"}
        for title, price in zip(titles, prices, strict=True)
    ]
    return gather(places(rows)).frame


def test_texts_are_mended_and_each_mend_is_counted() -> None:
    done = clean(messy(), Options(duplicates=Duplicates.keep))
    assert done.frame["title"][0] == "Café Royal beans 500 grams"
    assert done.frame["title"][4] == "Tea"
    normal = done.frame["title_normal"].tolist()
    assert normal[0] == normal[1] == "café royal beans 500 g"
    assert normal[5:] == ["oil 1.5 l", "小米手机 128 gb"]
    assert done.frame["mass_g"].tolist()[:2] == [500.0, 500.0]
    assert done.frame["volume_ml"][5] == 1500.0
    assert done.frame["language_guess"].tolist() == ["en"] * 6 + ["zh"]
    expected = {"title: mojibake": 1, "title: html": 1, "title: spaces and control characters": 1}
    assert {what: done.counts[what] for what in expected} == expected
    assert done.counts["title: unit spelled in the common way"] == 3
    groups = done.frame["duplicate_group"].tolist()
    assert groups[0] == groups[1]
    assert groups[2] == groups[3]
    assert len(set(groups)) == 5


@pytest.mark.parametrize(
    ("duplicates", "left"),
    [(Duplicates.keep, 7), (Duplicates.rows, 6), (Duplicates.titles, 6), (Duplicates.near, 5)],
)
def test_repeated_rows_leave_as_asked_and_name_the_row_they_repeat(duplicates: Duplicates, left: int) -> None:
    done = clean(messy(), Options(duplicates=duplicates))
    assert len(done.frame) == left
    kept = set(done.frame["source"])
    assert all(each.reason.split(": ")[1] in kept for each in done.dropped)


def test_a_title_with_other_labels_is_no_repeated_row_but_a_contradiction() -> None:
    rows = [{"title": "Shirt", "category": label} for label in ("a", "b", "a")]
    done = clean(gather(places(rows)).frame)
    assert done.frame["category"].tolist() == ["a", "b"]
    assert done.counts["rows with contradicting labels of one title"] == 3


def test_rows_without_what_is_required_leave_and_the_rest_is_filled() -> None:
    rows = [{"title": "a", "price": 1, "brand": "x"}, {"title": "b", "price": 2}, {"title": "c"}, {"title": " &nbsp; "}]
    done = clean(gather(places(rows)).frame, Options(require=("price",), fill=(("brand", "none"),)))
    assert done.frame["brand"].tolist() == ["x", "none"]
    assert [each.reason for each in done.dropped] == ["no title", "no price"]
    assert done.counts["brand: filled with 'none'"] == 1


def test_prices_far_off_are_flagged_or_leave() -> None:
    rows = [{"title": f"tea {i}", "price": 10 + i % 7, "category": "tea"} for i in range(40)]
    rows.append({"title": "dear tea", "price": 1_000_000, "category": "tea"})
    frame = gather(places(rows)).frame
    assert clean(frame).frame["price_outlier"].tolist() == [""] * 40 + ["iqr z"]
    done = clean(frame, Options(outliers=Outliers.drop))
    assert [each.reason for each in done.dropped] == ["price is an outlier: 1e+06"]


def test_options_that_do_not_fit_are_refused() -> None:
    frame = gather(places([{"title": "a"}])).frame
    for options, said in (
        (Options(require=("weight",)), "no columns"),
        (Options(fill=(("price", "1"),)), "no texts"),
        (Options(near=0.0), "near is 0"),
    ):
        with pytest.raises(DataError, match=said):
            clean(frame, options)


CSV = 'id,name,tree,cost,size\n1,Shirt,"[""A >> B""]","Rs. 1,899",L\n2,,x,5,M\n3,Shoe,x,ask,M\n4,Hat,x\n5,Cap,x,0,NA\n'


def test_a_csv_is_read_by_its_mapping(tmp_path: Path) -> None:
    file = tmp_path / "shop.csv.gz"
    file.write_bytes(gzip.compress(CSV.encode()))
    names = {"product_id": "id", "title": "name", "category": "tree", "price": "cost", "attributes.size": "size"}
    found = collect([file], names)
    frame = found.frame
    assert frame["title"].tolist() == ["Shirt", "Cap"]
    assert frame["product_id"].tolist() == ["1", "5"]
    assert frame["category"][0] == "A > B"
    assert (frame["price"][0], frame["currency"][0]) == (1899.0, "INR")
    assert pd.isna(frame["price"][1])
    assert frame["attributes.size"].tolist() == ["L", "NA"]  # a value, not a hole
    assert [(each.source, each.reason.split(":")[0]) for each in found.rejected] == [
        ("shop.csv.gz:2", "no title"),
        ("shop.csv.gz:3", "price is no number"),
        ("shop.csv.gz:4", "another number of cells than the header"),
    ]
    words = collect([file], names, {"currency": "EUR"}, missing_words=["NA"]).frame
    assert words["attributes.size"].tolist() == ["L", ""]
    assert words["currency"].tolist() == ["EUR", "EUR"]


def test_bytes_outside_the_encoding_reject_their_row_only(tmp_path: Path) -> None:
    file = tmp_path / "shop.csv"
    file.write_bytes("title\nCafé\n".encode() + "Thé\n".encode("latin-1"))
    found = collect([file])
    assert found.frame["title"].tolist() == ["Café"]
    assert found.rejected[0].reason == "bytes outside the file's encoding"
    assert len(collect([file], encoding="latin-1").frame) == 2


def test_json_lines_and_parquet_hold_messages_with_attributes(tmp_path: Path) -> None:
    message = {
        "product_id": "p",
        "title": "Shirt",
        "updated_at": "2026-11-01T08:00:00Z",
        "attributes": {"colour": "red"},
    }
    (tmp_path / "a.jsonl").write_text(json.dumps(message) + '\n\nnonsense\n[1]\n{"title": "\\ud800"}\n')
    found = collect([tmp_path / "a.jsonl"])
    assert found.frame["attributes.colour"].tolist() == ["red"]
    assert found.frame["updated_at"].tolist() == [1793520000000]
    assert len(found.rejected) == 3
    pd.DataFrame([message]).to_parquet(tmp_path / "b.parquet")
    assert collect([tmp_path / "b.parquet"]).frame["attributes.colour"].tolist() == ["red"]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *(("updated_at", each) for each in (float("nan"), float("inf"), "²", "9" * 5_000, True, "0001-01-01", "soon")),
        *(("price", each) for each in (10**400, float("inf"), -1, True, "9" * 5_000, [1])),
    ],
)
def test_a_number_or_time_that_is_none_rejects_its_row(column: str, value: Any) -> None:
    found = gather(places([{"title": "a", column: value}, {"title": "b"}]))
    assert found.frame["title"].tolist() == ["b"]
    assert found.rejected[0].source == "file:1"


@pytest.mark.parametrize("ending", [".parquet", ".jsonl"])
def test_a_written_table_is_read_back_the_same(tmp_path: Path, ending: str) -> None:
    frame = clean(messy()).frame
    table.write(frame, tmp_path / f"t{ending}")
    again = read(tmp_path / f"t{ending}")
    assert table.fingerprint(again) == table.fingerprint(frame)
    assert table.fingerprint(again) != table.fingerprint(frame.assign(title="other"))


def test_files_that_are_none_say_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "a.csv").write_text("name\nx\n")
    (tmp_path / "a.parquet").write_bytes(b"not one")
    (tmp_path / "b.csv.gz").write_bytes(b"not one")
    for call, said in (
        (lambda: collect([tmp_path / "a.txt"]), "ends in none of"),
        (lambda: collect([tmp_path / "none.csv"]), "there is no file"),
        (lambda: collect([tmp_path / "a.csv"], {"title": "label"}), "no row has the columns"),
        (lambda: collect([tmp_path / "a.csv"], {"titel": "name"}), "has no columns"),
        (lambda: collect([tmp_path / "a.parquet"]), "cannot be read"),
        (lambda: collect([tmp_path / "b.csv.gz"]), "cannot be read"),
        (lambda: collect([tmp_path / "a.csv"], {"title": "name"}, encoding="no-such"), "cannot be read"),
        (lambda: read(tmp_path / "none.parquet"), "shelfstream data collect"),
        (lambda: table.write(messy(), tmp_path / "t.xlsx"), "ends in neither"),
    ):
        with pytest.raises(DataError, match=said):
            call()
