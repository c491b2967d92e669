"""Faust's consumer, made for runs: group membership, fetching and commits in the app's own event loop.

Faust's aiokafka consumer lives on a thread of its own, hands records over one by one, and derives the committed offset
from single acknowledged offsets. This one keeps Faust's contract with its app (subscribe, callback, assignment, commit)
and differs in how: runs go straight from the fetcher to the agents, the offset to commit is what the pipelines say, and
between `halt` and `begin` nothing is read at all, which is what a rebalance needs.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.errors import CommitFailedError, KafkaError
from aiokafka.structs import OffsetAndMetadata
from faust.exceptions import ConsumerNotStarted
from faust.transport.consumer import Consumer
from faust.types import TP, ConsumerMessage
from mode import Service

from streams.errors import ClusterError
from streams.metrics.partitions import Standing
from streams.record import Record
from streams.transport.client import KafkaClient, connect, servers_of
from streams.transport.fetcher import FetchOptions, RunFetcher
from streams.transport.membership import GroupMember
from streams.transport.offsets import EARLIEST, list_offsets
from streams.transport.requests import Member
from streams.transport.runs import RecordRun

LEAVE_S = 1.5  # for the last commit, and again for leaving the group
NEVER_MS = 2**31 - 1  # a worker that is alive and makes no progress is the watchdog's business, not the group's


class RunConsumer(Consumer):
    """Reads the group's source partitions as runs. All methods belong to the app's event loop."""

    _client: KafkaClient | None = None
    _coordinator: GroupMember
    _subscription: SubscriptionState
    _fetcher: RunFetcher

    async def on_start(self) -> None:
        """Connect; the group is joined when `subscribe` is called."""
        await super().on_start()
        conf, app = self.app.conf, self.app
        client = await connect(
            servers_of(conf.broker),
            conf.broker_client_id,
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            metadata_max_age_ms=conf.consumer_metadata_max_age_ms,
        )
        self._subscription = SubscriptionState()
        self._committed: dict[TP, int] = {}
        self._begun: dict[TP, int] = {}
        self._committed_at = time.monotonic()
        self._answered: dict[TP, int] = {}
        self._delivered: dict[TP, int] = {}
        self._commit_lock = asyncio.Lock()
        self._coordinator = GroupMember(
            client,
            self._subscription,
            group_id=conf.id,
            group_instance_id=conf.consumer_group_instance_id or None,
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            max_poll_interval_ms=NEVER_MS,
            enable_auto_commit=False,
            assignors=(app.assignor,),
        )
        options: FetchOptions = app.fetch_options  # type: ignore[attr-defined]  # a WorkerApp
        self._fetcher = RunFetcher(client, options, self._deliver, app.has_room)  # type: ignore[attr-defined]
        self._client = client

    @Service.task
    async def _fetch(self) -> None:
        await self._fetcher.run()

    @Service.task
    async def _watch_group(self) -> None:
        """The coordinator tells errors that trying again does not mend to whoever waits for records: to this."""
        waiters: set[asyncio.Future[None]] = set()
        self._subscription.register_fetch_waiters(waiters)
        while not self.should_stop:
            error: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            waiters.add(error)
            try:
                await error
            except KafkaError as reason:
                raise ClusterError(f"the consumer group {self.app.conf.id} refused this worker: {reason}") from reason
            finally:
                waiters.discard(error)

    # -- what the app asks for -----------------------------------------------------------------------------------------

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Join the group for these topics."""
        names = set(topics)
        await self._connected().set_topics(names)
        self._subscription.subscribe(names, listener=_Listener(self))

    def halt(self) -> None:
        """Read nothing until `begin`."""
        self._fetcher.assign({})

    def joined(self) -> None:
        """The group has just given us partitions."""
        self._coordinator.joined()

    async def committed(self, tps: Iterable[TP]) -> dict[TP, int]:
        """How far the group has come with these partitions, which the transactions of others can move no more.

        Where nothing is committed, the beginning.
        """
        wanted = list(tps)
        found = await self._coordinator.fetch_committed_offsets(wanted)
        self._committed = {TP(*tp): known.offset for tp, known in found.items()}
        new = [tp for tp in wanted if tp not in self._committed]
        return self._committed | (await list_offsets(self._connected(), new, EARLIEST) if new else {})

    def begin(self, offsets: Mapping[TP, int]) -> None:
        """Read partitions from these offsets on."""
        self._answered, self._delivered = {}, {}
        self._begun = dict(offsets)
        self._committed_at = time.monotonic()
        self._fetcher.assign(offsets)

    def wake(self) -> None:
        """An agent has room again."""
        self._fetcher.wake()

    def answered(self, tp: TP, offset: int, *, committed: bool = False) -> None:
        """The partition's records are answered up to and with this offset; `committed`: with a transaction."""
        self._answered[tp] = offset + 1
        if committed:
            self._committed[tp] = offset + 1

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Commit how far each of our partitions is answered; True if there was anything to commit."""
        if self._client is None:
            return False
        async with self._commit_lock:
            subscription = self._subscription.subscription
            assignment = subscription.assignment if subscription is not None else None
            if assignment is None:
                return False
            due = {tp: offset for tp, offset in self._due().items() if tp in assignment.tps}
            if not due:
                return False
            try:
                await self._coordinator.commit_offsets(
                    assignment, {tp: OffsetAndMetadata(offset, "") for tp, offset in due.items()}
                )
            except CommitFailedError:
                self.log.warning("offsets were not committed: the group has moved on; the records are redelivered")
                return False
            self._committed |= due
            self._committed_at = time.monotonic()
            return True

    def assignment(self) -> set[TP]:
        """The source partitions that the group gave us."""
        self._connected()
        return {TP(*tp) for tp in self._subscription.assigned_partitions()}

    @property
    def generation(self) -> int:
        """The group's generation that we are a member of."""
        generation: int = self._coordinator.generation
        return generation

    @property
    def is_out(self) -> bool:
        """Whether the group has no such member: it never joined, or was taken for dead."""
        return self._coordinator.is_out

    def holds(self) -> bool:
        """Whether no other worker can have our partitions yet."""
        return self._client is not None and self._coordinator.holds()

    def member(self) -> Member:
        """Who we are in the group."""
        return self._coordinator.member()

    def highwater(self, tp: TP) -> int:
        """The offset after the partition's last record, 0 if not known yet."""
        return self._fetcher.highwater(tp) or 0

    def silent_s(self) -> float:
        """Seconds since a broker last answered a fetch; 0 while nothing is to be read."""
        return self._fetcher.silent_s() if self._client is not None else 0.0

    def standing(self) -> dict[TP, Standing]:
        """How far each partition is that is read."""
        if self._client is None:
            return {}
        if not self._due():
            self._committed_at = time.monotonic()
        found: dict[TP, Standing] = {}
        for tp, silent_s in self._fetcher.unheard_s().items():
            done = self._answered.get(tp, self._begun.get(tp, 0))
            unread = max(0, (self._fetcher.highwater(tp) or 0) - self._fetcher.delivered(tp))
            found[tp] = Standing(done, unread + max(0, self._delivered.get(tp, done) - done), silent_s)
        return found

    def uncommitted_s(self) -> float:
        """Seconds since the last commit, or since `standing` last saw nothing to be committed. Any thread."""
        return time.monotonic() - self._committed_at if self._client is not None else 0.0

    def topic_partitions(self, topic: str) -> int | None:
        """How many partitions the topic has."""
        partitions = self._connected().cluster.partitions_for_topic(topic)
        return len(partitions) if partitions else None

    async def on_stop(self) -> None:
        """Commit, leave the group, and disconnect; a cluster that does not answer is not waited for."""
        if self._client is None:
            return
        self.halt()
        try:
            async with asyncio.timeout(LEAVE_S):
                await super().on_stop()  # commits
        except TimeoutError:
            self.log.warning("the last offsets were not committed in %g s; their records are redelivered", LEAVE_S)
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_S):
                await self._coordinator.close()
        await self._client.close()

    def close(self) -> None:
        """Nothing: `on_stop` closes."""

    # -- what Faust's own flow control would do; the app halts and begins instead --------------------------------------

    def stop_flow(self) -> None:
        """Read nothing more."""
        super().stop_flow()
        if self._client is not None:
            self.halt()

    def pause_partitions(self, tps: Iterable[TP]) -> None:
        """Nothing: see `halt`."""

    def on_buffer_full(self, tp: TP) -> None:
        """Nothing: see `WorkerApp.has_room`."""

    def on_buffer_drop(self, tp: TP) -> None:
        """Nothing: see `WorkerApp.has_room`."""

    # -- what no part of this worker asks for --------------------------------------------------------------------------

    async def _unused(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("this worker moves positions with halt() and begin() only")

    _commit = _getmany = _seek = seek_to_committed = seek_wait = position = earliest_offsets = highwaters = _unused

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        raise NotImplementedError("records are delivered as runs")

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        """Refused: outputs go to the partition of their source."""
        raise NotImplementedError("outputs go to the partition of their source")

    async def create_topic(self, *args: Any, **kwargs: Any) -> None:
        """Refused: `shelfstream topics create` makes topics."""
        raise NotImplementedError("topics are made by `shelfstream topics create`")

    # -- inside --------------------------------------------------------------------------------------------------------

    async def _deliver(self, tp: TP, records: Sequence[Record]) -> None:
        last = records[-1]
        self._delivered[tp] = last.offset + 1
        await self.callback(
            ConsumerMessage(
                topic=tp.topic,
                partition=tp.partition,
                offset=last.offset,
                timestamp=last.timestamp / 1000.0,
                timestamp_type=0,
                headers=None,
                key=None,
                value=RecordRun(tp, records),  # type: ignore[arg-type]  # Faust passes values through untouched
                checksum=None,
                serialized_key_size=0,
                serialized_value_size=0,
                tp=tp,
                generation_id=self.app.consumer_generation_id,
            )
        )

    def _due(self) -> dict[TP, int]:
        return {tp: offset for tp, offset in self._answered.items() if offset > self._committed.get(tp, -1)}

    def _connected(self) -> KafkaClient:
        if self._client is None:
            raise ConsumerNotStarted("the consumer is not connected yet")
        return self._client

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """aiokafka's callbacks to the app's. Both run before the group goes on; errors in them stop the app."""

    def __init__(self, consumer: RunConsumer) -> None:
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        app = self._consumer.app
        app.on_rebalance_start()
        await app._on_partitions_revoked({TP(*tp) for tp in revoked})  # type: ignore[attr-defined]

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        app = self._consumer.app
        self._consumer.joined()
        app.consumer_generation_id = self._consumer.generation
        await app._on_partitions_assigned({TP(*tp) for tp in assigned}, self._consumer.generation)  # type: ignore[attr-defined]
