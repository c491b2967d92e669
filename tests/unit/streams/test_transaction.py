"""Windows into transactions: what goes together, what is written once, and that nothing follows a failure."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any

import pytest
from faust.types import TP

from streams.commit.effects import Effects
from streams.commit.transaction import Transactions
from streams.errors import ProduceFailed, Stop
from streams.transport.outbox import Outgoing
from streams.transport.requests import Member

A, B = TP("source", 0), TP("source", 1)
OUTPUT, CHANGELOG = "outputs", "changelog"
MEMBER = Member("group", 3, "me", None)
LIMIT_S = 5


class Kafka:
    """Producer and outbox in one: keeps what each transaction held, and fails or waits at a step if told to."""

    def __init__(self) -> None:
        self.journal: list[str] = []
        self.committed: list[dict[str, Any]] = []
        self.now: dict[str, Any] = {}
        self.fails_at = ""
        self.pause: asyncio.Event | None = None
        self.offset = 99

    async def step(self, name: str) -> None:
        """Note it, and fail if that is what is wanted here."""
        self.journal.append(name)
        if name == self.fails_at:
            raise ProduceFailed(f"{name} was told to fail")
        await asyncio.sleep(0)

    async def open(self, tps: Iterable[TP], group: str) -> None:
        """As TransactionalProducer's."""
        self.now = {"partitions": set(tps), "group": group, "records": []}
        await self.step("open")

    async def send_offsets(self, member: Member, offsets: Mapping[TP, int]) -> None:
        """As TransactionalProducer's."""
        self.now["offsets"] = (member, dict(offsets))
        await self.step("offsets")

    async def end(self, *, commit: bool) -> None:
        """As TransactionalProducer's."""
        assert commit
        if self.pause is not None:
            await self.pause.wait()
        await self.step("end")
        self.committed.append(self.now)

    def send(self, what: Outgoing) -> "Sending":
        """As Outbox's."""
        assert TP(what.topic, what.partition) in self.now["partitions"]
        self.now["records"] += [
            (what.topic, what.partition, *pair) for pair in zip(what.keys, what.values, strict=True)
        ]
        self.offset += len(what.keys)
        return Sending(self, what.topic, self.offset)


class Sending:
    """As Sent."""

    def __init__(self, kafka: Kafka, topic: str, offset: int) -> None:
        self.kafka, self.topic, self.offset = kafka, topic, offset

    async def acknowledged(self) -> int:
        """The offset of the last record."""
        await self.kafka.step(f"ack {self.topic}")
        return self.offset


def effects(tp: TP, offset: int, **rows: bytes | None) -> Effects:
    """One output, named by the offset, and these rows."""
    output = Outgoing(OUTPUT, tp.partition, [b"k"], [b"%d" % offset])
    return Effects(tp, offset, [output], [key.encode() for key in rows], list(rows.values()))


def run(scene: Callable[[Kafka, Transactions], Coroutine[Any, Any, None]], member: Callable[[], Member]) -> Kafka:
    """Play the scene while transactions run, within a limit, so that a hang is a failure."""
    kafka = Kafka()

    async def main() -> None:
        transactions = Transactions(kafka, kafka, member, lambda *_: None, 0.0)  # type: ignore[arg-type]
        running = asyncio.ensure_future(transactions.run())
        try:
            await scene(kafka, transactions)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(asyncio.wait_for(main(), LIMIT_S))
    return kafka


def test_what_comes_during_a_transaction_goes_into_the_next_together() -> None:
    durable: list[tuple[int, int]] = []

    async def scene(kafka: Kafka, transactions: Transactions) -> None:
        committer = transactions.committer(CHANGELOG, lambda *place: durable.append(place))
        kafka.pause = asyncio.Event()
        first = committer.start(effects(A, 4, x=b"1"))
        await asyncio.sleep(0.01)
        later = [committer.start(effects(A, 9, x=b"2", y=b"3")), committer.start(effects(B, 7, z=None))]
        last = committer.start(effects(A, 12, x=b"4"))
        await asyncio.sleep(0.01)
        assert not durable
        kafka.pause.set()
        await asyncio.gather(first, *later, last)

    kafka = run(scene, lambda: MEMBER)
    one, two = kafka.committed
    assert one["offsets"] == (MEMBER, {A: 5})
    assert two["offsets"] == (MEMBER, {A: 13, B: 8})
    assert two["group"] == "group"
    outputs = [(number, value) for topic, number, _, value in two["records"] if topic == OUTPUT]
    assert outputs == [(0, b"9"), (0, b"12"), (1, b"7")]
    changes = [record[1:] for record in two["records"] if record[0] == CHANGELOG]
    assert changes == [(0, b"y", b"3"), (0, b"x", b"4"), (1, b"z", None)]  # x once, where it changed last
    assert [partition for partition, _ in durable] == [0, 0, 1, 0]
    assert durable[1] == durable[3]  # both windows' rows are in the changelog where the partition's last row is


def test_windows_without_rows_or_outputs_still_move_the_offsets() -> None:
    async def scene(kafka: Kafka, transactions: Transactions) -> None:
        await transactions.committer(CHANGELOG, lambda *_: None).start(Effects(A, 41))

    (only,) = run(scene, lambda: MEMBER).committed
    assert (only["partitions"], only["records"], only["offsets"]) == (set(), [], (MEMBER, {A: 42}))


@pytest.mark.parametrize("step", ["open", "offsets", f"ack {OUTPUT}", f"ack {CHANGELOG}", "end"])
def test_a_failure_goes_to_all_who_wait_and_nothing_follows(step: str) -> None:
    durable: list[tuple[int, int]] = []

    async def scene(kafka: Kafka, transactions: Transactions) -> None:
        committer = transactions.committer(CHANGELOG, lambda *place: durable.append(place))
        kafka.fails_at = step
        both = [committer.start(effects(A, 1, x=b"1")), committer.start(effects(B, 1, x=b"1"))]
        for one in both:
            with pytest.raises(ProduceFailed, match=step):
                await one
        kafka.fails_at = ""
        with pytest.raises(ProduceFailed, match=step):
            await committer.start(effects(A, 2, x=b"2"))

    assert not run(scene, lambda: MEMBER).committed
    assert not durable


def test_a_worker_that_the_group_has_forgotten_opens_no_transaction() -> None:
    def forgotten() -> Member:
        raise Stop("forgotten")

    async def scene(kafka: Kafka, transactions: Transactions) -> None:
        with pytest.raises(Stop, match="forgotten"):
            await transactions.committer(CHANGELOG, lambda *_: None).start(effects(A, 1))

    assert not run(scene, forgotten).journal


def test_who_waits_is_told_when_the_worker_ends() -> None:
    waiting: list[asyncio.Future[None]] = []

    async def scene(kafka: Kafka, transactions: Transactions) -> None:
        kafka.pause = asyncio.Event()
        waiting.append(asyncio.ensure_future(transactions.committer(CHANGELOG, lambda *_: None).start(effects(A, 1))))
        await asyncio.sleep(0.01)

    run(scene, lambda: MEMBER)
    assert isinstance(waiting[0].exception(), ProduceFailed)
