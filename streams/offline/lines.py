"""JSON lines as records of a partition, and windows of them through a logic, answers in the order of the lines."""

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec
from aiokafka import ConsumerRecord
from faust.types import TP

from schemas.letters import DeadLetter
from streams.batcher.search import answer_or_set_aside
from streams.batcher.turns import answer_in_turn
from streams.batcher.window import Window
from streams.clock import Clock
from streams.logic.answer import Answer, Logic, ReadRows
from streams.logic.refine import Refinements
from streams.offline.table import MemoryRows

PICTURE_S = 0.002  # between two looks at a picture that is not ready
Complete = Callable[[dict[str, Any], int], None]
_letter = msgspec.msgpack.Decoder(DeadLetter).decode


def records(lines: Iterable[bytes], topic: str, key: str, complete: Complete) -> Iterator[ConsumerRecord]:
    """Each line as the record a producer would have sent: the offset is its number from 0, the key its id.

    `complete` may fill in fields that a file need not have. A line that is no JSON object stays as it is, to be
    refused by the logic like any other unreadable record. Empty lines are left out.
    """
    for offset, line in enumerate(line for line in lines if line.strip()):
        value, id_ = line, b""
        try:
            fields = msgspec.json.decode(line)
        except msgspec.DecodeError:
            fields = None
        if isinstance(fields, dict):
            complete(fields, offset)
            id_ = str(fields.get(key, "")).encode("utf-8", "replace")
            value = msgspec.json.encode(fields)
        yield ConsumerRecord(topic, 0, offset, 0, 0, id_ or None, value, None, len(id_), len(value), ())


def answers(
    logic: Logic,
    source: Iterable[ConsumerRecord],
    rows: MemoryRows,
    max_events: int,
    clock: Clock,
    later: Refinements | None = None,
) -> Iterator[tuple[list[ConsumerRecord], Answer]]:
    """Windows of `source` and their answers, each seeing the rows of those before. Nothing waits `later` than that."""
    source = iter(source)
    while part := list(islice(source, max_events)):
        window = Window()
        window.add(TP(part[0].topic, 0), part)
        answer = _answer(logic, later, window, rows, clock)
        while later is not None and len(later.room):
            if later.ready():
                answer.merge(_answer(logic, later, Window(), rows, clock))
            else:
                time.sleep(PICTURE_S)
        yield part, answer


def _answer(logic: Logic, later: Refinements | None, window: Window, rows: MemoryRows, clock: Clock) -> Answer:
    def once(logic: Logic, window: Window, read: ReadRows) -> Answer:
        return answer_or_set_aside(logic, window, read, clock())

    if later is None:
        answer = once(logic, window, rows.read)
    else:
        answer = answer_in_turn(logic, later, window, rows.read, once, once)
    for partition in answer.partitions.values():
        rows.write(partition.rows)
    return answer


def refusals(answer: Answer) -> dict[int, dict[str, Any]]:
    """What the dead letters of an answer say, by offset, as an output line shows it."""
    letters = (_letter(value) for records in answer.letters.values() for value in records.values if value)
    return {letter.source.offset: {"error": letter.error, "reason": letter.reason} for letter in letters}


def stringify(fields: dict[str, Any], *names: str) -> None:
    """Ids that a file has as numbers become text, as they are in Kafka keys."""
    for name in names:
        if isinstance(fields.get(name), int):
            fields[name] = str(fields[name])
