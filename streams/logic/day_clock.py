"""What a partition of demand-units knows of time and of its sources: one row, beside those of its keys.

    byte  0..15   head (schemas.state): format, last offset of demand-units that is counted, in every row it touches
          16      time_ms     latest event time that was heard of
          24      open_day    the first day that is not closed, in days since 1970-01-01; -1 before the first sale
          28      count       of the marks that follow
          32      marks       (count,) i8: of each partition of user-behaviour the place of its last sale, which is
                              2 x offset, + 1 for the category's

Of one partition of user-behaviour, sales come in the order of their places, also those that are sent again after a
restart, or by a worker that did not know that it had lost the partition: a place at or below the mark is a copy.
"""

from dataclasses import dataclass, field
from struct import Struct

from schemas.demand import DemandUnits
from schemas.state import ROW_FORMAT

KEY = b"\x00days"  # NUL: no kind/name begins with it
DAY_MS = 86_400_000
_HEAD = Struct("<B3xIqqii")
_MARKS_AT = _HEAD.size


@dataclass(slots=True)
class DayClock:
    """See above; `shift_ms` is how much earlier than UTC's the shop's days begin, `lateness_ms` how long they are kept
    open after their end."""

    shift_ms: int
    lateness_ms: int
    offset: int = -1
    time_ms: int = -1
    open_day: int = -1
    marks: dict[int, int] = field(default_factory=dict)

    @staticmethod
    def read(row: bytes | None, shift_ms: int, lateness_ms: int) -> "DayClock":
        """The stored clock; a new one where there is none, or one of another format."""
        clock = DayClock(shift_ms, lateness_ms)
        if row is None or len(row) < _MARKS_AT or row[0] != ROW_FORMAT:
            return clock
        _, _, clock.offset, clock.time_ms, clock.open_day, count = _HEAD.unpack_from(row)
        marks = Struct(f"<{count}q").unpack_from(row, _MARKS_AT)
        clock.marks = {number: mark for number, mark in enumerate(marks) if mark >= 0}
        return clock

    def row(self) -> bytes:
        """As it is stored."""
        count = max(self.marks, default=-1) + 1
        head = _HEAD.pack(ROW_FORMAT, 0, self.offset, self.time_ms, self.open_day, count)
        return head + Struct(f"<{count}q").pack(*(self.marks.get(number, -1) for number in range(count)))

    def is_copy(self, sale: DemandUnits) -> bool:
        """Whether this sale was heard of before; if not, it is from now on."""
        place = 2 * sale.source.offset + (sale.kind == "category")
        if place <= self.marks.get(sale.source.partition, -1):
            return True
        self.marks[sale.source.partition] = place
        return False

    def place(self, time_ms: int) -> tuple[int, int]:
        """The shop's day and hour of a time."""
        day, left = divmod(time_ms + self.shift_ms, DAY_MS)
        return day, left // 3_600_000

    def end_of(self, day: int) -> int:
        """The time at which a day is over."""
        return (day + 1) * DAY_MS - self.shift_ms

    def hear(self, time_ms: int) -> int | None:
        """Time goes on, never back. The day to forecast from, if that closes one: the newest of those it closes."""
        self.time_ms = max(self.time_ms, time_ms)
        first_open = self.place(self.time_ms - self.lateness_ms)[0]
        if self.open_day < 0:
            self.open_day = first_open
        if first_open <= self.open_day:
            return None
        self.open_day = first_open
        return first_open - 1
