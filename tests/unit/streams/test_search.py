"""Finding the record that the model cannot answer, without losing its neighbours."""

import msgspec
import pytest
from aiokafka import ConsumerRecord
from faust.types import TP

from schemas.letters import DeadLetter
from streams.batcher.search import answer_or_set_aside
from streams.errors import StateDamaged, StreamError
from streams.logic.answer import Answer
from tests.unit.streams.counting import Counting
from tests.unit.streams.making import NOW_MS, Rows, numbered, record, window_of

A, B = TP("source", 0), TP("source", 1)


def marked(one: ConsumerRecord) -> bool:
    """Whether the record is one of those that make the logic fail."""
    return bool(one.value == b"bad")


def counts(answer: Answer, tp: TP) -> list[tuple[bytes | None, bytes | None]]:
    """Keys and counts that were sent, in order."""
    sent = answer.partitions[tp].outputs["counts"]
    return list(zip(sent.keys, sent.values, strict=True))


def letters(answer: Answer, tp: TP) -> list[DeadLetter]:
    """Dead letters of a partition, in order."""
    return [msgspec.msgpack.decode(value or b"", type=DeadLetter) for value in answer.letters[tp].values]


def one_user(tp: TP, values: str) -> list[ConsumerRecord]:
    """Records of one user, good for `.` and bad for `x`."""
    return [record(tp, i, b"u", b"bad" if value == "x" else b"good") for i, value in enumerate(values)]


@pytest.mark.parametrize("values", ["..x.....", "x.", ".x", "x..x..x.....", "xxxxxxx.", ".xxxxxxx", "." * 100 + "x"])
def test_bad_records_are_set_aside_and_all_others_answered_as_if_they_had_not_been_there(values: str) -> None:
    answer = answer_or_set_aside(Counting(marked), window_of(one_user(A, values)), Rows().read, NOW_MS)
    good, bad = values.count("."), [i for i, value in enumerate(values) if value == "x"]
    assert counts(answer, A) == [(b"u", b"%d" % (i + 1)) for i in range(good)]
    assert answer.partitions[A].rows == {b"u": b"%d" % good}
    assert [(letter.source.offset, letter.reason) for letter in letters(answer, A)] == [
        (offset, "inference_failed") for offset in bad
    ]
    assert answer.results == {"predicted": good, "dead_letter": len(bad)}


def test_stored_rows_are_read_below_those_of_the_first_half() -> None:
    rows = Rows()
    rows.kept[0, b"u"] = b"40"
    answer = answer_or_set_aside(Counting(marked), window_of(one_user(A, ".x.")), rows.read, NOW_MS)
    assert counts(answer, A) == [(b"u", b"41"), (b"u", b"42")]


def test_partitions_of_a_halved_window_stay_apart() -> None:
    window = window_of([*one_user(A, "..x."), *one_user(B, "x...")])
    answer = answer_or_set_aside(Counting(marked), window, Rows().read, NOW_MS)
    assert (len(counts(answer, A)), len(counts(answer, B))) == (3, 3)
    assert answer.partitions[B].rows == {b"u": b"3"}


def test_the_letter_tells_the_error() -> None:
    answer = answer_or_set_aside(Counting(marked), window_of(one_user(A, ".x")), Rows().read, NOW_MS)
    (letter,) = letters(answer, A)
    assert letter.error == "ZeroDivisionError: told to fail at 1"
    assert (letter.value, letter.key, letter.failed_at) == (b"bad", b"u", NOW_MS)


def test_a_search_takes_few_calls() -> None:
    logic = Counting(marked)
    answer_or_set_aside(logic, window_of(one_user(A, "." * 700 + "x" + "." * 323)), Rows().read, NOW_MS)
    assert logic.calls <= 2 * 10 + 1


@pytest.mark.parametrize("error", [StateDamaged, StreamError, MemoryError])
@pytest.mark.parametrize("size", [1, 8])
def test_errors_about_us_are_never_a_records_fault(error: type[Exception], size: int) -> None:
    logic = Counting(lambda one: one.offset == size - 1, error)
    with pytest.raises(error):
        answer_or_set_aside(logic, window_of(numbered(A, size)), Rows().read, NOW_MS)


def test_a_model_that_answers_nothing_of_a_large_window_is_broken_and_stops_the_worker() -> None:
    logic = Counting(lambda one: True)
    with pytest.raises(ZeroDivisionError):
        answer_or_set_aside(logic, window_of(numbered(A, 256)), Rows().read, NOW_MS)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_few_bad_records_by_themselves_are_letters_or_a_restart_would_meet_them_for_ever(size: int) -> None:
    answer = answer_or_set_aside(Counting(lambda one: True), window_of(numbered(A, size)), Rows().read, NOW_MS)
    assert answer.results == {"dead_letter": size}
