"""`tail` shows any bytes on one line, without steering the terminal."""

import json
from dataclasses import dataclass

import msgspec
import pytest

from schemas.codec import encode
from schemas.events import UserBehaviour
from schemas.letters import DeadLetter
from schemas.predictions import Source
from schemas.state import ROW_FORMAT
from streams.cli.records import describe, describe_json, readable

EVENT = UserBehaviour(event_id="e1", user_id="ana", type="view", occurred_at=1_767_225_600_000, product_id="p1")


@dataclass(frozen=True)
class SampleRecord:
    key: bytes | None
    value: bytes | None
    topic: str = "user-behaviour"
    partition: int = 2
    offset: int = 41
    timestamp: int = 7


def test_a_message_is_shown_by_its_fields_whatever_carried_it() -> None:
    as_json = b'{"event_id":"e1","user_id":"ana","type":"view","product_id":"p1","occurred_at":"2026-01-01T00:00:00Z"}'
    shown = describe(SampleRecord(b"ana", encode(EVENT)), "user-behaviour")
    assert shown == describe(SampleRecord(b"ana", as_json), "user-behaviour")
    place, key, value = shown.split("  ")
    assert (place, key) == ("2:41", "ana")
    assert json.loads(value) == msgspec.to_builtins(EVENT)


def test_a_null_value_is_a_deletion_and_a_null_key_is_none() -> None:
    assert describe(SampleRecord(None, None), "user-behaviour") == "2:41  (no key)  (deleted)"
    assert json.loads(describe_json(SampleRecord(None, None), "user-behaviour")) == {
        "topic": "user-behaviour",
        "partition": 2,
        "offset": 41,
        "timestamp": 7,
        "key": None,
        "value": None,
    }


@pytest.mark.parametrize("name", ["user-behaviour", "somebody-elses-topic", "user-state"])
@pytest.mark.parametrize("value", [b"", b"\x1b[2J\x07\n\xff\xfe", b"\xc1" * 5000, b"{" * 3000, b"\xdd\xff\xff\xff\xff"])
def test_hostile_bytes_make_one_short_printable_line(name: str, value: bytes) -> None:
    shown = describe(SampleRecord(value, value), name)
    assert shown.isprintable()
    assert len(shown) < 2000


def test_bytes_that_are_not_the_topics_message_say_why() -> None:
    value = readable(b"\x00nonsense", "user-behaviour")
    assert "0x00" in value["undecodable"]
    assert value["bytes"] == 9
    assert "nonsense" in value["begins"]


def test_topics_of_others_are_read_as_json_or_messagepack() -> None:
    assert readable(b'{"a": [1, 2]}', "other") == {"a": [1, 2]}
    assert readable(msgspec.msgpack.encode({"a": b"\x00\x01"}), "other") == {"a": "\\x00\\x01"}


def test_a_state_row_tells_its_head() -> None:
    row = bytes([ROW_FORMAT, 0, 0, 0]) + (0xABCD).to_bytes(4, "little") + (99).to_bytes(8, "little") + bytes(100)
    assert readable(row, "user-state") == {
        "state_row_bytes": 116,
        "format": ROW_FORMAT,
        "model": "0000abcd",
        "last_offset": 99,
    }


def test_a_dead_letter_shows_reason_place_and_the_original_bytes() -> None:
    letter = DeadLetter(
        source=Source("user-behaviour", 1, 5), reason="undecodable", error="no map", failed_at=1, timestamp=2,
        key=b"ana", key_size=3, value=b"\x00\xffhm", value_size=4,
    )  # fmt: skip
    value = readable(encode(letter), "dead-letters")
    assert value["source"] == {"topic": "user-behaviour", "partition": 1, "offset": 5}
    assert (value["reason"], value["key"], value["value"]) == ("undecodable", "ana", "\\x00\\xffhm")
