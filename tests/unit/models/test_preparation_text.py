"""Texts: one form for what means the same, nothing raises, doing it twice changes nothing."""

from __future__ import annotations

import time
import unicodedata
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.data.preparation.decimals import decimal, price
from models.data.preparation.markup import without_markup
from models.data.preparation.normal import language, normalise, tidy
from models.data.preparation.repair import repaired
from models.data.preparation.units import UNITS, amounts, quantities, with_one_spelling

ANY = st.text(st.characters(), max_size=60)  # surrogates and controls too
PIECES = [
    "<",
    ">",
    "&",
    ";",
    "amp;",
    "lt;",
    "#38;",
    "b",
    "<b>",
    "</script>",
    "<script>",
    "<!--",
    "-->",
    " ",
    "x",
    "&gt;",
]
MARKED = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
SIZES = [
    "5",
    "1,5",
    "0.75",
    "1,000",
    " ",
    "-",
    "x",
    '"',
    "''",
    "in",
    "inch",
    "g",
    "5g",
    "克",
    "公斤",
    "fl oz",
    "L",
    "．",
]
SIZED = st.lists(st.sampled_from(SIZES), max_size=10).map("".join)
QUICK = settings(deadline=None, max_examples=150)


@QUICK
@given(ANY | SIZED)
def test_normalising_never_raises_and_twice_is_once(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert once == " ".join(once.split())
    assert not [sign for sign in once if unicodedata.category(sign) in ("Cc", "Cf", "Cs")]


@QUICK
@given(ANY)
def test_tidying_never_raises_and_twice_is_once_and_keeps_the_normal_form(text: str) -> None:
    once = tidy(text)
    assert tidy(once) == once
    once.encode()  # no lone surrogate is left


@QUICK
@given(MARKED | ANY)
def test_markup_goes_once_and_for_all(text: str) -> None:
    once = without_markup(text)
    assert without_markup(once) == once
    assert "<b>" not in once


@QUICK
@given(SIZED | ANY)
def test_one_spelling_of_units_is_stable_and_keeps_the_amounts(text: str) -> None:
    once = with_one_spelling(normalise(text))
    assert with_one_spelling(once) == once
    assert normalise(once) == once


@QUICK
@given(ANY)
def test_a_language_is_guessed_for_any_text(text: str) -> None:
    assert language(text).split("-")[0] in ("en", "zh", "ja", "ko", "und")


@pytest.mark.parametrize("piece", ["&amp;", "amp;", "<", "<b", "1,", "<!--", "1 g", "5 克"])
def test_a_long_hostile_text_takes_no_long_time(piece: str) -> None:
    text = "&" + piece * (300_000 // len(piece))
    began = time.process_time()
    with_one_spelling(normalise(without_markup(text)))
    assert time.process_time() - began < 10  # a second, on a quiet machine; hours, if it were quadratic


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ＮＩＫＥ　Air Max９０", "nike air max90"),
        ("Nike耐克男鞋", "nike 耐克 男鞋"),
        ("Straße", "STRASSE"),
        ("ﬁne\u200b \ufeffsilk\u00ad", "fine silk"),
        ("a\x00b\tc\u2028d", "A B C D"),
        ("Cafe\u0301", "CAFÉ"),
    ],
)
def test_texts_that_mean_the_same_have_one_normal_form(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


def test_what_differs_stays_different() -> None:
    assert len({normalise(text) for text in ("iphone 7", "iphone 8", "耐克", "耐克鞋", "國", "国")}) == 6


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("Blue running shoes", "en"),
        ("Café Crème mug", "en"),
        ("größer süßer öder schöner Käse für Übung", "und-Latn"),
        ("Nike 耐克男鞋 Air Max 90 运动鞋", "zh"),
        ("ＮＩＫＥ", "en"),
        ("こんにちは 靴", "ja"),
        ("나이키 신발", "ko"),
        ("привет", "und-Cyrl"),
        ("حذاء", "und-Arab"),
        ("123 !", "und"),
        ("", "und"),
    ],
)
def test_a_language_is_guessed_by_script(text: str, tag: str) -> None:
    assert language(text) == tag


def test_markup_goes_and_what_only_looks_like_it_stays() -> None:
    assert without_markup("<p>Light &amp; soft</p>").strip() == "Light & soft"
    assert without_markup("H<sub>2</sub>O") == "H2O"
    assert without_markup("one<br>two") == "one two"
    assert without_markup("&amp;lt;b&amp;gt;bold") == "bold"
    assert without_markup("a<script>alert('x')</script>b") == "a b"
    for plain in ("size <l or >m", "cable <2 m", "R&D", "?a=1&copy=2", "AT&T; yes", "5 > 3"):
        assert without_markup(plain) == plain


def test_each_kind_of_mend_is_counted_once_a_text() -> None:
    counts: Counter[str] = Counter()
    texts = ["CafÃ© <b>Noir</b>", "fine already, 耐克", "two  spaces\x07"]
    assert repaired(texts, counts) == ["Café Noir", "fine already, 耐克", "two spaces"]
    assert counts == {"mojibake": 1, "html": 1, "spaces and control characters": 1}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("899", 899.0),
        ("Rs. 1,899", 1899.0),
        ("1.899,00 €", 1899.0),
        ("1 299,50", 1299.5),
        ("1,234,567.89", 1234567.89),
        ("1,5", 1.5),
        ("0,500", 0.5),
        ("$ 5", 5.0),
        ("１２元", 12.0),
        ("1899/-", 1899.0),
    ],
)
def test_a_price_is_read_however_it_is_written(text: str, value: float) -> None:
    found = price(text)
    assert found is not None
    assert found[0] == value


@pytest.mark.parametrize("text", ["", "-3", "ask us", "12 for 3", "nan", "inf", "1e5", "10-20", "5 apples", "9" * 12])
def test_what_is_no_price_is_none(text: str) -> None:
    assert price(text) is None


def test_currencies_are_named_where_the_sign_is_clear() -> None:
    signs = ("Rs. 5", "₹5", "5 €", "£5", "US$ 5", "5元", "¥5", "5")
    assert [found[1] for found in map(price, signs) if found] == ["INR", "INR", "EUR", "GBP", "USD", "CNY", "", ""]


@QUICK
@given(st.floats(0.01, 1e6).map(lambda value: round(value, 2)))
def test_numbers_are_read_in_english_and_in_continental_form(value: float) -> None:
    english = f"{value:,.2f}"
    assert decimal(english) == value
    assert decimal(english.translate(str.maketrans(",.", ".,"))) == value


@pytest.mark.parametrize(
    ("text", "kind", "base"),
    [
        ("10 inch", "length", 254.0),
        ('5.5" display', "length", 139.7),
        ("1,5 L bottle", "volume", 1500.0),
        ("500 grams", "mass", 500.0),
        ("500克装", "mass", 500.0),
        ("2斤苹果", "mass", 1000.0),
        ("12 fl oz", "volume", 354.88235475),
        ("64GB", "storage", 64.0),
        ("3-ltr", "volume", 3000.0),
        ("10x20 cm", "length", 200.0),
        ("1,500 ml", "volume", 1500.0),
    ],
)
def test_an_amount_is_read_in_its_base_unit(text: str, kind: str, base: float) -> None:
    assert amounts(normalise(text)) == {kind: pytest.approx(base)}


def test_equal_amounts_are_spelled_alike_and_the_number_stays_as_sold() -> None:
    texts = ("500 grams", "500 gm", "500G", "500克", "500 ｇ")
    assert {with_one_spelling(normalise(text)) for text in texts} == {"500 g"}
    assert with_one_spelling(normalise('TV 55" LED')) == "tv 55 inch led"


def test_words_networks_and_codes_are_no_amounts() -> None:
    for text in ("3 in 1 tool", "5g phone", "mnqq2b", "model 64gbx", "1234567890123 g", "galaxy s9 large"):
        assert quantities(normalise(text)) == []


def test_no_spelling_belongs_to_two_units() -> None:
    spellings = [spelling for unit in UNITS for spelling in (unit.name, *unit.spellings)]
    assert len(spellings) == len(set(spellings))
    assert all(normalise(spelling) == spelling for spelling in spellings)
