"""`shelfstream data`: five commands from a shop's file to a card, and what each says of wrong usage."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from models.data.preparation.clean import NEAR, Duplicates, Outliers
from models.data.preparation.collect import gather
from models.errors import DataError
from schemas.codec import encode
from schemas.events import ProductUpsert
from schemas.topics import PRODUCT_UPSERT
from streams.cli import data
from streams.cli.topic_products import PRODUCT_TOPICS, products

SHOP = Path(__file__).parents[3] / "docs" / "examples" / "shop.csv"
NAMES = ["product_id=sku", "title=name", "description=details", "category=path", "price=cost"]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(data.app, [str(each) for each in arguments])


def collected(folder: Path) -> Path:
    maps = [part for name in NAMES for part in ("--map", name)]
    done = run("collect", "--input", SHOP, "--output", folder / "products.jsonl", *maps, "--json")
    assert done.exit_code == 0, done.output
    counts = json.loads(done.stdout)
    assert (counts["read"], counts["kept"]) == (25, 22)
    return folder / "products.jsonl"


def test_the_choices_and_bounds_of_the_command_line_are_those_of_the_library() -> None:
    assert [each.value for each in data.Repeats] == [each.value for each in Duplicates]
    assert [each.value for each in data.FarOff] == [each.value for each in Outliers]
    assert data.NEAR == NEAR


def test_from_a_file_to_a_split_table_a_report_and_a_card(tmp_path: Path) -> None:
    products_file = collected(tmp_path)
    rejected = [json.loads(line) for line in (tmp_path / "products.rejected.jsonl").read_text().splitlines()]
    assert [each["source"] for each in rejected] == ["shop.csv:19", "shop.csv:20", "shop.csv:25"]
    done = run(
        "clean", "--input", products_file, "--output", tmp_path / "clean.parquet", "--duplicates", "near", "--json"
    )
    counts = json.loads(done.stdout)
    assert counts == json.loads((tmp_path / "clean.counts.json").read_text())
    dropped = (tmp_path / "clean.dropped.jsonl").read_text().splitlines()
    assert len(dropped) == counts["rows in"] - counts["rows out"] > 0
    done = run("split", "--input", tmp_path / "clean.parquet", "--output", tmp_path / "split.jsonl", "--levels", "1")
    assert done.exit_code == 0, done.output
    parts = [json.loads(line)["split"] for line in (tmp_path / "split.jsonl").read_text().splitlines()]
    assert len(parts) == counts["rows out"]
    assert run("report", "--input", tmp_path / "split.jsonl", "--output", tmp_path / "r.html").exit_code == 0
    assert "rows in" in (tmp_path / "r.html").read_text()  # the counts of cleaning travel with the split table
    words = ("--source", "by hand", "--licence", "MIT")
    assert run("card", "--input", tmp_path / "split.jsonl", "--output", tmp_path / "c.md", *words).exit_code == 0
    assert json.loads((tmp_path / "c.json").read_text())["cleaning"] == counts
    published = run("split", "--input", tmp_path / "clean.parquet", "--output", tmp_path / "p.parquet", "--published")
    assert published.exit_code == 0, published.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("collect", "--output", "x.parquet"),
        ("collect", "--output", "x.parquet", "--input", "a.csv", "--topic", "product-upsert"),
        ("collect", "--output", "x.parquet", "--input", "a.csv", "--limit", "5"),
        ("collect", "--output", "x.parquet", "--input", "a.csv", "--map", "title"),
        ("collect", "--output", "x.parquet", "--topic", "user-behaviour"),
        ("collect", "--output", "x.parquet", "--topic", "product-upsert", "--until", "tomorrow"),
        ("card", "--input", "x.parquet", "--output", "x.txt", "--source", "s", "--licence", "l"),
    ],
)
def test_wrong_usage_exits_2(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


def test_a_table_that_cannot_be_written_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    done = run("clean", "--input", tmp_path / "none.parquet", "--output", tmp_path / "x.csv")
    assert isinstance(done.exception, DataError)
    assert "ends in neither" in str(done.exception)


def record(offset: int, key: bytes | None, value: bytes | None) -> Any:
    return SimpleNamespace(topic="t", partition=0, offset=offset, timestamp=0, key=key, value=value)


def versions() -> Iterator[Any]:
    def value(product: str, title: str) -> bytes:
        return encode(ProductUpsert(product_id=product, title=title, updated_at=5, attributes={"colour": "red"}))

    yield record(0, b"a", value("a", "first"))
    yield record(1, b"b", value("b", "kept"))
    yield record(2, b"a", value("a", "second"))
    yield record(3, b"a", b"nonsense")
    yield record(4, b"c", value("c", "gone"))
    yield record(7, b"c", None)
    yield record(8, None, value("d", "no key"))


def test_of_a_topic_the_last_version_of_each_product_is_kept_and_the_rest_says_why_not() -> None:
    assert [spec.name for spec in PRODUCT_TOPICS] == ["product-upsert"]
    found = gather(products(versions(), PRODUCT_UPSERT))
    assert found.frame["title"].tolist() == ["kept", "second"]
    assert found.frame["source"].tolist() == ["t:0:1", "t:0:2"]
    assert found.frame["attributes.colour"].tolist() == ["red", "red"]
    assert {each.source: each.reason.split(":")[0] for each in found.rejected} == {
        "t:0:0": "a newer version follows",
        "t:0:3": "undecodable",
        "t:0:4": "a newer version follows",
        "t:0:7": "deleted",
        "t:0:8": "bad_key",
    }
    assert found.counts["read"] == 7
