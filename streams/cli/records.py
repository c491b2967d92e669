"""One record as one line: decoded by its topic's type where it can be, escaped where it cannot."""

from typing import Any, Protocol

import msgspec
import numpy as np
from msgspec import Struct

from schemas.codec import Codec, to_json
from schemas.errors import DecodeError
from schemas.letters import DeadLetter
from schemas.state import ROW_HEADER, ROW_HEADER_BYTES
from schemas.topics import TOPICS

SHOWN_BYTES = 200  # of a key or value that is of no known type
SHOWN_CHARS = 120  # of a key
_CODECS: dict[str, Codec[Struct]] = {spec.name: Codec(spec.value) for spec in TOPICS if spec.value is not None}
_STATE_TOPICS = frozenset(spec.name for spec in TOPICS if spec.value is None)
_ROW_HEAD = np.dtype(ROW_HEADER)


class Record(Protocol):
    """What is read of a client's consumer record."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def describe(record: Record, name: str) -> str:
    """`partition:offset  key  value` on one line; `name` is the topic's name without prefix."""
    key = "(no key)" if record.key is None else _text(record.key, SHOWN_CHARS)
    return f"{record.partition}:{record.offset}  {key}  {_line(readable(record.value, name))}"


def describe_json(record: Record, name: str) -> str:
    """The record as a JSON object on one line; bytes that are not text or a known type are escaped."""
    return to_json(
        {
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "timestamp": record.timestamp,
            "key": None if record.key is None else _text(record.key, len(record.key)),
            "value": readable(record.value, name),
        }
    ).decode()


def readable(value: bytes | None, name: str) -> Any:
    """A value as something that JSON can hold: the fields of a message, or a text that says what lies there."""
    if value is None:
        return None
    if name in _STATE_TOPICS:
        return _state_row(value)
    codec = _CODECS.get(name)
    if codec is None:
        return _unknown(value)
    try:
        message = codec.decode(value)
    except DecodeError as error:
        return {"undecodable": str(error), "bytes": len(value), "begins": _text(value, SHOWN_BYTES)}
    fields: dict[str, Any] = msgspec.to_builtins(message, builtin_types=(bytes,))
    if isinstance(message, DeadLetter):
        for field in ("key", "value"):
            if fields.get(field) is not None:
                fields[field] = _text(fields[field], SHOWN_BYTES)
    return _without_bytes(fields)


def _line(value: Any) -> str:
    return "(deleted)" if value is None else value if isinstance(value, str) else to_json(value).decode()


def _state_row(value: bytes) -> Any:
    if len(value) < ROW_HEADER_BYTES:
        return {"state_row_bytes": len(value), "begins": _text(value, SHOWN_BYTES)}
    head = np.frombuffer(value[:ROW_HEADER_BYTES], _ROW_HEAD)[0]
    return {
        "state_row_bytes": len(value),
        "format": int(head["format"]),
        "model": f"{int(head['model']):08x}",
        "last_offset": int(head["offset"]),
    }


def _unknown(value: bytes) -> Any:
    """A value of a topic that is not ours: JSON or MessagePack if it is one of them from end to end, else escaped."""
    for decode in (msgspec.json.decode, msgspec.msgpack.decode):
        try:
            return _without_bytes(msgspec.to_builtins(decode(value), builtin_types=(bytes,), str_keys=True))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError, ValueError):
            continue
    return {"bytes": len(value), "begins": _text(value, SHOWN_BYTES)}


def _without_bytes(value: Any) -> Any:
    if isinstance(value, bytes):
        return _text(value, SHOWN_BYTES)
    if isinstance(value, dict):
        return {str(key): _without_bytes(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_bytes(each) for each in value]
    return value


def _text(data: bytes, limit: int) -> str:
    """Bytes as text that cannot steer a terminal: UTF-8 where it is, the unprintable escaped, cut with a note."""
    text = data[:limit].decode("utf-8", "backslashreplace")
    shown = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
    return shown if len(data) <= limit else f"{shown}… ({len(data):,} bytes)"
