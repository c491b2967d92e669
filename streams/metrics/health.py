"""Is the worker alive, and is it ready? Readiness has three parts: assigned, recovered, not stalled."""

import time
from collections.abc import Callable
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
    """Asks the app's parts; any thread may call `problems`."""

    def __init__(self, stall_timeout_s: float) -> None:
        self._stall_timeout_s = stall_timeout_s
        self.agents: dict[str, Progress] = {}
        self.assigned: Callable[[], bool] = lambda: False
        self.recovered: Callable[[], bool] = lambda: False

    def problems(self) -> list[str]:
        """Why the worker is not ready, for a person; empty when it is."""
        if not self.assigned():
            return ["no partitions are assigned yet"]
        if not self.recovered():
            return ["state is being recovered from the changelog"]
        now = time.monotonic()
        return [
            f"{agent}: {progress.waiting()} records wait and none was answered for {now - progress.last_done:.0f} s"
            for agent, progress in self.agents.items()
            if progress.waiting() and now - progress.last_done > self._stall_timeout_s
        ]
