"""Collects runs until the model is free, then gives them out as one window. Bounded, however far behind we are."""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from aiokafka import ConsumerRecord
from faust.types import TP

from streams.batcher.window import Window


class Inbox:
    """A queue of runs with a bound on records. All methods belong to one event loop.

    `take` is called whenever the model is free, so what arrives while it works gathers. A window is given out when
    there are `max_events`, or when the oldest record has waited `max_wait_ms`: long enough for all partitions of one
    fetch, which come one after the other, to go together.
    """

    def __init__(self, max_events: int, max_wait_ms: float) -> None:
        self.max_events = max_events
        self._max_wait = max_wait_ms / 1000
        self._runs: deque[tuple[TP, Sequence[ConsumerRecord], Any]] = deque()
        self._changed = asyncio.Condition()
        self._oldest = 0.0
        self._epoch = 0
        self.waiting = 0

    async def put(self, tp: TP, records: Sequence[ConsumerRecord], event: Any) -> None:
        """Add a run; waits while a whole window is already waiting, so that Kafka is read no faster than we answer.

        A run that is still waiting when `clear` comes is forgotten with the others.
        """
        async with self._changed:
            epoch = self._epoch
            while self.waiting >= self.max_events and epoch == self._epoch:
                await self._changed.wait()
            if epoch != self._epoch:
                return
            if not self._runs:
                self._oldest = asyncio.get_running_loop().time()
            self._runs.append((tp, records, event))
            self.waiting += len(records)
            self._changed.notify_all()

    async def take(self) -> Window:
        """The next window, never empty."""
        async with self._changed:
            while not self._ripe():
                if not self._runs:
                    await self._changed.wait()
                else:
                    left = self._max_wait - (asyncio.get_running_loop().time() - self._oldest)
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._changed.wait(), max(left, 0.0005))
            window = self._fill()
            self._changed.notify_all()
        return window

    async def clear(self) -> None:
        """Forget what waits: its partitions were revoked, and Kafka brings it again to whoever owns them."""
        async with self._changed:
            self._epoch += 1
            self._runs.clear()
            self.waiting = 0
            self._changed.notify_all()

    def _ripe(self) -> bool:
        if not self._runs:
            return False
        late = asyncio.get_running_loop().time() - self._oldest >= self._max_wait
        return late or self.waiting >= self.max_events

    def _fill(self) -> Window:
        window = Window()
        while self._runs and window.size < self.max_events:
            tp, records, event = self._runs.popleft()
            room = self.max_events - window.size
            if len(records) > room:
                self._runs.appendleft((tp, records[room:], event))
                window.add(tp, records[:room], None)
            else:
                window.add(tp, records, event)
        self.waiting -= window.size
        return window
