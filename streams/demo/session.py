"""From ready to drained: feeding, reading and showing, all at once."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from schemas.topics import (
    DEAD_LETTERS,
    PRODUCT_ATTRIBUTES,
    PRODUCT_CATEGORIES,
    USER_PREDICTIONS,
)
from streams.demo.catalogue import Catalogue, Product
from streams.demo.checker import Checker
from streams.demo.feeder import Feeder
from streams.demo.purchases import Year
from streams.demo.reader import Reader
from streams.demo.views import FRAMES_A_SECOND, Sampler, View
from streams.transport.producer import BatchProducer

WATCH_S = 0.05
DRAIN_IDLE_S = 10.0  # without any answer: what is missing will not come
STOPPED_DRAIN_S = 20.0  # a person who pressed Ctrl-C waits for what is on its way, but not for ever


@dataclass(frozen=True, slots=True)
class Data:
    """What is sent."""

    year: Year
    catalogue: Catalogue
    sample: Sequence[Product]


@dataclass(frozen=True, slots=True)
class Place:
    """Where it is sent to."""

    servers: str
    prefix: str
    partitions: int


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of feeding and of waiting for the last answers."""

    feed: float
    drain: float


class Session:
    """One run against a ready worker. `asked`: a person wants it to end; `check` raises when the worker has ended."""

    def __init__(
        self,
        place: Place,
        data: Data,
        checker: Checker,
        rate: float,
        seconds: float | None,
        *,
        asked: Callable[[], bool],
        check: Callable[[], None],
    ) -> None:
        self._place = place
        self._data = data
        self._checker = checker
        self._rate = rate
        self._seconds = seconds
        self._asked = asked
        self._check = check

    async def run(self, view: View, sampler: Sampler) -> Spent:
        """Feed, then wait for the answers. Errors: StreamError when the worker or Kafka fails on the way."""
        place = self._place
        producer = BatchProducer(place.servers.split(","), "shelfstream-demo")
        await producer.start()
        feeder = Feeder(
            producer, place.prefix, place.partitions, self._data.year, self._data.catalogue, self._data.sample,
            self._checker, self._rate, time.monotonic,
        )  # fmt: skip
        reader = Reader(place.servers, place.partitions, self._handlers(), time.monotonic)
        began = time.monotonic()
        tasks = [asyncio.create_task(work) for work in (feeder.run(), reader.run(), self._show(view, sampler, began))]
        feeding, *others = tasks
        try:
            while not feeding.done() and not self._asked() and not self._over(began):
                await self._watch(others)
            feeder.stop()
            await feeding
            fed = time.monotonic()
            await self._drain(others)
            return Spent(fed - began, time.monotonic() - fed)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await producer.close()

    def _handlers(self) -> dict[str, Callable[..., None]]:
        checker, prefix = self._checker, self._place.prefix
        return {
            prefix + PRODUCT_CATEGORIES.name: checker.read_categories,
            prefix + PRODUCT_ATTRIBUTES.name: checker.read_attributes,
            prefix + USER_PREDICTIONS.name: checker.read_predictions,
            prefix + DEAD_LETTERS.name: checker.read_letters,
        }

    def _over(self, began: float) -> bool:
        return self._seconds is not None and time.monotonic() - began >= self._seconds

    async def _watch(self, tasks: Sequence["asyncio.Task[None]"]) -> None:
        """A short wait; errors of the worker, the reader and the view come out here."""
        self._check()
        for task in tasks:
            if task.done():
                await task
        await asyncio.sleep(WATCH_S)

    async def _drain(self, tasks: Sequence["asyncio.Task[None]"]) -> None:
        ledgers = (self._checker.products, self._checker.purchases)
        began = moved = time.monotonic()
        answered = -1
        while any(ledger.waiting for ledger in ledgers):
            now = time.monotonic()
            done = sum(sum(ledger.answered.values()) for ledger in ledgers)
            if done != answered:
                answered, moved = done, now
            if now - moved > DRAIN_IDLE_S or (self._asked() and now - began > STOPPED_DRAIN_S):
                return
            await self._watch(tasks)

    async def _show(self, view: View, sampler: Sampler, began: float) -> None:
        while True:
            elapsed = time.monotonic() - began
            phase = "ending" if self._asked() or self._over(began) else "live"
            view.show(self._checker, sampler.moment(phase, elapsed))
            await asyncio.sleep(1 / FRAMES_A_SECOND)
