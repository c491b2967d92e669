"""Is the worker alive, and is it ready? Readiness has three parts: assigned, recovered, not stalled.

A stall is told apart by where it sits: the event loop, the recovery, the line to Kafka, an agent, or, when none of
these explains it, single partitions.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

NAMED = 5  # partitions


@dataclass(slots=True)
class Progress:
    """What one agent has to do and when it last got something done."""

    waiting: Callable[[], int]
    last_done: float = field(default_factory=time.monotonic)

    def done(self) -> None:
        """Something was answered just now."""
        self.last_done = time.monotonic()


class Recovery:
    """Whether the recovery of state goes on: what is left changes."""

    def __init__(self, left: Callable[[], int]) -> None:
        self._left = left
        self._last = (-1, 0.0)

    def still_s(self) -> float:
        """Seconds since what is left last changed, as far as calls have seen."""
        left, now = self._left(), time.monotonic()
        if left != self._last[0]:
            self._last = (left, now)
        return now - self._last[1]

    def ended(self) -> None:
        """Nothing is being recovered now."""
        self._last = (-1, 0.0)


class Health:
    """Asks the app's parts; any thread may call its methods."""

    def __init__(self, stall_timeout_s: float) -> None:
        self._stall_timeout_s = stall_timeout_s
        self._loop_turned = time.monotonic()
        self.agents: dict[str, Progress] = {}
        self.assigned: Callable[[], bool] = lambda: False
        self.recovered: Callable[[], bool] = lambda: False
        self.recovery = Recovery(lambda: 0)
        self.kafka_silent_s: Callable[[], float] = lambda: 0.0
        self.uncommitted_s: Callable[[], float] = lambda: 0.0
        self.ending: Callable[[], bool] = lambda: False
        self._ending_since: float | None = None
        self.still_partitions: Callable[[float], Iterable[str]] = lambda limit_s: ()

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
        return list(self._stalls()) or self._still_partitions()

    def _still_partitions(self) -> list[str]:
        if not self.assigned() or not self.recovered():
            return []
        found = list(self.still_partitions(self._stall_timeout_s))
        return found[:NAMED] + ([f"{len(found) - NAMED} more partitions stand still"] if len(found) > NAMED else [])

    def _stalls(self) -> Iterator[str]:
        limit, now = self._stall_timeout_s, time.monotonic()
        if self.ending():
            self._ending_since = self._ending_since or now
            if now - self._ending_since > limit:
                yield f"the worker has been ending for {now - self._ending_since:.0f} s"
            return  # what stands still now may be what has ended
        if now - self._loop_turned > limit:
            yield f"the event loop has not turned for {now - self._loop_turned:.0f} s"
        if not self.assigned():
            return  # nothing to do for this worker
        if not self.recovered():
            still = self.recovery.still_s()
            if still > limit:
                yield f"state is not recovered, and the recovery has not moved for {still:.0f} s"
            return
        self.recovery.ended()
        if self.kafka_silent_s() > limit:
            yield f"Kafka has answered no fetch for {self.kafka_silent_s():.0f} s"
        if self.uncommitted_s() > limit:
            yield f"Kafka has taken no source offset for {self.uncommitted_s():.0f} s"
        for agent, progress in self.agents.items():
            if progress.waiting() and now - progress.last_done > limit:
                silent = now - progress.last_done
                yield f"{agent}: {progress.waiting()} records wait and none was answered for {silent:.0f} s"
