"""The worker, put together once from its settings: models, tables, pipelines, agents, health."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import faust
from aiokafka import AIOKafkaProducer
from faust.exceptions import ConsumerNotStarted
from faust.types import TP

from schemas.topics import PRODUCT_FEATURES, PRODUCT_UPSERT, USER_BEHAVIOUR, USER_STATE, TopicSpec
from streams.agents.wiring import connect
from streams.batcher.pipeline import Pipeline, Wiring
from streams.clock import Clock, now_ms
from streams.config import Settings
from streams.device import choose_device
from streams.errors import Stop
from streams.letters.limit import LetterLimit
from streams.logic.answer import Logic
from streams.logic.behaviour import BehaviourLogic
from streams.logic.products import ProductLogic
from streams.metrics import declared as metrics
from streams.metrics.health import Health
from streams.state.options import Rocks
from streams.state.store import RowStore
from streams.state.table import GlobalRowTable, RowTable, declare
from streams.transport.outbox import Outbox
from streams.transport.runs import RunConsumer, RunTransport

DRAIN_SECONDS = 8.0  # at most, of the 10 in which a worker ends after SIGTERM
MAX_POLL_RECORDS = 8_192
BUFFERED_RUNS = 8  # of one agent, in Faust's queue; a run is at most a fetch, so this bounds memory
FETCH_BYTES = 4 * 1024 * 1024  # of one partition at once
BATCH_BYTES = 512 * 1024  # of one producer batch
REQUEST_BYTES = 4 * 1024 * 1024


class WorkerApp(faust.App):
    """A Faust app that lets its pipelines finish before it gives partitions away or ends."""

    pipelines: list[Pipeline]
    fetch_wait_ms: int
    failure: BaseException | None = None

    async def on_start(self) -> None:
        """Start the pipelines with the app, so that an error in one stops the worker."""
        await super().on_start()
        for pipeline in self.pipelines:
            await self.add_runtime_dependency(pipeline)

    async def on_stop(self) -> None:
        """Finish what is under way, so that its offsets are committed with the rest."""
        if self.failure is None:
            self.flow_control.suspend()
            await asyncio.gather(*(pipeline.drain(DRAIN_SECONDS, closing=True) for pipeline in self.pipelines))
        await super().on_stop()

    def _crash(self, reason: BaseException) -> None:
        # Not `crash`: that is called on the service that failed only, this on all above it.
        self.failure = self.failure or reason
        super()._crash(reason)


@dataclass(slots=True)
class Worker:
    """The app and what belongs to it."""

    app: WorkerApp
    health: Health
    pipelines: list[Pipeline]


class WorkerBuilder:
    """Builds a worker; benchmarks use its parts with another logic."""

    def __init__(self, settings: Settings, clock: Clock = now_ms) -> None:
        self.settings = settings
        self.clock = clock
        self.app = _make_app(settings)
        self.health = Health(settings.web.stall_timeout_s)
        self._rocks = Rocks(settings.state.cache_bytes, settings.state.write_buffer_bytes)
        self._model_thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._disk_thread = ThreadPoolExecutor(1, thread_name_prefix="disk")
        self._limit = LetterLimit(settings.letters.max_per_minute, clock)

    def topic(self, name: str) -> str:
        """The cluster's name of a declared topic."""
        return self.settings.topics.prefix + name

    def table(self, source: TopicSpec, spec: TopicSpec, *, shared: bool) -> RowStore:
        """Register the table that the agent of `source` writes and whose changelog is `spec`.

        Every worker holds all of a `shared` table.
        """
        table = declare(
            self.app,
            GlobalRowTable if shared else RowTable,
            spec.name,
            self.topic(source.name),
            self.topic(spec.name),
            partitions=self.settings.topics.partitions,
            rocks=self._rocks,
            folder=self.settings.state.dir,
            on_recovered=metrics.RECOVERED_ROWS.labels(spec.name).inc,
        )
        rows: RowStore = table.rows
        return rows

    def agent(self, source: TopicSpec, changelog: TopicSpec, rows: RowStore, logic: Logic, device: str) -> None:
        """Register an agent that reads `source`, answers with `logic` and keeps `rows`."""
        wiring = Wiring(
            outbox=Outbox(self._producer, self.clock),
            changelog=self.topic(changelog.name),
            topic=self.topic,
            read=rows.read,
            write=rows.write,
            highwater=self._highwater,
            answered=self._answered,
            model_thread=self._model_thread,
            disk_thread=self._disk_thread,
            limit=self._limit,
            clock=self.clock,
        )
        pipeline = connect(
            self.app, self.topic(source.name), self.settings.topics.partitions, logic, self.settings.batch, wiring
        )
        self.app.pipelines.append(pipeline)
        self.health.agents[logic.name] = pipeline.progress
        metrics.MODEL.labels(logic.name, logic.model_name, logic.model_version, device).set(1)

    def _producer(self) -> AIOKafkaProducer:
        producer: AIOKafkaProducer = self.app.producer._ensure_producer()  # type: ignore[attr-defined]  # its own client
        return producer

    def _highwater(self, tp: TP) -> int:
        consumer = self.app.consumer
        return consumer.highwater(tp) or 0 if tp in consumer.assignment() else 0

    def _answered(self, tp: TP, offset: int) -> None:
        consumer = self.app.consumer
        assert isinstance(consumer, RunConsumer)
        consumer.answered(tp, offset)

    def build(self) -> Worker:
        """The worker, ready to be started."""
        app = self.app
        self.health.assigned = lambda: _has_partitions(app)
        self.health.recovered = lambda: app.tables.actives_ready and not app.rebalancing
        app.on_partitions_revoked.connect(_drain_on_revoke, weak=False)  # type: ignore[arg-type]  # any coroutine will do
        return Worker(app, self.health, app.pipelines)


def build_worker(settings: Settings, clock: Clock = now_ms) -> Worker:
    """The shipped worker: both agents (or those that `agents` names) with the models that the settings name."""
    from models.predict import load_behaviour, load_products  # torch and weights: only when they are needed

    device = choose_device(settings.device, settings.models.threads)
    builder = WorkerBuilder(settings, clock)
    products = load_products(settings.models.products, device)
    features = builder.table(PRODUCT_UPSERT, PRODUCT_FEATURES, shared=True)
    if "products" in settings.agents:
        logic = ProductLogic(products, clock)
        builder.agent(PRODUCT_UPSERT, PRODUCT_FEATURES, features, logic, device)
    if "behaviour" in settings.agents:
        state = builder.table(USER_BEHAVIOUR, USER_STATE, shared=False)
        behaviour = BehaviourLogic(
            load_behaviour(settings.models.behaviour, device),
            lambda keys: features.read(0, keys),
            products.attributes,
            clock,
            top=settings.models.top,
        )
        builder.agent(USER_BEHAVIOUR, USER_STATE, state, behaviour, device)
    return builder.build()


def _has_partitions(app: WorkerApp) -> bool:
    try:
        return bool(app.started and app._consumer is not None and app.consumer.assignment())
    except ConsumerNotStarted:  # for the moment between making the consumer and its thread running
        return False


async def _drain_on_revoke(app: Any, *args: Any, **kwargs: Any) -> None:
    for pipeline in app.pipelines:
        if not await pipeline.drain(app.conf.broker_session_timeout * 0.5):
            raise Stop(
                f"{pipeline.label}: windows of revoked partitions did not finish in half a session timeout; the worker "
                "stops rather than write beside the partitions' next owner"
            )


def _make_app(settings: Settings) -> WorkerApp:
    servers = settings.kafka.bootstrap_servers.split(",")
    settings.state.dir.mkdir(parents=True, exist_ok=True)  # Faust makes one level of it only
    app = WorkerApp(
        settings.name,
        broker=[f"kafka://{server.strip()}" for server in servers],
        store="memory://",  # unused: our tables bring their own
        datadir=str(settings.state.dir),
        autodiscover=False,
        web_enabled=False,
        key_serializer="raw",
        value_serializer="raw",
        topic_disable_leader=True,
        topic_allow_declare=False,
        topic_replication_factor=settings.kafka.replication_factor,
        topic_partitions=settings.topics.partitions,
        stream_wait_empty=False,
        stream_buffer_maxsize=BUFFERED_RUNS,
        broker_max_poll_records=MAX_POLL_RECORDS,
        broker_commit_interval=settings.kafka.commit_interval_s,
        broker_session_timeout=settings.kafka.session_timeout_s,
        broker_heartbeat_interval=settings.kafka.session_timeout_s / 6,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=FETCH_BYTES,
        producer_acks=-1,
        producer_compression_type=None if settings.kafka.compression == "none" else settings.kafka.compression,
        producer_max_batch_size=BATCH_BYTES,
        producer_max_request_size=REQUEST_BYTES,
    )
    app.pipelines = []
    app.fetch_wait_ms = settings.kafka.fetch_wait_ms
    app.transport = RunTransport(app.conf.broker, app)
    return app
