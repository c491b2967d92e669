"""Demand: sales are counted by the hour and the day, and at each day that closes every key is forecast.

The second of two steps; the first (units.py) has sent each sale to the partition of its key. A day is closed when the
partition has heard of a sale that is later than its end by the lateness that is allowed. What comes later still is
counted on its own day, and the next forecasts know of it. Several days that close at once (nothing was sold meanwhile)
are forecast from the last one. What sold nothing for as long as the model looks back is forgotten, and its forecast
gets a null value.

Each row holds the offset that it is counted up to, and so does the clock, which is the last row of a window to reach
the changelog: whatever a crash has left of a window's rows, the records are counted once in each when they come again.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter

import numpy as np
from faust.types import TP

from models.predict import SALES_HISTORY, SALES_ROW, DemandPredictor, count_sale, read_sales_row
from schemas.demand import DemandUnits, demand_key
from schemas.errors import DecodeError
from schemas.predictions import Source
from schemas.topics import DEMAND_FORECASTS
from streams.batcher.window import Window
from streams.clock import Clock
from streams.logic.answer import Answer, ReadRows
from streams.logic.day_clock import DAY_MS, KEY, DayClock
from streams.logic.decode import Decoded, WindowDecoder
from streams.logic.forecasts import forecasts

AT_ONCE = 4096  # rows that are forecast together
FUTURE_MS = DAY_MS  # a sale that is dated later than it was sent by more than this would close days that are not over

MAX_WINDOW = 65_536  # records: batch.max_events is no more

AllKeys = Callable[[int], list[bytes]]
_tp_of = attrgetter("tp")


class DemandLogic:
    """Answers demand-units. `all_keys` gives those of every row of a partition.

    The shop's days begin `shift_ms` before UTC's, and are kept open for `lateness_ms` after their end.
    """

    name = "demand"

    def __init__(
        self,
        model: DemandPredictor,
        all_keys: AllKeys,
        clock: Clock,
        *,
        shift_ms: int = 0,
        lateness_ms: int = 3_600_000,
    ) -> None:
        self.model_name, self.model_version = model.info.name, model.info.version
        self._model = model
        self._all_keys = all_keys
        self._clock = clock
        self._shift_ms, self._lateness_ms = shift_ms, lateness_ms
        self._young: dict[tuple[int, bytes], None] = {}  # a window that is answered in parts stores none of them yet
        self._decoder = WindowDecoder(DemandUnits, lambda sale: demand_key(sale.kind, sale.name), clock)

    def answer(self, window: Window, read: ReadRows) -> Answer:
        """See `Logic.answer`."""
        answer = Answer()
        for tp, items in groupby(self._decoder.decode(window, answer), key=_tp_of):
            mine = list(items)
            (stored,) = read(tp.partition, [KEY])
            shelf = _Shelf(tp.partition, read)
            shelf.want([item.key for item in mine])
            days = DayClock.read(stored, self._shift_ms, self._lateness_ms)
            for item in mine:
                self._count(item, days, shelf, answer)
            rows = answer.partitions[tp].rows
            rows.update(shelf.changed())
            rows[KEY] = days.row()  # last: it says that all of them are counted
            self._young.update(dict.fromkeys((tp.partition, key) for key in shelf.begun))
        while len(self._young) > MAX_WINDOW:
            del self._young[next(iter(self._young))]
        return answer

    def _count(self, item: Decoded[DemandUnits], days: DayClock, shelf: "_Shelf", answer: Answer) -> None:
        sale, offset = item.event, item.record.offset
        if sale is None:
            answer.results["ignored"] += 1  # nobody writes null values here
            return
        if offset <= days.offset or days.is_copy(sale):
            answer.results["redelivered"] += 1
            days.offset = max(days.offset, offset)
            return
        days.offset = offset
        if sale.occurred_at > item.record.timestamp + FUTURE_MS:
            text = f"occurred_at {sale.occurred_at} lies more than a day after the record's own time"
            error = DecodeError("invalid", f"DemandUnits: {text}; correct the clock of the shop")
            answer.set_aside(item.tp, item.record, error, self._clock())
            return
        closed = days.hear(sale.occurred_at)
        if closed is not None:
            self._forecast(item.tp, offset, closed, days, shelf, answer)
        day, hour = days.place(sale.occurred_at)
        row = shelf.row(item.key, day)
        if row["offset"][0] >= offset:
            answer.results["redelivered"] += 1
            return
        row["offset"] = offset
        kept = count_sale(row, day, hour, sale.units, sale.price)
        answer.results["too_old" if not kept else "late" if day < days.open_day else "counted"] += 1

    def _forecast(self, tp: TP, offset: int, day: int, days: DayClock, shelf: "_Shelf", answer: Answer) -> None:
        sent = answer.partitions[tp].outputs[DEMAND_FORECASTS.name]
        source, as_of = Source(tp.topic, tp.partition, offset), days.end_of(day)
        young = [key for partition, key in self._young if partition == tp.partition]
        for keys, rows in shelf.all([*self._all_keys(tp.partition), *young]):
            gone = rows["day"] <= day - SALES_HISTORY
            begun = rows["first_day"] <= day
            for i in np.flatnonzero(gone):
                shelf.drop(keys[i])
                sent.add(keys[i], None)
            asked = np.flatnonzero(begun & ~gone)
            names = [keys[i] for i in asked]
            for key, value in zip(names, forecasts(self._model, names, rows[asked], day, as_of, source), strict=True):
                sent.add(key, value)
            answer.results["forecast"] += len(names)


class _Shelf:
    """The rows of a partition as the window has them by now."""

    def __init__(self, partition: int, read: ReadRows) -> None:
        self._partition = partition
        self._read = read
        self._stored: dict[bytes, bytes | None] = {}
        self._mine: dict[bytes, np.ndarray | None] = {}  # (1,) each; None: dropped
        self.begun: list[bytes] = []  # keys that had no row

    def want(self, keys: Sequence[bytes]) -> None:
        """Read these now, all at once."""
        wanted = list(dict.fromkeys(keys))
        self._stored.update(zip(wanted, self._read(self._partition, wanted), strict=True))

    def row(self, key: bytes, day: int) -> np.ndarray:
        """(1,) the row of a key that was wanted, to be changed in place; a new one begins on that day."""
        row = self._mine.get(key)
        if row is None:
            stored = None if key in self._mine else self._stored[key]
            row = self._mine[key] = read_sales_row(stored, day)
            if stored is None:
                self.begun.append(key)
        return row

    def drop(self, key: bytes) -> None:
        """The row is to be deleted."""
        self._mine[key] = None

    def all(self, stored: Sequence[bytes]) -> Iterator[tuple[list[bytes], np.ndarray]]:
        """Keys and (n,) rows, some at a time: those of `stored` and those that the window made."""
        keys = [key for key in dict.fromkeys([*stored, *self._mine]) if not key.startswith(KEY[:1])]
        for start in range(0, len(keys), AT_ONCE):
            some = keys[start : start + AT_ONCE]
            unread = [key for key in some if key not in self._mine]
            found: dict[bytes, bytes | None] = dict(zip(unread, self._read(self._partition, unread), strict=True))
            for key in some:
                row = self._mine.get(key)
                if row is not None:
                    found[key] = row.tobytes()
            there = [key for key in some if len(found.get(key) or b"") == SALES_ROW.itemsize]
            yield there, np.frombuffer(b"".join(found[key] or b"" for key in there), SALES_ROW)

    def changed(self) -> dict[bytes, bytes | None]:
        """Rows that the window changed, by the offset they reach; those dropped first."""
        dropped: dict[bytes, bytes | None] = {key: None for key, row in self._mine.items() if row is None}
        rows = [(key, row) for key, row in self._mine.items() if row is not None]
        rows.sort(key=lambda pair: int(pair[1]["offset"][0]))
        return {**dropped, **{key: row.tobytes() for key, row in rows}}
