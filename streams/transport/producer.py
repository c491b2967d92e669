"""An idempotent producer of whole batches (KIP-98): each batch is in its partition once, in the order of the calls.

aiokafka's producer takes records and decides itself when a batch goes; here a window's batches go at once, all
partitions of a broker in one request, and requests follow each other without waiting for the one before. The sequence
numbers that make a retry harmless are ours, so a batch that failed for a reason that passes (a leader moved, a
connection broke) is sent again with all behind it, as the same bytes.
"""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf

from aiokafka.errors import KafkaError, MessageSizeTooLargeError, OutOfOrderSequenceNumber, for_code
from aiokafka.protocol.transaction import InitProducerIdRequest
from faust.types import TP

from streams.errors import ProduceFailed
from streams.transport.batch import Batch
from streams.transport.client import KafkaClient, connect, hang_up, retrying
from streams.transport.requests import ProducerIdentity
from streams.transport.wire import NotSent, ProduceRequest, ProduceResponse

log = logging.getLogger(__name__)

IN_FLIGHT = 5  # requests to a broker; it remembers the last five batches of a producer, no more
REQUEST_BYTES = 4 * 1024 * 1024
ANSWER_S = 20.0  # for all replicas to have it; after this the connection is made anew
DELIVERY_S = 60.0  # from the call to the acknowledgement, retries included
BACKOFF_S = 0.1
FIRST_BACKOFF_S = (
    0.005  # doubled up to BACKOFF_S: while the markers of the last transaction are written, a retry is usual
)
SEQUENCES = 2**31
DUPLICATE = 46  # the broker has the batch, and has forgotten where


@dataclass(slots=True, eq=False)
class _Pending:
    tp: TP
    data: bytes
    number: int
    deadline: float
    future: asyncio.Future[int]
    retried: bool = False


@dataclass(slots=True)
class _Lane:
    """One partition: batches to be sent, those under way, and those to be sent again once none is under way."""

    queue: deque[_Pending] = field(default_factory=deque)
    under_way: set[int] = field(default_factory=set)  # their numbers, all at one broker
    broker: int = -1
    alone: bool = False  # what is under way was sent before, so the next waits: brokers remember five batches only
    again: list[_Pending] = field(default_factory=list)
    sequence: int = 0
    not_before: float = 0.0
    refused: int = 0  # times running

    def is_behind(self, one: _Pending) -> bool:
        """Whether a batch before this one is not in the log yet, which is why this one was out of order."""
        return bool(self.again) or any(number < one.number for number in self.under_way)


class BatchProducer:
    """All methods belong to one event loop. After a batch failed for good, every later one fails too.

    Nothing is sent while `may_send` is false; what waits for it is given up at its deadline like all else.
    """

    _transactional_id: str | None = None

    def __init__(self, servers: Sequence[str], client_id: str = "shelfstream-producer") -> None:
        self.may_send: Callable[[], bool] = lambda: True
        self._servers = servers
        self._client_id = client_id
        self._client: KafkaClient
        self._identity = ProducerIdentity(-1, -1)
        self._lanes: defaultdict[TP, _Lane] = defaultdict(_Lane)
        self._requests: defaultdict[int, int] = defaultdict(int)
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._sender: asyncio.Task[None] | None = None
        self._number = 0
        self._failed: ProduceFailed | None = None

    async def start(self) -> None:
        """Connect and get a producer id. Errors: KafkaError."""
        self._client = await connect(self._servers, self._client_id)
        self._identity = await self._identify()
        self._sender = asyncio.ensure_future(self._send())

    def produce(self, tp: TP, batch: Batch) -> "asyncio.Future[int]":
        """Queue a batch; the future gives the offset of its first record once all in-sync replicas have it.

        An offset of -1 means: it is there, and the broker has forgotten where. Errors, in the future: ProduceFailed.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[int] = loop.create_future()
        if self._failed is not None:
            future.set_exception(self._failed)
            return future
        lane = self._lanes[tp]
        who, transactional = self._identity, self._transactional_id is not None
        data = batch.encode(who.producer_id, who.epoch, lane.sequence, transactional=transactional)
        lane.sequence = (lane.sequence + batch.count) % SEQUENCES
        self._number += 1
        lane.queue.append(_Pending(tp, data, self._number, loop.time() + DELIVERY_S, future))
        self._wake.set()
        return future

    async def close(self) -> None:
        """Stop sending; what is not acknowledged by now fails."""
        if self._sender is None:
            return
        self._sender.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(self._sender, *self._tasks, return_exceptions=True)
        self._fail(ProduceFailed("the producer was closed"))
        await self._client.close()

    async def _identify(self) -> ProducerIdentity:
        identity: ProducerIdentity = await retrying(DELIVERY_S, BACKOFF_S)(self._ask_identity)
        return identity

    async def _ask_identity(self) -> ProducerIdentity:
        response = await self._client.send(self._client.get_random_node(), InitProducerIdRequest(None, 60_000))
        if response.error_code:
            raise for_code(response.error_code)("no producer id")
        return ProducerIdentity(response.producer_id, response.producer_epoch)

    # -- sending -------------------------------------------------------------------------------------------------------

    async def _send(self) -> None:
        """Whenever there is something new, fill a request for every broker that has room for one."""
        loop = asyncio.get_running_loop()
        while True:
            wait = self._fill_requests(loop.time())
            # Not `wait_for`, here and elsewhere: until Python 3.12 it swallows a cancellation that comes with the news.
            with suppress(TimeoutError):
                async with asyncio.timeout(None if wait == inf else wait):
                    await self._wake.wait()
            self._wake.clear()

    def _fill_requests(self, now: float) -> float:
        """Start requests; gives the seconds after which to look again, infinite if only news will change it."""
        may_send = self.may_send()
        requests: defaultdict[int, dict[TP, _Pending]] = defaultdict(dict)
        sizes: defaultdict[int, int] = defaultdict(int)
        look_again = inf
        for tp, lane in self._lanes.items():
            if not lane.queue or lane.again:
                continue
            if lane.queue[0].deadline < now:
                self._fail(_late(lane.queue[0]))
                return inf
            if now < lane.not_before:
                look_again = min(look_again, lane.not_before - now)
                continue
            node = self._client.cluster.leader_for_partition(tp) if may_send else None
            if node is None or node < 0:
                if may_send:
                    self._learn(tp)
                look_again = min(look_again, BACKOFF_S)
                continue
            if lane.under_way and (lane.alone or lane.queue[0].retried or lane.broker != node):
                continue  # what became of those before must be known first
            size = len(lane.queue[0].data)
            if self._requests[node] >= IN_FLIGHT or (requests[node] and sizes[node] + size > REQUEST_BYTES):
                continue  # an answer will wake us
            requests[node][tp] = lane.queue.popleft()
            sizes[node] += size
            lane.under_way.add(requests[node][tp].number)
            lane.broker, lane.alone = node, requests[node][tp].retried
        for node, batches in requests.items():
            if batches:
                self._requests[node] += 1
                task = asyncio.ensure_future(self._request(node, batches))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                look_again = 0  # a lane may have more than one batch
        return look_again

    async def _request(self, node: int, batches: dict[TP, _Pending]) -> None:
        data = {tp: one.data for tp, one in batches.items()}
        request = ProduceRequest(
            data,
            timeout_ms=int(ANSWER_S * 1000),
            transactional_id=self._transactional_id,
            may_send=self.may_send,  # asked again as it is written: the process may have been stopped since
        )
        answered: dict[TP, tuple[type[KafkaError] | None, int]] = {}
        try:
            async with asyncio.timeout(ANSWER_S + 5):
                response: ProduceResponse = await self._client.send(node, request)
            for part in response.partitions():
                known = part.error_code in (0, DUPLICATE)
                answered[part.tp] = (None if known else for_code(part.error_code), part.offset)
        except NotSent:
            log.info("broker %d is not sent a produce request: the lease of the partitions is over", node)
        except Exception as error:  # noqa: BLE001  # whatever it is, what became of the batches is not known
            log.warning("broker %d did not answer a produce request (%r); trying again", node, error)
            hang_up(self._client, node)
        finally:
            self._requests[node] -= 1
        for tp, one in batches.items():
            self._settle(self._lanes[tp], one, *answered.get(tp, (KafkaError, -1)))
        self._wake.set()

    def _settle(self, lane: _Lane, one: _Pending, error: type[KafkaError] | None, offset: int) -> None:
        lane.under_way.discard(one.number)
        if self._failed is not None:
            if not one.future.done():
                one.future.set_exception(self._failed)
            return
        if error is None:
            lane.refused = 0
            if not one.future.done():
                one.future.set_result(offset)
        elif error is KafkaError or error.retriable or (error is OutOfOrderSequenceNumber and lane.is_behind(one)):
            one.retried = True
            lane.again.append(one)
            self._client.force_metadata_update()
        else:
            lane.again.append(one)
            self._fail(_refused(one, error))
            return
        if lane.again and not lane.under_way:
            lane.queue.extendleft(sorted(lane.again, key=lambda pending: -pending.number))
            lane.again.clear()
            pause = min(BACKOFF_S, FIRST_BACKOFF_S * 2 ** min(lane.refused, 10))
            lane.refused += 1
            lane.not_before = asyncio.get_running_loop().time() + pause

    def _learn(self, tp: TP) -> None:
        # Both, each time: a topic that is added while an update is under way is not in it, and no other would follow.
        self._client.add_topic(tp.topic)
        self._client.force_metadata_update()

    def _fail(self, error: ProduceFailed) -> None:
        """Everything that is not acknowledged fails: what is behind a lost batch must not overtake it."""
        self._failed = self._failed or error
        for lane in self._lanes.values():
            for one in (*lane.queue, *lane.again):
                if not one.future.done():
                    one.future.set_exception(error)
            lane.queue.clear()
            lane.again.clear()


def _late(one: _Pending) -> ProduceFailed:
    return ProduceFailed(
        f"records for {one.tp.topic}[{one.tp.partition}] were not acknowledged within {DELIVERY_S:g} s. "
        "Nothing of their window was committed; the worker stops and a restart sends them again"
    )


def _refused(one: _Pending, error: type[KafkaError]) -> ProduceFailed:
    hint = ""
    if error is MessageSizeTooLargeError:
        hint = f" (a batch of {len(one.data):,} bytes; see the topic's max.message.bytes)"
    return ProduceFailed(
        f"records for {one.tp.topic}[{one.tp.partition}] were refused: {error.__name__}{hint}. "
        "Nothing of their window was committed; the worker stops and a restart sends them again"
    )
