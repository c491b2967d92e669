"""Makes what the engine's tests put in: records, windows, events; all from arguments, nothing from the clock."""

from collections.abc import Iterable
from typing import Any

from aiokafka import ConsumerRecord
from faust.types import TP

from schemas.codec import encode
from schemas.events import ProductUpsert, UserBehaviour
from streams.batcher.window import Window

NOW_MS = 1_700_000_000_000


def record(tp: TP, offset: int, key: bytes | None, value: bytes | None) -> ConsumerRecord:
    """A record as aiokafka gives it."""
    return ConsumerRecord(
        tp.topic, tp.partition, offset, NOW_MS + offset, 0, key, value, None, len(key or b""), len(value or b""), ()
    )


def numbered(tp: TP, count: int, start: int = 0) -> list[ConsumerRecord]:
    """Records whose key and value tell their offset."""
    return [record(tp, offset, b"k%d" % offset, b"v%d" % offset) for offset in range(start, start + count)]


def window_of(records: Iterable[ConsumerRecord]) -> Window:
    """A window of these records, which must be in offset order in each partition."""
    window = Window()
    for one in records:
        window.add(TP(one.topic, one.partition), [one])
    return window


def behaviour(tp: TP, offset: int, user: str, **fields: Any) -> ConsumerRecord:
    """A readable user-behaviour record; what is not given is a purchase, at a time that grows with the offset."""
    event = UserBehaviour(**{
        "event_id": f"e{tp.partition}-{offset}", "user_id": user, "type": "purchase",
        "occurred_at": NOW_MS + offset * 60_000, **fields,
    })  # fmt: skip
    return record(tp, offset, user.encode(), encode(event))


def product(tp: TP, offset: int, product_id: str, title: str, **fields: Any) -> ConsumerRecord:
    """A readable product-upsert record."""
    upsert = ProductUpsert(product_id=product_id, title=title, updated_at=NOW_MS + offset, **fields)
    return record(tp, offset, product_id.encode(), encode(upsert))


class Rows:
    """Rows by partition and key, kept as the engine keeps them between windows."""

    def __init__(self) -> None:
        self.kept: dict[tuple[int, bytes], bytes] = {}

    def read(self, partition: int, keys: list[bytes], /) -> list[bytes | None]:
        """As `streams.logic.answer.ReadRows`."""
        return [self.kept.get((partition, key)) for key in keys]

    def write(self, partition: int, rows: dict[bytes, bytes | None]) -> None:
        """Keep rows; None deletes."""
        for key, row in rows.items():
            if row is None:
                self.kept.pop((partition, key), None)
            else:
                self.kept[partition, key] = row
