"""From a record and the reason it cannot be answered to the bytes of its dead letter."""

from faust.types import TP

from schemas.codec import encode
from schemas.errors import DecodeError
from schemas.events import MAX_ID_CHARS
from schemas.letters import MAX_LETTER_BYTES, DeadLetter
from schemas.predictions import Source
from streams.record import Record

MAX_ERROR_CHARS = 2_000


def write_letter(
    tp: TP, record: Record, error: DecodeError, failed_at: int, attempts: int = 1
) -> tuple[bytes | None, bytes]:
    """Key and value of the dead letter: the original bytes (cut to a limit), where they lie, why and when."""
    key, value = record.key, record.value
    letter = DeadLetter(
        source=Source(tp.topic, tp.partition, record.offset),
        reason=error.reason,
        error=str(error)[:MAX_ERROR_CHARS],
        failed_at=failed_at,
        timestamp=record.timestamp,
        attempts=attempts,
        key=key[:MAX_LETTER_BYTES] if key else key,
        key_size=len(key or b""),
        value=value[:MAX_LETTER_BYTES] if value else value,
        value_size=len(value or b""),
    )
    return (key[:MAX_ID_CHARS] if key else None), encode(letter)
