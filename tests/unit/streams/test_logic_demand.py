"""The second step of demand: what is counted where, when a day closes, and what is then forecast."""

from itertools import count, pairwise
from typing import Any

import msgspec
import numpy as np
import pytest
from faust.types import TP
from hypothesis import given, settings
from hypothesis import strategies as st

from models.demand.columns import DemandColumns
from models.demand.row import ROW_DTYPE
from schemas.codec import encode
from schemas.demand import DemandForecast, DemandUnits, demand_key
from schemas.letters import DeadLetter
from schemas.predictions import Source
from schemas.topics import DEMAND_FORECASTS
from streams.batcher.search import answer_or_set_aside
from streams.batcher.window import Window
from streams.logic.answer import Answer, ReadRows
from streams.logic.day_clock import DAY_MS, KEY
from streams.logic.demand import DemandLogic
from tests.unit.models.demand_worlds import small_demand
from tests.unit.streams.making import NOW_MS, Rows, record, window_of

A = TP("demand-units", 0)
HOUR_MS = 3_600_000
DAY = NOW_MS // DAY_MS - 100  # of the first sales; every record is sent after its sale
LATE_MS = HOUR_MS


def at(day: int, hour: float = 12) -> int:
    """The time of an hour of the day-th day."""
    return round((DAY + day) * DAY_MS + hour * HOUR_MS)


class Counter:
    """A demand logic with its kept rows; sales get offsets and sources in the order in which they are made."""

    def __init__(self, shift_ms: int = 0) -> None:
        self.rows = Rows()
        self.logic = DemandLogic(small_demand(), self._keys, lambda: NOW_MS, shift_ms=shift_ms, lateness_ms=LATE_MS)
        self._offsets = count()

    def _keys(self, partition: int) -> list[bytes]:
        return [key for number, key in self.rows.kept if number == partition]

    def sale(self, name: str, time_ms: int, units: float = 1, *, offset: int | None = None, **fields: Any) -> Any:
        """A record of a product's sale."""
        place = next(self._offsets) if offset is None else offset
        sale = DemandUnits(**{
            "kind": "product", "name": name, "occurred_at": time_ms, "units": units, "price": 2.0,
            "source": Source("user-behaviour", 0, place), **fields,
        })  # fmt: skip
        return record(A, place, demand_key(sale.kind, name).encode(), encode(sale))

    def answer(self, *records: Any, keep: bool = True) -> Answer:
        """Answer one window and keep its rows."""
        answer = self.logic.answer(window_of(records), self.rows.read)
        if keep:
            for tp, part in answer.partitions.items():
                self.rows.write(tp.partition, part.rows)
        return answer

    def row(self, name: str) -> np.void:
        """The kept row of a product."""
        return np.frombuffer(self.rows.kept[0, b"product/" + name.encode()], ROW_DTYPE)[0]

    def units(self, name: str, day: int) -> float:
        """What is counted on a day."""
        return float(self.row(name)["units"][(DAY + day) % 64])


@pytest.fixture
def counter() -> Counter:
    return Counter()


def forecasts(answer: Answer) -> dict[bytes, DemandForecast | None]:
    """What goes to demand-forecasts, the last of each key."""
    sent = answer.partitions[A].outputs[DEMAND_FORECASTS.name]
    return {
        key or b"": None if value is None else msgspec.msgpack.decode(value, type=DemandForecast)
        for key, value in zip(sent.keys, sent.values, strict=True)
    }


def test_sales_are_counted_by_hour_and_by_day(counter: Counter) -> None:
    counter.answer(
        counter.sale("p", at(0, 9), 2), counter.sale("p", at(0, 9.5), 3), counter.sale("p", at(0, 23), 1, price=4.0)
    )
    row = counter.row("p")
    assert (row["hour_units"][9], row["hour_units"][23], row["hour_units"].sum()) == (5, 1, 6)
    assert (row["hour_revenue"][9], row["hour_revenue"][23]) == (10, 4)
    assert counter.units("p", 0) == 6
    counter.answer(counter.sale("p", at(1, 0), 7))
    assert counter.row("p")["hour_units"].tolist() == [7] + [0] * 23
    assert (counter.units("p", 0), counter.units("p", 1)) == (6, 7)


def test_a_sale_without_a_price_counts_at_the_last_one(counter: Counter) -> None:
    counter.answer(counter.sale("p", at(0), 1, price=3.0), counter.sale("p", at(0), 2, price=None))
    assert counter.row("p")["revenue"].sum() == 9


def test_a_day_is_closed_once_a_sale_is_late_enough_after_it_and_every_key_is_forecast(counter: Counter) -> None:
    counter.answer(counter.sale("p", at(0), 4), counter.sale("q", at(0)))
    assert forecasts(counter.answer(counter.sale("p", at(1, 0.9)))) == {}
    found = forecasts(counter.answer(counter.sale("r", at(1, 1.1))))
    assert set(found) == {b"product/p", b"product/q"}  # r had no sale on the day that was closed
    told = found[b"product/p"]
    assert told is not None
    assert (told.units, told.revenue, told.as_of) == (4, 8, at(1, 0))
    assert (told.kind, told.name, told.source) == ("product", "p", Source("demand-units", 0, 3))
    assert len(told.days) == len(told.seasonal_naive) == len(told.smoothing) == 7
    assert told.days[0].date > told.date
    assert all(day.low <= day.p50 <= day.high and day.p10 <= day.p50 <= day.p90 for day in told.days)


def test_the_forecast_is_that_of_the_model_for_the_counted_series(counter: Counter) -> None:
    random = np.random.default_rng(2)
    sold = random.poisson(9, 60)
    counter.answer(*(counter.sale("p", at(day), int(units)) for day, units in enumerate(sold) if units))
    told = forecasts(counter.answer(counter.sale("other", at(60))))[b"product/p"]
    assert told is not None
    series = sold[None, -56:].astype(np.float32)
    batch = small_demand().run(DemandColumns(series, series * 2, np.array([56])))
    assert [day.p50 for day in told.days] == pytest.approx(batch.quantiles[0, :, 1].tolist(), abs=1e-3)
    assert [day.high for day in told.days] == pytest.approx(batch.high[0].tolist(), abs=1e-3)
    assert told.seasonal_naive == series[0, -7:].tolist()


def test_days_without_a_sale_close_together_and_the_last_of_them_is_forecast(counter: Counter) -> None:
    counter.answer(counter.sale("p", at(0), 4))
    told = forecasts(counter.answer(counter.sale("p", at(5))))[b"product/p"]
    assert told is not None
    assert (told.as_of, told.units) == (at(5, 0), 0)


def test_a_late_sale_is_counted_on_its_day_and_the_next_forecast_knows_of_it(counter: Counter) -> None:
    counter.answer(counter.sale("p", at(0), 1), counter.sale("p", at(1), 1))
    late = counter.answer(counter.sale("p", at(0), 5))
    assert (late.results["late"], forecasts(late)) == (1, {})
    assert counter.units("p", 0) == 6
    assert counter.row("p")["hour_units"].sum() == 1  # the hours are those of the running day


def test_a_sale_of_long_ago_is_counted_as_too_old_and_changes_no_day(counter: Counter) -> None:
    counter.answer(counter.sale("p", at(70), 1))
    old = counter.answer(counter.sale("p", at(0), 5))
    assert old.results == {"too_old": 1}
    assert counter.row("p")["units"].sum() == 1


def test_a_sale_of_the_future_is_set_aside_and_closes_no_day(counter: Counter) -> None:
    counter.answer(counter.sale("p", at(0)))
    answer = counter.answer(counter.sale("p", NOW_MS + 2 * DAY_MS))
    (letter,) = answer.letters[A].values
    assert msgspec.msgpack.decode(letter or b"", type=DeadLetter).reason == "invalid"
    assert forecasts(answer) == {}
    assert counter.row("p")["units"].sum() == 1


def test_what_sold_nothing_for_eight_weeks_is_forgotten_with_its_forecast(counter: Counter) -> None:
    counter.answer(counter.sale("old", at(0)), counter.sale("p", at(20)))
    answer = counter.answer(counter.sale("p", at(58)))
    assert forecasts(answer)[b"product/old"] is None
    assert (0, b"product/old") not in counter.rows.kept
    counter.answer(counter.sale("old", at(58), 3))  # and it may come back
    assert counter.units("old", 58) == 3


def test_days_begin_at_the_shops_midnight() -> None:
    ahead = Counter(shift_ms=3 * HOUR_MS)  # three hours east of UTC
    ahead.answer(ahead.sale("p", at(0, 20)), ahead.sale("p", at(0, 21.5)))
    assert (ahead.units("p", 0), ahead.units("p", 1)) == (1, 1)


def test_a_copy_of_a_sale_is_known_by_its_source(counter: Counter) -> None:
    first = counter.sale("p", at(0), 4)
    counter.answer(first, counter.sale("p", at(0), 1))
    (copy,) = [record(A, 50, first.key, first.value)]
    assert counter.answer(copy).results == {"redelivered": 1}
    assert counter.units("p", 0) == 5


def test_product_and_category_of_one_purchase_are_both_counted(counter: Counter) -> None:
    source = Source("user-behaviour", 1, 9)
    answer = counter.answer(
        counter.sale("x", at(0), source=source), counter.sale("x", at(0), kind="category", source=source)
    )
    assert answer.results == {"counted": 2}
    assert {key for _, key in counter.rows.kept} == {b"product/x", b"category/x", KEY}


def test_a_window_that_is_answered_in_parts_forecasts_and_stores_what_the_whole_one_does() -> None:
    class InParts:
        name, model_name, model_version = "demand", "m", "1"

        def __init__(self, logic: DemandLogic) -> None:
            self._logic = logic

        def answer(self, window: Window, read: ReadRows) -> Answer:
            if window.size > 2:
                raise RuntimeError("too much at once")
            return self._logic.answer(window, read)

    whole, parts = Counter(), Counter()
    sales = [whole.sale(f"p{i % 5}", at(i // 8), i % 5 + 1, offset=i) for i in range(32)]
    expected = whole.answer(*sales)
    found = answer_or_set_aside(InParts(parts.logic), window_of(sales), parts.rows.read, NOW_MS)
    assert found.partitions[A].rows == expected.partitions[A].rows
    assert list(found.partitions[A].rows)[-1] == KEY  # a crash may leave the first of them only
    assert forecasts(found).keys() == forecasts(expected).keys() == {b"product/p%d" % i for i in range(5)}
    assert found.results == expected.results


@settings(max_examples=20)
@given(
    cut=st.integers(0, 40),
    landed=st.floats(0, 1),
    again=st.integers(0, 40),
    days=st.lists(st.integers(0, 12), min_size=40, max_size=40),
)
def test_every_sale_counts_once_whatever_a_crash_leaves_of_a_window(
    cut: int, landed: float, again: int, days: list[int]
) -> None:
    once, crashed = Counter(), Counter()
    sales = [once.sale(f"p{i % 3}", at(day), i % 5 + 1, offset=i) for i, day in enumerate(sorted(days))]
    once.answer(*sales)

    crashed.answer(*sales[:cut])
    lost = crashed.answer(*sales[cut:], keep=False).partitions[A].rows
    some = list(lost.items())[: round(landed * len(lost))]  # the changelog took the first of them
    crashed.rows.write(0, dict(some))
    crashed.answer(*sales[min(cut, again) :])  # Kafka brings what was not committed once more, and earlier records too
    for key, row in once.rows.kept.items():
        mine = crashed.rows.kept[key]
        if key[1] == KEY:
            assert mine == row
        else:
            one, other = np.frombuffer(row, ROW_DTYPE)[0], np.frombuffer(mine, ROW_DTYPE)[0]
            assert one["units"].tolist() == other["units"].tolist()
            assert one["revenue"].tolist() == other["revenue"].tolist()


@settings(max_examples=15)
@given(st.lists(st.integers(1, 39), max_size=6))
def test_windows_of_any_size_give_the_same_rows_and_forecasts(cuts: list[int]) -> None:
    whole, parts = Counter(), Counter()
    sales = [whole.sale(f"p{i % 3}", at(i // 4), i % 5 + 1, offset=i) for i in range(40)]
    expected = forecasts(whole.answer(*sales))
    found: dict[bytes, DemandForecast | None] = {}
    places = [0, *sorted(set(cuts)), 40]
    for start, end in pairwise(places):
        found.update(forecasts(parts.answer(*sales[start:end])))
    assert parts.rows.kept == whole.rows.kept
    assert {key: told and (told.date, told.source) for key, told in found.items()} == {
        key: told and (told.date, told.source) for key, told in expected.items()
    }
    for key, told in found.items():
        other = expected[key]
        assert told is not None
        assert other is not None
        assert [day.p50 for day in told.days] == pytest.approx([day.p50 for day in other.days], abs=2e-3)
