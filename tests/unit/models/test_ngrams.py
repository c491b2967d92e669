"""Hashed n-grams: the same for a text alone and among others, for any text there is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.text.bags import Bags, Vocabulary
from models.text.ngrams import BITS, GROUPS, MAX_CODE_POINTS, ngrams

ANY_TEXT = st.text(st.characters(), max_size=60)  # lone surrogates included
TITLES = ["Turtle Check Men Navy Blue Shirt", "Nike Men's 2-in-1 Shoe", "a", ""]


def slots(text: str) -> list[int]:
    return [int(slot) for slot in ngrams([text]).slots]


@settings(deadline=None)
@given(st.lists(ANY_TEXT, min_size=1, max_size=12))
def test_a_text_has_the_same_features_in_a_batch_as_alone(texts: list[str]) -> None:
    together = ngrams(texts)
    assert len(together.offsets) == len(texts) * GROUPS + 1
    for i, text in enumerate(texts):
        alone = ngrams([text])
        own = together.offsets[i * GROUPS : (i + 1) * GROUPS + 1]
        np.testing.assert_array_equal(own - own[0], alone.offsets)
        np.testing.assert_array_equal(together.slots[own[0] : own[-1]], alone.slots)


@settings(deadline=None)
@given(ANY_TEXT)
def test_slots_fit_the_table(text: str) -> None:
    found = ngrams([text]).slots
    assert ((found >= 0) & (found < 1 << BITS)).all()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("NAVY Blue shirt", "navy blue SHIRT"),
        ("ＮＡＶＹ blue", "navy blue"),  # full-width letters
        ("navy,  blue!", " navy blue"),
        ("caf\u00e9", "cafe\u0301"),
        ("5\u2075 inch", "55 inch"),
    ],
)
def test_case_width_and_punctuation_do_not_matter(one: str, other: str) -> None:
    assert slots(one) == slots(other)


@pytest.mark.parametrize(("one", "other"), [("blue navy", "navy blue"), ("blue", "blues"), ("ab c", "a bc")])
def test_order_and_letters_matter(one: str, other: str) -> None:
    assert set(slots(one)) != set(slots(other))


def test_the_groups_are_words_pairs_and_runs() -> None:
    sizes = np.diff(ngrams(["red tea pot"]).offsets).tolist()
    # 3 words and both ends; 2 pairs and 1 skip; " red ", " tea ", " pot " each give 3 runs of 3, 2 of 4 and 1 of 5
    assert sizes == [3 + 2, 2 + 1, 3 * (3 + 2 + 1)]


@pytest.mark.parametrize("text", ["", "   ", "!?", "\x00", "\ud800", "\U0010ffff"])
def test_texts_without_a_word_have_no_features(text: str) -> None:
    assert slots(text) == []


def test_a_text_is_cut_not_refused() -> None:
    long = "shirt " * 200_000
    assert slots(long) == slots(long[:MAX_CODE_POINTS])
    assert len(slots("ﷺ" * MAX_CODE_POINTS)) < 5 * MAX_CODE_POINTS  # each of these becomes 18 characters in NFKC


def rows_of(bags: Bags, text: int) -> list[int]:
    return [int(row) for row in bags.rows[bags.offsets[text] : bags.offsets[text + 1]]]


@pytest.mark.parametrize("groups", [1, 2, GROUPS])
def test_a_vocabulary_keeps_what_was_seen_often_enough(groups: int) -> None:
    vocabulary = Vocabulary.seen(["red tea", "red pot", "tea pot"], at_least=2, groups=groups)
    bags = vocabulary.bags(ngrams(["red", "blue", "red tea pot"]))
    assert len(bags) == 3
    assert rows_of(bags, 0) != []
    assert rows_of(bags, 1) == []
    assert set(rows_of(bags, 0)) < set(rows_of(bags, 2))
    assert bags.rows.max() < len(vocabulary)


def test_a_vocabulary_reads_only_its_groups() -> None:
    words, pairs, everything = (Vocabulary.seen(TITLES, at_least=1, groups=groups) for groups in (1, 2, GROUPS))
    sizes = np.diff(ngrams(TITLES).offsets).reshape(-1, GROUPS)
    for vocabulary in (words, pairs, everything):
        expected = sizes[:, : vocabulary.groups].sum(axis=1)
        np.testing.assert_array_equal(np.diff(vocabulary.bags(ngrams(TITLES)).offsets), expected)


def test_bags_are_taken_in_the_order_asked() -> None:
    bags = Vocabulary.seen(TITLES, at_least=1).bags(ngrams(TITLES))
    chosen = bags.take(np.array([2, 0, 3]))
    assert [rows_of(chosen, place) for place in range(3)] == [rows_of(bags, i) for i in (2, 0, 3)]


def test_thinning_leaves_out_about_its_share_and_keeps_the_texts_apart() -> None:
    bags = Bags(np.arange(10_000, dtype=np.int32), np.array([0, 4_000, 4_000, 10_000]))
    thin = bags.thinned(0.4, 0.0, np.random.default_rng(0))
    assert 5_800 < len(thin.rows) < 6_200
    assert rows_of(thin, 1) == []
    assert max(rows_of(thin, 0)) < 4_000 <= min(rows_of(thin, 2))


def test_an_emptied_text_keeps_no_row_at_all() -> None:
    bags = Bags(np.zeros(3_000, dtype=np.int32), np.arange(0, 3_001, 3))
    thin = bags.thinned(0.0, 0.1, np.random.default_rng(0))
    sizes = [len(rows_of(thin, i)) for i in range(1_000)]
    assert set(sizes) == {0, 3}
    assert 70 < sizes.count(0) < 130
