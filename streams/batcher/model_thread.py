"""One window at a time through the models of a worker: on a thread of their own, or at once where that is quicker."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

AT_ONCE_S = 0.003  # less than this is answered where it is asked: the way to another thread and back takes as long


class ModelThread:
    """Nothing that `run` is given runs at the same time as anything else that it was given. One event loop."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._at_work = 0

    def run(self, work: Callable[[T], R], what: T, expected_s: float) -> "asyncio.Future[R]":
        """The future result of `work(what)`, which is expected to take so long."""
        loop = asyncio.get_running_loop()
        if self._at_work or expected_s > AT_ONCE_S:
            self._at_work += 1
            answering = loop.run_in_executor(self._thread, work, what)
            answering.add_done_callback(self._done)
            return answering
        answered: asyncio.Future[R] = loop.create_future()
        try:
            answered.set_result(work(what))
        except Exception as error:  # noqa: BLE001  # for whoever awaits it, as from the thread
            answered.set_exception(error)
        return answered

    def _done(self, _: "asyncio.Future[R]") -> None:
        self._at_work -= 1
