"""The model of items: nothing of the future, nothing of the basket, the same in training and in answers."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.data.gifts import Sales
from models.data.splits import TEST, TRAIN, VALIDATION
from models.errors import ArtifactError
from models.evaluate.items_baselines import LAST, markov_ranks
from models.items.follows import KINDS, Own, asked, counted
from models.items.lines import numeric
from models.items.memory import baskets, histories
from models.items.predictor import KIND, ItemPredictor, load_items, save_items
from models.items.reader import Reader, Shop
from models.items.words import words
from models.registry import shipped
from models.train.items import fit_network, shop_of
from models.train.items_fit import NONE, Recipe, targets
from tests.unit.models.shops import ITEMS, sales

SLOTS = 256


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artifact that has learnt the invented shop."""
    whole = sales(200)
    network, shop, history = fit_network(
        *(whole.of_buckets(*TRAIN), whole.of_buckets(VALIDATION), Recipe(epochs=6)),
        shape={"slots": SLOTS},
        seed=7,
        progress=False,
    )
    path = tmp_path_factory.mktemp("items")
    save_items(path, network, shop, metrics={}, training=history)
    return path


@pytest.fixture
def predictor(stored: Path) -> ItemPredictor:
    return load_items(stored)


def test_it_learns_what_follows_what(predictor: ItemPredictor) -> None:
    part = sales(200).of_buckets(TEST)
    ids, confidence = predictor.run(part, top=5)
    inside = part.followed() & (np.roll(part.invoice, -1) == part.invoice)
    hits = (ids[inside, 0] == np.roll(part.item, -1)[inside]).mean()
    assert hits > 0.6
    assert (np.diff(confidence, axis=1) <= 0).all()
    assert (confidence.sum(axis=1) <= 1.0001).all()


def test_items_of_the_running_invoice_are_never_offered(predictor: ItemPredictor) -> None:
    part = sales(200).of_buckets(TEST)
    ids, _ = predictor.run(part, top=10)
    held = baskets(part)
    for place in range(len(part)):
        assert not set(held.columns[held.starts[place] : held.starts[place + 1]]) & set(ids[place].tolist())


def test_an_answer_depends_on_no_later_purchase_and_on_no_other_customer(predictor: ItemPredictor) -> None:
    part = sales(200).of_buckets(TEST)
    ids, confidence = predictor.run(part, top=5)
    for customer in np.unique(part.customer)[:4]:
        own = np.flatnonzero(part.customer == customer)
        for size in (1, len(own) // 2 + 1, len(own)):
            alone, sure = predictor.run(part.take(own[:size]), top=5)
            np.testing.assert_allclose(sure, confidence[own[:size]], atol=1e-5)
            assert (alone[:, 0] == ids[own[:size], 0]).all()


def test_an_item_that_nobody_bought_can_be_read_and_offered(predictor: ItemPredictor) -> None:
    wider = predictor.with_items(["99999"], ["thing ab of tin"])  # described as the first item is
    part = sales(200).of_buckets(TEST)
    cold = part.with_items(np.where(part.item == 0, ITEMS, part.item).astype(np.int32))
    ids, _ = wider.run(cold, top=ITEMS + 1)
    assert ids.max() == ITEMS
    known, _ = predictor.run(part, top=3)
    told, _ = wider.run(part, top=3)
    assert (known[:, 0] == told[:, 0]).mean() > 0.9


def test_a_stored_model_answers_as_it_did_when_it_was_fitted(stored: Path, predictor: ItemPredictor) -> None:
    part = sales(200).of_buckets(TEST)
    network, shop, _ = fit_network(
        sales(200).of_buckets(*TRAIN), sales(200).of_buckets(VALIDATION), Recipe(epochs=1), seed=3, progress=False
    )
    before, sure = ItemPredictor(predictor.info, network, shop).run(part, top=3)
    save_items(stored.parent / "again", network, shop, metrics={}, training={})
    after, confidence = load_items(stored.parent / "again").run(part, top=3)
    np.testing.assert_allclose(sure, confidence, atol=0.01)
    assert (before[:, 0] == after[:, 0]).mean() > 0.95


def test_an_artifact_that_does_not_fit_together_is_refused(stored: Path, tmp_path: Path) -> None:
    whole = load_items(stored)
    shop = whole.shop
    fewer = Shop(shop.items[1:], shop.descriptions[1:], shop.sales[1:], shop.usual_price[1:], shop.follows)
    save_items(tmp_path, whole._network, fewer, metrics={}, training={})
    with pytest.raises(ArtifactError, match="train behaviour --set gifts"):
        load_items(tmp_path)


def test_the_shipped_model_reads_its_items_and_takes_three_megabytes_at_most() -> None:
    whole = load_items()
    first = sales(20)
    ids, confidence = whole.run(first, top=20)
    assert ids.shape == (len(first), 20)
    assert np.isfinite(confidence).all()
    assert sum(file.stat().st_size for file in shipped(KIND).iterdir()) < 3_000_000


def test_training_reads_what_answers_read() -> None:
    """With nothing of a customer's own left out, both readers give the network the same."""
    part = sales(40)
    shop = shop_of(part)
    shown = Reader(part, shop, SLOTS)._known(np.arange(len(part)))
    others = sales(40, seed=5)
    other = Reader(others, shop_of(others), SLOTS)._known(np.arange(len(others)))
    assert shown.numeric.shape[1] == other.numeric.shape[1]
    own = Reader(part, shop, SLOTS, own=True)._known(np.arange(len(part)))
    for name in ("last", "numeric"):
        assert torch.equal(getattr(own, name), getattr(shown, name))
    assert all(len(a.rows) <= len(b.rows) for a, b in zip(own.follows, shown.follows, strict=True))


@given(st.integers(0, 2**16), st.integers(1, 30))
@settings(max_examples=20, deadline=None)
def test_what_is_read_of_a_purchase_is_the_same_whatever_comes_after(seed: int, size: int) -> None:
    whole = sales(3, seed=seed)
    if not len(whole):
        return
    part = whole.take(np.arange(min(size, len(whole))))
    prices = np.ones(ITEMS, np.float32)
    np.testing.assert_array_equal(numeric(whole, prices)[: len(part)], numeric(part, prices))
    for lists in (histories, lambda lines, _: baskets(lines)):
        long, short = lists(whole, ITEMS), lists(part, ITEMS)
        end = short.starts[-1]
        np.testing.assert_array_equal(long.starts[: len(part) + 1], short.starts)
        np.testing.assert_array_equal(long.columns[:end], short.columns)
        np.testing.assert_array_equal(long.values[:end], short.values)


@given(st.integers(0, 2**16))
@settings(max_examples=20, deadline=None)
def test_without_their_own_pairs_a_customer_sees_what_the_others_gave(seed: int) -> None:
    whole = sales(8, seed=seed)
    tables, own, wanted = counted(whole, ITEMS), Own(whole, ITEMS), asked(whole)
    for customer in np.unique(whole.customer):
        which = np.flatnonzero(whole.customer == customer)
        others = counted(whole.take(whole.customer != customer), ITEMS)
        for kind in range(len(KINDS)):
            before = wanted[kind][which]
            left = tables[kind].without(before, *own.of(kind, which, before))
            for found, expected in zip(left, others[kind].of(before), strict=True):
                np.testing.assert_array_equal(found, expected)


def test_pairs_turned_round_are_those_of_back() -> None:
    near, _, back = counted(sales(20), ITEMS)
    np.testing.assert_array_equal(near.turned().keys, back.keys)
    np.testing.assert_array_equal(near.turned().counts, back.counts)


def test_candidates_are_what_was_bought_before_and_is_not_in_the_invoice() -> None:
    part = Sales(
        customer=np.zeros(6, np.int32),
        invoice=np.array([0, 0, 0, 1, 1, 1], np.int32),
        item=np.array([4, 5, 6, 4, 9, 5], np.int32),
        quantity=np.ones(6, np.float32),
        price=np.ones(6, np.float32),
        times_ms=np.array([0, 0, 0, 10, 10, 10], np.int64),
        bucket=np.zeros(6, np.int8),
        items=tuple("abcdefghij"),
        descriptions=("",) * 10,
    )
    found = histories(part, 10)
    candidates = [found.columns[found.starts[i] : found.starts[i + 1]].tolist() for i in range(6)]
    assert candidates == [[], [], [], [6, 5], [6, 5], [6]]
    after_four = found.values[found.starts[3] : found.starts[4]]
    assert after_four[1, 3] > 0
    assert after_four[0, 3] == 0
    assert after_four[1, 4] == 1
    assert after_four[0, 4] == 0.5


def test_a_target_in_the_running_invoice_is_again() -> None:
    part = Sales(
        customer=np.array([0, 0, 0, 1], np.int32),
        invoice=np.array([0, 0, 1, 2], np.int32),
        item=np.array([1, 2, 1, 0], np.int32),
        quantity=np.ones(4, np.float32),
        price=np.ones(4, np.float32),
        times_ms=np.arange(4, dtype=np.int64),
        bucket=np.zeros(4, np.int8),
        items=("a", "b", "c"),
        descriptions=("",) * 3,
    )
    assert targets(part, 3).tolist() == [2, 3, NONE, NONE]


def test_the_markov_chain_ranks_followers_first_then_what_sells() -> None:
    fitted, asking = sales(100), sales(100, seed=9).of_buckets(TEST)
    open_, closed = (markov_ranks(fitted, asking, offer_basket=offered) for offered in (True, False))
    inside = asking.followed() & (np.roll(asking.invoice, -1) == asking.invoice)
    assert (open_[inside] == 0).mean() > 0.6
    assert (closed[inside] <= open_[inside]).all()
    held = asking.followed() & ~inside & (np.roll(asking.item, -1) == asking.item)
    assert (closed[held] == LAST).all()


def test_words_of_a_description_do_not_depend_on_its_neighbours() -> None:
    slots, starts = words(["red tin box", "", "blue tin"], SLOTS)
    alone, _ = words(["blue tin"], SLOTS)
    assert slots[starts[2] :].tolist() == alone.tolist()
    assert starts[1] == starts[2]
