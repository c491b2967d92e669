"""Rows on their way to RocksDB: a window must see what the windows before it decided, not only what is stored."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from threading import Lock

ReadRows = Callable[[int, Sequence[bytes]], list[bytes | None]]
_ABSENT = object()


class RowsAhead:
    """Reads through the rows in flight to the store. `read` and `put` belong to the model's thread, `drop` to any one."""

    def __init__(self, stored: ReadRows) -> None:
        self._stored = stored
        self._lock = Lock()  # for `put` against `drop`; a read needs none
        self._ahead: defaultdict[int, dict[bytes, bytes | None]] = defaultdict(dict)

    def read(self, partition: int, keys: Sequence[bytes]) -> list[bytes | None]:
        """The newest row of each key, None where there is none."""
        # In flight first: between the two reads a row can reach the store and leave here, never the other way round.
        ahead = self._ahead[partition]
        found = [ahead.get(key, _ABSENT) for key in keys] if ahead else [_ABSENT] * len(keys)
        missing = [key for key, row in zip(keys, found, strict=True) if row is _ABSENT]
        stored = iter(self._stored(partition, missing))
        return [next(stored) if row is _ABSENT else row for row in found]  # type: ignore[misc]

    def put(self, partition: int, keys: Iterable[bytes], rows: Iterable[bytes | None]) -> None:
        """Rows that a window decided and that are not stored yet."""
        with self._lock:
            self._ahead[partition].update(zip(keys, rows, strict=True))

    def drop(self, partition: int, keys: Iterable[bytes], rows: Iterable[bytes | None]) -> None:
        """These rows are stored; a newer row of the same key stays."""
        with self._lock:
            ahead = self._ahead[partition]
            for key, row in zip(keys, rows, strict=True):
                if ahead.get(key, _ABSENT) is row:
                    del ahead[key]

    def clear(self) -> None:
        """Forget all: the partitions changed hands."""
        with self._lock:
            self._ahead.clear()
