"""What every benchmark is given: the broker, a folder of its own, and how long it may take."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Setting:
    """`quick` asks for a run that proves the harness; its figures are no figures.

    `found` holds the figures of the benchmarks before this one in the same run, by name; `users` are sizes of state
    where a benchmark's own are not wanted, `minutes` is how long a soak takes.
    """

    bootstrap: str
    folder: Path
    quick: bool
    found: Mapping[str, Any] = field(default_factory=dict)
    users: tuple[int, ...] = ()
    minutes: float = 30.0
    mark: str = field(default_factory=lambda: uuid.uuid4().hex[:6])

    def pick(self, full: int, quick: int) -> int:
        """The size for this kind of run."""
        return quick if self.quick else full

    def place(self, name: str) -> Path:
        """An empty folder for one worker."""
        path = self.folder / name
        path.mkdir(parents=True, exist_ok=False)
        return path

    def topic(self, name: str) -> str:
        """A topic name that no other run on this broker uses."""
        return f"bench-{self.mark}-{name}"


class BenchmarkFailed(RuntimeError):
    """A run whose figure would be wrong: lost outputs, wrong predictions, a worker that ended."""
