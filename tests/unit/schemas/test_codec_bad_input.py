"""Whatever arrives, the answer is a message or a DecodeError with the right reason, and the neighbours decode."""

import json
import math
import resource
import sys

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import Codec, encode, to_json
from schemas.errors import DecodeError
from schemas.events import MAX_VALUE_BYTES, ProductUpsert, UserBehaviour
from schemas.predictions import UserPrediction
from schemas.topics import TOPICS

MESSAGES = [spec.value for spec in TOPICS if spec.value is not None]
EVENT = {"event_id": "e-1", "user_id": "u-1", "type": "view", "occurred_at": 1_763_800_000_000}
PRODUCT = {"product_id": "p-1", "title": "Milk", "updated_at": 1_763_800_000_000}
YEAR_5000 = 95_617_584_000_000
SURROGATE = b"\xa3\xed\xa0\x80"  # MessagePack text holding U+D800 as if it were a character


def event(**changes):
    return {**EVENT, **changes}


def product(**changes):
    return {**PRODUCT, **changes}


def without(fields, name):
    return {key: value for key, value in fields.items() if key != name}


def packed_with(name, raw):
    """A MessagePack event with one more field, whose value is given as bytes."""
    body = encode(EVENT)
    return bytes([body[0] + 1]) + body[1:] + encode(name) + raw


def json_with(raw):
    return json.dumps(EVENT).encode()[:-1] + b"," + raw + b"}"


BOTH_FORMS = {  # fields that are wrong in MessagePack and in JSON alike
    "no fields": {},
    "no event_id": without(EVENT, "event_id"),
    "no user_id": without(EVENT, "user_id"),
    "no type": without(EVENT, "type"),
    "no time": without(EVENT, "occurred_at"),
    "unknown type": event(type="steal"),
    "type in capitals": event(type="VIEW"),
    "number as user": event(user_id=17),
    "list as user": event(user_id=["u"]),
    "null user": event(user_id=None),
    "empty user": event(user_id=""),
    "user of 257": event(user_id="u" * 257),
    "id of 1 MB": event(user_id="u" * 1_000_000),
    "time as float": event(occurred_at=1.5e12),
    "time as text of digits": event(occurred_at="1763800000000"),
    "time as bool": event(occurred_at=True),
    "time before 1970": event(occurred_at=-1),
    "year 5000": event(occurred_at=YEAR_5000),
    "microseconds": event(occurred_at=1_763_800_000_000_000),
    "price as text": event(price="9.99"),
    "negative price": event(price=-0.01),
    "huge price": event(price=1e300),
    "negative quantity": event(quantity=-1),
    "schema 0": event(schema=0),
    "schema as text": event(schema="1"),
    "empty session": event(session_id=""),
    "query of 1,025": event(query="q" * 1025),
}
PRODUCTS = {
    "no title": without(PRODUCT, "title"),
    "empty title": product(title=""),
    "title of 4,097": product(title="t" * 4097),
    "currency in words": product(currency="euro"),
    "currency and line break": product(currency="EUR\n"),
    "language": product(language="english!"),
    "language and line break": product(language="en\n"),
    "attributes as list": product(attributes=[["a", "b"]]),
    "257 attributes": product(attributes={str(i): "x" for i in range(257)}),
    "attribute of a number": product(attributes={"size": 42}),
    "image of 257 KB": product(image="A" * 400_000),
}
BYTES = {  # value -> reason
    "empty": (b"", "empty"),
    "10 MB of spaces": (b" " * 10_000_000, "too_large"),
    "10 MB event": (encode(event(query="q" * 10_000_000)), "too_large"),
    "one byte over": (b"{" + b" " * MAX_VALUE_BYTES, "too_large"),
    "text": (b"hello", "undecodable"),
    "zeroes": (bytes(64), "undecodable"),
    "json array": (b"[1,2]", "undecodable"),
    "msgpack array": (encode([1, 2]), "undecodable"),
    "msgpack nil": (b"\xc0", "undecodable"),
    "avro-like": (b"\x00\x00\x00\x00\x01abc", "undecodable"),
    "utf-8 mark before json": (b"\xef\xbb\xbf" + json.dumps(EVENT).encode(), "undecodable"),
    "utf-16 json": (json.dumps(EVENT).encode("utf-16-le"), "undecodable"),
    "cut json": (json.dumps(EVENT).encode()[:-1], "undecodable"),
    "cut msgpack": (encode(EVENT)[:-1], "undecodable"),
    "two json values": (json.dumps(EVENT).encode() * 2, "undecodable"),
    "two msgpack values": (encode(EVENT) * 2, "undecodable"),
    "json NaN": (json_with(b'"price":NaN'), "undecodable"),
    "json infinity": (json_with(b'"price":-Infinity'), "undecodable"),
    "json 1e400": (json_with(b'"price":1e400'), "invalid"),
    "json integer of 5,000 digits": (json_with(b'"schema":1' + b"0" * 5000), "invalid"),
    "json lone surrogate": (json_with(rb'"query":"\ud800"'), "undecodable"),
    "json lone surrogate in an unknown field": (json_with(rb'"more":"\udfff"'), "undecodable"),
    "json bytes that are not utf-8": (json_with(b'"query":"\xff\xfe"'), "undecodable"),
    "json as deep as it goes": (json_with(b'"more":' + b"[" * 500_000), "undecodable"),
    "json objects as deep as it goes": (json_with(b'"more":' + b'{"a":' * 150_000), "undecodable"),
    "rfc 3339 in the year 5000": (json.dumps(event(occurred_at="5000-01-01T00:00:00Z")).encode(), "invalid"),
    "rfc 3339 before the calendar": (json.dumps(event(occurred_at="0001-01-01T00:00:00+23:59")).encode(), "invalid"),
    "rfc 3339 after the calendar": (json.dumps(event(occurred_at="9999-12-31T23:59:59-23:59")).encode(), "invalid"),
    "rfc 3339 without an offset": (json.dumps(event(occurred_at="2026-11-22T10:00:00")).encode(), "invalid"),
    "rfc 3339 in messagepack": (encode(event(occurred_at="2026-11-22T10:00:00Z")), "invalid"),
    "msgpack NaN price": (encode(event(price=math.nan)), "invalid"),
    "msgpack infinite price": (encode(event(price=math.inf)), "invalid"),
    "msgpack NaN quantity": (encode(event(quantity=math.nan)), "invalid"),
    "msgpack lone surrogate": (packed_with("query", SURROGATE), "undecodable"),
    "msgpack key that is a number": (b"\x81\x01\x01", "invalid"),
    "msgpack reserved byte": (packed_with("more", b"\xc1"), "undecodable"),
    "msgpack as deep as it goes": (packed_with("more", b"\x91" * 900_000), "undecodable"),
    "msgpack map of 4 billion": (b"\xdf\xff\xff\xff\xff", "undecodable"),
    "msgpack unknown array of 4 billion": (packed_with("more", b"\xdd\xff\xff\xff\xff"), "undecodable"),
    "msgpack text of 4 GB": (packed_with("query", b"\xdb\xff\xff\xff\xff"), "undecodable"),
    "msgpack bytes of 4 GB": (packed_with("more", b"\xc6\xff\xff\xff\xff"), "undecodable"),
    "msgpack extension of 4 GB": (packed_with("more", b"\xc9\xff\xff\xff\xff\x01"), "undecodable"),
    "msgpack time extension": (packed_with("price", b"\xd6\xff\x00\x00\x00\x00"), "invalid"),
}


def refused_between_neighbours(message, good, bad):
    """The DecodeError for `bad`, after checking that the values before and after it decode."""
    decoder = Codec(message)
    alone = [encode(good), bad, to_json(good)]
    before, error, after = decoder.decode_batch(alone)
    assert before == after == decoder.decode(encode(good))
    assert isinstance(error, DecodeError), error
    with pytest.raises(DecodeError) as caught:
        decoder.decode(bad)
    assert (caught.value.reason, str(caught.value)) == (error.reason, str(error))
    return error


@pytest.mark.parametrize("form", [encode, to_json], ids=["msgpack", "json"])
@pytest.mark.parametrize("fields", BOTH_FORMS.values(), ids=BOTH_FORMS)
def test_an_event_with_wrong_fields_is_invalid_and_its_neighbours_decode(fields, form):
    assert refused_between_neighbours(UserBehaviour, EVENT, form(fields)).reason == "invalid"


@pytest.mark.parametrize("form", [encode, to_json], ids=["msgpack", "json"])
@pytest.mark.parametrize("fields", PRODUCTS.values(), ids=PRODUCTS)
def test_a_product_with_wrong_fields_is_invalid_and_its_neighbours_decode(fields, form):
    assert refused_between_neighbours(ProductUpsert, PRODUCT, form(fields)).reason == "invalid"


@pytest.mark.parametrize(("value", "reason"), BYTES.values(), ids=BYTES)
def test_bad_bytes_are_refused_with_their_reason_and_neighbours_decode(value, reason):
    assert refused_between_neighbours(UserBehaviour, EVENT, value).reason == reason


def test_a_null_value_is_no_message():
    assert refused_between_neighbours(UserBehaviour, EVENT, None).reason == "empty"


def test_the_error_names_the_message_and_the_field():
    error = refused_between_neighbours(UserBehaviour, EVENT, to_json(event(type="steal")))
    assert [word for word in ("UserBehaviour", "$.type", "steal") if word not in str(error)] == []


def test_the_largest_allowed_value_decodes():
    body = json.dumps(EVENT).encode()
    assert Codec(UserBehaviour).decode(body + b" " * (MAX_VALUE_BYTES - len(body))).event_id == "e-1"


def test_a_declared_length_takes_no_memory_before_its_bytes_are_there():
    bombs = [
        (UserPrediction, b"\x81" + encode("next_categories") + b"\xdd\xff\xff\xff\xff"),
        (ProductUpsert, b"\x81" + encode("attributes") + b"\xdf\xff\xff\xff\xff"),
        (UserBehaviour, packed_with("more", b"\xdd\xff\xff\xff\xff")),
    ]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for message, bomb in bombs:
        with pytest.raises(DecodeError):
            Codec(message).decode(bomb)
    unit = 1024 if sys.platform != "darwin" else 1
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit < 64 << 20


def answered(decoder, values):
    """Every value gives a message or a DecodeError, the same alone as in the batch, and nothing else is raised."""
    together = decoder.decode_batch(values)
    assert len(together) == len(values)
    for value, one in zip(values, together, strict=True):
        if isinstance(one, DecodeError):
            with pytest.raises(DecodeError) as caught:
                decoder.decode(value)
            assert caught.value.reason == one.reason
        else:
            assert msgspec.msgpack.encode(decoder.decode(value)) == msgspec.msgpack.encode(one)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: m.__name__)
def test_random_bytes_give_a_message_or_a_decode_error(message):
    decoder = Codec(message)
    starts = st.sampled_from([b"", b"{", b"\x80", b"\x81", b"\xde", b"\xdf", b"\x97", b"\xdc", b"\xdd"])

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.builds(bytes.__add__, starts, st.binary(max_size=60)), max_size=5))
    def check(values):
        answered(decoder, values)

    check()


@pytest.mark.parametrize("form", [encode, to_json], ids=["msgpack", "json"])
@pytest.mark.parametrize(
    ("message", "fields"), [(UserBehaviour, EVENT), (ProductUpsert, PRODUCT)], ids=["event", "product"]
)
def test_a_damaged_message_gives_a_message_or_a_decode_error(message, fields, form):
    decoder, whole = Codec(message), form(fields)
    damage = st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), min_size=1, max_size=4)

    @settings(max_examples=100, deadline=None)
    @given(damage, st.integers(0, len(whole)))
    def check(changes, cut):
        body = bytearray(whole)
        for place, byte in changes:
            body[place] = byte
        answered(decoder, [bytes(body), bytes(body[:cut]), whole])

    check()


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**64 - 1)
        | st.floats()
        | st.text(max_size=9)
        | st.binary(max_size=9),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
        max_leaves=4,
    ),
    st.sampled_from(sorted(PRODUCT)),
)
def test_any_value_in_any_field_gives_a_message_or_a_decode_error(value, name):
    try:
        packed = encode(product(**{name: value}))
    except UnicodeEncodeError:
        return
    answered(Codec(ProductUpsert), [packed])
