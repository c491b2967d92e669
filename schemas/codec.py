"""Bytes to messages and back: MessagePack out, MessagePack or JSON in (the first byte tells).

A value that starts with `{` (or JSON white space before it) is JSON. A MessagePack map starts with 0x80-0x8f,
0xde or 0xdf, and an array, which only the types with `array_like` are, with 0x90-0x9f, 0xdc or 0xdd.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import Meta, Struct

from schemas.errors import DecodeError
from schemas.events import MAX_ID_CHARS, MAX_TIME_MS, MAX_VALUE_BYTES, ProductUpsert, TimeMs, UserBehaviour

T = TypeVar("T", bound=Struct)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
JSON_STARTS = frozenset(b"{ \t\r\n")
MAP_STARTS = frozenset((*range(0x80, 0x90), 0xDE, 0xDF))
ARRAY_STARTS = frozenset((*range(0x90, 0xA0), 0xDC, 0xDD))

_encoder = msgspec.msgpack.Encoder()
encode = _encoder.encode
to_json = msgspec.json.Encoder().encode

Rfc3339 = Annotated[datetime, Meta(tz=True)]


class _ProductUpsertJson(ProductUpsert, kw_only=True, omit_defaults=True):
    __doc__ = ProductUpsert.__doc__
    updated_at: TimeMs | Rfc3339  # type: ignore[assignment]  # what JSON may hold; made TimeMs right after


class _UserBehaviourJson(UserBehaviour, kw_only=True, omit_defaults=True):
    __doc__ = UserBehaviour.__doc__
    occurred_at: TimeMs | Rfc3339  # type: ignore[assignment]


_JSON_FORMS: dict[type[Struct], tuple[type[Struct], str]] = {
    ProductUpsert: (_ProductUpsertJson, "updated_at"),
    UserBehaviour: (_UserBehaviourJson, "occurred_at"),
}


class Codec(Generic[T]):
    """Decodes one message type, one value or a whole batch. Decoders are built once and reused."""

    def __init__(self, message: type[T]) -> None:
        self.message = message
        self._time_field = _JSON_FORMS[message][1] if message in _JSON_FORMS else ""
        self._starts = ARRAY_STARTS if message.__struct_config__.array_like else MAP_STARTS
        self._msgpack = msgspec.msgpack.Decoder(message)
        self._json: msgspec.json.Decoder[Any] = msgspec.json.Decoder(json_form(message))

    def decode(self, value: bytes | None) -> T:
        """One value. Errors: DecodeError with reason empty, too_large, undecodable or invalid."""
        if not value:
            raise DecodeError("empty", f"an empty value is no {self.message.__name__}; delete with a null value")
        if len(value) > MAX_VALUE_BYTES:
            raise DecodeError("too_large", f"{len(value):,} bytes; a value may have {MAX_VALUE_BYTES:,}")
        first = value[0]
        try:
            if first in self._starts:
                return self._msgpack.decode(value)
            if first in JSON_STARTS:
                return self._from_json(value)
        except msgspec.ValidationError as error:
            raise DecodeError("invalid", f"{self.message.__name__}: {error}") from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise DecodeError("undecodable", f"{self.message.__name__}: {error}") from error
        raise DecodeError("undecodable", f"first byte 0x{first:02x} begins neither a MessagePack map nor a JSON object")

    def decode_batch(self, values: Sequence[bytes | None]) -> list[T | DecodeError]:
        """Many values, in order; a bad one gives its DecodeError in its place and its neighbours go on."""
        decode_msgpack, starts = self._msgpack.decode, self._starts
        with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError):  # else one by one
            if max(map(len, values), default=0) <= MAX_VALUE_BYTES:  # type: ignore[arg-type]  # None: TypeError
                return [decode_msgpack(value) for value in values]  # type: ignore[arg-type]
        out: list[T | DecodeError] = []
        for value in values:
            try:
                if value and value[0] in starts and len(value) <= MAX_VALUE_BYTES:
                    out.append(decode_msgpack(value))
                else:
                    out.append(self.decode(value))
            except msgspec.ValidationError as error:
                out.append(DecodeError("invalid", f"{self.message.__name__}: {error}"))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                out.append(DecodeError("undecodable", f"{self.message.__name__}: {error}"))
            except DecodeError as error:
                out.append(error)
        return out

    def _from_json(self, value: bytes) -> T:
        message = self._json.decode(value)
        if self._time_field:
            fields = msgspec.structs.asdict(message)
            time = fields[self._time_field]
            if isinstance(time, datetime):
                fields[self._time_field] = _millis(time, self._time_field)
            message = self.message(**fields)  # the type asked for: equal messages are equal whatever carried them
        decoded: T = message
        return decoded


def json_form(message: type[Struct]) -> type[Struct]:
    """The type that describes the JSON of a message: the message itself, but for inputs, whose times may be text."""
    return _JSON_FORMS[message][0] if message in _JSON_FORMS else message


def decode_key(key: bytes | None) -> str:
    """The id in a record's key. Errors: DecodeError (bad_key) when it is missing, too long or not UTF-8."""
    if not key:
        raise DecodeError("bad_key", "the record has no key; the key is the id, as UTF-8")
    if len(key) > 4 * MAX_ID_CHARS:
        raise DecodeError("bad_key", f"the key has {len(key):,} bytes; an id may have {MAX_ID_CHARS} characters")
    try:
        text = key.decode()
    except UnicodeDecodeError as error:
        raise DecodeError("bad_key", f"the key is not UTF-8: {error}") from error
    if len(text) > MAX_ID_CHARS:
        raise DecodeError("bad_key", f"the key has {len(text):,} characters; an id may have {MAX_ID_CHARS}")
    return text


def _millis(time: datetime, field: str) -> int:
    millis = (time - EPOCH) // timedelta(milliseconds=1)  # whole numbers: a float is off by one now and then
    if not 0 <= millis <= MAX_TIME_MS:
        raise DecodeError("invalid", f"{field}: {time.isoformat()} is outside 1970 to 2100")
    return millis
