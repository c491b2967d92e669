"""The reference job as a logic of shelfstream's engine: the peers' model in numpy, rows and answers as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from faust.types import TP

from benchmarks.peers.model import Model
from benchmarks.reference_events import HIDDEN, TOP, Event
from schemas.codec import Codec
from schemas.errors import DecodeError
from schemas.state import ROW_FORMAT, ROW_HEADER, model_key
from schemas.topics import USER_PREDICTIONS
from streams.batcher.window import Window
from streams.clock import Clock, now_ms
from streams.logic import answer as engine
from streams.logic.answer import ReadRows
from streams.record import Record

ROW = np.dtype([*ROW_HEADER, ("halves", "<f2", (2 * HIDDEN,))])  # h, then c
BLANK = np.zeros(1, ROW)
BLANK["offset"] = -1

# An Answer in MessagePack, each field at its place: a map of three, names before values, a type byte before each
# number. A hundred bytes of names and types are the same in all, so a window's answers are filled in by column.
_CONFIDENCE = np.dtype([("type", "u1"), ("value", ">f8")])
ANSWER = np.dtype(
    [
        ("map", "u1"),
        ("offset_name", "S7"),
        ("offset_type", "u1"),
        ("offset", ">u8"),
        ("classes_name", "S8"),
        ("classes_size", "u1"),
        ("classes", "u1", (TOP,)),  # below 128 a number is its own type
        ("confidences_name", "S12"),
        ("confidences_size", "u1"),
        ("confidences", _CONFIDENCE, (TOP,)),
    ]
)
EMPTY = np.zeros(1, ANSWER)
EMPTY["map"], EMPTY["offset_type"] = 0x83, 0xCF
EMPTY["offset_name"], EMPTY["classes_name"] = b"\xa6offset", b"\xa7classes"
EMPTY["confidences_name"] = b"\xabconfidences"
EMPTY["classes_size"] = EMPTY["confidences_size"] = 0x90 + TOP
EMPTY["confidences"]["type"] = 0xCB


@dataclass(slots=True)
class _Columns:
    """The events of a window by partition, in offset order; `ends` tells where each partition's events end."""

    ends: dict[TP, int] = field(default_factory=dict)
    keys: list[bytes] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    slots: list[int] = field(default_factory=list)
    users: dict[TP, tuple[int, int]] = field(default_factory=dict)  # the slots of each partition
    names: list[bytes] = field(default_factory=list)  # of each slot's user
    stored: list[bytes | None] = field(default_factory=list)

    def add(self, tp: TP, records: Sequence[Record], events: Sequence[Event], read: ReadRows) -> None:
        """Append one partition, with the stored rows of its users."""
        keys = [record.key or b"" for record in records]
        users = list(dict.fromkeys(keys))
        first = len(self.names)
        numbers = dict(zip(users, range(first, first + len(users)), strict=True))
        self.slots += [numbers[key] for key in keys]
        self.keys += keys
        self.tokens += [event.product_id for event in events]
        self.offsets += [record.offset for record in records]
        self.users[tp] = (first, first + len(users))
        self.names += users
        self.stored += read(tp.partition, users)
        self.ends[tp] = len(self.keys)


class ReferenceLogic:
    """One answer for each event; several events of one user in a window are stepped in offset order.

    Unreadable records become dead letters; those that the user's row has counted are skipped, as in the shipped logic.
    """

    name = "reference"
    model_name, model_version = "reference", "1"

    def __init__(self, weights: Path, target: str = USER_PREDICTIONS.name, clock: Clock = now_ms) -> None:
        self._target = target
        self._clock = clock
        self._model = Model(weights)
        self._codec = Codec(Event)
        self._model_key = model_key(self.model_name, self.model_version)

    def answer(self, window: Window, read: ReadRows) -> engine.Answer:
        """See `Logic.answer`."""
        answer, columns = engine.Answer(), _Columns()
        for tp, records in window.records.items():
            decoded = self._codec.decode_batch([record.value for record in records])
            events = [one for one in decoded if not isinstance(one, DecodeError)]
            good = records if len(events) == len(decoded) else self._set_aside_bad(tp, records, decoded, answer)
            if good:
                columns.add(tp, good, events, read)
        if columns.keys:
            self._step(columns, answer)
        return answer

    def _set_aside_bad(
        self, tp: TP, records: Sequence[Record], decoded: Sequence[Event | DecodeError], answer: engine.Answer
    ) -> list[Record]:
        """The other records."""
        good: list[Record] = []
        for record, one in zip(records, decoded, strict=True):
            if isinstance(one, DecodeError):
                answer.set_aside(tp, record, one, self._clock())
            else:
                good.append(record)
        return good

    def _step(self, columns: _Columns, answer: engine.Answer) -> None:
        blank = BLANK.tobytes()
        rows = np.frombuffer(bytearray().join([row or blank for row in columns.stored]), ROW)  # (u,), writable
        slots, offsets = np.array(columns.slots), np.array(columns.offsets)
        fresh = np.flatnonzero(offsets > rows["offset"][slots])
        answer.results["redelivered"] += len(slots) - len(fresh)
        if not len(fresh):
            return
        slots, offsets = slots[fresh], offsets[fresh]
        classes, confidences = self._model.step(np.array(columns.tokens)[fresh], slots, rows["halves"])
        rows["format"], rows["model"] = ROW_FORMAT, self._model_key
        rows["offset"][slots] = offsets  # of repeated slots numpy keeps the last
        raw, size = rows.tobytes(), ROW.itemsize
        changed = np.unique(slots)
        for tp, (first, last) in columns.users.items():
            mine = changed[np.searchsorted(changed, first) : np.searchsorted(changed, last)].tolist()
            keys = columns.names[first:last]
            answer.partitions[tp].rows = {keys[slot - first]: raw[slot * size : (slot + 1) * size] for slot in mine}
        values = encode(offsets, classes, confidences)
        keys = columns.keys if len(fresh) == len(columns.keys) else [columns.keys[place] for place in fresh.tolist()]
        begin = 0
        for tp, end in columns.ends.items():
            until = int(np.searchsorted(fresh, end))
            outputs = answer.partitions[tp].outputs[self._target]
            outputs.keys += keys[begin:until]
            outputs.values += values[begin:until]
            begin = until
        answer.results["predicted"] += len(fresh)


def encode(offsets: np.ndarray, classes: np.ndarray, confidences: np.ndarray) -> list[bytes]:
    """Each event's Answer in MessagePack. Shapes: (n,), (n, 5), (n, 5)."""
    answers = np.repeat(EMPTY, len(offsets))
    answers["offset"], answers["classes"] = offsets, classes
    answers["confidences"]["value"] = confidences
    raw, size = answers.tobytes(), ANSWER.itemsize
    return [raw[start : start + size] for start in range(0, len(raw), size)]
