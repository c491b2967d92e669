"""The inbox: what a window holds and when it is given out, and what `clear` forgets."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from faust.types import TP

from streams.batcher.inbox import Inbox
from streams.batcher.window import Window
from tests.unit.streams.making import numbered

A, B = TP("source", 0), TP("source", 1)
NEVER_MS = 60_000  # a wait that no test lives to see
SOON_MS = 1
LIMIT_S = 5


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run it, within a limit, so that a hang is a failure."""
    asyncio.run(asyncio.wait_for(main, LIMIT_S))


async def settle() -> None:
    """Let every task that can go on do so."""
    for _ in range(20):
        await asyncio.sleep(0)


def offsets(window: Window, tp: TP) -> list[int]:
    """Offsets of one partition in the window, in order."""
    return [record.offset for record in window.records.get(tp, [])]


def test_a_window_waits_max_wait_for_more_and_no_longer() -> None:
    async def main() -> None:
        inbox = Inbox(100, 20)
        began = asyncio.get_running_loop().time()
        inbox.put(A, numbered(A, 3))
        window = await inbox.take()
        assert asyncio.get_running_loop().time() - began >= 0.02
        assert offsets(window, A) == [0, 1, 2]
        assert inbox.waiting == 0

    run(main())


def test_without_a_wait_a_window_is_given_at_once() -> None:
    async def main() -> None:
        inbox = Inbox(100, 0)
        taking = asyncio.ensure_future(inbox.take())
        inbox.put(A, numbered(A, 3))
        await settle()
        assert taking.done()

    run(main())


def test_runs_of_several_partitions_gather_and_leave_as_one_window() -> None:
    async def main() -> None:
        inbox = Inbox(7, NEVER_MS)
        taking = asyncio.ensure_future(inbox.take())
        inbox.put(A, numbered(A, 2))
        inbox.put(B, numbered(B, 3, start=10))
        await settle()
        assert not taking.done()
        inbox.put(A, numbered(A, 2, start=2))
        window = await taking
        assert offsets(window, A) == [0, 1, 2, 3]
        assert offsets(window, B) == [10, 11, 12]
        assert window.size == 7

    run(main())


def test_a_full_window_leaves_without_waiting() -> None:
    async def main() -> None:
        inbox = Inbox(4, NEVER_MS)
        taking = asyncio.ensure_future(inbox.take())
        inbox.put(A, numbered(A, 3))
        await settle()
        assert not taking.done()
        inbox.put(B, numbered(B, 1))
        assert (await taking).size == 4

    run(main())


def test_a_long_run_is_split() -> None:
    async def main() -> None:
        inbox = Inbox(4, SOON_MS)
        inbox.put(A, numbered(A, 10))
        windows = [await inbox.take() for _ in range(3)]
        assert [offsets(window, A) for window in windows] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]

    run(main())


def test_no_window_is_larger_than_max_events() -> None:
    async def main() -> None:
        inbox = Inbox(5, SOON_MS)
        inbox.put(A, numbered(A, 3))
        inbox.put(B, numbered(B, 3))
        first, second = await inbox.take(), await inbox.take()
        assert (first.size, second.size) == (5, 1)

    run(main())


def test_what_waits_is_counted_until_it_is_taken() -> None:
    async def main() -> None:
        inbox = Inbox(4, SOON_MS)
        inbox.put(A, numbered(A, 4))
        inbox.put(B, numbered(B, 1))
        assert inbox.waiting == 5
        assert offsets(await inbox.take(), A) == [0, 1, 2, 3]
        assert inbox.waiting == 1
        assert offsets(await inbox.take(), B) == [0]
        assert inbox.waiting == 0

    run(main())


def test_clear_forgets_what_waits() -> None:
    async def main() -> None:
        inbox = Inbox(4, SOON_MS)
        inbox.put(A, numbered(A, 4))
        inbox.clear()
        assert inbox.waiting == 0
        taking = asyncio.ensure_future(inbox.take())
        await settle()
        assert not taking.done()
        inbox.put(A, numbered(A, 1, start=7))
        assert offsets(await taking, A) == [7]

    run(main())


def test_clear_forgets_the_rest_of_a_run_that_was_split() -> None:
    async def main() -> None:
        inbox = Inbox(2, SOON_MS)
        inbox.put(A, numbered(A, 3))
        await inbox.take()
        inbox.clear()
        inbox.put(A, numbered(A, 1))
        window = await inbox.take()
        assert offsets(window, A) == [0]

    run(main())


def test_a_window_cut_in_halves_keeps_the_order_of_each_partition() -> None:
    window = Window()
    window.add(A, numbered(A, 5))
    window.add(B, numbered(B, 2))
    first, second = window.halves()
    assert offsets(first, A) + offsets(second, A) == [0, 1, 2, 3, 4]
    assert offsets(first, B) + offsets(second, B) == [0, 1]
    assert (first.size, second.size) == (3, 4)
