"""The first step of demand: purchases become sales under the keys of what was sold."""

from typing import Any

import msgspec
from faust.types import TP

from schemas.codec import encode
from schemas.demand import DemandUnits
from schemas.letters import DeadLetter
from schemas.predictions import Source
from schemas.topics import DEMAND_UNITS
from streams.logic.answer import Answer
from streams.logic.units import UnitsLogic
from tests.unit.streams.making import NOW_MS, Rows, behaviour, record, window_of

A, B = TP("user-behaviour", 0), TP("user-behaviour", 1)


def answer(*records: Any) -> Answer:
    return UnitsLogic(lambda: NOW_MS).answer(window_of(records), Rows().read)


def sales(answered: Answer, tp: TP = A) -> list[tuple[bytes | None, DemandUnits]]:
    sent = answered.partitions[tp].routed[DEMAND_UNITS.name]
    values = [msgspec.msgpack.decode(value or b"", type=DemandUnits) for value in sent.values]
    return list(zip(sent.keys, values, strict=True))


def test_a_purchase_is_sent_on_for_its_product_and_for_its_category() -> None:
    bought = behaviour(A, 7, "u", product_id="p-1", category="MILK", quantity=3, price=1.5)
    product, category = sales(answer(bought))
    common = {"occurred_at": NOW_MS + 7 * 60_000, "units": 3.0, "price": 1.5, "source": Source("user-behaviour", 0, 7)}
    assert product == (b"product/p-1", DemandUnits(kind="product", name="p-1", **common))
    assert category == (b"category/MILK", DemandUnits(kind="category", name="MILK", **common))


def test_a_purchase_without_a_quantity_is_one_unit_and_without_a_price_names_none() -> None:
    ((_, sale),) = sales(answer(behaviour(A, 0, "u", product_id="p")))
    assert (sale.units, sale.price) == (1.0, None)


def test_what_is_no_sale_is_counted_as_ignored() -> None:
    answered = answer(
        behaviour(A, 0, "u", type="view", product_id="p"),
        behaviour(A, 1, "u", product_id="p", quantity=0),
        behaviour(A, 2, "u"),
        record(A, 3, b"u", None),
        behaviour(A, 4, "u", category="MILK"),
    )
    assert [key for key, _ in sales(answered)] == [b"category/MILK"]
    assert answered.results == {"ignored": 4, "counted": 1}


def test_a_record_that_cannot_be_read_is_set_aside_and_its_neighbours_are_counted() -> None:
    answered = answer(record(A, 0, b"u", b"\xc1"), behaviour(A, 1, "u", product_id="p"))
    (letter,) = answered.letters[A].values
    assert msgspec.msgpack.decode(letter or b"", type=DeadLetter).reason == "undecodable"
    assert len(sales(answered)) == 1


def test_sales_of_a_partition_come_in_the_order_of_their_records() -> None:
    answered = answer(*(behaviour(tp, i, "u", product_id="p", category="C") for tp in (A, B) for i in range(3)))
    for tp in (A, B):
        assert [sale.source.offset for _, sale in sales(answered, tp)] == [0, 0, 1, 1, 2, 2]
    assert answered.partitions[A].rows == {}


def test_an_answer_is_the_same_however_often_it_is_given() -> None:
    bought = behaviour(A, 7, "u", product_id="p-1", quantity=2.5)
    assert [encode(sale) for _, sale in sales(answer(bought))] == [encode(sale) for _, sale in sales(answer(bought))]
