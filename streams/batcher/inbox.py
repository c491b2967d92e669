"""Collects runs until the model is free, then gives them out as one window."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from faust.types import TP

from streams.batcher.window import Window
from streams.record import Record

SOON_S = 0.02  # between two looks at work that is not ready yet


class Inbox:
    """A queue of runs. All methods belong to one event loop.

    A window is given out when there are `max_events`; or, while the model is `free`, when the oldest record has waited
    `max_wait_ms`: long enough for all partitions of one fetch, which come one after the other, to go together. While
    the model works, less than a full window gathers on. While it is free and nothing waits, an empty window is given
    out if there is other work, as `other_work` tells: True, False, or None for soon.
    """

    def __init__(
        self, max_events: int, max_wait_ms: float, other_work: Callable[[], bool | None] = lambda: False
    ) -> None:
        self.max_events = max_events
        self._max_wait = max_wait_ms / 1000
        self._runs: deque[tuple[TP, Sequence[Record]]] = deque()
        self._changed = asyncio.Event()
        self._oldest = 0.0
        self._free = True
        self._other_work = other_work
        self.waiting = 0

    @property
    def free(self) -> bool:
        """Whether the model has nothing to do."""
        return self._free

    @free.setter
    def free(self, free: bool) -> None:
        self._free = free
        if free:
            self._changed.set()

    def put(self, tp: TP, records: Sequence[Record]) -> None:
        """Add a run."""
        if not self._runs:
            self._oldest = asyncio.get_running_loop().time()
        self._runs.append((tp, records))
        self.waiting += len(records)
        self._changed.set()

    async def take(self) -> Window:
        """The next window; empty if there is other work only."""
        while not self._ripe():
            self._changed.clear()
            if self._runs and self._free:
                left = self._max_wait - (asyncio.get_running_loop().time() - self._oldest)
                await self._change(max(left, 0.0005))
                continue
            other = self._other_work() if self._free else False
            if other:
                return Window()
            await self._change(SOON_S if other is None else None)
        return self._fill()

    def wake(self) -> None:
        """There may be other work."""
        self._changed.set()

    async def _change(self, timeout_s: float | None) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()

    def clear(self) -> None:
        """Forget what waits: its partitions were revoked, and Kafka brings it again to whoever owns them."""
        self._runs.clear()
        self.waiting = 0

    def _ripe(self) -> bool:
        if self.waiting >= self.max_events:
            return True
        if not self._runs or not self._free:
            return False
        return asyncio.get_running_loop().time() - self._oldest >= self._max_wait

    def _fill(self) -> Window:
        window = Window()
        while self._runs and window.size < self.max_events:
            tp, records = self._runs.popleft()
            room = self.max_events - window.size
            if len(records) > room:
                self._runs.appendleft((tp, records[room:]))
            window.add(tp, records[:room])
        self.waiting -= window.size
        return window
