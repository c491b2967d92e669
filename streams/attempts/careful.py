"""Answers a window and notes what the model is at; records that were there when a worker died go apart.

The records of a window that died are tried in groups, as many groups as each has records; those of a group that died,
one by one; the one that died alone as its third time is set aside. So three deaths name one record of 4,096, and when
nothing is wrong with them (somebody sent SIGKILL) a restart takes 64 calls of the model, not 4,096.
"""

from collections.abc import Iterator
from math import isqrt

from faust.types import TP

from schemas.errors import DecodeError
from streams.attempts.journal import DEATHS, AttemptsJournal
from streams.attempts.suspects import Suspect
from streams.batcher.search import answer_or_set_aside, reading_through
from streams.batcher.window import Window
from streams.logic.answer import Answer, Logic, ReadRows
from streams.record import Record


def answer_with_care(logic: Logic, window: Window, read: ReadRows, now_ms: int, journal: AttemptsJournal) -> Answer:
    """The logic's answer, as `answer_or_set_aside` has it; what the journal says must not be tried is set aside.

    Errors: those of `answer_or_set_aside`.
    """
    if not journal.suspects:
        return _noted(logic, window, read, now_ms, journal)
    journal.meet(window)
    answer = Answer()
    read_through = reading_through(answer, read)
    for part, suspect in list(_parts(window, journal)):
        if suspect is not None and suspect.deaths >= DEATHS:
            answer.merge(_set_aside(part, suspect, now_ms))
        else:
            answer.merge(_noted(logic, part, read_through, now_ms, journal))
    return answer


def _noted(logic: Logic, window: Window, read: ReadRows, now_ms: int, journal: AttemptsJournal) -> Answer:
    journal.begin(window)
    try:
        answer = answer_or_set_aside(logic, window, read, now_ms)
    except MemoryError:
        raise  # ends the worker as the kernel would have done: the note stays
    except BaseException:
        journal.end()
        raise
    journal.end()
    return answer


def _set_aside(window: Window, suspect: Suspect, now_ms: int) -> Answer:
    answer = Answer()
    why = DecodeError(
        "crashed_worker", f"the worker died in {suspect.deaths} attempts running to answer this record, the last alone"
    )
    for tp, records in window.records.items():
        for record in records:
            answer.set_aside(tp, record, why, now_ms, suspect.deaths)
    return answer


def _parts(window: Window, journal: AttemptsJournal) -> Iterator[tuple[Window, Suspect | None]]:
    """Windows that together are this one, each partition's in order; records above suspicion together."""
    known = {tp: journal.known(tp, records) for tp, records in window.records.items()}
    group = isqrt(sum(one is not None and not _alone(one) for found in known.values() for one in found)) + 1
    clean = Window()
    for tp, records in window.records.items():
        if not any(known[tp]):
            clean.add(tp, records)
    if clean.size:
        yield clean, None
    for tp, records in window.records.items():
        if tp not in clean.records:
            yield from _runs(tp, records, known[tp], group)


def _runs(
    tp: TP, records: list[Record], known: list[Suspect | None], group: int
) -> Iterator[tuple[Window, Suspect | None]]:
    start = 0
    for end in range(1, len(records) + 1):
        this = known[start]
        if end < len(records) and known[end] is this and not (this and (_alone(this) or end - start >= group)):
            continue
        run = Window()
        run.add(tp, records[start:end])
        yield run, this
        start = end


def _alone(suspect: Suspect) -> bool:
    return suspect.deaths > 1 or suspect.mark != 0
