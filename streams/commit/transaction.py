"""Effects in transactions: `delivery = "exactly-once"`.

The effects of all windows that were answered since the last transaction go into the next, whatever agent they are of:

    1. the transaction is opened with the partitions it will write
    2. dead letters, outputs and changelog rows are handed to Kafka, and the source offsets to the group
    3. and all of it is acknowledged
    4. the transaction is committed
    5. the rows are handed over as durable, and the consumer is told that the source records are answered

Before 4, a reader of committed records sees nothing of it, a restart finds the old offsets and the old rows, and the
same windows are answered anew; after 4, all of it is there. So the order inside 2 does not matter, and a key that
changed in several windows is written to the changelog once.

While one transaction is under way the effects of the next gather. A failure ends the worker and leaves its transaction
open: the next start with the same transactional id aborts it, or the coordinator does when its time is over. To abort
it here would race with batches that are still on their way.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from faust.types import TP

from streams.commit.effects import Effects
from streams.errors import ProduceFailed
from streams.metrics import declared as metrics
from streams.transport.outbox import Outbox, Outgoing, Sent
from streams.transport.requests import Member
from streams.transport.transactions import TransactionalProducer

Durable = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class _Part:
    effects: Effects
    changelog: str
    durable: Durable
    done: "asyncio.Future[None]"


class Transactions:
    """One transaction after the other, for all agents of a worker. All methods belong to one event loop.

    `member` says who we are in the group, and raises Stop if the group has forgotten us; `answered` is told of source
    offsets that were committed.
    """

    def __init__(
        self,
        producer: TransactionalProducer,
        outbox: Outbox,
        member: Callable[[], Member],
        answered: Callable[[TP, int], None],
        interval_s: float,
    ) -> None:
        self._producer = producer
        self._outbox = outbox
        self._member = member
        self._answered = answered
        self._interval = interval_s
        self._parts: list[_Part] = []
        self._news = asyncio.Event()
        self._failure: BaseException | None = None

    def committer(self, changelog: str, durable: Durable) -> "TransactionCommitter":
        """For one agent; `durable` is told of its partitions' rows, oldest first."""
        return TransactionCommitter(self, changelog, durable)

    def add(self, effects: Effects, changelog: str, durable: Durable) -> Awaitable[None]:
        """Put effects into the next transaction; await the result for its commit. Errors: Stop."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._failure is not None:
            done.set_exception(self._failure)
            return done
        self._parts.append(_Part(effects, changelog, durable, done))
        self._news.set()
        return done

    async def run(self) -> None:
        """Commit until cancelled. An error goes to all who wait, and to all who come later."""
        loop = asyncio.get_running_loop()
        began = float("-inf")
        while self._failure is None:
            await self._news.wait()
            await asyncio.sleep(max(0.0, began + self._interval - loop.time()))
            began = loop.time()
            parts, self._parts = self._parts, []
            self._news.clear()
            try:
                await self._carry_out(parts)
                metrics.TRANSACTION_SECONDS.observe(loop.time() - began)
            except Exception as error:  # noqa: BLE001  # whatever it is, nothing may follow
                self._fail(error, parts)
            except asyncio.CancelledError:
                self._fail(ProduceFailed("the worker ended before the transaction was committed"), parts)
                raise

    async def _carry_out(self, parts: Sequence[_Part]) -> None:
        member = self._member()
        sends, changes = _outputs(parts), _changes(parts)
        offsets: dict[TP, int] = {}
        for part in parts:
            tp = part.effects.tp
            offsets[tp] = max(offsets.get(tp, 0), part.effects.offset + 1)
        await self._producer.open([TP(what.topic, what.partition) for what in (*sends, *changes)], member.group)  # 1
        sent = [self._outbox.send(what) for what in sends]  # 2
        logged = [self._outbox.send(what) for what in changes]
        ends, _, _ = await asyncio.gather(
            _acknowledged(logged), _acknowledged(sent), self._producer.send_offsets(member, offsets)
        )  # 3
        await self._producer.end(commit=True)  # 4
        reached = {(what.topic, what.partition): end for what, end in zip(changes, ends, strict=True)}
        for part in parts:  # 5
            tp = part.effects.tp
            if part.effects.keys:
                part.durable(tp.partition, reached[part.changelog, tp.partition])
            self._answered(tp, part.effects.offset)
            if not part.done.done():
                part.done.set_result(None)

    def _fail(self, error: BaseException, parts: Sequence[_Part]) -> None:
        self._failure = error
        for part in (*parts, *self._parts):
            if not part.done.done():
                part.done.set_exception(error)
        self._parts.clear()


class TransactionCommitter:
    """The effects of one agent, carried out in transactions."""

    def __init__(self, transactions: Transactions, changelog: str, durable: Durable) -> None:
        self._transactions = transactions
        self._changelog = changelog
        self._durable = durable

    def start(self, effects: Effects) -> Awaitable[None]:
        """See `Committing.start`."""
        return self._transactions.add(effects, self._changelog, self._durable)


async def _acknowledged(sent: Sequence[Sent]) -> list[int]:
    """The offset of the last record of each."""
    return [await batches.acknowledged() for batches in sent]


def _outputs(parts: Sequence[_Part]) -> list[Outgoing]:
    """Records of the same partition as one, in order."""
    records: dict[tuple[str, int], tuple[list[bytes | None], list[bytes | None]]] = {}
    for part in parts:
        for what in part.effects.sends:
            keys, values = records.setdefault((what.topic, what.partition), ([], []))
            keys += what.keys
            values += what.values
    return [Outgoing(*place, keys, values) for place, (keys, values) in records.items()]


def _changes(parts: Sequence[_Part]) -> list[Outgoing]:
    """The last row of each key, in the order of these: rising source offsets make recovery quicker."""
    rows: dict[tuple[str, int], dict[bytes, bytes | None]] = {}
    for part in parts:
        effects = part.effects
        if effects.keys:
            changed = rows.setdefault((part.changelog, effects.tp.partition), {})
            for key, row in zip(effects.keys, effects.rows, strict=True):
                changed.pop(key, None)
                changed[key] = row
    return [Outgoing(*tp, list(changed), list(changed.values())) for tp, changed in rows.items()]
