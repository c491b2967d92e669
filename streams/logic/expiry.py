"""Rows of users who have not been seen for long: found a page at a time, so that no window waits for a whole table.

What counts as now is the time of the newest event of the partition, not the clock of the machine: a topic that is read
again from its beginning expires what it expired the first time. So a partition without events keeps its rows until the
next one comes.
"""

from collections.abc import Callable, Mapping
from struct import Struct

from faust.types import TP

from streams.clock import Clock
from streams.logic.answer import Answer, ReadRows

PAGE = 256  # rows of one look: some half a megabyte, read in a millisecond or two
EVERY_MS = 100  # between two looks at one partition: with PAGE, a million users in seven minutes
REST_MS = 3_600_000  # from the end of a table to its beginning again

Page = Callable[[int, bytes, int], list[tuple[bytes, bytes]]]


class Expiry:
    """Deletes rows whose `seen` (an int64 at that byte) is more than `ttl_ms` before the partition's newest event.

    `page` gives a partition's stored rows behind a key, so many at most. Belongs to one thread.
    """

    def __init__(self, ttl_ms: int, seen_at: int, page: Page, clock: Clock) -> None:
        self._ttl_ms = ttl_ms
        self._seen = Struct("<q").unpack_from
        self._seen_at = seen_at
        self._page = page
        self._clock = clock
        self._newest: dict[TP, int] = {}
        self._after: dict[TP, bytes] = {}
        self._next_ms: dict[TP, int] = {}

    def sweep(self, newest: Mapping[TP, int], read: ReadRows, answer: Answer) -> None:
        """Look at one more page of each partition that has events; `newest` are the times of their newest."""
        now_ms = self._clock()
        for tp, time_ms in newest.items():
            self._newest[tp] = max(time_ms, self._newest.get(tp, 0))
            if now_ms >= self._next_ms.get(tp, 0):
                self._look(tp, now_ms, read, answer)

    def _look(self, tp: TP, now_ms: int, read: ReadRows, answer: Answer) -> None:
        oldest = self._newest[tp] - self._ttl_ms
        page = self._page(tp.partition, self._after.get(tp, b""), PAGE)
        ended = len(page) < PAGE
        self._after[tp] = b"" if ended else page[-1][0]
        self._next_ms[tp] = now_ms + (REST_MS if ended else EVERY_MS)
        old = [key for key, row in page if self._is_old(row, oldest)]
        if not old:
            return
        rows = answer.partitions[tp].rows
        # What is stored may be behind: the newest row decides, and that of this window before any other.
        for key, row in zip(old, read(tp.partition, old), strict=True):
            if key not in rows and row is not None and self._is_old(row, oldest):
                rows[key] = None
                answer.expired += 1

    def _is_old(self, row: bytes, oldest: int) -> bool:
        return len(row) >= self._seen_at + 8 and self._seen(row, self._seen_at)[0] < oldest
