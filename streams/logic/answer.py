"""What answering a window gives, by partition; and what every agent's logic looks like to the engine."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Protocol

from aiokafka import ConsumerRecord
from faust.types import TP

from schemas.errors import DecodeError
from streams.batcher.window import Window
from streams.letters.letter import write_letter
from streams.logic.request import Request


@dataclass(slots=True)
class Records:
    """Keys and values for one topic, in order."""

    keys: list[bytes | None] = field(default_factory=list)
    values: list[bytes | None] = field(default_factory=list)

    def add(self, key: bytes | None, value: bytes | None) -> None:
        """Append one record."""
        self.keys.append(key)
        self.values.append(value)


@dataclass(slots=True)
class PartitionAnswer:
    """Outputs by topic (declared names, without prefix), and new rows by key; a None row deletes.

    `outputs` go to the partition of their source, `routed` to that of their key. Rows reach the changelog in order.
    """

    outputs: defaultdict[str, Records] = field(default_factory=lambda: defaultdict(Records))
    routed: defaultdict[str, Records] = field(default_factory=lambda: defaultdict(Records))
    rows: dict[bytes, bytes | None] = field(default_factory=dict)


@dataclass(slots=True)
class Answer:
    """A window's answer: what to send and to store for each partition, and what happened, for the metrics.

    `requests` has the records that are to be answered again, by key, None where none of the key is any longer; they are
    `asked`, and take `asked_bytes`. `again`: how many records of earlier windows were answered again now.
    `expired`: rows deleted because of their age. `alarms`: events whose risk is that of an alarm.
    """

    partitions: defaultdict[TP, PartitionAnswer] = field(default_factory=lambda: defaultdict(PartitionAnswer))
    letters: defaultdict[TP, Records] = field(default_factory=lambda: defaultdict(Records))
    results: Counter[str] = field(default_factory=Counter)
    types: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    refined: Counter[str] = field(default_factory=Counter)
    cut: Counter[str] = field(default_factory=Counter)
    requests: dict[bytes, Request | None] = field(default_factory=dict)
    asked: int = 0
    asked_bytes: int = 0
    again: int = 0
    expired: int = 0
    alarms: int = 0
    example: str = ""

    def set_aside(self, tp: TP, record: ConsumerRecord, error: DecodeError, now_ms: int, attempts: int = 1) -> None:
        """Make this record a dead letter, after so many attempts to answer it."""
        self.letters[tp].add(*write_letter(tp, record, error, now_ms, attempts))
        self.results["dead_letter"] += 1
        self.reasons[error.reason] += 1
        self.example = f"{tp.topic}[{tp.partition}]@{record.offset}: {error}"

    def ask(self, key: bytes, request: Request | None) -> None:
        """Have the record of this key answered again, behind all that were asked for until now; None: not any more."""
        old = self.requests.pop(key, None)
        self.requests[key] = request
        for one, sign in ((old, -1), (request, 1)):
            if one is not None:
                self.asked += sign
                self.asked_bytes += sign * one.size

    def merge(self, later: "Answer") -> None:
        """Add the answer of the window that came right after this one's."""
        for tp, part in later.partitions.items():
            mine = self.partitions[tp]
            for sent, more in ((mine.outputs, part.outputs), (mine.routed, part.routed)):
                for topic, records in more.items():
                    sent[topic].keys += records.keys
                    sent[topic].values += records.values
            for key, row in part.rows.items():
                mine.rows.pop(key, None)  # so that it comes behind the rows that were decided before it
                mine.rows[key] = row
        for tp, records in later.letters.items():
            self.letters[tp].keys += records.keys
            self.letters[tp].values += records.values
        for mine_counts, counts in (
            (self.results, later.results), (self.types, later.types), (self.reasons, later.reasons),
            (self.refined, later.refined), (self.cut, later.cut),
        ):  # fmt: skip
            mine_counts.update(counts)
        for key, request in later.requests.items():
            self.ask(key, request)
        self.again += later.again
        self.expired += later.expired
        self.alarms += later.alarms
        self.example = later.example or self.example


class ReadRows(Protocol):
    """Reads the newest rows of a partition, None where a key has none."""

    def __call__(self, partition: int, keys: list[bytes], /) -> list[bytes | None]: ...


class Logic(Protocol):
    """Answers windows of one source topic. Called on the model's thread, one window at a time."""

    name: str
    model_name: str
    model_version: str

    def answer(self, window: Window, read: ReadRows) -> Answer:
        """Everything that the window's records lead to. Errors: whatever the model raises; nothing was changed then."""
        ...
