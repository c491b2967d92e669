"""Sends the products and the purchases: a product always before its first purchase, and answered by then.

Purchases go in runs of CHUNK lines. The catalogue is some runs ahead of the shop; a run begins when the predictions of
its products have come back, so that the behaviour agent can read the predicted category of what was bought.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from schemas.topics import PRODUCT_UPSERT, USER_BEHAVIOUR
from streams.clock import now_ms
from streams.demo.baseline import Baseline
from streams.demo.catalogue import Catalogue, Product
from streams.demo.checker import Checker
from streams.demo.ledger import Ledger
from streams.demo.pace import Pace
from streams.demo.product_baseline import ProductBaseline
from streams.demo.purchases import Year
from streams.transport.outbox import Outbox, Sent, route
from streams.transport.places import places
from streams.transport.producer import BatchProducer

CHUNK = 500
LEAD_S = 4.0
LEAST_LEAD = 4  # runs
FREE_LEAD = 40  # runs, as fast as it goes: enough that neither agent waits for the other
SAMPLE_EVERY = 20  # one electronics offer before each so many supermarket products: enough for half a minute
POLL_S = 0.01
CHECK_S = 0.05
MAX_BATCH = 512  # events handed over at once
MAX_PRODUCTS_WAITING = 4_096  # unanswered; more would only queue in Kafka
MAX_PURCHASES_WAITING = 16_384

Clock = Callable[[], float]


class Feeder:
    """Two senders on one producer. `stop()` ends both between two batches, so that every event sent is counted."""

    def __init__(
        self,
        producer: BatchProducer,
        prefix: str,
        partitions: int,
        year: Year,
        catalogue: Catalogue,
        sample: Sequence[Product],
        checker: Checker,
        rate: float,
        clock: Clock,
    ) -> None:
        self._outbox = Outbox(producer, now_ms)
        self._prefix = prefix
        self._place = places(partitions)
        self._year = year
        self._catalogue = catalogue
        self._sample = iter(sample)
        self._checker = checker
        self._baseline, self._product_baseline = Baseline(year), ProductBaseline(year)
        self._pace = Pace(rate, clock), Pace(rate, clock)
        self._lead = max(LEAST_LEAD, round(rate * LEAD_S / CHUNK)) if rate else FREE_LEAD  # runs
        self._ready_at: list[int] = []  # products that must be answered before each run of purchases
        self._run = 0  # of purchases, under way
        self._stopping = False
        self._unacknowledged: asyncio.Queue[Sent] = asyncio.Queue(maxsize=256)

    async def run(self) -> None:
        """Send until the year is over or `stop()`, and until Kafka has acknowledged it. Errors: ProduceFailed."""
        acknowledging = asyncio.create_task(self._acknowledge())
        try:
            async with asyncio.TaskGroup() as senders:
                senders.create_task(self._send_products())
                senders.create_task(self._send_purchases())
                senders.create_task(self._ended(acknowledging))
        finally:
            acknowledging.cancel()

    def stop(self) -> None:
        """End soon."""
        self._stopping = True

    async def _ended(self, acknowledging: "asyncio.Task[None]") -> None:
        """Turn a refused batch into an error of the run; end with the senders when all is acknowledged."""
        while not self._stopping:
            if acknowledging.done():
                await acknowledging
            await asyncio.sleep(CHECK_S)
        joined = asyncio.create_task(self._unacknowledged.join())
        await asyncio.wait([joined, acknowledging], return_when=asyncio.FIRST_COMPLETED)
        if acknowledging.done():
            await acknowledging

    async def _acknowledge(self) -> None:
        while True:
            sent = await self._unacknowledged.get()
            await sent.acknowledged()
            self._unacknowledged.task_done()

    async def _send_products(self) -> None:
        ledger, pace = self._checker.products, self._pace[0]
        updated_at = int(self._year.times_ms[0])
        for number, start in enumerate(range(0, len(self._year), CHUNK)):
            while number > self._run + self._lead and not self._stopping:
                await asyncio.sleep(POLL_S)
            products = list(self._blend(start, start + CHUNK))
            self._checker.expect_products(products)
            self._ready_at.append((self._ready_at[-1] if self._ready_at else 0) + len(products))
            keys = [product.product_id.encode() for product in products]
            values = [product.event(updated_at) for product in products]
            await self._send(PRODUCT_UPSERT.name, keys, values, ledger, pace, MAX_PRODUCTS_WAITING)
            if self._stopping:
                return

    async def _send_purchases(self) -> None:
        ledger, pace, year = self._checker.purchases, self._pace[1], self._year
        for self._run, start in enumerate(range(0, len(year), CHUNK)):
            while not self._stopping and (
                len(self._ready_at) <= self._run or self._checker.products.complete < self._ready_at[self._run]
            ):
                await asyncio.sleep(POLL_S)
            if self._stopping:
                return
            stop = min(start + CHUNK, len(year))
            self._checker.expect_hits(*self._baseline.walk(stop))
            self._checker.expect_product_hits(self._product_baseline.walk(stop))
            keys = [year.user(line) for line in range(start, stop)]
            await self._send(USER_BEHAVIOUR.name, keys, year.events(start, stop), ledger, pace, MAX_PURCHASES_WAITING)
        self._stopping = True  # the year is over

    def _blend(self, start: int, stop: int) -> Iterator[Product]:
        """The products first bought in these lines, with the electronics among them."""
        lines: NDArray[np.int64] = start + np.flatnonzero(self._year.new_product[start:stop])
        found = (self._catalogue.find(number) for number in self._year.product[lines].tolist())
        for place, product in enumerate(product for product in found if product is not None):
            if place % SAMPLE_EVERY == 0:
                yield from islice(self._sample, 1)
            yield product

    async def _send(
        self, topic: str, keys: list[bytes], values: list[bytes], ledger: Ledger, pace: Pace, max_waiting: int
    ) -> None:
        done = 0
        while done < len(keys) and not self._stopping:
            if ledger.waiting >= max_waiting:
                await asyncio.sleep(POLL_S)
                continue
            times = await pace.take(min(len(keys) - done, MAX_BATCH))
            ledger.send(times)
            await self._hand_over(topic, keys[done : done + len(times)], values[done : done + len(times)])
            done += len(times)

    async def _hand_over(self, topic: str, keys: list[bytes], values: list[bytes]) -> None:
        for part in route(self._prefix + topic, keys, values, self._place):
            await self._unacknowledged.put(self._outbox.send(part))
