"""A record as the engine sees it: whatever has these, such as those of aiokafka's C extension, will do."""

from typing import Protocol


class Record(Protocol):
    """What a record of Kafka has; `timestamp` is in milliseconds since the epoch."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
