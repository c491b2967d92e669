"""Effects, and the order in which `delivery = "at-least-once"` carries out those of a window, per partition:

    1. dead letters and outputs are handed to Kafka
    2. and acknowledged
    3. the changelog is handed to Kafka
    4. and acknowledged
    5. the rows are handed over as durable, with their changelog offset; RocksDB is written behind
    6. the consumer is told that the source records are answered, and commits their offset in time

Outputs before changelog: a row says "these records are answered", so a crash between the two must repeat outputs, not
lose them. Changelog before rows: what is on this disk only would be gone with the disk. Rows before offsets: a record
that is redelivered finds its offset in the row, which is in memory, in RocksDB or read from the changelog before the
partition is, and is skipped; so state counts every record once.

Steps of one window overlap with those of the next, but each step of a partition waits for the same step of the window
before: otherwise an older row could land on a newer one, in Kafka or in RocksDB. A step that fails leaves its gate
closed, so nothing behind it happens, and the worker stops.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from faust.types import TP

from streams.transport.outbox import Outbox, Outgoing


@dataclass(slots=True)
class Effects:
    """What answering one partition's part of a window, up to and with a source offset, leads to."""

    tp: TP
    offset: int
    sends: list[Outgoing] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    rows: list[bytes | None] = field(default_factory=list)


class Committing(Protocol):
    """Carries out the effects of one agent. One event loop."""

    def start(self, effects: Effects) -> Awaitable[None]:
        """Queue effects behind the partition's earlier ones; await the result for their completion.

        The place in the queue is taken now, in the order of calls. Errors: Stop.
        """


@dataclass(slots=True)
class _Gates:
    sent: asyncio.Event = field(default_factory=asyncio.Event)
    logged: asyncio.Event = field(default_factory=asyncio.Event)
    finished: asyncio.Event = field(default_factory=asyncio.Event)


def _open() -> _Gates:
    gates = _Gates()
    for gate in (gates.sent, gates.logged, gates.finished):
        gate.set()
    return gates


class Committer:
    """Carries out effects in order. One for each agent, on one event loop.

    `durable` is told that a partition's oldest rows are in the changelog, and at which offset; `answered`, the source
    offset that a partition has reached.
    """

    def __init__(
        self, outbox: Outbox, changelog: str, durable: Callable[[int, int], None], answered: Callable[[TP, int], None]
    ) -> None:
        self._outbox = outbox
        self._changelog = changelog
        self._durable = durable
        self._answered = answered
        self._last: dict[TP, _Gates] = {}

    def start(self, effects: Effects) -> Awaitable[None]:
        """See `Committing.start`."""
        before = self._last.get(effects.tp) or _open()
        mine = self._last[effects.tp] = _Gates()
        return self._carry_out(effects, before, mine)

    async def _carry_out(self, effects: Effects, before: _Gates, mine: _Gates) -> None:
        await before.sent.wait()
        sent = [self._outbox.send(what) for what in effects.sends]  # 1
        mine.sent.set()
        for batch in sent:
            await batch.acknowledged()  # 2
        await before.logged.wait()
        rows = Outgoing(self._changelog, effects.tp.partition, effects.keys, effects.rows)
        logged = self._outbox.send(rows)  # 3
        mine.logged.set()
        offset = await logged.acknowledged()  # 4
        await before.finished.wait()
        if effects.keys:
            self._durable(effects.tp.partition, offset)  # 5
        self._answered(effects.tp, effects.offset)  # 6
        mine.finished.set()
