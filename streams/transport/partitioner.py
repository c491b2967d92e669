"""Where a key belongs, as the default partitioner of every Kafka client has it."""

from aiokafka.partitioner import murmur2


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key: murmur2 of its bytes, without the sign, modulo the number of partitions."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions
