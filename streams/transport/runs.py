"""A transport for Faust that delivers whole fetched runs: one message per partition and fetch, not one per record.

Assignment, rebalance, recovery and commit stay Faust's. Only two things differ: a message's value is a `RecordRun`, its
offset that of the run's last record; and the committed offset is kept here, because Faust derives it from single
offsets and takes a run for a gap.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage, Message


@dataclass(frozen=True, slots=True)
class RecordRun:
    """Records of one partition as one fetch brought them, in offset order, never empty."""

    tp: TP
    records: Sequence[ConsumerRecord]


FETCH_MIN_BYTES = 64 * 1024


class RunConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread, whose fetches gather for some milliseconds.

    Answered at the first record, as by default, every record of a trickle is a fetch of its own, and their handling
    takes the interpreter from the model: at 500 events/s that doubled the latency it was to save.
    """

    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_min_bytes = FETCH_MIN_BYTES
        consumer._fetch_max_wait_ms = self.app.fetch_wait_ms  # type: ignore[attr-defined]  # a WorkerApp
        return consumer


class RunConsumer(driver.Consumer):
    """Faust's aiokafka consumer, yielding a `RecordRun` per partition and fetch."""

    def _new_consumer_thread(self) -> RunConsumerThread:
        return RunConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:
        """Fetch once and yield one message per partition that had records."""
        records, active = await self._wait_next_records(timeout)
        if records is None or self.should_stop:
            return
        if not self.flow_active:
            await self.perform_seek()  # what was fetched during a rebalance belongs to the old assignment
            return
        generation = self.app.consumer_generation_id
        for tp, run in records.items():
            if not run:
                continue
            if not self.flow_active or self.app.consumer_generation_id != generation:
                break  # a rebalance came in between: what is left belongs to the old assignment
            if active is not None and tp not in active and tp not in self._buffered_partitions:
                continue
            self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
            yield tp, self._run_message(tp, run, generation)

    @staticmethod
    def _run_message(tp: TP, run: Sequence[ConsumerRecord], generation: int) -> ConsumerMessage:
        last = run[-1]
        return ConsumerMessage(
            topic=last.topic,
            partition=last.partition,
            offset=last.offset,
            timestamp=last.timestamp / 1000.0,
            timestamp_type=last.timestamp_type,
            headers=None,
            key=None,
            value=RecordRun(tp, run),  # type: ignore[arg-type]  # Faust passes values through untouched
            checksum=None,
            serialized_key_size=0,
            serialized_value_size=0,
            tp=tp,
            generation_id=generation,
        )

    def answered(self, tp: TP, offset: int) -> None:
        """Records of the partition are answered up to this offset, in the midst of a run perhaps: commit that far."""
        self._acked[tp].append(offset)

    def _new_offset(self, tp: TP) -> int | None:
        # The pipeline acks a partition's runs in order and after their effects, so the highest is the frontier.
        acked = self._acked[tp]
        if not acked:
            return None
        frontier = max(acked) + 1
        acked.clear()
        self._acked_index[tp].clear()
        return frontier

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Gaps between runs (compaction, control records) need no bookkeeping: see `_new_offset`."""


class RunProducer(driver.Producer):
    """Faust's aiokafka producer, idempotent, so that a retry inside the client never doubles a record."""

    def _settings_extra(self) -> dict[str, Any]:
        return {"acks": "all", "enable_idempotence": True}


class RunTransport(driver.Transport):
    """The pair of them, for `app.transport`."""

    Consumer: ClassVar[type] = RunConsumer
    Producer: ClassVar[type] = RunProducer


def run_of(message: Message) -> RecordRun:
    """The run that a message of this transport carries."""
    run: RecordRun = message.value  # type: ignore[assignment]  # see RunConsumer
    return run
