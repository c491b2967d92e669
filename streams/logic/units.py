"""Units: a purchase is sent on under the key of its product and under that of its category, to be counted there.

The first of two steps. It keeps nothing: after a restart some purchases are sent again, with the same `source`, and the
second step knows them by it. Only the event's own category counts, so that the copy says what the first one said.
"""

from operator import attrgetter

from schemas.codec import encode
from schemas.demand import DemandUnits, Kind, demand_key
from schemas.events import UserBehaviour
from schemas.predictions import Source
from schemas.topics import DEMAND_UNITS
from streams.batcher.window import Window
from streams.clock import Clock
from streams.logic.answer import Answer, ReadRows
from streams.logic.decode import Decoded, WindowDecoder

_user_of = attrgetter("user_id")


class UnitsLogic:
    """Answers user-behaviour with the sales in it. A purchase that names no quantity is of one unit."""

    name = "units"
    model_name, model_version = "counting", "1"

    def __init__(self, clock: Clock) -> None:
        self._decoder = WindowDecoder(UserBehaviour, _user_of, clock)

    def answer(self, window: Window, read: ReadRows) -> Answer:
        """See `Logic.answer`."""
        answer = Answer()
        for item in self._decoder.decode(window, answer):
            sales = _sales(item)
            answer.results["counted" if sales else "ignored"] += 1
            routed = answer.partitions[item.tp].routed[DEMAND_UNITS.name]
            for sale in sales:
                routed.add(demand_key(sale.kind, sale.name).encode(), encode(sale))
        return answer


def _sales(item: Decoded[UserBehaviour]) -> list[DemandUnits]:
    """Nothing for an erased user: what was sold stays sold, and does not say to whom."""
    event = item.event
    if event is None or event.type != "purchase":
        return []
    units = 1.0 if event.quantity is None else event.quantity
    if not units:
        return []
    named: list[tuple[Kind, str | None]] = [("product", event.product_id), ("category", event.category)]
    source = Source(item.tp.topic, item.tp.partition, item.record.offset)
    return [
        DemandUnits(kind=kind, name=name, occurred_at=event.occurred_at, units=units, price=event.price, source=source)
        for kind, name in named
        if name
    ]
