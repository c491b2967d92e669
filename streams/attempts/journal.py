"""The attempts journal of one agent: what the model is at, noted where the death of the process does not reach.

Before a window is given to the model, its offsets are noted; when the model comes back, with an answer or an error, the
note is taken out. A note that is found at start was left by a death: a segmentation fault, an abort, the kernel for
want of memory, the watchdog because the model never came back; or by SIGKILL from outside, when nothing is wrong with
the records. So they are tried again, in smaller parts (see `streams.attempts.careful`), and what comes back is no
suspect any more. A record that was there in DEATHS deaths running, the last time alone, is not tried again.

The journal belongs to a state folder: a worker elsewhere that takes the partition over has its own and counts from one.
"""

import logging
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
from faust.types import TP
from msgspec import Struct

from streams.attempts.slots import Slots
from streams.attempts.suspects import Noted, Suspect, after_a_death, beyond
from streams.batcher.window import Window
from streams.errors import StateDamaged, TooManyLetters
from streams.record import Record

log = logging.getLogger(__name__)
DEATHS = 3  # running, after which a record is set aside
DEATHS_IN_A_ROW = 10  # records set aside with nothing answered in between: then it is the worker, not the records
NAMED = 5  # ranges in a line of the log


class _Content(Struct, array_like=True):
    topic: str
    model: str
    in_a_row: int = 0
    suspects: list[Suspect] = []
    noted: list[Noted] = []
    mark: int = 0


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Content).decode


class AttemptsJournal:
    """Opened once, on any thread; all else belongs to the model's thread.

    `topic` is the agent's source as the cluster names it. Another `model` (name and version) begins to count anew.
    """

    def __init__(self, path: Path, agent: str, topic: str, model: str) -> None:
        self._path = path
        self._agent = agent
        self._fresh = _Content(topic, model)
        self._content = self._fresh
        self._slots: Slots | None = None
        self._seen: set[int] = set()
        self._full = False

    def open(self) -> None:
        """Read what the last worker left; once. Only after the state folder is known to be ours alone.

        Errors: StateDamaged if the file cannot be written; TooManyLetters if the worker dies whatever the record is.
        """
        if self._slots is not None:
            return
        try:
            self._slots = Slots(self._path)
        except OSError as error:
            raise StateDamaged(f"the attempts journal {self._path} cannot be written: {error}") from error
        content = self._content = self._read(self._slots)
        if content.noted:
            self._count_death()
        if content.in_a_row > DEATHS_IN_A_ROW:
            raise TooManyLetters(
                f"{self._agent}: the worker died {DEATHS} times running at each of the last {content.in_a_row} records "
                f"of {content.topic}, and answered none in between: it is the worker or {content.model}, not the "
                f"records. Nothing more is set aside; mend it, then remove {self._path} to have them tried again"
            )

    @property
    def suspects(self) -> bool:
        """Whether any record must be handled with care."""
        return bool(self._content.suspects)

    def known(self, tp: TP, records: Sequence[Record]) -> list[Suspect | None]:
        """What is known about each of these records of a partition."""
        first, last = records[0].offset, records[-1].offset
        found = [
            one
            for one in self._content.suspects
            if one.partition == tp.partition and one.first <= last and first <= one.last
        ]
        if not found:
            return [None] * len(records)
        return [self._suspect(found, record) for record in records]

    def meet(self, window: Window) -> None:
        """Forget suspects that a partition is past when it is first met: others answered them, or they are gone."""
        for tp, records in window.records.items():
            if tp.partition not in self._seen:
                self._seen.add(tp.partition)
                self._content.suspects = beyond(
                    self._content.suspects, tp.partition, records[0].offset - 1, keep=sys.maxsize
                )

    def begin(self, window: Window) -> None:
        """The model is given these records."""
        content = self._content
        content.noted = [
            Noted(tp.partition, records[0].offset, records[-1].offset) for tp, records in window.records.items()
        ]
        content.mark = mark_of(next(iter(window.records.values()))[0]) if window.size == 1 else 0
        self._write()

    def end(self) -> None:
        """The model came back."""
        content = self._content
        if content.suspects:
            for one in content.noted:
                # What is to be set aside stays: its letter may not be in Kafka yet, and then the record comes again.
                content.suspects = beyond(content.suspects, one.partition, one.last, keep=DEATHS)
        content.noted, content.in_a_row = [], 0
        self._write()

    def _read(self, slots: Slots) -> _Content:
        fresh = self._fresh
        if slots.foreign:
            log.warning("%s: %s is damaged or no journal of attempts; begun anew", self._agent, self._path)
            return fresh
        if not slots.content:
            return fresh
        try:
            content = _decode(slots.content)
        except msgspec.MsgspecError as error:
            log.warning("%s: %s cannot be read (%s); begun anew", self._agent, self._path, error)
            return fresh
        if content.topic != fresh.topic:
            log.warning("%s: %s is about %s, not %s; begun anew", self._agent, self._path, content.topic, fresh.topic)
            return fresh
        if content.model != fresh.model:
            return msgspec.structs.replace(content, model=fresh.model, in_a_row=0, suspects=[])
        return content

    def _count_death(self) -> None:
        content = self._content
        before = len(self._set_aside())
        content.suspects = after_a_death(content.suspects, content.noted, content.mark)
        log.warning(
            "%s: the last worker on this state folder died while the model had %s; tried again with care",
            self._agent, self._named(content.noted),
        )  # fmt: skip
        if len(self._set_aside()) > before:
            content.in_a_row += 1
            log.error(
                "%s: %s was with the model in %d deaths of the worker running; it becomes a dead letter",
                self._agent, self._named(content.noted), DEATHS,
            )  # fmt: skip
        content.noted, content.mark = [], 0
        self._write()

    def _set_aside(self) -> list[Suspect]:
        return [one for one in self._content.suspects if one.deaths >= DEATHS]

    @staticmethod
    def _suspect(found: Sequence[Suspect], record: Record) -> Suspect | None:
        for one in found:
            if one.first <= record.offset <= one.last:
                # The mark tells a record of a topic that was made anew from the one that had its offset.
                return one if one.mark in (0, mark_of(record)) else None
        return None

    def _named(self, noted: list[Noted]) -> str:
        ranges = [
            f"{self._content.topic}[{one.partition}]@{one.first}" + (f"-{one.last}" if one.last > one.first else "")
            for one in noted[:NAMED]
        ]
        return ", ".join(ranges) + (f" and {len(noted) - NAMED} more partitions" if len(noted) > NAMED else "")

    def _write(self) -> None:
        assert self._slots is not None, "open() comes first"
        if not self._slots.write(_encode(self._content)) and not self._full:
            self._full = True
            log.warning("%s: %s is full; deaths are not counted while it is", self._agent, self._path)


def mark_of(record: Record) -> int:
    """Tells a record from another at the same offset; never 0."""
    return zlib.crc32(record.value or b"", zlib.crc32(record.key or b"", record.timestamp & 0xFFFFFFFF)) or 1
