"""The order of effects: each step broken in turn, and windows that must not overtake each other."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from faust.types import TP

from streams.commit.effects import Committer, Effects
from streams.errors import ProduceFailed
from streams.transport.outbox import Outgoing

A, B = TP("source", 0), TP("source", 1)
OUTPUT, CHANGELOG = "outputs", "changelog"
LIMIT_S = 5

Step = tuple[str, int, bytes]  # what happened, in which partition, to the window with this key


class Kafka:
    """An outbox that notes what it is asked, and fails or waits where it is told to."""

    def __init__(self, journal: list[Step]) -> None:
        self.journal = journal
        self.fails: set[tuple[str, bytes]] = set()  # topic, key of the window
        self.waits: dict[tuple[str, bytes], asyncio.Event] = {}
        self.offset = -1

    def send(self, what: Outgoing) -> "Sending":
        """As `Outbox.send`."""
        self.journal.append((f"send {what.topic}", what.partition, self.window(what)))
        return Sending(self, what)

    async def acknowledge(self, what: Outgoing) -> None:
        """Wait, fail or note."""
        place = (what.topic, self.window(what))
        if place in self.waits:
            await self.waits[place].wait()
        if place in self.fails:
            raise ProduceFailed(f"{place} was told to fail")
        self.journal.append((f"ack {what.topic}", what.partition, place[1]))

    @staticmethod
    def window(what: Outgoing) -> bytes:
        """The key of its first record names the window."""
        return bytes(what.keys[0] or b"") if what.keys else b""


class Sending:
    """What `send` gives."""

    def __init__(self, kafka: Kafka, what: Outgoing) -> None:
        self.kafka, self.what = kafka, what

    async def acknowledged(self) -> int:
        """As `Sent.acknowledged`."""
        await self.kafka.acknowledge(self.what)
        self.kafka.offset += len(self.what.keys)
        return self.kafka.offset


class Bench:
    """A committer between a fake Kafka and a fake store, with one journal for all three."""

    def __init__(self) -> None:
        self.journal: list[Step] = []
        self.kafka = Kafka(self.journal)
        self.durable_at: list[tuple[int, int]] = []
        self.decided: list[tuple[int, bytes]] = []
        self.committer = Committer(self.kafka, CHANGELOG, self.durable, self.answered)  # type: ignore[arg-type]

    def durable(self, partition: int, offset: int) -> None:
        """As the table's rows'; one window after the other."""
        self.durable_at.append((partition, offset))
        oldest = next((one for one in self.decided if one[0] == partition), (partition, b""))
        self.decided = [one for one in self.decided if one is not oldest]
        self.journal.append(("durable", *oldest))

    def answered(self, tp: TP, offset: int) -> None:
        """As the consumer's; windows are named by their offset."""
        self.journal.append(("done", tp.partition, b"%d" % offset))

    def start(self, tp: TP, window: bytes, *, rows: bool = True) -> "asyncio.Task[None]":
        """Queue a window with one output and one row (or none), named by its key, which is its offset too."""
        output = Outgoing(OUTPUT, tp.partition, [window], [b"o"])
        effects = Effects(tp, int(window), [output])
        if rows:
            effects.keys, effects.rows = [window], [b"r"]
            self.decided.append((tp.partition, window))
        return asyncio.ensure_future(self.committer.start(effects))

    def steps(self, window: bytes) -> list[str]:
        """What happened to this window, in order; what was sent empty has no name and is left out."""
        return [step for step, _, key in self.journal if key == window]


ALL_STEPS = ["send outputs", "ack outputs", "send changelog", "ack changelog", "durable", "done"]


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run it, within a limit, so that a hang is a failure."""
    asyncio.run(asyncio.wait_for(main, LIMIT_S))


async def settle() -> None:
    """Let every task that can go on do so."""
    for _ in range(50):
        await asyncio.sleep(0)


def test_effects_happen_in_their_order() -> None:
    async def main() -> None:
        bench = Bench()
        await bench.start(A, b"1")
        assert bench.steps(b"1") == ALL_STEPS

    run(main())


def test_letters_and_outputs_are_all_acknowledged_before_the_changelog_is_sent() -> None:
    async def main() -> None:
        bench = Bench()
        sends = [Outgoing("letters", 0, [b"1"], [b""]), Outgoing(OUTPUT, 0, [b"1"], [b""])]
        bench.decided.append((0, b"1"))
        await bench.committer.start(Effects(A, 1, sends, [b"1"], [b"r"]))
        assert bench.steps(b"1") == [
            "send letters", "send outputs", "ack letters", "ack outputs", "send changelog", "ack changelog", "durable",
            "done",
        ]  # fmt: skip

    run(main())


@pytest.mark.parametrize(
    ("broken", "happened"),
    [(OUTPUT, ALL_STEPS[:1]), (CHANGELOG, ALL_STEPS[:3])],
)
def test_nothing_behind_a_step_that_kafka_refuses_happens(broken: str, happened: list[str]) -> None:
    async def main() -> None:
        bench = Bench()
        bench.kafka.fails.add((broken, b"1"))
        with pytest.raises(ProduceFailed):
            await bench.start(A, b"1")
        assert bench.steps(b"1") == happened
        assert bench.durable_at == []

    run(main())


@pytest.mark.parametrize("broken", [OUTPUT, CHANGELOG])
def test_windows_behind_a_failed_one_store_and_acknowledge_nothing(broken: str) -> None:
    async def main() -> None:
        bench = Bench()
        bench.kafka.fails.add((broken, b"1"))
        first, second = bench.start(A, b"1"), bench.start(A, b"2")
        await settle()
        assert isinstance(first.exception(), ProduceFailed)
        assert not second.done()
        assert "durable" not in bench.steps(b"2")
        assert "done" not in bench.steps(b"2")
        second.cancel()

    run(main())


def test_another_partition_goes_on_behind_a_failed_one() -> None:
    async def main() -> None:
        bench = Bench()
        bench.kafka.fails.add((OUTPUT, b"1"))
        failed, other = bench.start(A, b"1"), bench.start(B, b"9")
        await other
        assert isinstance(failed.exception(), ProduceFailed)
        assert bench.steps(b"9") == ALL_STEPS

    run(main())


@pytest.mark.parametrize("slow", [OUTPUT, CHANGELOG])
def test_a_later_window_overtakes_an_earlier_one_in_no_step(slow: str) -> None:
    async def main() -> None:
        bench = Bench()
        opened = bench.kafka.waits[slow, b"1"] = asyncio.Event()
        windows = [bench.start(A, name) for name in (b"1", b"2", b"3")]
        await settle()
        assert "done" not in [step for step, _, _ in bench.journal]
        opened.set()
        await asyncio.gather(*windows)
        for step in ("send outputs", "send changelog", "durable", "done"):
            assert [key for name, _, key in bench.journal if name == step] == [b"1", b"2", b"3"], step

    run(main())


def test_outputs_of_the_next_window_are_sent_while_those_of_the_first_are_not_yet_acknowledged() -> None:
    async def main() -> None:
        bench = Bench()
        opened = bench.kafka.waits[OUTPUT, b"1"] = asyncio.Event()
        windows = [bench.start(A, name) for name in (b"1", b"2")]
        await settle()
        assert bench.steps(b"2")[:1] == ["send outputs"]
        opened.set()
        await asyncio.gather(*windows)

    run(main())


def test_rows_are_durable_at_the_changelog_offset_of_the_last_of_them() -> None:
    async def main() -> None:
        bench = Bench()
        effects = Effects(A, 3, [], [b"x", b"y", b"z"], [b"1", b"2", None])
        await bench.committer.start(effects)
        assert bench.durable_at == [(0, 2)]

    run(main())


def test_a_window_without_rows_stores_nothing_and_is_acknowledged_behind_the_one_before() -> None:
    async def main() -> None:
        bench = Bench()
        opened = bench.kafka.waits[CHANGELOG, b"1"] = asyncio.Event()
        windows = [bench.start(A, b"1"), bench.start(A, b"2", rows=False)]
        await settle()
        assert "done" not in bench.steps(b"2")
        opened.set()
        await asyncio.gather(*windows)
        assert bench.steps(b"1")[-2:] == ["durable", "done"]
        assert len(bench.durable_at) == 1
        assert bench.journal[-2:] == [("done", 0, b"1"), ("done", 0, b"2")]

    run(main())
