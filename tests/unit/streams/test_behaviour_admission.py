"""Second tries, wrong clocks, one answer a window, sure answers only, and users who are not seen any more."""

from typing import Any

import msgspec
import numpy as np
import pytest
from faust.types import TP

from models.behaviour.row import BOUGHT
from schemas.predictions import UserPrediction
from schemas.topics import DAY_MS, USER_PREDICTIONS
from streams.config import BehaviourSettings
from streams.logic.answer import Answer
from streams.logic.behaviour import BehaviourLogic
from streams.logic.expiry import EVERY_MS, PAGE, REST_MS
from tests.unit.streams.making import NOW_MS, Rows, behaviour, record, window_of
from tests.unit.streams.making_models import PRODUCTS, small_behaviour

A, B = TP("user-behaviour", 0), TP("user-behaviour", 1)
HOUR_MS = 3_600_000


class Shop:
    """A behaviour logic with these settings, its kept rows and its clock."""

    def __init__(self, **settings: Any) -> None:
        self.rows = Rows()
        self.now_ms = NOW_MS
        self.pages = 0
        self.model = small_behaviour()
        self.logic = BehaviourLogic(
            self.model,
            lambda keys: [None] * len(keys),
            (),
            lambda: self.now_ms,
            top=5,
            settings=BehaviourSettings.model_validate(settings),
            page=self._page,
        )

    def answer(self, *records: Any) -> Answer:
        """Answer one window and keep its rows."""
        answer = self.logic.answer(window_of(records), self.rows.read)
        for tp, part in answer.partitions.items():
            self.rows.write(tp.partition, part.rows)
        return answer

    def row(self, user: str, partition: int = 0) -> np.void:
        """The kept row."""
        return np.frombuffer(self.rows.kept[partition, user.encode()], self.model.row_dtype)[0]

    def _page(self, partition: int, after: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        self.pages += 1
        keys = sorted(key for number, key in self.rows.kept if number == partition and key > after)
        return [(key, self.rows.kept[partition, key]) for key in keys[:limit]]


def predictions(answer: Answer, tp: TP = A) -> list[UserPrediction]:
    """Decoded, in order; an erasure is none."""
    values = answer.partitions[tp].outputs[USER_PREDICTIONS.name].values
    return [msgspec.msgpack.decode(value, type=UserPrediction) for value in values if value is not None]


def bought(offset: int, user: str = "u", category: str = "TEA", tp: TP = A, **fields: Any) -> Any:
    return behaviour(tp, offset, user, category=category, **fields)


def results(answer: Answer) -> dict[str, int]:
    """How many of which result, without those that did not happen."""
    return {name: count for name, count in answer.results.items() if count}


@pytest.mark.parametrize("together", [True, False], ids=["in one window", "in the next window"])
def test_a_second_try_counts_once_and_is_answered_once(together: bool) -> None:
    shop, once = Shop(), Shop()
    first, second = bought(0, event_id="e"), bought(1, event_id="e")
    answers = [shop.answer(first, second)] if together else [shop.answer(first), shop.answer(second)]
    once.answer(first)
    assert sum(each.results["duplicate"] for each in answers) == 1
    assert [each.source.offset for answer in answers for each in predictions(answer)] == [0]
    assert shop.rows.kept == once.rows.kept


def test_a_second_try_of_another_user_or_after_eight_more_events_or_unasked_counts() -> None:
    assert results(Shop().answer(bought(0, event_id="e"), bought(1, "v", event_id="e"))) == {"predicted": 2}
    shop = Shop()
    shop.answer(bought(0, event_id="e"), *(bought(i) for i in range(1, 8)))
    assert results(shop.answer(bought(8, event_id="e"))) == {"duplicate": 1}
    shop.answer(bought(9))
    assert results(shop.answer(bought(10, event_id="e"))) == {"predicted": 1}
    trusting = Shop(deduplicate=False)
    assert results(trusting.answer(bought(0, event_id="e"), bought(1, event_id="e"))) == {"predicted": 2}


def test_an_erased_user_remembers_no_event() -> None:
    shop = Shop()
    shop.answer(bought(0, event_id="e"))
    answer = shop.answer(record(A, 1, b"u", None), bought(2, event_id="e"))
    assert results(answer) == {"deleted": 1, "predicted": 1}


def test_a_late_event_is_answered_as_the_row_stands_and_moves_nothing() -> None:
    shop = Shop(late_after_s=3600)
    last = predictions(shop.answer(*(bought(i, occurred_at=NOW_MS + i) for i in range(3))))[-1]
    before = shop.row("u")
    answer = shop.answer(bought(3, category="MILK", occurred_at=NOW_MS - 2 * HOUR_MS))
    (late,) = predictions(answer)
    assert results(answer) == {"late": 1}
    assert (late.as_of, late.source.offset) == (NOW_MS - 2 * HOUR_MS, 3)
    assert late.next_categories == last.next_categories
    assert late.purchase_probability == last.purchase_probability
    after = shop.row("u")
    assert [name for name in before.dtype.names or () if np.any(before[name] != after[name])] == ["offset", "recent_id"]
    assert results(shop.answer(bought(4, category="MILK", event_id=late.event_id))) == {"duplicate": 1}


def test_within_the_bound_and_without_one_the_order_does_not_matter() -> None:
    events = bought(0), bought(1, occurred_at=NOW_MS - HOUR_MS + 1), bought(2, occurred_at=NOW_MS - DAY_MS)
    assert results(Shop(late_after_s=3600).answer(*events)) == {"predicted": 2, "late": 1}
    assert results(Shop(late_after_s=0).answer(*events)) == {"predicted": 3}


def test_an_event_of_next_year_does_not_make_those_of_today_late() -> None:
    shop = Shop(late_after_s=3600)
    answer = shop.answer(bought(0), bought(1, occurred_at=NOW_MS + 365 * DAY_MS), bought(2, category="MILK"))
    assert results(answer) == {"predicted": 2, "early": 1}
    assert len(predictions(answer)) == 3
    assert shop.row("u")["seen_ms"] == NOW_MS + 2 * 60_000


def test_latest_answers_the_last_event_of_each_user_and_counts_all() -> None:
    every, latest = Shop(), Shop(emit="latest")
    events = [bought(0), bought(1, "v", "MILK"), bought(2, category="OIL"), bought(3, "v", "NUTS"), bought(4)]
    told = predictions(every.answer(*events))
    answer = latest.answer(*events)
    assert results(answer) == {"predicted": 2, "folded": 3}
    assert [each.source.offset for each in predictions(answer)] == [3, 4]
    assert [each.next_categories for each in predictions(answer)] == [told[3].next_categories, told[4].next_categories]
    assert latest.rows.kept == every.rows.kept


def test_latest_answers_the_last_event_that_is_no_second_try() -> None:
    answer = Shop(emit="latest").answer(bought(0), bought(1, event_id="e"), bought(2, event_id="e"))
    assert [each.source.offset for each in predictions(answer)] == [1]
    assert results(answer) == {"predicted": 1, "folded": 1, "duplicate": 1}


def test_only_what_is_sure_enough_is_listed() -> None:
    events = [bought(i, product_id=PRODUCTS[i]) for i in range(3)]
    every, sure = predictions(Shop().answer(*events)), predictions(Shop(min_confidence=0.2).answer(*events))
    for whole, part in zip(every, sure, strict=True):
        assert part.next_categories == [each for each in whole.next_categories if each.confidence >= 0.2]
        assert part.next_products == [each for each in whole.next_products if each.confidence >= 0.2]
    assert any(len(part.next_categories) < len(whole.next_categories) for whole, part in zip(every, sure, strict=True))
    assert predictions(Shop(min_confidence=1).answer(*events))[0].next_categories == []


@pytest.fixture
def aged() -> Shop:
    """A shop that forgets after ten days, with a user of long ago and one of a week ago."""
    shop = Shop(ttl_days=10, late_after_s=0)
    shop.answer(
        bought(0, "old", occurred_at=NOW_MS - 20 * DAY_MS), bought(1, "older", occurred_at=NOW_MS - DAY_MS * 21)
    )
    shop.answer(bought(2, "week", occurred_at=NOW_MS - 7 * DAY_MS))
    shop.now_ms += REST_MS
    return shop


def test_users_not_seen_for_long_are_forgotten(aged: Shop) -> None:
    answer = aged.answer(bought(3, "new", occurred_at=NOW_MS))
    assert answer.expired == 2
    assert {key for _, key in aged.rows.kept} == {b"week", b"new"}
    assert answer.partitions[A].rows[b"old"] is None
    assert len(predictions(answer)) == 1


def test_a_user_who_comes_back_in_the_same_window_stays(aged: Shop) -> None:
    answer = aged.answer(bought(3, "old", occurred_at=NOW_MS))
    assert answer.expired == 1
    assert {key for _, key in aged.rows.kept} == {b"old", b"week"}


def test_the_newest_row_decides_not_the_stored_one(aged: Shop) -> None:
    behind = dict(aged.rows.kept)
    aged.answer(bought(3, "old", occurred_at=NOW_MS))
    aged.now_ms += REST_MS
    aged.logic._expiry._page = lambda *_: [(key, row) for (_, key), row in behind.items()]  # type: ignore[union-attr]
    assert aged.answer(bought(4, "new", occurred_at=NOW_MS)).expired == 0
    assert (0, b"old") in aged.rows.kept


def test_a_window_looks_at_one_page_and_the_next_one_waits() -> None:
    shop = Shop(ttl_days=1, late_after_s=0)
    shop.answer(*(bought(i, f"u{i:04}", occurred_at=NOW_MS) for i in range(2 * PAGE)))
    shop.now_ms += REST_MS
    late = NOW_MS + 5 * DAY_MS
    assert shop.answer(bought(2 * PAGE, "x", occurred_at=late)).expired == PAGE
    assert shop.answer(bought(2 * PAGE + 1, "x", occurred_at=late)).expired == 0
    shop.now_ms += EVERY_MS
    assert shop.answer(bought(2 * PAGE + 2, "x", occurred_at=late)).expired == PAGE


def test_nobody_is_forgotten_by_default(aged: Shop) -> None:
    shop = Shop()
    shop.rows = aged.rows
    shop.answer(bought(3, "new", occurred_at=NOW_MS))
    assert shop.pages == 0
    assert len(shop.rows.kept) == 4


def test_rows_of_the_first_layout_go_on_with_habits_and_state() -> None:
    shop, first = Shop(), Shop()
    (old_type,) = (each for each in shop.model.layouts.values() if "risk" not in (each.names or ()))
    for each in (shop, first):
        each.answer(*(bought(i, category=("TEA", "MILK")[i % 2], product_id=PRODUCTS[i]) for i in range(4)))
    row = shop.row("u")
    old = np.zeros(1, old_type)
    for name in old_type.names or ():
        old[name][0, ...] = row[name] if name not in ("bought_id", "bought_weight") else 0
    old["bought_id"][0] = np.concatenate([np.full(32, 65_535), row["bought_id"]])  # places of the first layout: 96
    old["bought_weight"][0] = np.concatenate([np.zeros(32), row["bought_weight"]])
    shop.rows.kept[0, b"u"] = old.tobytes()
    after, expected = shop.answer(bought(4, category="OIL")), first.answer(bought(4, category="OIL"))
    assert predictions(after)[0].next_categories == predictions(expected)[0].next_categories
    assert {each.product_id for each in predictions(after)[0].next_products} == {
        each.product_id for each in predictions(expected)[0].next_products
    }
    assert shop.row("u")["bought_id"].shape == (BOUGHT,)
    assert len(shop.rows.kept[0, b"u"]) == shop.model.row_dtype.itemsize
