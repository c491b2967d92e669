"""In which partition a key is, as the default partitioner of every Kafka client has it."""

from collections.abc import Callable
from functools import lru_cache

from aiokafka.partitioner import murmur2

KEPT = 65_536  # keys whose place is remembered: it takes 10 µs and more to find


def places(partitions: int) -> Callable[[bytes | None], int]:
    """Key -> partition of so many. Records without a key go to the first."""

    @lru_cache(KEPT)
    def place(key: bytes | None) -> int:
        return 0 if key is None else int(murmur2(key) & 0x7FFF_FFFF) % partitions

    return place
