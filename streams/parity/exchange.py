"""Events into a topic and their predictions out of another, through whatever worker is there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from tqdm import tqdm

from schemas.codec import Codec
from schemas.letters import DeadLetter
from schemas.predictions import UserPrediction
from schemas.topics import DEAD_LETTERS, USER_BEHAVIOUR, USER_PREDICTIONS
from streams.clock import now_ms
from streams.demo.reader import Reader
from streams.errors import StreamError
from streams.transport.outbox import Outbox, route
from streams.transport.places import places
from streams.transport.producer import BatchProducer

IDLE_S = 60.0  # without any answer: what is missing will not come
WATCH_S = 0.1


class Unanswered(StreamError):
    """Events became dead letters, or their predictions did not come."""


class Exchange:
    """One cluster's topics under a prefix. `check` raises when the worker has ended."""

    def __init__(self, servers: str, prefix: str, partitions: int, check: Callable[[], None]) -> None:
        self._servers, self._prefix, self._partitions, self._check = servers, prefix, partitions, check
        self._codec, self._letters = Codec(UserPrediction), Codec(DeadLetter)
        self._found: dict[str, UserPrediction] = {}
        self._refused: list[DeadLetter] = []

    async def run(self, messages: Sequence[tuple[bytes, bytes]], *, progress: bool) -> dict[str, UserPrediction]:
        """Send (key, value) in order and wait for all predictions; by event id, the last where one was repeated.

        Errors: Unanswered; ClusterError and ProduceFailed when Kafka fails; what `check` raises.
        """
        producer = BatchProducer(self._servers.split(","), "shelfstream-parity")
        await producer.start()
        handlers: dict[str, Callable[..., None]] = {
            self._prefix + USER_PREDICTIONS.name: self._read,
            self._prefix + DEAD_LETTERS.name: self._refuse,
        }
        reader = asyncio.create_task(Reader(self._servers, self._partitions, handlers, time.monotonic).run())
        try:
            await self._send(producer, messages)
            await self._wait(reader, len(messages), progress)
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
            await producer.close()
        return self._found

    async def _send(self, producer: BatchProducer, messages: Sequence[tuple[bytes, bytes]]) -> None:
        keys, values = [key for key, _ in messages], [value for _, value in messages]
        parts = route(self._prefix + USER_BEHAVIOUR.name, keys, values, places(self._partitions))
        outbox = Outbox(producer, now_ms)
        for sent in [outbox.send(part) for part in parts]:
            await sent.acknowledged()

    async def _wait(self, reader: asyncio.Task[None], wanted: int, progress: bool) -> None:
        moved = time.monotonic()
        with tqdm(total=wanted, desc="through Kafka", unit="event", disable=not progress) as bar:
            while len(self._found) < wanted:
                self._check()
                if reader.done():
                    await reader
                if self._refused:
                    first = self._refused[0]
                    raise Unanswered(f"{len(self._refused)} events became dead letters: {first.reason}: {first.error}")
                if len(self._found) > bar.n:
                    bar.update(len(self._found) - bar.n)
                    moved = time.monotonic()
                elif time.monotonic() - moved > IDLE_S:
                    raise Unanswered(
                        f"{len(self._found):,} of {wanted:,} events were answered, then none for {IDLE_S:.0f} s"
                    )
                await asyncio.sleep(WATCH_S)
            bar.update(len(self._found) - bar.n)

    def _read(self, records: Sequence[Any], _: float) -> None:
        for record in records:
            prediction = self._codec.decode(record.value)
            self._found[prediction.event_id] = prediction

    def _refuse(self, records: Sequence[Any], _: float) -> None:
        self._refused += [self._letters.decode(record.value) for record in records]
