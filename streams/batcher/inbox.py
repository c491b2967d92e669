"""Collects runs until the model is free, then gives them out as one window."""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from faust.types import TP

from streams.batcher.window import Window
from streams.record import Record


class Inbox:
    """A queue of runs. All methods belong to one event loop.

    A window is given out when there are `max_events`; or, while the model is `free`, when the oldest record has waited
    `max_wait_ms`: long enough for all partitions of one fetch, which come one after the other, to go together. While
    the model works, less than a full window gathers on.
    """

    def __init__(self, max_events: int, max_wait_ms: float) -> None:
        self.max_events = max_events
        self._max_wait = max_wait_ms / 1000
        self._runs: deque[tuple[TP, Sequence[Record]]] = deque()
        self._changed = asyncio.Event()
        self._oldest = 0.0
        self._free = True
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
        """The next window, never empty."""
        while not self._ripe():
            self._changed.clear()
            if not self._runs or not self._free:
                await self._changed.wait()
            else:
                left = self._max_wait - (asyncio.get_running_loop().time() - self._oldest)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), max(left, 0.0005))
        return self._fill()

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
