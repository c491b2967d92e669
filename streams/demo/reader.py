"""Reads every output topic from its beginning and hands the records on as they come."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from streams.errors import ClusterError

FETCH_WAIT_MS = 20  # a fetch that waits holds back the other partitions of its broker for so long
READ_WAIT_MS = 200
MAX_RECORDS = 4_000

Handler = Callable[[Sequence[ConsumerRecord], float], None]


class Reader:
    """One consumer, without a group, over all partitions of some topics; `handlers` by the cluster's names."""

    def __init__(
        self, servers: str, partitions: int, handlers: Mapping[str, Handler], clock: Callable[[], float]
    ) -> None:
        self._handlers = handlers
        self._clock = clock
        self._partitions = [TopicPartition(topic, number) for topic in handlers for number in range(partitions)]
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=servers.split(","),
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            isolation_level="read_committed",
            fetch_max_wait_ms=FETCH_WAIT_MS,
        )

    async def run(self) -> None:
        """Read until cancelled. Errors: ClusterError when Kafka is gone; DecodeError when an output cannot be read."""
        try:
            await self._consumer.start()
            self._consumer.assign(self._partitions)
            while True:
                found = await self._consumer.getmany(timeout_ms=READ_WAIT_MS, max_records=MAX_RECORDS)
                now = self._clock()
                for place, records in found.items():
                    self._handlers[place.topic](records, now)
                await asyncio.sleep(0)  # a full topic must not keep the senders waiting
        except KafkaError as error:
            raise ClusterError(f"the outputs cannot be read: {error!r}; look at the broker's log") from error
        finally:
            await self._consumer.stop()
