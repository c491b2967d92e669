"""The window: records of several partitions, each partition's in offset order, that go through the model together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import ConsumerRecord
from faust.types import TP


@dataclass(slots=True)
class Window:
    """Records by partition, and the Faust events that are done when the window's effects are."""

    records: dict[TP, list[ConsumerRecord]] = field(default_factory=dict)
    done: dict[TP, list[Any]] = field(default_factory=dict)
    size: int = 0

    def add(self, tp: TP, records: Sequence[ConsumerRecord], event: Any | None) -> None:
        """Append records of one partition; `event` is given with the last records of its run."""
        self.records.setdefault(tp, []).extend(records)
        self.size += len(records)
        if event is not None:
            self.done.setdefault(tp, []).append(event)

    def halves(self) -> Iterator["Window"]:
        """Two windows that hold this one's records, in an order that keeps each partition's: to find a bad record."""
        first, second, room = Window(), Window(), self.size // 2
        for tp, records in self.records.items():
            if room:
                first.add(tp, records[:room], None)
            if len(records) > room:
                second.add(tp, records[room:], None)
            room = max(0, room - len(records))
        yield first
        yield second
