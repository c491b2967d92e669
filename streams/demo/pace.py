"""When the next events are due: a steady rate that does not wait for answers, or as fast as it goes."""

import asyncio
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

TICK_S = 0.01  # events of so long come at once: waking and asking Kafka for each takes more than sending it
ROUNDING = 1e-6  # ticks: a sleep that ends on the tick must find it due
SLIP_S = 0.25  # a sender that was held back longer than this begins anew instead of catching up in a burst


class Pace:
    """`rate` events a second; 0 is as fast as it goes."""

    def __init__(self, rate: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._together = max(1, round(rate * TICK_S))  # events due at one moment
        self._clock = clock
        self._start = -np.inf
        self._count = 0

    async def take(self, most: int) -> NDArray[np.float64]:
        """Wait until at least one event is due. Returns when each of the events due by now, `most` at most, was due.

        A latency counted from these times includes what the sender itself was late.
        """
        if not self._rate:
            await asyncio.sleep(0)
            return np.full(most, self._clock())
        if self._clock() - self._due(self._count) > SLIP_S:
            self._start, self._count = self._clock(), 0
        wait = self._due(self._count) - self._clock()
        if wait > 0:
            await asyncio.sleep(wait)
        ticks = int((self._clock() - self._start) * self._rate / self._together + ROUNDING) + 1
        due = max(1, min(most, ticks * self._together - self._count))
        numbers = np.arange(self._count, self._count + due)
        self._count += due
        return self._start + numbers // self._together * self._together / self._rate

    def _due(self, number: int) -> float:
        return self._start + number // self._together * self._together / self._rate
