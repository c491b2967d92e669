"""Explanations of the title model: the letters are the right ones, the sums are exact, the quick way agrees."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.columns import ProductColumns
from models.data.splits import TEST
from models.encoder import load_encoder
from models.encoder.member import EncoderMember
from models.encoder.network import EncoderNetwork
from models.explain.evidence import TitleEvidence
from models.explain.explanation import Product
from models.explain.places import origins, places
from models.explain.titles import TitleExplainer, questions
from models.text.committee import Committee
from models.text.ngrams import GROUPS, ngrams, normal
from models.text.predictor import ProductPredictor
from tests.unit.models.explaining import groceries, small_products

HOSTILE = [
    "",
    " ",
    "\x00",
    "\ud800",
    "ﷺ" * 600,
    "नमस्ते कुर्ता",
    "日本語 テレビ",
    "İ" * 512,
    "ﬁne cafe\u0301 ½ l",
    "가각 x",
]


@pytest.fixture(scope="module")
def predictor() -> ProductPredictor:
    return small_products()


@pytest.mark.parametrize("text", ["Puma Men T-shirt", "Store Brand Cheese, 8 oz", *HOSTILE])
def test_every_feature_has_the_letters_that_it_was_read_from(text: str) -> None:
    """Reading only the words (or only the letters) of a feature gives that feature again."""
    found, where = ngrams([text]), places([text])
    assert len(where.first) == len(where.begins) == len(found.slots)
    read = normal(text)
    for feature in np.linspace(0, len(found.slots) - 1, min(len(found.slots), 200)).astype(int):
        begin, end = where.letters[where.first[feature]] - 1  # one text: its separator is the first letter
        if where.begins[feature] >= 0:
            begin, end = where.begins[feature] - 1, where.ends[feature] - 1
        alone = [read[begin:end]]
        if where.second[feature] != where.first[feature]:
            begin, end = where.letters[where.second[feature]] - 1
            alone = [f"{alone[0]} {read[begin:end]}", f"{alone[0]} x {read[begin:end]}"]
        around = [f"{left}{text}{right}" for text in alone for left in ("", "x") for right in ("", "x")]
        assert found.slots[feature] in ngrams(around).slots


@given(st.text(max_size=60))
@settings(deadline=None, max_examples=60)
def test_letters_as_read_come_from_letters_as_given(text: str) -> None:
    begins, ends = origins(text)
    assert len(begins) == len(ends) == len(normal(text))
    assert (begins < ends).all()
    assert (np.diff(begins) >= 0).all()
    assert ends.max(initial=0) <= len(text)


def test_words_are_found_in_the_text_as_given() -> None:
    text = "ﬁne cafe\u0301  ΣΑΣ İx"
    assert [text[b:e] for b, e in places([text]).words] == ["ﬁne", "cafe\u0301", "ΣΑΣ", "İx"]
    assert unicodedata.normalize("NFKC", "cafe\u0301") != "cafe\u0301"


def test_weights_add_up_to_the_confidence_gained_over_an_empty_text(predictor: ProductPredictor) -> None:
    explainer = TitleExplainer(predictor)
    for title in groceries().where([TEST]).titles[:12]:
        for reason in explainer.explain(Product(title)).reasons:
            total = sum(word.weight for word in reason.words)
            assert reason.empty + total + reason.rest == pytest.approx(reason.confidence, abs=1e-6)
            assert abs(reason.rest) < 0.01
            for word in reason.words:
                assert sum(word.letters) == pytest.approx(word.weight, abs=1e-6)
                assert title[word.begin : word.end] == word.text


def test_an_answer_is_explained_as_the_predictor_gives_it(predictor: ProductPredictor) -> None:
    title = groceries().titles[0]
    columns = ProductColumns([title], ["Acme"])
    answer = predictor.run(columns)
    reasons = TitleExplainer(predictor).explain(Product(title, brand="Acme", price=2.5))
    category = reasons.reasons[0]
    assert category.value == predictor.categories[answer.category_ids[0, 0]]
    assert category.confidence == pytest.approx(float(answer.category_confidence[0, 0]), abs=1e-4)
    assert reasons.unread == ("price",)
    assert (category.words[0].field, category.words[0].text) == ("brand", "Acme")


def test_the_quick_evidence_has_the_weights_of_captum(predictor: ProductPredictor) -> None:
    titles = sorted(set(groceries().where([TEST]).titles))[:40]
    _, answer = predictor.read(ProductColumns(titles))
    categories, _ = questions(predictor)
    asked = [[categories[label]] for label in answer.category_ids[:, 0]]
    fine = TitleEvidence(predictor, points=64).weights(titles, asked)
    explainer = TitleExplainer(predictor)
    for title, quick in zip(titles, fine, strict=True):
        exact = [word.weight for word in explainer.explain(Product(title)).reasons[0].words]
        np.testing.assert_allclose(quick[:, 0], exact, atol=2e-3)


def test_evidence_names_the_word_that_says_what_it_is(predictor: ProductPredictor) -> None:
    titles = ["Potato Chips, 9 oz", "Store Brand Shredded Cheese, 8 oz", "zzqx"]
    columns = ProductColumns(titles, ["", "Acme", None])
    texts, answers = predictor.read(columns)
    found = TitleEvidence(predictor).evidence(columns, texts, answers)
    named = [title[begin:end] for title, (begin, end) in zip(titles, found.category, strict=True)]
    assert "Chips" in named[0]
    assert "Cheese" in named[1]
    assert found.category[2].tolist() == [-1, -1] or named[2] == "zzqx"
    assert found.attributes.shape == (*answers.attribute_ids.shape, 2)


def test_removing_the_named_word_lowers_the_confidence_more_than_removing_another(predictor: ProductPredictor) -> None:
    titles = [title for title in sorted(set(groceries().where([TEST]).titles)) if len(places([title]).words) > 2][:150]
    columns = ProductColumns(titles)
    answers = predictor.run(columns)
    categories, _ = questions(predictor)
    label = answers.category_ids[:, 0]
    weights = TitleEvidence(predictor).weights(titles, [[categories[i]] for i in label])
    random = np.random.default_rng(0)
    drops = []
    for choose in (lambda w: int(w.argmax()), lambda w: int(random.integers(len(w)))):
        shorter = []
        for title, each in zip(titles, weights, strict=True):
            begin, end = places([title]).words[choose(each[:, 0])]
            shorter.append(title[:begin] + title[end:])
        own = predictor.probabilities(shorter)["grocery_category"][np.arange(len(titles)), label]
        drops.append((answers.category_confidence[:, 0] - own).mean())
    assert drops[0] > 2 * drops[1] > 0


@pytest.mark.parametrize("title", HOSTILE)
def test_any_text_is_explained(predictor: ProductPredictor, title: str) -> None:
    found = TitleExplainer(predictor, steps=4).explain(Product(title, brand=title, description=title))
    assert found.reasons[0].confidence > 0
    columns = ProductColumns([title], [title], [title])
    texts, answers = predictor.read(columns)
    spans = TitleEvidence(predictor).evidence(columns, texts, answers).category
    assert spans.min() >= -1
    assert spans.max() <= len(title)
    assert len(ngrams([title]).offsets) == GROUPS + 1


def test_the_encoder_and_the_n_grams_explain_what_they_answer_together(predictor: ProductPredictor) -> None:
    encoder = load_encoder("minilm")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = EncoderNetwork(encoder.bert, 16, predictor.layout).eval().requires_grad_(False)
    fast = [replace(member, vote=member.vote / 2) for member in predictor.members]
    both = [*fast, EncoderMember(network, encoder, 0.5)]
    explainer = TitleExplainer(predictor)
    explainer._committee = Committee(predictor.layout, both, predictor.committee.temperatures)
    title = "Potato Chips, 9 oz"
    categories, _ = questions(predictor)
    (question,) = [each for each in categories if each.value[-1] == "BAG SNACKS"]
    (reason,) = explainer.reasons(title, [("title", 0, len(title))], [question])
    (alone,) = TitleExplainer(predictor).reasons(title, [("title", 0, len(title))], [question])
    expected = explainer._committee.probabilities([title])
    assert reason.confidence == pytest.approx(float(expected["grocery_category"][0, question.label]), abs=1e-4)
    assert reason.confidence != pytest.approx(alone.confidence, abs=1e-3)
    assert abs(reason.rest) < 0.02
    assert [word.text for word in reason.words] == ["Potato", "Chips", ", ", "9", "oz"]
    for word in reason.words:
        assert title[word.begin : word.end] == word.text
