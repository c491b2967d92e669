"""Which partitions stand still while their records wait: one may do so beside others that go on."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from faust.types import TP

from streams.metrics.declared import STILL_SECONDS


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a partition is: answered before the offset `done`, so many records `waiting`, as far as is known, and
    the seconds since its leader last said anything about it."""

    done: int
    waiting: int
    silent_s: float


@dataclass(frozen=True, slots=True)
class _Since:
    done: int
    since: float
    waiting: int
    silent_s: float

    def still_s(self, now: float) -> float:
        return max(now - self.since if self.waiting else 0.0, self.silent_s)


class PartitionWatch:
    """Compares how far partitions are from one `look` to the next. `look` belongs to one thread, `still` to any."""

    def __init__(self, standing: Callable[[], Mapping[TP, Standing]]) -> None:
        self._standing = standing
        self._partitions: dict[TP, _Since] = {}

    def look(self) -> None:
        """Look now; a few times a second is enough."""
        now, before = time.monotonic(), self._partitions
        found: dict[TP, _Since] = {}
        for tp, its in self._standing().items():
            known = before.get(tp)
            went_on = known is None or known.done != its.done or not known.waiting
            since = now if known is None or went_on else known.since
            found[tp] = _Since(its.done, since, its.waiting, its.silent_s)
            STILL_SECONDS.labels(tp.topic, tp.partition).set(found[tp].still_s(now))
        self._partitions = found
        for tp in before.keys() - found.keys():
            STILL_SECONDS.remove(tp.topic, str(tp.partition))

    def still(self, limit_s: float) -> Iterator[str]:
        """What has stood still for longer than this many seconds, for a person."""
        now = time.monotonic()
        for tp, its in sorted(self._partitions.items()):
            if its.waiting and now - its.since > limit_s:
                yield (
                    f"{tp.topic}[{tp.partition}]: {its.waiting} records wait at offset {its.done} and none was "
                    f"answered for {now - its.since:.0f} s"
                )
            elif its.silent_s > limit_s:
                yield f"{tp.topic}[{tp.partition}]: no leader has answered a fetch of it for {its.silent_s:.0f} s"
