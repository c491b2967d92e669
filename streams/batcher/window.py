"""The window: records of several partitions, each partition's in offset order, that go through the model together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from faust.types import TP

from streams.record import Record


@dataclass(slots=True)
class Window:
    """Records by partition."""

    records: dict[TP, list[Record]] = field(default_factory=dict)
    size: int = 0

    def add(self, tp: TP, records: Sequence[Record]) -> None:
        """Append records of one partition."""
        self.records.setdefault(tp, []).extend(records)
        self.size += len(records)

    def halves(self) -> Iterator["Window"]:
        """Two windows that hold this one's records, in an order that keeps each partition's: to find a bad record."""
        first, second, room = Window(), Window(), self.size // 2
        for tp, records in self.records.items():
            if room:
                first.add(tp, records[:room])
            if len(records) > room:
                second.add(tp, records[room:])
            room = max(0, room - len(records))
        yield first
        yield second
