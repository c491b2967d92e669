"""Dead letters: what they hold, and how many stop the worker."""

import msgspec
import pytest
from faust.types import TP

from schemas.errors import DecodeError
from schemas.letters import MAX_LETTER_BYTES, DeadLetter
from schemas.topics import DEAD_LETTERS
from streams.errors import TooManyLetters
from streams.letters.letter import MAX_ERROR_CHARS, write_letter
from streams.letters.limit import MINUTE_MS, LetterLimit
from tests.unit.streams.making import NOW_MS, record

A = TP("user-behaviour", 3)


class Clock:
    """The time, as the test sets it."""

    now = NOW_MS

    def __call__(self) -> int:
        """Milliseconds."""
        return self.now


def letter_of(key: bytes | None, value: bytes | None, text: str = "why") -> tuple[bytes | None, DeadLetter]:
    """Key and content of the letter about such a record."""
    found, raw = write_letter(A, record(A, 17, key, value), DecodeError("invalid", text), NOW_MS + 99)
    return found, msgspec.msgpack.decode(raw, type=DeadLetter)


def test_a_letter_holds_the_original_bytes_their_place_the_reason_and_the_times() -> None:
    key, letter = letter_of(b"u", b"\xc1\x00")
    assert key == b"u"
    assert (letter.key, letter.value, letter.key_size, letter.value_size) == (b"u", b"\xc1\x00", 1, 2)
    assert (letter.source.topic, letter.source.partition, letter.source.offset) == ("user-behaviour", 3, 17)
    assert (letter.reason, letter.error, letter.attempts) == ("invalid", "why", 1)
    assert (letter.timestamp, letter.failed_at) == (NOW_MS + 17, NOW_MS + 99)


@pytest.mark.parametrize(("key", "value"), [(None, None), (b"", b""), (None, b"x")])
def test_what_was_not_there_is_told_apart_from_what_was_empty(key: bytes | None, value: bytes | None) -> None:
    _, letter = letter_of(key, value)
    assert (letter.key, letter.value) == (key, value)


def test_the_letter_of_the_largest_record_fits_the_topic() -> None:
    key, letter = letter_of(b"k" * 3_000_000, b"v" * 10_000_000, "because " * 10_000)
    assert (letter.key_size, letter.value_size) == (3_000_000, 10_000_000)
    assert (letter.key, letter.value) == (b"k" * MAX_LETTER_BYTES, b"v" * MAX_LETTER_BYTES)
    assert len(letter.error) == MAX_ERROR_CHARS
    _, raw = write_letter(A, record(A, 1, b"k" * 3_000_000, b"v" * 10_000_000), DecodeError("invalid", "é" * 9_999), 0)
    assert len(key or b"") + len(raw) + 1_000 < DEAD_LETTERS.max_message_bytes


def test_letters_up_to_the_limit_go_on() -> None:
    limit = LetterLimit(10, Clock())
    for _ in range(10):
        limit.count(1, "example")


def test_one_letter_past_the_limit_stops_the_worker_with_its_own_exit_code() -> None:
    limit = LetterLimit(10, Clock())
    limit.count(10, "first")
    with pytest.raises(TooManyLetters, match=r"letters\.max_per_minute is 10.*user-behaviour\[0\]@5: bad") as stopped:
        limit.count(1, "user-behaviour[0]@5: bad")
    assert stopped.value.exit_code == 3


def test_letters_of_more_than_a_minute_ago_no_longer_count() -> None:
    clock = Clock()
    limit = LetterLimit(10, clock)
    limit.count(6, "a")
    clock.now += MINUTE_MS - 1
    limit.count(4, "b")
    clock.now += 1
    limit.count(6, "c")
    with pytest.raises(TooManyLetters):
        limit.count(1, "d")


def test_windows_without_letters_pass_however_many_there_are() -> None:
    limit = LetterLimit(1, Clock())
    for _ in range(100):
        limit.count(0, "")
