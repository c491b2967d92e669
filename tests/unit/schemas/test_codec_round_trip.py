"""Every message that a topic carries comes back as it was sent; the strategies are made from the types themselves."""

import json
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect

from schemas.codec import Codec, decode_key, encode, to_json
from schemas.errors import DecodeError
from schemas.events import MAX_ID_CHARS, MAX_TIME_MS, ProductUpsert, UserBehaviour
from schemas.topics import TOPICS

MESSAGES = [spec.value for spec in TOPICS if spec.value is not None]
INPUTS = [ProductUpsert, UserBehaviour]
PATTERNS = {"[A-Z]{3}": ("EUR", "USD"), "[A-Z]{2}": ("DE", "BR"), "a-zA-Z": ("en", "de-CH", "zh-Hant-TW")}
I64 = 2**63
CHARACTERS = st.characters(exclude_categories=("Cs",))
NEWER = st.dictionaries(
    st.text(CHARACTERS, max_size=9).map("x-".__add__),  # no field of ours begins so
    st.integers(-I64, 2 * I64 - 1) | st.lists(st.text(CHARACTERS, max_size=9), max_size=3),
    max_size=3,
)


def values(kind):
    """A strategy for one type as msgspec.inspect describes it, limits included."""
    match kind:
        case inspect.StructType(cls=cls, fields=fields):
            needed = {f.name: values(f.type) for f in fields if f.required}
            given_maybe = {f.name: values(f.type) for f in fields if not f.required}
            return st.fixed_dictionaries(needed, optional=given_maybe).map(lambda chosen: cls(**chosen))
        case inspect.Metadata(type=inner):
            return values(inner)
        case inspect.UnionType(types=types):
            return st.one_of([values(t) for t in types])
        case inspect.StrType(pattern=str(pattern)):
            return st.sampled_from(next(chosen for part, chosen in PATTERNS.items() if part in pattern))
        case inspect.StrType(min_length=low, max_length=high):
            return st.text(CHARACTERS, min_size=low or 0, max_size=min(high or 20, 20))
        case inspect.IntType(ge=low, le=high):
            return st.integers(-I64 if low is None else low, I64 - 1 if high is None else high)
        case inspect.FloatType(ge=low, le=high):
            return st.floats(low, high, allow_nan=False, allow_infinity=False)
        case inspect.BytesType():
            return st.binary(max_size=200)
        case inspect.ListType(item_type=item):
            return st.lists(values(item), max_size=4)
        case inspect.DictType(key_type=key, value_type=value):
            return st.dictionaries(values(key), values(value), max_size=4)
        case inspect.TupleType(item_types=items):
            return st.tuples(*map(values, items))
        case inspect.LiteralType(values=choices):
            return st.sampled_from(choices)
        case inspect.NoneType():
            return st.none()
        case inspect.BoolType():
            return st.booleans()
    raise AssertionError(f"a message holds a {kind}: teach this function to make one")


def some(message):
    return values(inspect.type_info(message))


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: m.__name__)
def test_messagepack_comes_back_as_it_was_sent(message):
    decoder = Codec(message)

    @settings(max_examples=30, deadline=None)
    @given(st.lists(some(message), max_size=3))
    def check(sent):
        packed = [encode(one) for one in sent]
        assert decoder.decode_batch(packed) == sent
        assert [decoder.decode(value) for value in packed] == sent

    check()


@pytest.mark.parametrize("message", INPUTS, ids=lambda m: m.__name__)
def test_json_and_messagepack_of_an_input_are_the_same_message(message):
    decoder = Codec(message)

    @settings(max_examples=30, deadline=None)
    @given(some(message))
    def check(sent):
        assert decoder.decode(to_json(sent)) == decoder.decode(encode(sent)) == sent

    check()


@pytest.mark.parametrize("message", INPUTS, ids=lambda m: m.__name__)
def test_unknown_fields_and_white_space_change_nothing(message):
    decoder = Codec(message)

    @settings(max_examples=20, deadline=None)
    @given(some(message), NEWER)
    def check(sent, more):
        assert decoder.decode(b"\r\n\t " + json.dumps({**more, **json.loads(to_json(sent))}).encode()) == sent
        assert decoder.decode(encode({**more, **msgspec.to_builtins(sent, builtin_types=(bytes,))})) == sent

    check()


@given(
    millis=st.integers(0, MAX_TIME_MS),
    offset=st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_rfc3339_time_with_any_offset_is_the_same_instant_in_milliseconds(millis, offset):
    instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=millis)
    text = instant.astimezone(timezone(timedelta(minutes=offset))).isoformat()
    value = json.dumps({"event_id": "e", "user_id": "u", "type": "view", "occurred_at": text}).encode()
    assert Codec(UserBehaviour).decode(value).occurred_at == millis


@given(st.text(CHARACTERS, min_size=1, max_size=MAX_ID_CHARS))
def test_a_key_is_the_id_in_utf8(text):
    assert decode_key(text.encode()) == text


@pytest.mark.parametrize(
    "key", [None, b"", b"\xff", b"\xed\xa0\x80", b"x" * 257, b"x" * 1_000_000, "🙂".encode() * 257],
    ids=["null", "empty", "not utf-8", "surrogate", "257", "1 MB", "257 emoji"],
)  # fmt: skip
def test_a_key_that_is_no_id_is_a_bad_key(key):
    with pytest.raises(DecodeError) as caught:
        decode_key(key)
    assert caught.value.reason == "bad_key"
