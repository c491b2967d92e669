"""Records that nobody should send: each becomes a dead letter with its reason, in order, and the next is answered."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from schemas.codec import encode
from schemas.letters import MAX_LETTER_BYTES, DeadLetter
from schemas.topics import DEAD_LETTERS, PRODUCT_CATEGORIES, PRODUCT_UPSERT, USER_BEHAVIOUR, USER_PREDICTIONS
from tests.integration.conftest import StartWorker
from tests.integration.worker_process import Place, Record
from tests.unit.streams.making import NOW_MS

pytestmark = pytest.mark.integration

Bad = tuple[bytes | None, bytes | None, str]  # key, value, reason
EVENT = {"event_id": "e", "user_id": "u", "type": "view", "occurred_at": NOW_MS}
PRODUCT = {"product_id": "p", "title": "Blue shirt", "updated_at": NOW_MS}
YEAR_5000 = 95_617_584_000_000
LONG_ID = "i" * 1_000_000


def with_(base: dict[str, Any], **fields: Any) -> bytes:
    """The message with these fields changed."""
    return encode({**base, **fields})


def without(base: dict[str, Any], field: str) -> bytes:
    """The message without a field."""
    return encode({key: value for key, value in base.items() if key != field})


BAD_EVENTS: list[Bad] = [
    (b"u", b"\xc1\xff\x00", "undecodable"),
    (b"u", b"not a message", "undecodable"),
    (b"u", encode(EVENT)[:-3], "undecodable"),
    (b"u", encode(EVENT) + b"x", "undecodable"),
    (b"u", json.dumps(EVENT).encode()[:-1], "undecodable"),
    (b"u", b'{"a":' * 100_000, "undecodable"),
    (b"u", b"", "empty"),
    (b"u", with_(EVENT, user_id=5), "invalid"),
    (b"u", with_(EVENT, occurred_at="yesterday"), "invalid"),
    (b"u", without(EVENT, "event_id"), "invalid"),
    (b"u", without(EVENT, "type"), "invalid"),
    (b"u", with_(EVENT, type="steal"), "invalid"),
    (b"u", with_(EVENT, occurred_at=YEAR_5000), "invalid"),
    (b"u", with_(EVENT, occurred_at=-1), "invalid"),
    (b"u", json.dumps({**EVENT, "occurred_at": "5000-01-01T00:00:00Z"}).encode(), "invalid"),
    (b"u", with_(EVENT, price=float("nan")), "invalid"),
    (b"u", with_(EVENT, price=float("inf")), "invalid"),
    (b"u", with_(EVENT, quantity=-1.0), "invalid"),
    (b"u", with_(EVENT, query="q" * 10_000_000), "too_large"),
    (LONG_ID.encode(), with_(EVENT, user_id=LONG_ID), "invalid"),
    (LONG_ID.encode(), encode(EVENT), "bad_key"),
    (LONG_ID.encode(), None, "bad_key"),
    (None, encode(EVENT), "bad_key"),
    (None, None, "bad_key"),
    (b"", encode(EVENT), "bad_key"),
    (b"somebody else", encode(EVENT), "bad_key"),
    (b"\xff\xfe", None, "bad_key"),
]
BAD_PRODUCTS: list[Bad] = [
    (b"p", b"\x00", "undecodable"),
    (b"p", b"", "empty"),
    (b"p", with_(PRODUCT, price=float("nan")), "invalid"),
    (b"p", with_(PRODUCT, title=""), "invalid"),
    (b"p", with_(PRODUCT, title="t" * 5_000), "invalid"),
    (b"p", with_(PRODUCT, updated_at=YEAR_5000), "invalid"),
    (b"p", with_(PRODUCT, currency="euro"), "invalid"),
    (b"p", with_(PRODUCT, image=b"\xff" * 10_000_000), "too_large"),
    (b"q", encode(PRODUCT), "bad_key"),  # no key at all: Kafka itself refuses that, since the topic is compacted
]


def among(bad: list[Bad], good: Callable[[int], Record]) -> list[Record]:
    """Every bad record with a good one behind it."""
    pairs = [(Record(0, key, value), good(number)) for number, (key, value, _) in enumerate(bad)]
    return [record for pair in pairs for record in pair]


def test_each_bad_record_is_a_letter_in_order_and_the_next_record_is_answered(
    place: Place, start_worker: StartWorker
) -> None:
    events = among(BAD_EVENTS, lambda number: Record(0, b"u", with_(EVENT, event_id=f"e-{number}")))
    place.send(USER_BEHAVIOUR.name, events)
    place.send(PRODUCT_UPSERT.name, among(BAD_PRODUCTS, lambda _: Record(0, b"p", encode(PRODUCT))))
    worker = start_worker()
    predictions = place.read(USER_PREDICTIONS.name, len(BAD_EVENTS))
    categories = place.read(PRODUCT_CATEGORIES.name, len(BAD_PRODUCTS))
    raw = place.read(DEAD_LETTERS.name, len(BAD_EVENTS) + len(BAD_PRODUCTS))
    assert (len(predictions), len(categories)) == (len(BAD_EVENTS), len(BAD_PRODUCTS))
    assert worker.alive()

    letters = [msgspec.msgpack.decode(record.value or b"", type=DeadLetter) for record in raw]
    for name, bad in ((USER_BEHAVIOUR.name, BAD_EVENTS), (PRODUCT_UPSERT.name, BAD_PRODUCTS)):
        mine = [letter for letter in letters if letter.source.topic == place.topic(name)]
        assert [(letter.source.offset, letter.reason) for letter in mine] == [
            (2 * i, reason) for i, (_, _, reason) in enumerate(bad)
        ]
        for letter, (key, value, _) in zip(mine, bad, strict=True):
            assert letter.error
            assert letter.value == (value[:MAX_LETTER_BYTES] if value is not None else None)
            assert (letter.key or b"") == (key or b"")[:MAX_LETTER_BYTES]
            assert (letter.key_size, letter.value_size) == (len(key or b""), len(value or b""))
    assert "Traceback" not in worker.tail(10_000)
