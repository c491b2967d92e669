"""A dead letter: a record that could not be answered, with its bytes, its place and the reason."""

from typing import Literal

from msgspec import Struct

from schemas.predictions import Source

MAX_LETTER_BYTES = 512 * 1024  # of the original value and key each; the rest still lies at `source`

Reason = Literal["empty", "too_large", "undecodable", "invalid", "bad_key", "inference_failed", "crashed_worker"]


class DeadLetter(Struct, kw_only=True, omit_defaults=True):
    """A record that was set aside. Key: the record's own key (cut to MAX_ID_CHARS bytes).

    `key` and `value` hold the original bytes, cut to MAX_LETTER_BYTES; the sizes tell what there was.
    """

    schema: int = 1
    source: Source
    reason: Reason
    error: str
    failed_at: int
    timestamp: int
    attempts: int = 1
    key: bytes | None = None
    key_size: int = 0
    value: bytes | None = None
    value_size: int = 0
