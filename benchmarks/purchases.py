"""Real purchases as user-behaviour records: the complete-journey year in the order a shop would see it."""

from collections.abc import Iterator
from itertools import islice

from models.data import journey
from schemas.codec import encode
from schemas.events import UserBehaviour


def purchase_events(count: int) -> Iterator[UserBehaviour]:
    """The first `count` purchases of the year; lines of one basket share a session."""
    year = journey.events(journey.lines()).by_time()
    columns = (year.household, year.basket, year.product, year.category, year.times_ms, year.price, year.quantity)
    rows = zip(*(column[:count].tolist() for column in columns if column is not None), strict=True)
    for number, (household, basket, product, category, time_ms, price, pieces) in enumerate(islice(rows, count)):
        yield UserBehaviour(
            event_id=f"{basket}-{number}",
            user_id=f"household-{household}",
            type="purchase",
            occurred_at=time_ms,
            session_id=str(basket),
            product_id=str(product),
            category=year.categories[category],
            price=price or None,
            quantity=pieces or None,
        )


def records(events: Iterator[UserBehaviour]) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of each."""
    return ((event.user_id.encode(), encode(event)) for event in events)
