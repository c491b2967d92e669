"""`shelfstream explain`: the table, the JSON and the page, on hostile titles too."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.explain.explanation import Explanation, Neighbour, Product
from models.explain.neighbours import build, load_neighbours, vectors
from models.explain.page import page
from models.explain.titles import TitleExplainer
from models.text.predictor import load_products
from streams.cli import main
from tests.unit.models.explaining import groceries, save_small_products, small_products

TITLE = "Potato Chips, 9 oz"
HOSTILE = "<script>alert(\"1\")</script> Potato <b onclick='x'>Chips</b> &amp; {{ 7 * 7 }}"


class Reader(HTMLParser):
    """Tags in their order, texts, and the marked words with their weights."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.marked: list[tuple[str, str]] = []
        self.attributes: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        if tag != "meta":
            self.open.append(tag)
        if tag == "mark":
            self.marked.append(("", str(dict(attrs)["title"])))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.open and self.open[-1] == "mark":
            self.marked[-1] = (self.marked[-1][0] + data, self.marked[-1][1])


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("products")
    save_small_products(path)
    return path


def explained(product: Product) -> Explanation:
    return TitleExplainer(small_products(), steps=16).explain(product)


def test_the_page_shows_every_word_with_its_weight() -> None:
    found = explained(Product(TITLE, brand="Acme"))
    read = Reader(page(found))
    expected = [(word.text, f"{word.weight:+.3f}") for reason in found.reasons for word in reason.words]
    assert read.marked == expected
    assert len(expected) == 5 * len(found.reasons)
    assert TITLE in read.text
    assert found.reasons[0].value[-1] in read.text


def test_a_hostile_title_stays_text() -> None:
    found = explained(Product(HOSTILE, brand=HOSTILE[::-1]))
    neighbour = Neighbour(HOSTILE, (HOSTILE,), 0.5)
    text = page(Explanation(found.product, HOSTILE, found.reasons, found.unread, (neighbour,)))
    read = Reader(text)
    assert "<script" not in text.lower()
    assert not {"script", "b", "img", "a", "link", "iframe"} & set(read.tags)
    assert set(read.attributes) <= {"lang", "charset", "name", "content", "dir", "class", "style", "title"}
    assert HOSTILE in read.text
    assert "http" not in text


def test_the_command_prints_a_table_or_json_or_writes_the_page(artifact: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    asked = ["explain", "product", "--artifact", str(artifact), "--title", TITLE, "--price", "2.5"]
    shown = runner.invoke(main.app, asked, env={"COLUMNS": "200"})
    assert shown.exit_code == 0, shown.output
    assert "Chips +" in shown.output
    assert "not read for these answers: price" in shown.output
    told = json.loads(runner.invoke(main.app, [*asked, "--json"]).output)
    category = told["reasons"][0]
    assert category["name"] == "category"
    total = sum(word["weight"] for word in category["words"]) + category["empty"] + category["rest"]
    assert total == pytest.approx(category["confidence"], abs=1e-6)
    for word in category["words"]:
        assert TITLE[word["begin"] : word["end"]] == word["text"]
    file = tmp_path / "why.html"
    assert runner.invoke(main.app, [*asked, "--html", str(file)]).exit_code == 0
    assert Reader(file.read_text()).marked


def test_a_product_may_come_as_json(artifact: Path) -> None:
    asked = ["explain", "product", "--artifact", str(artifact), "--json"]
    given = {"product_id": "p", "title": TITLE, "brand": "Acme", "category_hint": "grocery", "updated_at": 1}
    told = json.loads(CliRunner().invoke(main.app, asked, input=json.dumps(given)).output)
    assert told["product"] == {"title": TITLE, "brand": "Acme", "description": None, "hint": "grocery", "price": None}
    for wrong in ("{}", "nothing", '{"title": 3}', ""):
        refused = CliRunner().invoke(main.app, asked, input=wrong)
        assert refused.exit_code == 2
        assert "give --title" in refused.output


def test_the_nearest_training_products_are_those_of_the_same_kind(artifact: Path, tmp_path: Path) -> None:
    predictor = load_products(artifact)
    part = groceries()
    manifest = build(predictor, [part], tmp_path / "index")
    index = load_neighbours(tmp_path / "index", predictor)
    taught = sorted({title for title, bucket in zip(part.titles, part.buckets, strict=True) if bucket not in (0, 9)})
    assert len(index) == manifest.training["titles"] == len(taught)
    for title in taught[:20]:
        first = index.nearest(vectors(predictor, [title])[0], 1)[0]
        assert first.similarity == pytest.approx(1.0, abs=5e-3)
    asked = ["explain", "product", "--artifact", str(artifact), "--title", TITLE, "--index", str(tmp_path / "index")]
    told = json.loads(CliRunner().invoke(main.app, [*asked, "--count", "3", "--json"]).output)["neighbours"]
    assert len(told) == 3
    assert [each["category"][-1] for each in told] == ["BAG SNACKS"] * 3
    assert told[0]["similarity"] >= told[1]["similarity"] >= told[2]["similarity"]
    assert not {each["title"] for each in told} - set(taught)


def test_an_index_of_another_model_is_refused(artifact: Path, tmp_path: Path) -> None:
    build(load_products(artifact), [groceries()], tmp_path / "index")
    told = CliRunner().invoke(main.app, ["explain", "product", "--title", TITLE, "--index", str(tmp_path / "index")])
    assert "was built with the model" in str(told.exception)
