"""A logic whose answers tell in which order, and how often, each key's records were counted."""

from collections.abc import Callable

from aiokafka import ConsumerRecord

from streams.batcher.window import Window
from streams.logic.answer import Answer, ReadRows


class Counting:
    """A logic that counts each key's records in its row, and fails where it is told to."""

    name = model_name = "counting"
    model_version = "1"

    def __init__(self, fails: Callable[[ConsumerRecord], bool], error: type[Exception] = ZeroDivisionError) -> None:
        self.fails, self.error, self.calls = fails, error, 0

    def answer(self, window: Window, read: ReadRows) -> Answer:
        """As `Logic.answer`: the output of a record is its key's count."""
        self.calls += 1
        answer = Answer()
        for tp, records in window.records.items():
            keys = list({one.key or b"": None for one in records})
            counts = dict(zip(keys, [int(row or 0) for row in read(tp.partition, keys)], strict=True))
            for one in records:
                if self.fails(one):
                    raise self.error(f"told to fail at {one.offset}")
                key = one.key or b""
                counts[key] += 1
                answer.partitions[tp].outputs["counts"].add(key, b"%d" % counts[key])
                answer.results["predicted"] += 1
            answer.partitions[tp].rows.update((key, b"%d" % count) for key, count in counts.items())
        return answer
