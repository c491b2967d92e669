"""The Faust app of a worker: how it takes partitions over, gives them up, and ends."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import faust
from faust.app import BootStrategy
from faust.types import TP

from streams.batcher.pipeline import Pipeline
from streams.commit.transaction import Transactions
from streams.config import Settings
from streams.errors import Stop
from streams.state.identity import worker_id
from streams.state.tables import RowTables
from streams.transport.assignor import SourceAssignor
from streams.transport.client import servers_of
from streams.transport.consumer import RunConsumer
from streams.transport.fetcher import FetchOptions
from streams.transport.kafka import RunTransport
from streams.transport.producer import BatchProducer
from streams.transport.requests import Member
from streams.transport.transactions import TransactionalProducer

log = logging.getLogger(__name__)
BEAT_S = 0.5
DRAIN_SECONDS = 6.0  # at most, of the 10 in which a worker ends after SIGTERM
LOST = (
    "the consumer group has not heard of this worker for kafka.session_timeout_s and has given its partitions to "
    "others, while windows were under way: it stops rather than write beside them"
)
BUFFERED_RUNS = 64  # in Faust's queue of one agent, which hands them on at once; `has_room` bounds what waits


class _Boot(BootStrategy):
    enable_kafka_producer = False  # ours is started by the app


class WorkerApp(faust.App):
    """A Faust app in which a rebalance is a line of steps.

    Given up: read nothing more, finish the windows that have begun, commit. Taken over: recover state, then read from
    the committed offsets. A rebalance that comes during a recovery ends it; the next one begins from what was applied.
    """

    BootStrategy = _Boot
    pipelines: dict[str, Pipeline]
    batches: BatchProducer
    transactions: Transactions | None = None
    fetch_options: FetchOptions
    beat: Callable[[], None]
    failure: BaseException | None = None
    _taking_over: asyncio.Task[None] | None = None

    def has_room(self, tp: TP) -> bool:
        """Whether the agent of that topic wants more records."""
        pipeline = self.pipelines.get(tp.topic)
        return pipeline is not None and pipeline.has_room()

    @property
    def runs(self) -> RunConsumer:
        """The consumer."""
        assert isinstance(self.consumer, RunConsumer)
        return self.consumer

    @property
    def row_tables(self) -> RowTables:
        """The tables."""
        assert isinstance(self.tables, RowTables)
        return self.tables

    def answered(self, tp: TP, offset: int) -> None:
        """Source records are answered up to and with this offset, which is to be committed, or is in a transaction."""
        self.runs.answered(tp, offset, committed=self.transactions is not None)

    def holds_partitions(self) -> bool:
        """Whether no other worker can have our partitions yet.

        Not while the worker ends after a failure: it may join the group once more by then, with old windows at hand.
        """
        return self.failure is None and isinstance(self._consumer, RunConsumer) and self._consumer.holds()

    def member(self) -> Member:
        """Who we are in the group. Errors: Stop if the group took us for dead, even if it has us again by now."""
        if self.failure is not None or self.runs.is_out:
            raise Stop(LOST)
        return self.runs.member()

    async def on_start(self) -> None:
        """Start the pipelines with the app, so that an error in one stops the worker."""
        await self.batches.start()
        self.add_future(self._beat())
        if self.transactions is not None:
            self.add_future(self.transactions.run())
        await super().on_start()
        for pipeline in self.pipelines.values():
            await self.add_runtime_dependency(pipeline)

    async def on_stop(self) -> None:
        """Finish what is under way, so that its offsets are committed with the rest."""
        await self._stop_taking_over()
        if self.failure is None:
            self._halt()
            late = await self._undrained(DRAIN_SECONDS)
            if late:
                self.failure = Stop(
                    f"{', '.join(late)}: Kafka did not take the windows that were under way within {DRAIN_SECONDS:g} s "
                    "of the signal to stop; they are not committed, and the next start answers their records again"
                )
        await super().on_stop()
        await self.batches.close()

    async def _on_partitions_revoked(self, revoked: set[TP]) -> None:
        """The group waits for this; its rebalance timeout is a minute, ours half a session."""
        if self.should_stop:
            return
        try:
            await self._stop_taking_over()
            self._halt()
            if self.runs.is_out and any(pipeline.is_busy() for pipeline in self.pipelines.values()):
                raise Stop(LOST)
            await self._drain(self.conf.broker_session_timeout * 0.5)
            for pipeline in self.pipelines.values():
                await pipeline.flush()
            await self.consumer.commit()
        except Exception as error:  # noqa: BLE001  # aiokafka would log it and go on
            await self.crash(error)

    async def _on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Returns at once: recovery may take minutes, and heartbeats begin when this is over."""
        if self.should_stop:
            return
        await self._stop_taking_over()
        self._taking_over = asyncio.ensure_future(self._take_over(assigned, generation_id))

    async def _take_over(self, assigned: set[TP], generation: int) -> None:
        try:
            tables, consumer = self.row_tables, self.runs
            log.info("generation %d gives this worker %d partitions", generation, len(assigned))
            await self.topics.on_partitions_assigned(assigned)
            # Before the changelogs' ends are asked for: then these have all that the offsets count as done.
            offsets = await consumer.committed(assigned)
            await tables.take_over(assigned, self.assignor.assigned_standbys())
            consumer.begin(offsets)
            for pipeline in self.pipelines.values():
                pipeline.open(offsets)
            self.flow_control.resume()
            tables.on_actives_ready()
            tables.on_standbys_ready()
            self.on_rebalance_end()
        except Exception as error:  # noqa: BLE001  # a task of its own: nobody else would hear of it
            await self.crash(error)

    async def _stop_taking_over(self) -> None:
        task, self._taking_over = self._taking_over, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _beat(self) -> None:
        while True:
            self.beat()
            await asyncio.sleep(BEAT_S)

    def _halt(self) -> None:
        consumer = self._consumer
        if isinstance(consumer, RunConsumer):
            consumer.stop_flow()
        self.flow_control.suspend()
        self.flow_control.clear()
        for pipeline in self.pipelines.values():
            pipeline.close()

    async def _drain(self, seconds: float) -> None:
        """Errors: Stop if windows of partitions that are to be given up cannot be finished in that time."""
        late = await self._undrained(seconds)
        if late:
            raise Stop(
                f"{', '.join(late)}: windows of revoked partitions did not finish in {seconds:g} s, half a session "
                "timeout; the worker stops rather than write beside the partitions' next owner"
            )

    async def _undrained(self, seconds: float) -> list[str]:
        """The pipelines whose windows cannot be finished in that time."""
        pipelines = list(self.pipelines.values())
        drained = await asyncio.gather(*(pipeline.drain(seconds) for pipeline in pipelines))
        return [pipeline.agent for pipeline, done in zip(pipelines, drained, strict=True) if not done]

    def _crash(self, reason: BaseException) -> None:
        # Not `crash`: that is called on the service that failed only, this on all above it.
        self.failure = self.failure or reason
        super()._crash(reason)


def make_app(settings: Settings) -> WorkerApp:
    """The app without agents and tables."""
    kafka = settings.kafka
    settings.state.dir.mkdir(parents=True, exist_ok=True)  # Faust makes one level of it only
    extra: dict[str, Any] = {"consumer_group_instance_id": kafka.instance_id} if kafka.instance_id else {}
    app = WorkerApp(
        settings.group,
        broker=[f"kafka://{server.strip()}" for server in kafka.bootstrap_servers.split(",")],
        store="memory://",  # unused: our tables bring their own
        datadir=str(settings.state.dir),
        autodiscover=False,
        web_enabled=False,
        key_serializer="raw",
        value_serializer="raw",
        topic_disable_leader=True,
        topic_allow_declare=False,
        topic_replication_factor=kafka.replication_factor,
        topic_partitions=settings.topics.partitions,
        TableManager=RowTables,
        PartitionAssignor=SourceAssignor,
        table_standby_replicas=settings.state.standbys,
        stream_wait_empty=False,
        stream_buffer_maxsize=BUFFERED_RUNS,
        broker_commit_interval=kafka.commit_interval_s,
        broker_session_timeout=kafka.session_timeout_s,
        broker_heartbeat_interval=kafka.session_timeout_s / 6,
        consumer_auto_offset_reset="earliest",
        **extra,
    )
    app.pipelines = {}
    app.beat = lambda: None
    servers, exactly_once = servers_of(app.conf.broker), settings.delivery == "exactly-once"
    if exactly_once:
        instance = kafka.instance_id or worker_id(settings.state.dir)
        app.batches = TransactionalProducer(servers, f"{settings.group}-{instance}", kafka.transaction_timeout_s)
    else:
        app.batches = BatchProducer(servers)
        app.batches.may_send = app.holds_partitions
    app.fetch_options = FetchOptions(
        wait_ms=kafka.fetch_wait_ms, min_bytes=kafka.fetch_min_bytes, committed_only=exactly_once
    )
    app.transport = RunTransport(app.conf.broker, app)
    return app
