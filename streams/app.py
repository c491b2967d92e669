"""The worker, put together once from its settings: models, tables, pipelines, agents, health."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from faust.exceptions import ConsumerNotStarted
from faust.types import TP

from schemas.state import WAITING_KEY, source_offsets
from schemas.topics import (
    DEMAND_STATE,
    DEMAND_UNITS,
    PRODUCT_FEATURES,
    PRODUCT_UPSERT,
    USER_BEHAVIOUR,
    USER_STATE,
    TopicSpec,
)
from streams.agents.wiring import connect
from streams.attempts.journal import AttemptsJournal
from streams.batcher.model_thread import ModelThread
from streams.batcher.pipeline import Later, Wiring
from streams.clock import Clock, now_ms
from streams.commit.effects import Committer, Committing
from streams.commit.transaction import Transactions
from streams.config import Settings
from streams.device import choose_device
from streams.images.pictures import make_pictures
from streams.letters.limit import LetterLimit
from streams.logic.answer import Logic
from streams.logic.behaviour import BehaviourLogic
from streams.logic.cascade import make_product_logic
from streams.logic.demand import DemandLogic
from streams.logic.refine import Refinements
from streams.logic.units import UnitsLogic
from streams.metrics import declared as metrics
from streams.metrics.health import Health, Recovery
from streams.metrics.partitions import PartitionWatch, Standing
from streams.state.options import Rocks
from streams.state.order import SourceOffsets
from streams.state.rows import Rows, no_rows
from streams.state.snapshots import Snapshots
from streams.state.table import GlobalRowTable, RowTable, declare
from streams.transport.consumer import RunConsumer
from streams.transport.outbox import Outbox
from streams.transport.places import places
from streams.transport.transactions import TransactionalProducer
from streams.worker import WorkerApp, make_app

SNAPSHOT_MAX_AGE_S = 24 * 3_600  # Kafka's delete.retention.ms: for so long a changelog remembers a deletion


@dataclass(slots=True)
class Worker:
    """The app and what belongs to it."""

    app: WorkerApp
    health: Health
    close: Callable[[], None]  # when the app has ended


class WorkerBuilder:
    """Builds a worker; benchmarks use its parts with another logic."""

    def __init__(self, settings: Settings, clock: Clock = now_ms) -> None:
        self.settings = settings
        self.clock = clock
        self.app = make_app(settings)
        self.closers: list[Callable[[], None]] = []
        self.health = Health(settings.web.stall_timeout_s)
        self._rocks = Rocks(settings.state.cache_bytes, settings.state.write_buffer_bytes)
        state = settings.state
        if state.snapshot_dir is not None:
            snapshots = Snapshots(state.snapshot_dir, clock, SNAPSHOT_MAX_AGE_S)
            self.app.row_tables.keep_snapshots(snapshots, state.snapshot_interval_s)
        self._model = ModelThread()
        self._disk_thread = ThreadPoolExecutor(1, thread_name_prefix="disk")
        self._outbox = Outbox(self.app.batches, clock, settings.kafka.compression)
        if isinstance(self.app.batches, TransactionalProducer):
            interval_s = settings.kafka.transaction_interval_ms / 1000
            self.app.transactions = Transactions(
                self.app.batches, self._outbox, self.app.member, self.app.answered, interval_s
            )
        self._limit = LetterLimit(settings.letters, clock)
        self._place = places(settings.topics.partitions)

    def topic(self, name: str) -> str:
        """The cluster's name of a declared topic."""
        return self.settings.topics.prefix + name

    def table(
        self, source: TopicSpec, spec: TopicSpec, *, shared: bool, source_offsets: SourceOffsets | None = None
    ) -> Rows:
        """Register the table that the agent of `source` writes and whose changelog is `spec`.

        Every worker holds all of a `shared` table. `source_offsets` reads from rows how far in the source they reach.
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
            row_cache_bytes=self.settings.state.row_cache_bytes,
            on_recovered=metrics.RECOVERED_ROWS.labels(spec.name).inc,
            source_offsets=source_offsets,
        )
        rows: Rows = table.rows
        return rows

    def agent(
        self,
        source: TopicSpec,
        changelog: TopicSpec,
        rows: Rows,
        logic: Logic,
        device: str,
        later: Refinements | None = None,
    ) -> None:
        """Register an agent that reads `source`, answers with `logic` and keeps `rows`. `later`: what it puts off."""
        wiring = Wiring(
            committer=self._committer(self.topic(changelog.name), rows),
            topic=self.topic,
            rows=rows,
            highwater=self._highwater,
            room=self._room,
            model=self._model,
            disk_thread=self._disk_thread,
            limit=self._limit,
            attempts=self._attempts(source, logic, *([later] if later else [])),
            clock=self.clock,
            place=self._place,
            later=Later(later, self._attempts(source, later), lambda: rows.stored(WAITING_KEY)) if later else None,
        )
        pipeline = connect(
            self.app, self.topic(source.name), self.settings.topics.partitions, logic, self.settings.batch, wiring
        )
        self.app.pipelines[self.topic(source.name)] = pipeline
        self.health.agents[logic.name] = pipeline.progress
        for each in (logic, later):
            if each is not None:
                metrics.MODEL.labels(each.name, each.model_name, each.model_version, device).set(1)

    def _attempts(self, source: TopicSpec, logic: Logic, *helpers: Logic) -> AttemptsJournal:
        """The journal of a logic; other models than those of the last worker count anew."""
        models = " ".join(f"{each.model_name} {each.model_version}" for each in (logic, *helpers))
        folder = self.settings.state.dir / "attempts"
        return AttemptsJournal(folder / logic.name, logic.name, self.topic(source.name), models)

    def _committer(self, changelog: str, rows: Rows) -> Committing:
        if self.app.transactions is not None:
            return self.app.transactions.committer(changelog, rows.durable)
        return Committer(self._outbox, changelog, rows.durable, self.app.answered)

    def _highwater(self, tp: TP) -> int:
        return self.app.consumer.highwater(tp)

    def _room(self) -> None:
        self.app.runs.wake()

    def build(self) -> Worker:
        """The worker, ready to be started."""
        app = self.app
        self.health.assigned = lambda: _has_partitions(app)
        self.health.recovered = lambda: app.tables.actives_ready and not app.rebalancing
        self.health.kafka_silent_s = lambda: _kafka_silent_s(app)
        self.health.uncommitted_s = lambda: _uncommitted_s(app) - self.settings.kafka.commit_interval_s
        self.health.ending = lambda: app.failure is not None or bool(app.should_stop)
        self.health.recovery = Recovery(lambda: _left_to_recover(app))
        watch = PartitionWatch(lambda: _standing(app))
        self.health.still_partitions = watch.still

        def beat() -> None:
            self.health.beat()
            watch.look()

        app.beat = beat
        return Worker(app, self.health, self._close)

    def _close(self) -> None:
        for close in self.closers:
            close()


def build_worker(settings: Settings, clock: Clock = now_ms) -> Worker:
    """The shipped worker: both agents (or those that `agents` names) with the models that the settings name."""
    from models.predict import load_behaviour, load_tiers, tier_attributes  # torch: only when needed

    device = choose_device(settings.device, settings.models.threads)
    if "demand" in settings.agents:
        return _demand_worker(settings, clock, device)
    builder = WorkerBuilder(settings, clock)
    tiers = settings.models.products, settings.products.encoder
    features = builder.table(PRODUCT_UPSERT, PRODUCT_FEATURES, shared=True)
    if "products" in settings.agents:
        products, encoder = load_tiers(*tiers, device)
        pictures = make_pictures(settings.images) if encoder is not None and "image" in encoder.reads else None
        if pictures is not None:
            builder.closers.append(pictures.close)
        logic = make_product_logic(products, encoder, settings.products, clock, pictures=pictures)
        builder.agent(PRODUCT_UPSERT, PRODUCT_FEATURES, features, logic, device, logic.later)
    if "behaviour" in settings.agents:
        state = builder.table(USER_BEHAVIOUR, USER_STATE, shared=False, source_offsets=source_offsets)
        models = settings.models
        behaviour = BehaviourLogic(
            load_behaviour(models.behaviour, device, models.risk, models.session, models.visit, models.taste),
            lambda keys: features.read(0, keys),
            dict.fromkeys(tier_attributes(*tiers)),
            clock,
            top=settings.models.top,
            settings=settings.behaviour,
            page=state.page,
        )
        builder.agent(USER_BEHAVIOUR, USER_STATE, state, behaviour, device)
    return builder.build()


def _demand_worker(settings: Settings, clock: Clock, device: str) -> Worker:
    """Both steps of counting sales: by user as they come, then by what was sold."""
    from models.predict import load_demand  # torch and weights: only when they are needed

    builder = WorkerBuilder(settings, clock)
    builder.agent(USER_BEHAVIOUR, DEMAND_STATE, no_rows(), UnitsLogic(clock), "cpu")
    rows = builder.table(DEMAND_UNITS, DEMAND_STATE, shared=False, source_offsets=source_offsets)
    logic = DemandLogic(
        load_demand(settings.models.demand, device),
        rows.keys,
        clock,
        shift_ms=settings.demand.utc_offset_min * 60_000,
        lateness_ms=round(settings.demand.lateness_min * 60_000),
    )
    builder.agent(DEMAND_UNITS, DEMAND_STATE, rows, logic, device)
    return builder.build()


def _kafka_silent_s(app: WorkerApp) -> float:
    consumer = app._consumer
    return consumer.silent_s() if isinstance(consumer, RunConsumer) else 0.0


def _uncommitted_s(app: WorkerApp) -> float:
    consumer = app._consumer
    return consumer.uncommitted_s() if isinstance(consumer, RunConsumer) else 0.0


def _standing(app: WorkerApp) -> dict[TP, Standing]:
    consumer = app._consumer
    return consumer.standing() if isinstance(consumer, RunConsumer) else {}


def _left_to_recover(app: WorkerApp) -> int:
    return sum(app.row_tables.reader.lags().values())


def _has_partitions(app: WorkerApp) -> bool:
    try:
        return bool(app.started and app._consumer is not None and app.consumer.assignment())
    except ConsumerNotStarted:  # it is made, and not connected yet
        return False
