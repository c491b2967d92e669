"""Where a window is answered: at once if that is quick and the thread is idle, else on the thread, one at a time."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from streams.batcher.model_thread import AT_ONCE_S, ModelThread

QUICK, SLOW = AT_ONCE_S / 2, AT_ONCE_S * 2
LIMIT_S = 5


def run(scene: Callable[[ModelThread], Coroutine[Any, Any, None]]) -> None:
    """Play it within a limit."""

    async def main() -> None:
        await asyncio.wait_for(scene(ModelThread()), LIMIT_S)

    asyncio.run(main())


def where(_: str) -> threading.Thread:
    """The thread that it runs on."""
    return threading.current_thread()


def test_what_is_quick_is_answered_at_once_and_what_is_not_on_the_thread() -> None:
    async def scene(model: ModelThread) -> None:
        quick = model.run(where, "", QUICK)
        assert quick.done()
        assert await quick is threading.current_thread()
        slow = model.run(where, "", SLOW)
        assert not slow.done()
        assert await slow is not threading.current_thread()
        assert model.run(where, "", QUICK).done()

    run(scene)


def test_nothing_quick_overtakes_what_the_thread_is_at() -> None:
    begun, go_on, finished = threading.Event(), threading.Event(), list[str]()

    def work(name: str) -> None:
        if name == "first":
            begun.set()
            assert go_on.wait(LIMIT_S)
        finished.append(name)

    async def scene(model: ModelThread) -> None:
        first = model.run(work, "first", SLOW)
        assert begun.wait(LIMIT_S)
        later = [model.run(work, name, QUICK) for name in ("second", "third")]
        assert not finished
        go_on.set()
        await asyncio.gather(first, *later)

    run(scene)
    assert finished == ["first", "second", "third"]


@pytest.mark.parametrize("expected_s", [QUICK, SLOW])
def test_an_error_comes_to_whoever_waits(expected_s: float) -> None:
    def fail(_: str) -> None:
        raise ValueError("broken")

    async def scene(model: ModelThread) -> None:
        with pytest.raises(ValueError, match="broken"):
            await model.run(fail, "", expected_s)
        assert await model.run(where, "", QUICK) is threading.current_thread()

    run(scene)
