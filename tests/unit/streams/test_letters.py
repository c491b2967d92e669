"""Dead letters: what they hold, and how many stop the worker."""

import msgspec
import pytest
from faust.types import TP

from schemas.errors import DecodeError
from schemas.letters import MAX_LETTER_BYTES, DeadLetter
from schemas.topics import DEAD_LETTERS
from streams.config import LetterSettings
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


def limit_of(most: int = 10, clock: Clock | None = None, share: float = 1.0, of: int = 100) -> LetterLimit:
    """A limit with these settings."""
    return LetterLimit(LetterSettings(max_per_minute=most, max_share=share, share_of=of), clock or Clock())


def test_letters_up_to_the_limit_go_on() -> None:
    limit = limit_of()
    for _ in range(10):
        limit.count("agent", 1, 1, "example")


def test_one_letter_past_the_limit_stops_the_worker_with_its_own_exit_code() -> None:
    limit = limit_of()
    limit.count("one", 10, 10, "first")
    with pytest.raises(TooManyLetters, match=r"letters\.max_per_minute is 10.*user-behaviour\[0\]@5: bad") as stopped:
        limit.count("another", 1, 1, "user-behaviour[0]@5: bad")
    assert stopped.value.exit_code == 3


def test_letters_of_more_than_a_minute_ago_no_longer_count() -> None:
    clock = Clock()
    limit = limit_of(clock=clock)
    limit.count("agent", 6, 6, "a")
    clock.now += MINUTE_MS - 1
    limit.count("agent", 4, 4, "b")
    clock.now += 1
    limit.count("agent", 6, 6, "c")
    with pytest.raises(TooManyLetters):
        limit.count("agent", 1, 1, "d")


def test_windows_without_letters_pass_however_many_there_are() -> None:
    limit = limit_of(1, share=0.01)
    for _ in range(1_000):
        limit.count("agent", 1, 0, "")


def test_a_share_past_the_limit_stops_the_worker_once_there_are_enough_records_to_judge() -> None:
    limit = limit_of(1_000, share=0.5, of=100)
    limit.count("agent", 99, 99, "too few to judge")
    with pytest.raises(
        TooManyLetters, match=r"100 of the last 100 records of agent.*letters\.max_share is 0\.5"
    ) as over:
        limit.count("agent", 1, 1, "enough")
    assert over.value.exit_code == 3


def test_a_share_up_to_the_limit_goes_on_for_ever() -> None:
    clock = Clock()
    limit = limit_of(1_000, clock, share=0.5, of=100)
    for _ in range(100):
        clock.now += MINUTE_MS
        limit.count("agent", 100, 50, "half")
    with pytest.raises(TooManyLetters):
        limit.count("agent", 100, 51, "more than half")


def test_records_of_long_ago_do_not_dilute_a_share() -> None:
    limit = limit_of(1_000, share=0.5, of=100)
    for _ in range(50):
        limit.count("agent", 1_000, 0, "")
    for _ in range(50):
        limit.count("agent", 1, 1, "")  # the last window of 1,000 is among the last 100 records still
    limit.count("agent", 49, 0, "")
    with pytest.raises(TooManyLetters, match="51 of the last 100"):
        limit.count("agent", 1, 1, "")


def test_each_agent_has_a_share_of_its_own() -> None:
    limit = limit_of(1_000, share=0.5, of=100)
    limit.count("one", 10_000, 0, "")
    limit.count("other", 99, 99, "")
    with pytest.raises(TooManyLetters, match="of other"):
        limit.count("other", 1, 1, "")
