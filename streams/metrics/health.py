"""Is the worker alive, and is it ready? Readiness has three parts: assigned, recovered, not stalled.

A stall is told apart by where it sits: the event loop, the line to Kafka, or an agent.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class Progress:
    """What one agent has to do and when it last got something done."""

    waiting: Callable[[], int]
    last_done: float = field(default_factory=time.monotonic)

    def done(self) -> None:
        """Something was answered just now."""
        self.last_done = time.monotonic()


class Health:
    """Asks the app's parts; any thread may call its methods."""

    def __init__(self, stall_timeout_s: float) -> None:
        self._stall_timeout_s = stall_timeout_s
        self._loop_turned = time.monotonic()
        self.agents: dict[str, Progress] = {}
        self.assigned: Callable[[], bool] = lambda: False
        self.recovered: Callable[[], bool] = lambda: False
        self.kafka_silent_s: Callable[[], float] = lambda: 0.0

    def beat(self) -> None:
        """The event loop turns."""
        self._loop_turned = time.monotonic()

    def problems(self) -> list[str]:
        """Why the worker is not ready, for a person; empty when it is."""
        stalled = self.stalled()
        if stalled:
            return stalled
        if not self.assigned():
            return ["no partitions are assigned yet"]
        if not self.recovered():
            return ["state is being recovered from the changelog"]
        return []

    def stalled(self) -> list[str]:
        """What has stood still for longer than the stall timeout, for a person."""
        return list(self._stalls())

    def _stalls(self) -> Iterator[str]:
        limit, now = self._stall_timeout_s, time.monotonic()
        if now - self._loop_turned > limit:
            yield f"the event loop has not turned for {now - self._loop_turned:.0f} s"
        if not self.assigned() or not self.recovered():
            return  # nothing to read or to answer yet
        if self.kafka_silent_s() > limit:
            yield f"Kafka has answered no fetch for {self.kafka_silent_s():.0f} s"
        for agent, progress in self.agents.items():
            if progress.waiting() and now - progress.last_done > limit:
                silent = now - progress.last_done
                yield f"{agent}: {progress.waiting()} records wait and none was answered for {silent:.0f} s"
